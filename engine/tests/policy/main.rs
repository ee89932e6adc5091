//! The policy language: what is accepted, what is refused and how it is said, what the docs promise.
#![cfg(feature = "yaml")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]
#![allow(missing_docs, reason = "a test")]

mod bad;
mod docs;
mod envoy_struct;
mod generic_host;
mod properties;
mod samples;

use testkit::growth;
