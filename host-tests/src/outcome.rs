//! What the two sides of an exchange saw, for tests to assert.

use std::collections::BTreeMap;

use crate::abi::Direction;
use crate::error::Trapped;
use crate::headers::Headers;

/// Body bytes that reached one side during one step of the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Increment {
    /// The number of the driver's call on the exchange, from 1.
    pub step: usize,
    /// The bytes; may be empty.
    pub bytes: Vec<u8>,
}

/// What one side, the upstream or the downstream, got.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The headers, once they have arrived.
    pub headers: Option<Headers>,
    /// The body, piece by piece.
    pub increments: Vec<Increment>,
    /// The trailers, if there were any.
    pub trailers: Option<Headers>,
    /// The message ended regularly.
    pub ended: bool,
    /// The stream was reset; for the upstream: its answer is no longer wanted.
    pub reset: bool,
}

impl Seen {
    /// The whole body.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        self.increments.iter().flat_map(|i| i.bytes.iter().copied()).collect()
    }

    /// The whole body as text; bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body()).into_owned()
    }

    /// The body up to and including this step.
    #[must_use]
    pub fn body_by(&self, step: usize) -> Vec<u8> {
        let parts = self.increments.iter().filter(|i| i.step <= step);
        parts.flat_map(|i| i.bytes.iter().copied()).collect()
    }

    /// The `:status`.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.headers.as_ref()?.status()
    }

    /// The first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.as_ref()?.text(name)
    }

    fn body_len(&self) -> u64 {
        self.increments.iter().map(|i| i.bytes.len() as u64).sum()
    }
}

/// An answer that the host made itself, because the guest or a limit asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalReply {
    /// The status code.
    pub status: u16,
    /// The response code details; empty when the guest gave none.
    pub details: String,
    /// More headers.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
    /// The gRPC status, when the guest gave one.
    pub grpc_status: Option<i32>,
}

/// A defect that the host does not report, but that breaks a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// The body was changed, but `content-length` has the old size: the peer waits or truncates.
    ContentLength {
        /// Which message.
        direction: Direction,
        /// What the header says.
        declared: u64,
        /// How many bytes left.
        sent: u64,
    },
    /// A header was changed after the headers had left: the change has no effect.
    LateHeaderChange {
        /// Which message.
        direction: Direction,
        /// The header's name.
        name: String,
    },
    /// The message is complete, but the guest keeps it: the exchange hangs until a timeout.
    Stalled {
        /// Which message.
        direction: Direction,
    },
    /// This gRPC upstream string parses as a message without a target: Envoy 1.40 aborts as a whole.
    HostAborts {
        /// The string, with bytes that are not UTF-8 replaced.
        upstream: String,
    },
    /// The test did something that no peer can do, such as answering a request that did not arrive.
    Driver(&'static str),
}

/// The result of an exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What the upstream received.
    pub upstream: Seen,
    /// What the client received.
    pub downstream: Seen,
    /// The guest's first local reply, else the host's own; also one that came too late and became a reset.
    pub local_reply: Option<LocalReply>,
    /// The response code details that the access log shows.
    pub details: Option<String>,
    /// Envoy's response flags, as a bit set.
    pub flags: i64,
    /// The properties that the guest set (Envoy: filter state, without the prefix `wasm.`).
    pub properties: BTreeMap<String, Vec<u8>>,
    /// The defects that were found.
    pub violations: Vec<Violation>,
    /// The trap that ended the exchange, if one did.
    pub trapped: Option<Trapped>,
    /// Fuel that the callbacks of this exchange used: a measure of work that does not depend on the machine.
    pub fuel: u64,
}

impl Outcome {
    /// A property that the guest set, as text.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.get(name).and_then(|v| std::str::from_utf8(v).ok())
    }
}

/// Compares `content-length` with the bytes that left, unless the sender itself was wrong.
pub(crate) fn check_length(
    direction: Direction,
    seen: &Seen,
    came: (Option<u64>, u64),
) -> Option<Violation> {
    let declared = seen.headers.as_ref()?.content_length()?;
    let sent = seen.body_len();
    let wrong = if seen.ended { sent != declared } else { sent > declared };
    let senders_fault = came.0 == Some(declared) && came.1 == sent;
    (wrong && !senders_fault).then_some(Violation::ContentLength { direction, declared, sent })
}
