//! The last release that was refused, for status.

use super::code::{coded, decode, encode};
use super::refusal::ReleaseRefusal;
use super::state::ReleaseWay;
use crate::limits;

/// The layout's number: values written by another version of this code are not read.
const FORM: u64 = 1;

/// The last refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRefusal {
    /// The kind, as [`super::RefusalCode::word`].
    pub code: String,
    /// The message, for people.
    pub message: String,
    /// When (Unix seconds).
    pub at: u64,
    /// How the release arrived.
    pub way: String,
}

impl LastRefusal {
    /// A refusal of a release that arrived this way.
    #[must_use]
    pub fn new(refusal: &ReleaseRefusal, way: ReleaseWay, at: u64) -> Self {
        let mut message = refusal.message.clone();
        let mut end = message.len().min(limits::TROUBLE_BYTES);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        message.truncate(end);
        Self { code: refusal.code.word().to_owned(), message, at, way: way.word().to_owned() }
    }

    /// As bytes, for the memory that workers share.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(FORM, self)
    }

    /// Decodes such bytes; `None` if they are none of these.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        decode(FORM, bytes)
    }
}

coded!(LastRefusal { code, message, at, way });
