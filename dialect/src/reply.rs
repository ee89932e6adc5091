//! What the proxy says itself, in place of an answer or of its rest.

use super::item::TextKey;

/// A canned answer to be spoken in a dialect.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Canned {
    /// What it says.
    pub text: String,
    /// What it says to a caller that asked for structured output: a JSON text.
    pub json: Option<String>,
    /// It ends as a refusal.
    pub refusal: bool,
    /// The decision's id, which the answer's own id carries.
    pub decision: String,
    /// Unix time in seconds, for `created`.
    pub now: u64,
}

/// How an answer that has begun is brought to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Decoded text of the frame being replaced that still leaves, before the end, by running text and in order.
    pub before: Vec<(TextKey, String)>,
    /// What follows.
    pub how: EndingHow,
    /// The decision's id.
    pub decision: String,
    /// Unix time in seconds, for `created` where nothing was sent yet.
    pub now: u64,
}

/// What an ending says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndingHow {
    /// A canned answer follows the text, and the answer ends as an ordinary one does.
    Canned {
        /// What it says.
        text: String,
        /// For structured output when no text has left yet: a JSON text.
        json: Option<String>,
        /// It ends as a refusal.
        refusal: bool,
    },
    /// The dialect's content-filter or refusal stop, no text.
    Blocked,
    /// The dialect's stop for an answer that has come to its most tokens, no text.
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
