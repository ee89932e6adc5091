//! MCP (Model Context Protocol) over Streamable HTTP: JSON-RPC 2.0 between an agent and a tool server.
//!
//! Revisions 2025-03-26, 2025-06-18 and 2025-11-25 have sessions, and the first of them batches; 2026-07-28 is
//! stateless and repeats method and name in headers. One endpoint accepts all calls, on any path, so traffic is
//! recognised by headers ([`sign`]) or by its body ([`sniff`]).
//!
//! Unlike in other dialects, the request calls a tool, and the answer carries texts for the model.

pub mod answer;
mod message;
mod mirror;
mod reading;
pub mod sign;
pub mod sniff;
pub mod write;

pub use message::{
    MessageKind, RpcMessage, ToolCall, is_json_rpc, is_nothing_else, may_be_rpc, messages,
    names_a_method, texts_beside, without_messages,
};
pub(super) use message::{each, folds_to, has_only_rpc, is_method, one};
pub use mirror::{is_mismatch, is_modern};
pub use sign::is_old_transport;

use super::contract::{About, Answers, OfferedTools, Requests, Spend, about};
use super::own_answers::OwnAnswers;
use super::{
    Call, CannedAnswer, Dialect, DialectId, ErrorAnswer, Recognised, Reply, RequestView, Speech,
    Unreadable,
};
use crate::record_members::RecordMembers;
use crate::wire::json::Doc;

/// The dialect. Replies that need the ids of calls are written by [`mod@write`]; these are the ones that do not.
pub(super) static DIALECT: Dialect = Dialect {
    about: About { operation: "execute_tool", ..about!(DialectId::Mcp, "mcp", "mcp") },
    requests: Requests { recognise: |_| None, takes: None, read: read_request },
    tools: OfferedTools::NONE,
    answers: Answers {
        read: |_, _| Box::new(reading::Reading),
        made: OwnAnswers::Own { canned, blocked },
        error,
        speech: Some(|_| Speech::Says),
        choices: false,
        members: &RecordMembers::NOTHING,
    },
    spend: Spend::NONE,
};

fn read_request(
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

fn canned(_call: &Call, canned: &CannedAnswer) -> Reply {
    write::error(&write::ReplyTo::Nobody, 200, write::code("canned"), &canned.text, "canned")
}

fn blocked(_call: &Call, _decision: &str, _now: u64) -> Reply {
    let text = "the answer was withheld by policy";
    write::error(
        &write::ReplyTo::Nobody,
        200,
        write::code("content_blocked"),
        text,
        "content_blocked",
    )
}

fn error(_call: &Recognised, error: &ErrorAnswer) -> Reply {
    let code = write::code(error.code);
    write::error(&write::ReplyTo::Nobody, error.status, code, &error.message, error.code)
}
