//! Kinds of running text; `a` is the step's index.

/// What the model says: clients join the texts of a step.
pub(super) const TEXT: u8 = 0;
/// The summary of what it thinks.
pub(super) const THOUGHT: u8 = 1;
/// Arguments of a call.
pub(super) const ARGUMENTS: u8 = 2;
