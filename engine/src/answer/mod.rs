//! Answers on their way to the caller: scanned, held while necessary, changed in a span, or brought to an end.
//!
//! # An example
//!
//! A guardrail redacts `ca[rt]+s?` to `[X]`, and an answer of the Chat Completions format arrives, one event a row. A
//! text is *live* from the byte at which a match may still begin; a frame with live text waits, and every later frame
//! waits behind it.
//!
//! ```text
//!   frame   its text   the running text       live from        what leaves
//!     1     "a ca"     a   c a                2  (`ca`)        nothing: frame 1 waits for PartialMatch { from: 2 }
//!                      0 1 2 3
//!     2     "t, c"     a   c a t ,   c        7  (`c`)         1 as "a [X]": the match 2..5 is certain at the `,`, and
//!                      0 1 2 3 4 5 6 7                         nothing in frame 1 is live; 2 waits for its own `c`
//!                          └───┘     ^
//!     3     "ow."      … c o w .              nothing          2 as ", c" and 3 as it came: the `c` has died at the `o`;
//!                        7 8 9 10                              the `t` of frame 2 went with the match
//! ```
//!
//! Frame by frame: the [`FrameLoop`] cuts it off and reads it once, [`OpenTexts`](texts::OpenTexts) searches its texts
//! and says from where each is live, the [`Pipe`] keeps it in its queue while anything in it is live ([`HoldReason`]),
//! and [`Output`] takes what leaves. A frame without live text leaves at once, without a copy. Had the rule said
//! `block`, the match would have ended the answer in frame 1: "a " leaves as a delta, then the dialect's own ending.

pub mod args;
pub mod calls;
pub mod frame_loop;
pub mod glance;
mod head;
pub mod held;
pub mod hold_reason;
mod known_events;
mod many_by_key;
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
mod whole_args;

pub use calls::{Approvals, Calls, ToolRules};
pub use frame_loop::FrameLoop;
pub use hold_reason::HoldReason;
pub use known_events::KnownEvents;
pub use output::{ChunkOutput, Output};
pub use pipe::{CutReason, FrameContext, Listener, Pipe, PipeSettings};
pub use repeats::TemplateId;
pub use rules::{ChosenRules, Rules};
