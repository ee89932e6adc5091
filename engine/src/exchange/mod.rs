//! One request and its answer: the two state machines that feed everything else and give verdicts.
//!
//! The glue drives an [`Exchange`] through its life and applies what comes back:
//!
//! ```text
//! request_headers ─┬─ Pass ────────────────────────────────┐
//!                  ├─ Reply                                │
//!                  ├─ NeedBody{hold} → request_body(whole) ┤→ response_headers ─┬─ Untouched
//!                  └─ Peek → request_chunk* ───────────────┘                    ├─ Reply
//!                                                                               ├─ Stream → response_chunk*
//!                                                                               └─ Whole{hold} → response_body(whole)
//! ```
//! After every call the glue takes [`Exchange::effects`]. Before response headers leave there may be a local reply;
//! after, there cannot: [`RequestVerdict`] and [`StreamVerdict`] are different types (invariant 9).

use std::rc::Rc;

use crate::dialect::Reply;
use crate::policy::Program;

/// What the host knows when a request's headers have come.
#[derive(Debug, Clone, Default)]
pub struct RequestFacts {
    /// All headers in order, pseudo-headers included, as bytes.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// Values of [`Program::properties`], in that order; `None` where the host has none.
    pub properties: Vec<Option<Vec<u8>>>,
    /// The proxy's own request id, if it has one.
    pub request_id: Vec<u8>,
    /// Unix time in nanoseconds.
    pub now_ns: u64,
    /// Makes decision ids of one process distinct: any number that the process does not give twice.
    pub nonce: u64,
}

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
    /// It goes on. `body`: the whole body is replaced by this.
    Pass {
        /// Changes to the request's headers, to be made now.
        edits: Vec<HeaderEdit>,
        /// The new body, where it changed (only after a `NeedBody`).
        body: Option<Vec<u8>>,
    },
    /// It goes on, and its body is shown to [`Exchange::request_chunk`] as it passes; nothing of it is held.
    Peek {
        /// Changes to the request's headers, to be made now.
        edits: Vec<HeaderEdit>,
    },
    /// It waits until its body is whole; then [`Exchange::request_body`]. `hold`: its headers wait too (else they
    /// leave now with `edits`, and the body alone is buffered).
    NeedBody {
        /// Headers wait with the body.
        hold: bool,
        /// Changes to the request's headers, to be made now.
        edits: Vec<HeaderEdit>,
    },
    /// It is answered by the proxy.
    Reply(Reply, Vec<HeaderEdit>),
}

/// What happens to an answer once its headers have come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponseVerdict {
    /// It passes; its body is not shown to the engine.
    Untouched {
        /// Changes to the response's headers.
        edits: Vec<HeaderEdit>,
    },
    /// Its body passes through [`Exchange::response_chunk`] as it comes; headers leave now.
    Stream {
        /// Changes to the response's headers.
        edits: Vec<HeaderEdit>,
    },
    /// Its body is buffered by the host until it is whole; then [`Exchange::response_body`].
    Whole {
        /// Headers wait with the body (else they leave now with `edits`).
        hold: bool,
        /// Changes to the response's headers, to be made now.
        edits: Vec<HeaderEdit>,
    },
    /// The proxy answers in its place.
    Reply(Reply),
}

/// What leaves in place of one chunk of a streamed answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamVerdict {
    /// `None`: the chunk itself, unchanged.
    pub bytes: Option<Vec<u8>>,
    /// Reset the stream instead (`on_cut: cancel`, one chunk after the ending).
    pub reset: bool,
}

/// What leaves in place of a whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeVerdict {
    /// Changes to the response's headers; only possible where they were held.
    pub edits: Vec<HeaderEdit>,
    /// `None`: the body itself, unchanged.
    pub body: Option<Vec<u8>>,
    /// The host must reset the stream: the body must not leave and cannot be replaced.
    pub reset: bool,
}

/// Something the glue does for the engine besides moving bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Add one to a counter; the name is complete, labels included (docs/operations.md).
    Count(String),
    /// A line for the proxy's log: rule and decision id, never text.
    Log(String),
    /// A per-request value for the access log (filter state), by key.
    State(&'static str, String),
}

/// One request and its answer, under exactly one policy (invariant 3).
#[derive(Debug)]
pub struct Exchange {
    _program: Rc<Program>,
}

impl Exchange {
    /// Begins an exchange under this policy.
    #[must_use]
    pub fn new(program: Rc<Program>) -> Self {
        Self { _program: program }
    }

    /// Headers have come. `end`: there is no body.
    pub fn request_headers(&mut self, _facts: RequestFacts, _end: bool) -> RequestVerdict {
        RequestVerdict::Pass { edits: Vec::new(), body: None }
    }

    /// The body is whole (after [`RequestVerdict::NeedBody`]).
    pub fn request_body(&mut self, _body: &[u8]) -> RequestVerdict {
        RequestVerdict::Pass { edits: Vec::new(), body: None }
    }

    /// A part of the body passes (after [`RequestVerdict::Peek`]).
    pub fn request_chunk(&mut self, _chunk: &[u8], _end: bool) {}

    /// The answer's headers have come, in order and as bytes, `:status` included. `local`: the proxy made the answer
    /// itself, no upstream spoke (its own time-outs and connection failures among them).
    pub fn response_headers(
        &mut self,
        _headers: &[(Vec<u8>, Vec<u8>)],
        _local: bool,
        _end: bool,
        _now_ns: u64,
    ) -> ResponseVerdict {
        ResponseVerdict::Untouched { edits: Vec::new() }
    }

    /// A chunk of a streamed answer (after [`ResponseVerdict::Stream`]).
    pub fn response_chunk(&mut self, _chunk: &[u8], _end: bool, _now_ns: u64) -> StreamVerdict {
        StreamVerdict { bytes: None, reset: false }
    }

    /// The answer's body is whole (after [`ResponseVerdict::Whole`]).
    pub fn response_body(&mut self, _body: &[u8], _now_ns: u64) -> WholeVerdict {
        WholeVerdict { edits: Vec::new(), body: None, reset: false }
    }

    /// The exchange is over, however it ended (`on_log`): last effects become ready.
    pub fn finish(&mut self, _now_ns: u64) {}

    /// Takes what is to be counted, logged and stored since the last call.
    pub fn effects(&mut self) -> Vec<Effect> {
        Vec::new()
    }

    /// Bytes held back now; the glue adds them up over the process.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        0
    }
}
