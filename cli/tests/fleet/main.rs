//! The verbs that speak with proxies, against proxies that are played by the engine itself.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod asked;
mod broken_off;
mod drill;
mod help;
mod levers;
mod runbook;
mod shown;
mod steps;
mod strangers;
mod support;
mod sync;
mod truth;
