//! Bytes and back: framings, JSON with spans, and the edits that change only what a rule changes.

pub mod frame;
pub mod json;
pub mod text;
