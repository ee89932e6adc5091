//! What happens to a request and to its answer. Before the answer's headers leave there may be a local reply; after,
//! there cannot: these are different types (invariant 9).

use crate::base::callout::Callout;
use crate::dialect::Reply;

/// One change to a header map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderEdit {
    /// Remove every value of this header (lower case).
    Remove(String),
    /// Put this value in place of all of this header's.
    Set(String, String),
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestVerdict {
    /// It goes on.
    Pass {
        /// Changes to the request's headers, to be made now.
        edits: Vec<HeaderEdit>,
        /// The body that replaces it, where it changed (only after a `NeedBody`).
        body: Option<Vec<u8>>,
    },
    /// It goes on, and its body is shown to [`request_chunk`](crate::exchange::Exchange::request_chunk) as it
    /// passes; nothing of it is held.
    Peek {
        /// Changes to the request's headers, to be made now.
        edits: Vec<HeaderEdit>,
    },
    /// Its body is shown to [`request_sniff`](crate::exchange::Exchange::request_sniff) until it is known
    /// whether it is a call.
    Sniff {
        /// What comes of the body waits meanwhile; if not, it passes as it is shown.
        waits: bool,
        /// Headers wait with it.
        hold: bool,
        /// Changes to the request's headers, to be made now.
        edits: Vec<HeaderEdit>,
    },
    /// It waits until its body is whole; then [`request_body`](crate::exchange::Exchange::request_body).
    NeedBody {
        /// Headers wait with the body (else they leave now, and the body alone is buffered).
        hold: bool,
        /// Changes to the request's headers, to be made now.
        edits: Vec<HeaderEdit>,
    },
    /// It waits until these are answered; then
    /// [`callout_answered`](crate::exchange::Exchange::callout_answered), once for each.
    Ask(Vec<Callout>),
    /// It is answered by the proxy.
    Reply(Reply),
}

/// What happens to an answer once its headers have come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponseVerdict {
    /// It passes; its body is not shown to the engine.
    Untouched {
        /// Changes to the response's headers.
        edits: Vec<HeaderEdit>,
    },
    /// Its body passes through [`response_chunk`](crate::exchange::Exchange::response_chunk) as it comes;
    /// headers leave now.
    Stream {
        /// Changes to the response's headers.
        edits: Vec<HeaderEdit>,
    },
    /// Its body is buffered by the host until it is whole; then
    /// [`response_body`](crate::exchange::Exchange::response_body).
    Whole {
        /// Headers wait with the body (else they leave now).
        hold: bool,
        /// Changes to the response's headers, to be made now.
        edits: Vec<HeaderEdit>,
    },
    /// The proxy answers in its place.
    Reply(Reply),
}

/// What becomes of one chunk of a streamed answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamVerdict {
    /// It leaves as it came.
    Unchanged,
    /// These bytes leave in its place.
    Replace(Vec<u8>),
    /// The stream is reset: its ending has left, and nothing is gained by what upstream still sends (`on_cut: cancel`).
    Reset,
}

impl StreamVerdict {
    /// The bytes that leave in place of this chunk.
    #[must_use]
    pub fn leaving<'a>(&'a self, chunk: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Unchanged => chunk,
            Self::Replace(bytes) => bytes,
            Self::Reset => &[],
        }
    }
}

/// What leaves in place of a whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeVerdict {
    /// Changes to the response's headers; only possible where they were held.
    pub edits: Vec<HeaderEdit>,
    /// `None`: the body itself, unchanged.
    pub body: Option<Vec<u8>>,
}
