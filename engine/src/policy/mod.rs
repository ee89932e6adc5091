//! The policy: what people write, checked, and made into what runs.

pub mod config;
pub mod document;
pub mod program;

pub use document::Document;
pub use program::Program;
