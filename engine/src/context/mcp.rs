//! What is known of an exchange that is or may be MCP, and the replies its caller gets as JSON-RPC messages, under the
//! ids of its requests.

use crate::dialect::mcp::sign::Sign;
use crate::dialect::mcp::sniff::Sniffer;
use crate::dialect::mcp::write::{self, ReplyTo};
use crate::dialect::{DialectId, ErrorAnswer, Reply};
use crate::grant::Grant;
use crate::policy::document::Fallback;

/// What is known of an exchange that is or may be MCP.
#[derive(Debug, Default)]
pub(crate) struct Mcp {
    /// What its headers say of the protocol.
    pub sign: Option<Sign>,
    /// The body while it is being examined.
    pub sniff: Option<Sniff>,
    /// The request uses the stateless revision, whose results name their type.
    pub modern: bool,
    /// The body is a JSON-RPC batch.
    pub batch: bool,
    /// Its requests, in order.
    pub asked: Vec<RpcRequest>,
    /// Tool calls that are forwarded.
    pub calls: u64,
    /// Requests that are forwarded.
    pub requests: u64,
    /// Grants that its calls use.
    pub granted: Vec<Grant>,
    /// A call needs more input: its next round uses the same grant, and is the one that counts.
    pub wants_input: bool,
    /// The answer to a POST arrives on another stream (HTTP+SSE, revision 2024-11-05).
    pub old_transport: bool,
    /// Headers that repeat the body contradict it.
    pub mismatch: bool,
    /// The proxy's own answers, for stopped calls of a batch; they join upstream's.
    pub ours: Vec<String>,
    /// The other protocol that the request can be read as.
    pub beside: Option<DialectId>,
}

/// A body that may turn out to be a call.
#[derive(Debug, Default)]
pub(crate) struct Sniff {
    pub sniffer: Sniffer,
    /// Bytes received so far.
    pub bytes: usize,
    /// The bytes are buffered; if not, they have been forwarded.
    pub waits: bool,
    /// The headers wait with them.
    pub hold: bool,
}

/// A request whose caller expects an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RpcRequest {
    /// Its id, as it was written.
    pub id: Vec<u8>,
    /// It calls a tool.
    pub call: bool,
}

/// What replaces a result or an error that is withheld.
pub(crate) enum WithheldReply<'a> {
    /// A canned answer.
    Canned(&'a Fallback),
    /// A refusal, with its message.
    Blocked(&'a str),
}

impl WithheldReply<'_> {
    /// The message that answers one request. Only a tool's result has a shape that is known here; any other method is
    /// answered with an error.
    pub(crate) fn message(&self, id: &[u8], call: bool, modern: bool) -> String {
        match (self, call) {
            (
                WithheldReply::Canned(Fallback {
                    text,
                    json: Some(json),
                    ends_as_refusal: false,
                    ..
                }),
                true,
            ) => write::tool_result(id, text, json, modern),
            (WithheldReply::Canned(Fallback { text, .. }), true) => {
                write::tool_error(id, text, modern)
            }
            (WithheldReply::Canned(Fallback { text, .. }), false) => {
                write::error_message(id, write::code("canned"), text, "canned")
            }
            (WithheldReply::Blocked(text), true) => write::tool_error(id, text, modern),
            (WithheldReply::Blocked(text), false) => {
                write::error_message(id, write::code("content_blocked"), text, "content_blocked")
            }
        }
    }
}

impl Mcp {
    /// True if the proxy's own answers wait for upstream's.
    pub(crate) fn joins(&self) -> bool {
        !self.ours.is_empty()
    }

    fn ids(&self) -> Vec<&[u8]> {
        self.asked.iter().map(|asked| asked.id.as_slice()).collect()
    }

    /// An error for every request.
    pub(crate) fn error(&self, error: &ErrorAnswer) -> Reply {
        let ids = self.ids();
        let to = match ids.is_empty() {
            true => ReplyTo::Nobody,
            false => ReplyTo::Each { ids: &ids, batch: self.batch },
        };
        // The status and code that revision 2026-07-28 names.
        let mismatch = self.mismatch && error.code == "unreadable";
        let (status, word) = if mismatch { (400, "mismatch") } else { (error.status, error.code) };
        write::error(&to, status, write::code(word), &error.message, word)
    }

    /// A reply with status 200 that answers every request.
    pub(super) fn say(&self, said: &WithheldReply<'_>) -> Reply {
        let ids = self.ids();
        if ids.is_empty() {
            // Refused as by a server that has no streams or cannot end sessions.
            let none = "not offered now";
            return match self.sign {
                Some(_) => write::accepted(),
                None => write::error(&ReplyTo::Nobody, 405, write::code("canned"), none, "canned"),
            };
        }
        let calls = self.asked.iter().filter(|asked| asked.call);
        let mut calls: Vec<&[u8]> = calls.map(|asked| asked.id.as_slice()).collect();
        calls.sort_unstable();
        let call = |id: &[u8]| calls.binary_search(&id).is_ok();
        let to = ReplyTo::Each { ids: &ids, batch: self.batch };
        // Where the client does not read the response to a POST, at least the status tells that the request was
        // refused.
        let status = if self.old_transport { 403 } else { 200 };
        write::each(&to, status, |id| said.message(id, call(id), self.modern))
    }
}
