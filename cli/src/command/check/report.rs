//! What a file is, and what was found in it.

use hemostat_engine::policy::Diagnostic;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Policy,
    Configuration,
}

/// A file and what was found.
pub(super) struct Report {
    pub(super) file: String,
    pub(super) text: String,
    pub(super) what: What,
    pub(super) found: Vec<Diagnostic>,
    /// What a release for it must name, where it takes some.
    pub(super) scope: Option<String>,
    pub(super) explanation: Vec<String>,
    pub(super) acceptable: bool,
}

impl Report {
    /// How many errors and warnings.
    pub(super) fn counts(&self) -> (usize, usize) {
        let errors = self.found.iter().filter(|finding| finding.is_error()).count();
        (errors, self.found.len() - errors)
    }
}
