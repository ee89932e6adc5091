//! What one exchange knows, whoever asks: what the host said, the caller's labels, what was done and is to be told, and
//! the verdicts that the host applies.

pub mod facts;
pub mod labels;
pub mod memory;
pub mod record;
pub mod verdict;

pub use facts::RequestFacts;
pub use record::Unchecked;
pub use verdict::{
    Effect, HeaderEdit, RequestVerdict, ResponseVerdict, StreamVerdict, WholeVerdict,
};
