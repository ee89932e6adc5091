//! The control plane: what operators write, how it travels, what it is counted by, and what they are told. A crate of its
//! own below the engine: most of it runs once a configuration and not once a call, so it is built for size (the
//! workspace's `Cargo.toml`). The engine shows its rooms as its own.
//!
//! | room | what it does |
//! |---|---|
//! | [`policy`] | text → [`policy::Document`] → checked → a program that runs |
//! | [`bundle`] | how a policy travels: signed releases, and what a process holds of them |
//! | [`dsse`] | signed envelopes: who signed what |
//! | [`grant`] | a person's leave for one tool call |
//! | [`ledger`] | accounts of limits: state + charge + now → state, kept in a storage that workers share |
//! | [`fleet`] | caps that proxies share: what is owed to a rate-limit service, its last word, the messages |
//! | [`event`] | what operators are told of at once: events for `notify`, calls that wait for leave |
//! | [`effect`] | what the host does besides moving bytes: counters, lines, events |
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
