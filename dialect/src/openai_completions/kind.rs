//! Kinds of running text; `a` is the choice.

/// `text`.
pub(super) const TEXT: u8 = 0;
/// Tokens of `logprobs`.
pub(super) const LOGPROBS: u8 = 1;
