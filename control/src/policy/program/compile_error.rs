//! Why a checked document does not compile.

use crate::search::PatternError;

/// Why a checked document does not compile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileError {
    /// The rule.
    pub rule: String,
    /// What is wrong.
    pub message: String,
}

impl CompileError {
    pub(super) fn pattern(rule: &str, error: &PatternError) -> Self {
        Self { rule: rule.to_owned(), message: error.message.clone() }
    }
}

impl std::fmt::Display for CompileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.rule, self.message)
    }
}
