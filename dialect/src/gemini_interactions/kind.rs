//! Kinds of running text; `a` is the step's index.

/// The model's output: clients join the texts of a step.
pub(super) const TEXT: u8 = 0;
/// The summary of its reasoning.
pub(super) const THOUGHT: u8 = 1;
/// Arguments of a call.
pub(super) const ARGUMENTS: u8 = 2;
