//! Bytes and back: framings, JSON with spans, and the edits that change only what a rule changes.
//!
//! | file | what it does |
//! |---|---|
//! | [`framer`] | chunks → [`frame::Frame`]s, the same for every cut of the stream |
//! | [`json`] | a frame's payload → values as spans |
//! | [`text`] | a JSON string → its decoded text, with a mapping back to the bytes |
//! | [`inner`] | JSON that arrives in pieces inside JSON strings (tool arguments) → its texts |
//! | [`edit`] | a frame with some spans of its payload changed |
//! | [`eventstream`] | binary messages: read, changed, written |
//! | [`own`] | the proxy's own events → the bytes of any framing |

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
