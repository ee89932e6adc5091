//! Kinds of running text.

/// `message.content`, `response`.
pub(super) const CONTENT: u8 = 0;
/// `thinking`.
pub(super) const THINKING: u8 = 1;
/// Arguments of a tool call; `b` counts the calls.
pub(super) const ARGUMENTS: u8 = 2;
