//! The report on one file.

use hemostat_engine::policy::Diagnostic;

/// The kind of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Policy,
    Configuration,
}

/// A file and its findings.
pub(super) struct FileReport {
    pub(super) file: String,
    pub(super) text: String,
    pub(super) what: What,
    pub(super) found: Vec<Diagnostic>,
    /// The scope that a release for it must name, if it takes releases.
    pub(super) scope: Option<String>,
    pub(super) explanation: Vec<String>,
    pub(super) acceptable: bool,
}

impl FileReport {
    /// The number of errors and of warnings.
    pub(super) fn counts(&self) -> (usize, usize) {
        let errors = self.found.iter().filter(|finding| finding.is_error()).count();
        (errors, self.found.len() - errors)
    }
}
