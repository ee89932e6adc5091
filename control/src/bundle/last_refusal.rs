//! The last release that was refused, for status.

use super::code::{CodeReader, Writer};
use super::refusal::ReleaseRefusal;
use super::state::ReleaseWay;
use crate::limits;

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
        let mut out = Writer::default();
        out.text(&self.code);
        out.text(&self.message);
        out.number(self.at);
        out.text(&self.way);
        out.finish()
    }

    /// Decodes such bytes.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = CodeReader::new(bytes);
        let code = from.text()?;
        let message = from.text()?;
        Some(Self { code, message, at: from.number()?, way: from.text()? })
    }
}
