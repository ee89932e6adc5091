//! Bytes and back: framings, JSON with spans, and the edits that change only what a rule changes.
//!
//! | file | what it does |
//! |---|---|
//! | [`framer`] | chunks → [`frame::Frame`]s, for every cut of the stream the same |
//! | [`json`] | a frame's payload → values as spans |
//! | [`text`] | a JSON string ↔ the text it means, with the way back |
//! | [`inner`] | JSON that arrives in pieces inside JSON strings (tool arguments) → its texts |
//! | [`edit`] | a frame with some spans of its payload changed |
//! | [`eventstream`] | binary messages: read, changed, made |
//! | [`own`] | events that the proxy says itself → the bytes of any framing |

mod array;
mod crc32;
pub mod edit;
pub mod eventstream;
pub mod find;
pub mod frame;
pub mod framer;
pub mod inner;
pub mod json;
mod ndjson;
mod open_frame;
pub mod own;
mod sse;
pub mod text;
mod whole;
