//! Framings, JSON with spans, texts and edits.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]
#![allow(missing_docs, reason = "a test")]

mod edit;
mod eventstream;
mod frames;
mod fuzz;
mod inner;
mod json;
mod keys;
mod outline;
mod text;

#[path = "../../../fuzz/src/lib.rs"]
#[allow(dead_code, reason = "what concerns whole exchanges is run in their room")]
mod bodies;
use testkit::messages;
