//! What happens to a request and to its answer. Before the answer's headers leave there may be a local reply; after,
//! there cannot: these are different types (invariant 9).

use crate::base::callout::Callout;
use crate::dialect::Reply;

/// One change to a header map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderEdit {
    /// Remove every value of this header (name in lower case).
    Remove(String),
    /// Replace all values of this header with this one.
    Set(String, String),
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestVerdict {
    /// It is forwarded.
    Pass {
        /// Changes to the request's headers, to be made now.
        edits: Vec<HeaderEdit>,
        /// The body that replaces the original, if it changed (only after a `NeedBody`).
        body: Option<Vec<u8>>,
    },
    /// It is forwarded, and its body is shown to [`request_chunk`](crate::exchange::Exchange::request_chunk) as it
    /// passes; nothing is held.
    Peek {
        /// Changes to the request's headers, to be made now.
        edits: Vec<HeaderEdit>,
    },
    /// Its body is shown to [`request_sniff`](crate::exchange::Exchange::request_sniff) until it is known
    /// whether it is a call.
    Sniff {
        /// The bytes wait in the meantime; if false, they pass as they are shown.
        waits: bool,
        /// The headers wait with them.
        hold: bool,
        /// Changes to the request's headers, to be made now.
        edits: Vec<HeaderEdit>,
    },
    /// It waits until its body is complete; then [`request_body`](crate::exchange::Exchange::request_body).
    NeedBody {
        /// The headers wait with the body (if false, they leave now, and only the body is buffered).
        hold: bool,
        /// Changes to the request's headers, to be made now.
        edits: Vec<HeaderEdit>,
    },
    /// It waits until these callouts are answered; then
    /// [`callout_answered`](crate::exchange::Exchange::callout_answered), once for each.
    Ask(Vec<Callout>),
    /// The proxy answers it.
    Reply(Reply),
}

/// What happens to an answer once its headers have arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponseVerdict {
    /// It passes; its body is not shown to the engine.
    Untouched {
        /// Changes to the response's headers.
        edits: Vec<HeaderEdit>,
    },
    /// The headers leave now, and the body passes through [`response_chunk`](crate::exchange::Exchange::response_chunk)
    /// as it arrives.
    Stream {
        /// Changes to the response's headers.
        edits: Vec<HeaderEdit>,
    },
    /// The host buffers the body until it is complete; then
    /// [`response_body`](crate::exchange::Exchange::response_body).
    Whole {
        /// The headers wait with the body (if false, they leave now).
        hold: bool,
        /// Changes to the response's headers, to be made now.
        edits: Vec<HeaderEdit>,
    },
    /// The proxy answers in its place.
    Reply(Reply),
}

/// What happens to one chunk of a streamed answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamVerdict {
    /// It leaves unchanged.
    Unchanged,
    /// These bytes leave in its place.
    Replace(Vec<u8>),
    /// The stream is reset: its ending has left, and there is no point in reading what upstream still sends (`on_cut:
    /// cancel`).
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
    /// Changes to the response's headers; possible only where they were held.
    pub edits: Vec<HeaderEdit>,
    /// `None`: the body itself, unchanged.
    pub body: Option<Vec<u8>>,
}
