//! What is known of an exchange that is MCP, or may be, and what its caller is told in the protocol's own words, under
//! the ids of the requests.

use super::Context;
use crate::dialect::mcp::sign::Sign;
use crate::dialect::mcp::sniff::Sniffer;
use crate::dialect::mcp::write::{self, To};
use crate::dialect::{DialectId, ErrorAnswer, Reply};
use crate::grant::Grant;
use crate::policy::document::Fallback;

/// What is known of an exchange that is MCP, or may be.
#[derive(Debug, Default)]
pub(crate) struct Mcp {
    /// What its headers said.
    pub sign: Option<Sign>,
    /// Its body is being looked at.
    pub sniff: Option<Sniff>,
    /// The stateless revision, whose results name their type.
    pub modern: bool,
    /// It came as a list.
    pub batch: bool,
    /// Its requests, in order.
    pub asked: Vec<Asked>,
    /// Calls of tools that go on.
    pub calls: u64,
    /// Requests that go on.
    pub requests: u64,
    /// Grants that its calls use.
    pub granted: Vec<Grant>,
    /// A call wants input: its next round goes on with the same grant, and counts then.
    pub wants_input: bool,
    /// The answer to a POST comes on another stream.
    pub old_transport: bool,
    /// Headers repeat the body wrongly.
    pub mismatch: bool,
    /// Answers of ours that join upstream's: of the calls of a batch that were stopped.
    pub ours: Vec<String>,
    /// The other protocol in which the request may be read.
    pub beside: Option<DialectId>,
}

/// A body that may be a call.
#[derive(Debug, Default)]
pub(crate) struct Sniff {
    pub sniffer: Sniffer,
    /// Bytes that came.
    pub bytes: usize,
    /// They wait; if not, they have left.
    pub waits: bool,
    /// Headers wait with them.
    pub hold: bool,
}

/// A request that someone waits for an answer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Its id, as it was written.
    pub id: Vec<u8>,
    /// It calls a tool.
    pub call: bool,
}

/// What is said in place of a result or an error that was withheld.
pub(crate) enum WithheldReply<'a> {
    /// A canned answer.
    Canned(&'a Fallback),
    /// A refusal, in words.
    Blocked(&'a str),
}

impl WithheldReply<'_> {
    /// The message for one request. What is no result of a tool has no shape that would fit any method: it is an error.
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
    /// True if answers of ours wait for upstream's.
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
            true => To::Nobody,
            false => To::Each { ids: &ids, batch: self.batch },
        };
        // The status and code that revision 2026-07-28 names.
        let mismatch = self.mismatch && error.code == "unreadable";
        let (status, word) = if mismatch { (400, "mismatch") } else { (error.status, error.code) };
        write::error(&to, status, write::code(word), &error.message, word)
    }

    /// An answer with status 200 for every request.
    fn say(&self, said: &WithheldReply<'_>) -> Reply {
        let ids = self.ids();
        if ids.is_empty() {
            // A stream or the end of a session is refused as a server does that has none.
            let none = "not offered now";
            return match self.sign {
                Some(_) => write::accepted(),
                None => write::error(&To::Nobody, 405, write::code("canned"), none, "canned"),
            };
        }
        let calls = self.asked.iter().filter(|asked| asked.call);
        let mut calls: Vec<&[u8]> = calls.map(|asked| asked.id.as_slice()).collect();
        calls.sort_unstable();
        let call = |id: &[u8]| calls.binary_search(&id).is_ok();
        let to = To::Each { ids: &ids, batch: self.batch };
        // Where nobody reads what answers a POST, its status tells at least that it was refused.
        let status = if self.old_transport { 403 } else { 200 };
        write::each(&to, status, |id| said.message(id, call(id), self.modern))
    }
}

impl Context {
    /// The canned answer in MCP.
    pub(crate) fn mcp_canned(&self, fallback: &Fallback) -> Option<Reply> {
        let mcp = self.mcp.as_ref().filter(|_| self.is_mcp())?;
        Some(mcp.say(&WithheldReply::Canned(fallback)))
    }

    /// What stands in place of an answer that is withheld.
    pub(crate) fn mcp_blocked(&self) -> Option<Reply> {
        let mcp = self.mcp.as_ref().filter(|_| self.is_mcp())?;
        let text =
            format!("the answer was withheld by policy (decision {})", self.record.decision());
        let said = WithheldReply::Blocked(&text);
        let nobody = || {
            write::error(&To::Nobody, 403, write::code("content_blocked"), &text, "content_blocked")
        };
        Some(if mcp.asked.is_empty() { nobody() } else { mcp.say(&said) })
    }

    /// The answers of ours alone: nothing goes on.
    pub(crate) fn stopped_reply(&self) -> Reply {
        let Some(mcp) = &self.mcp else { return write::accepted() };
        match (mcp.ours.as_slice(), mcp.batch) {
            ([], _) => write::accepted(),
            ([one], false) => write::json(one.clone()),
            (all, _) => write::json(format!("[{}]", all.join(","))),
        }
    }

    /// Our answers where upstream has none: what went on of a batch were notifications.
    pub(crate) fn mcp_instead(&mut self, status: u16, end: bool) -> Option<Reply> {
        let joins = self.mcp.as_ref().is_some_and(|mcp| mcp.joins());
        let none = matches!(status, 202 | 204) || (end && (200..300).contains(&status));
        (joins && none).then(|| self.stopped_reply())
    }
}
