//! Shared by the tests and benches of all crates: the recorded corpus, the list of dialects, a driver of exchanges that
//! cuts bodies anywhere, and readers of answers that are independent of the code under test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a helper of a test may panic as the test itself may"
)]
#![allow(missing_docs, missing_debug_implementations, reason = "nobody but tests uses it")]

pub mod calls;
pub mod corpus;
mod cut;
pub mod dialects;
mod drive;
pub mod growth;
pub mod limits;
pub mod messages;
pub mod otlp;
mod policy;
mod recording;
pub mod rls;
pub mod text;

pub use corpus::{invoked, mcp_recordings, recordings};
pub use cut::{Cut, events};
pub use drive::{Caller, Seen, run, run_as, run_every_frame};
pub use policy::{program, program_under};
pub use recording::Recording;
