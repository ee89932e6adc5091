//! What the proxy itself sends, in place of an answer or of its rest.

use super::item::TextKey;

/// A canned answer to be written in a dialect.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CannedAnswer {
    /// Its text.
    pub text: String,
    /// Its text for a caller that asked for structured output: JSON.
    pub json: Option<String>,
    /// It ends as a refusal.
    pub refusal: bool,
    /// The decision id, which becomes part of the answer's id.
    pub decision: String,
    /// Unix time in seconds, for `created`.
    pub now: u64,
}

/// How an answer that has begun is brought to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Decoded text of the frame being replaced that still leaves before the ending, by running text and in order.
    pub before: Vec<(TextKey, String)>,
    /// What follows.
    pub how: EndingHow,
    /// The decision id.
    pub decision: String,
    /// Unix time in seconds, for `created` if nothing has been sent yet.
    pub now: u64,
}

/// What an ending says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndingHow {
    /// A canned answer follows the text, and the answer ends like an ordinary one.
    Canned {
        /// Its text.
        text: String,
        /// For structured output if no text has left yet: JSON.
        json: Option<String>,
        /// It ends as a refusal.
        refusal: bool,
    },
    /// The dialect's content-filter or refusal stop, without text.
    Blocked,
    /// The dialect's stop for an answer that has reached its maximum of tokens, without text.
    Spent,
}

/// An error in the dialect's own shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorAnswer {
    /// The HTTP status.
    pub status: u16,
    /// For people: rule, decision id, place; never text of the traffic.
    pub message: String,
    /// Machine-readable reason (`content_blocked`, `unreadable`, `no_policy`).
    pub code: &'static str,
}

/// An answer that the proxy makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Headers, `content-type` among them.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}
