//! The foundation of the engine, and the code that runs for every byte: bounds, bytes, frames, documents, and the
//! search in running text. A crate of its own, so that it can be built for speed and everything above it for size (the
//! workspace's `Cargo.toml`); the engine re-exports its rooms.
//!
//! | room | what it does |
//! |---|---|
//! | [`wire`] | bytes → frames (SSE, JSON array, binary messages, whole body) → JSON with spans, and edits back |
//! | [`search`] | patterns → hits in running text, holding only what must wait |
//! | [`base`] | the ground floor: base32, base64, time, decimal numbers |
//! | [`limits`] | every bound, with the reason for its number |

pub mod base;
pub mod limits;
pub mod search;
pub mod wire;
