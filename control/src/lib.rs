//! The control plane: what operators write, how it is delivered, how usage is counted, and what operators are told. A
//! crate of its own below the engine: most of it runs once per configuration rather than once per call, so it is built
//! for size (the workspace's `Cargo.toml`). The engine re-exports its rooms.
//!
//! | room | what it does |
//! |---|---|
//! | [`policy`] | text → [`policy::Document`] → checked → a program that runs |
//! | [`bundle`] | how a policy is delivered: signed releases, and the state that a process keeps of them |
//! | [`dsse`] | signed envelopes: who signed what |
//! | [`grant`] | a person's approval of one tool call |
//! | [`ledger`] | accounts of limits: state + charge + now → state, kept in a storage that workers share |
//! | [`fleet`] | caps that proxies share: usage to report to a rate-limit service, its last decision, the messages |
//! | [`event`] | what operators are told of at once: events for `notify`, calls that wait for approval |
//! | [`effect`] | what the host does besides moving bytes: counters, log lines, events |
//! | [`providers`] | what the status pages of providers say |
//! | [`counters`] | every counter that may ever be shown |
//! | [`written`] | JSON that is written for operators |

pub mod bundle;
pub mod counters;
pub mod dsse;
pub mod effect;
pub mod event;
pub mod fleet;
pub mod grant;
pub mod ledger;
pub mod policy;
pub mod providers;
pub mod written;

use hemostat_dialect::{self as dialect, jcs};
use hemostat_ground::{base, limits, search, wire};
