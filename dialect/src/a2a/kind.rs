//! Kinds of running text.

/// The agent's messages. Many agents send one message for each piece, so all of them form one text.
pub(super) const MESSAGE: u8 = 0;
/// What the agent produces; `a` is derived from the artifact's id.
pub(super) const ARTIFACT: u8 = 1;
/// An artifact in a task: its parts are the pieces in which it arrived. `a` is its position in the task.
pub(super) const MADE: u8 = 2;
