//! Why a pattern is refused: the same type whether it is read, judged or compiled.

/// Why a pattern is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    /// Byte offset in the pattern, if there is one.
    pub offset: Option<usize>,
    /// What is wrong: lower case, no final period, the user's words in backticks.
    pub message: String,
    /// What would be accepted.
    pub help: Option<String>,
}
