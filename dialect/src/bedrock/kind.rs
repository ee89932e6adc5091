//! Kinds of running text; `a` is the content block's index.

/// A text block.
pub(super) const TEXT: u8 = 0;
/// Reasoning.
pub(super) const REASONING: u8 = 1;
/// The input of a tool call.
pub(super) const INPUT: u8 = 2;
/// The input of a tool call in a message that is not streamed.
pub(super) const WHOLE_INPUT: u8 = 3;
/// The result of a tool that the provider ran.
pub(super) const RESULT: u8 = 4;
/// A citation; `b` is derived from the field's name.
pub(super) const CITED: u8 = 6;
