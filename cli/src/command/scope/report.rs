//! What all reports are written from.

use super::survey::Survey;
use super::{finding, releases, words};

/// What all reports are written from.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) survey: Survey,
    pub(crate) releases: Vec<releases::Release>,
    pub(crate) findings: Vec<finding::Finding>,
    pub(crate) dearer: Option<finding::Dearer>,
}

impl Report {
    /// Derives the findings from a survey.
    pub(crate) fn of(survey: Survey) -> Self {
        let releases = survey.releases.list();
        let (findings, dearer) = (finding::findings(&survey), finding::dearer(&survey));
        Self { survey, releases, findings, dearer }
    }

    /// The last moment of the log (Unix milliseconds).
    pub(crate) fn end(&self) -> u64 {
        self.survey.all.last.unwrap_or_default()
    }

    /// The sentences to post, the strongest finding first.
    pub(crate) fn sentences(&self) -> Vec<String> {
        let mut all: Vec<String> =
            self.findings.iter().map(|one| words::sentence(one, self.end())).collect();
        all.extend(self.dearer.as_ref().map(|one| words::spending(one, self.end())));
        all
    }
}
