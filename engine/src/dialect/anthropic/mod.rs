//! Anthropic Messages.

mod answer;
mod ending;
mod request;
mod spend;
mod stopped;
mod tools;

pub(super) use spend::provider_tools;
pub(super) use stopped::RESULT;

use super::say::Say;
use super::tools::Gone;
use super::write::{Json, error_reply, json_reply, sse_reply};
use super::{
    Answer, Call, Canned, Dialect, DialectId, Ending, EndingHow, ErrorAnswer, Line, Recognised,
    Reply, RequestView, Speech, Tool, Unreadable,
};
use crate::dialect::recognise;
use crate::dialect::spend::{Spending, Usage};
use crate::wire::edit::Edit;
use crate::wire::frame::Framing;
use crate::wire::json::{Doc, Value};

/// The dialect.
#[derive(Debug)]
pub(super) struct Anthropic;

impl Dialect for Anthropic {
    fn id(&self) -> DialectId {
        DialectId::Anthropic
    }

    fn name(&self) -> &'static str {
        "anthropic"
    }

    fn recognise(&self, line: &Line<'_>) -> Option<Recognised> {
        recognise::anthropic(line)
    }

    fn read_request(
        &self,
        recognised: &Recognised,
        doc: &Doc,
        body: &[u8],
    ) -> Result<RequestView, Unreadable> {
        request::read(recognised, doc, body)
    }

    fn tools(&self, doc: &Doc, body: &[u8]) -> Vec<Tool> {
        tools::tools(&doc.root(body))
    }

    fn without_tools(&self, doc: &Doc, body: &[u8], gone: &[usize]) -> Vec<Edit> {
        let root = doc.root(body);
        let tools = tools::tools(&root);
        tools::without(&root, &Gone::new(&tools, gone))
    }

    fn answer(&self, call: &Call, framing: Framing) -> Box<dyn Answer> {
        Box::new(answer::Reading::new(call, framing))
    }

    fn canned(&self, call: &Call, canned: &Canned) -> Reply {
        if call.stream {
            let ending = Ending {
                before: Vec::new(),
                how: canned.how(),
                decision: canned.decision.clone(),
                now: canned.now,
            };
            return sse_reply(answer::Reading::new(call, Framing::Sse).ending(&ending));
        }
        json_reply(200, whole(call, &canned.how(), &canned.decision))
    }

    fn blocked(&self, call: &Call, decision: &str, _now: u64) -> Reply {
        json_reply(200, whole(call, &EndingHow::Blocked, decision))
    }

    fn error(&self, _call: &Recognised, error: &ErrorAnswer) -> Reply {
        let kind = match error.status {
            401 => "authentication_error",
            402 => "billing_error",
            403 => "permission_error",
            404 => "not_found_error",
            409 => "conflict_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            504 | 408 => "timeout_error",
            503 | 529 => "overloaded_error",
            500.. => "api_error",
            _ => "invalid_request_error",
        };
        let mut out = Json::default();
        out.raw(r#"{"type":"error","error":{"type":"#).text(kind);
        out.raw(r#","message":"#).text(&error.message).raw("}}");
        error_reply(error, out.take())
    }

    fn spending(&self, root: &Value<'_>) -> Result<Spending, Unreadable> {
        spend::spending(root)
    }

    fn speech(&self, kind: u8) -> Speech {
        use answer::kind;
        match kind {
            kind::THINKING => Speech::Thinks,
            _ => Speech::Says,
        }
    }

    fn usage(&self, root: &Value<'_>, usage: &mut Usage) {
        spend::usage(root, usage);
    }

    fn cap(&self, root: &Value<'_>, most: u64) -> Option<Edit> {
        spend::cap(root, most)
    }
}

/// How an answer stops.
fn stop(say: &Say<'_>) -> (&'static str, &'static str) {
    if say.refusal || say.blocked {
        ("refusal", r#","stop_details":null"#)
    } else if say.spent {
        ("max_tokens", "")
    } else {
        ("end_turn", "")
    }
}

/// A complete answer that is not streamed.
fn whole(call: &Call, how: &EndingHow, decision: &str) -> String {
    let say = Say::ending(how, call, false);
    let mut out = Json::default();
    out.raw(r#"{"id":"#).text(&format!("msg_hemostat_{decision}"));
    out.raw(r#","type":"message","role":"assistant","model":"#).text(&call.model);
    out.raw(r#","content":["#);
    if let Some(text) = say.text {
        out.raw(r#"{"type":"text","text":"#).text(text).raw("}");
    }
    let (reason, details) = stop(&say);
    out.raw(r#"],"stop_reason":"#).text(reason).raw(r#","stop_sequence":null"#).raw(details);
    out.raw(r#","usage":{"input_tokens":0,"output_tokens":0}}"#);
    out.take()
}
