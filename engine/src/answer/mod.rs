//! Answers on their way to the caller: scanned, held while they must be, changed in a span, or brought to an end.

pub mod args;
pub mod calls;
pub mod frame_loop;
pub mod glance;
mod head;
pub mod held;
pub mod hold_reason;
mod known_events;
mod numbered;
pub mod output;
pub mod pipe;
pub mod place;
pub(crate) mod readable;
mod repeats;
pub mod rules;
pub mod running;
mod slices;
pub mod texts;
mod unknown;

pub use calls::{Approvals, Calls, ToolRules};
pub use frame_loop::FrameLoop;
pub use hold_reason::HoldReason;
pub use known_events::KnownEvents;
pub use output::{Left, Output};
pub use pipe::{Around, Cut, Listener, Pipe, Settings};
pub use repeats::Like;
pub use rules::{Chosen, Rules};
