//! How a policy is delivered: bytes → [`Envelope`](crate::dsse::Envelope) → [`Verified`] →
//! [`Program`](crate::policy::Program).
//!
//! ```text
//! bytes ─ read ─▶ Envelope ─ Verified::verify (trust) ─▶ Verified ─ State::judge (serial, powers) ─▶ adopt ─▶ Program
//! ```
//! The types enforce the order (ARCHITECTURE, invariant 4): only [`Verified::verify`] makes a [`Verified`], and only a
//! `Verified` or the configuration's own inline policy becomes a program. The state of a process is a [`Releases`],
//! plain bytes that all its workers share. [`offer()`] is the only step that changes it, all or nothing.

mod adopt;
pub(crate) mod code;
mod digest;
mod followers;
mod last_refusal;
mod marks;
mod offer;
mod poll;
mod refusal;
mod release;
mod state;
mod status;
mod verify;

pub use adopt::{ActivePolicy, Terms, digest_of, nothing_runs};
pub use digest::Digest;
pub use followers::{Acting, Adoption, FollowerReport, Followers, NO_BODIES, Problem};
pub use last_refusal::LastRefusal;
pub use marks::Marks;
pub use offer::{Activation, Offered, offer, renew, start};
pub use poll::{Poll, PollFailure, PollResult};
pub use refusal::{RefusalCode, ReleaseRefusal};
pub use release::{OnExpiry, Release, ReleasePolicy};
pub use state::{
    ActivationEntry, KeptPolicy, PolicyExpiry, Practice, PreparedBy, ReleaseStanding, ReleaseWay,
    Releases,
};
pub use status::{StatusInputs, refused, status, taken};
pub use verify::{PAYLOAD_TYPE, Power, Verified};

#[cfg(test)]
mod tests;
