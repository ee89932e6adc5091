//! Kinds of running text; `a` is the index of the content or of the call.

/// `content.text`.
pub(super) const TEXT: u8 = 0;
/// `content.thinking`.
pub(super) const THINKING: u8 = 1;
/// `tool_plan`.
pub(super) const PLAN: u8 = 2;
/// Arguments of a tool call.
pub(super) const ARGUMENTS: u8 = 3;
