//! Kinds of running text; `a` is the content block's index.

/// A text block.
pub(super) const TEXT: u8 = 0;
/// A thinking block.
pub(super) const THINKING: u8 = 1;
/// The input of a tool call.
pub(super) const INPUT: u8 = 2;
/// The input of a tool call that is complete in a message (not streamed, or in `message_start`).
pub(super) const WHOLE_INPUT: u8 = 3;
