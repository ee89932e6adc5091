//! MCP (Model Context Protocol) over Streamable HTTP: JSON-RPC 2.0 between an agent and a server of tools.
//!
//! Revisions 2025-03-26, 2025-06-18 and 2025-11-25 have sessions, and the first of them batches; 2026-07-28 is stateless
//! and repeats method and name in headers. One endpoint takes all calls, on any path, so its traffic is known by headers
//! ([`sign`]) or by its body ([`sniff`]).
//!
//! Unlike in the other dialects it is the request that calls a tool, and the answer that brings texts for the model.

pub mod answer;
mod message;
mod mirror;
mod mute;
pub mod sign;
pub mod sniff;
pub mod write;

pub use message::{
    Message, MessageKind, ToolCall, is_json_rpc, is_nothing_else, messages, names_a_method,
    texts_beside, without_messages,
};
pub use mirror::{is_mismatch, is_modern};
pub use sign::is_old_transport;

use super::spend::{Spending, Usage};
use super::{
    Answer, Call, Canned, Dialect, DialectId, ErrorAnswer, Line, Recognised, Reply, RequestView,
    Tool, Unreadable,
};
use crate::wire::edit::Edit;
use crate::wire::frame::Framing;
use crate::wire::json::{Doc, Value};

/// The dialect. What needs the ids of calls is written with [`write`]; here stands what can be said without them.
#[derive(Debug)]
pub(super) struct Mcp;

impl Dialect for Mcp {
    fn id(&self) -> DialectId {
        DialectId::Mcp
    }

    fn name(&self) -> &'static str {
        "mcp"
    }

    fn recognise(&self, _line: &Line<'_>) -> Option<Recognised> {
        None
    }

    fn operation(&self) -> &'static str {
        "execute_tool"
    }

    fn read_request(
        &self,
        recognised: &Recognised,
        doc: &Doc,
        body: &[u8],
    ) -> Result<RequestView, Unreadable> {
        let messages = messages(doc, body)?;
        let mut texts = Vec::new();
        let files = messages.iter().map(|message| message::texts(message, doc, body, &mut texts));
        let remote = files.fold(0, u32::saturating_add);
        let call = Call::without_body(recognised.clone());
        Ok(RequestView { call, texts, remote, edits: Vec::new() })
    }

    fn tools(&self, _doc: &Doc, _body: &[u8]) -> Vec<Tool> {
        Vec::new()
    }

    fn without_tools(&self, _doc: &Doc, _body: &[u8], _gone: &[usize]) -> Vec<Edit> {
        Vec::new()
    }

    fn answer(&self, _call: &Call, _framing: Framing) -> Box<dyn Answer> {
        Box::new(mute::Mute)
    }

    fn canned(&self, _call: &Call, canned: &Canned) -> Reply {
        write::error(&write::To::Nobody, 200, write::code("canned"), &canned.text, "canned")
    }

    fn blocked(&self, _call: &Call, _decision: &str, _now: u64) -> Reply {
        let text = "the answer was withheld by policy";
        write::error(
            &write::To::Nobody,
            200,
            write::code("content_blocked"),
            text,
            "content_blocked",
        )
    }

    fn error(&self, _call: &Recognised, error: &ErrorAnswer) -> Reply {
        let code = write::code(error.code);
        write::error(&write::To::Nobody, error.status, code, &error.message, error.code)
    }

    fn spending(&self, _root: &Value<'_>) -> Result<Spending, Unreadable> {
        Ok(Spending::default())
    }

    fn usage(&self, _root: &Value<'_>, _usage: &mut Usage) {}

    fn cap(&self, _root: &Value<'_>, _most: u64) -> Option<Edit> {
        None
    }
}
