//! Bytes and back: framings, JSON with spans, and the edits that change only what a rule changes.
//!
//! | file | what it does |
//! |---|---|
//! | [`framer`] | chunks → [`frame::Frame`]s, for every cut of the stream the same |
//! | [`json`] | a frame's payload → values as spans |
//! | [`text`] | a JSON string ↔ the text it means, with the way back |

mod array;
mod find;
pub mod frame;
pub mod framer;
pub mod json;
mod sse;
pub mod text;
mod whole;
