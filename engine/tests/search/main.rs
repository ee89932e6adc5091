//! Patterns over running text, against naive references.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]
#![allow(missing_docs, reason = "a test")]

mod exact;
mod linear;
mod packs;
mod table;
