//! Answers on their way to the caller: scanned, held while they must be, changed in a span, or brought to an end.

pub mod args;
pub mod calls;
pub mod held;
pub mod pipe;
pub mod place;
pub mod rules;
pub mod running;
pub mod texts;

pub use calls::{Approvals, Calls, ToolRules};
pub use pipe::{Cut, Pipe, Settings};
pub use rules::{Chosen, Rules};
