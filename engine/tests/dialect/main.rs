//! What bytes mean for each provider: requests, answers, endings, hostile shapes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]
#![allow(missing_docs, reason = "a test")]

mod answers;
mod canned;
mod endings;
mod hostile;
mod interactions;
mod odd_streams;
mod recognise;
mod request_members;
mod requests;
mod usage;

mod support;
