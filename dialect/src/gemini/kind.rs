//! Kinds of running text; `a` is the candidate's index.

/// `text` of parts: clients join them, from event to event and within one.
pub(super) const TEXT: u8 = 0;
/// `text` of parts with `thought: true`.
pub(super) const THOUGHT: u8 = 1;
/// Arguments of a call; `b` counts the calls of this answer.
pub(super) const ARGUMENTS: u8 = 2;
/// Pieces of one argument (Vertex `partialArgs`); `b` is derived from its path and its call.
pub(super) const PARTIAL: u8 = 3;
/// Chosen tokens with their probabilities.
pub(super) const LOGPROBS: u8 = 4;
