//! OpenAI Responses.

mod answer;
mod ending;
mod request;
mod sent;
mod spend;

use super::say::Say;
use super::write::{Json, json_reply, sse_reply};
use super::{
    Answer, Call, Canned, Dialect, DialectId, Ending, EndingHow, ErrorAnswer, Recognised, Reply,
    RequestView, Unreadable, openai,
};
use crate::dialect::spend::{Spending, Usage};
use crate::stream::edit::Edit;
use crate::stream::frame::Framing;
use crate::stream::json::{Doc, Value};

/// The dialect.
#[derive(Debug)]
pub(super) struct OpenaiResponses;

impl Dialect for OpenaiResponses {
    fn id(&self) -> DialectId {
        DialectId::OpenaiResponses
    }

    fn read_request(
        &self,
        recognised: &Recognised,
        doc: &Doc,
        body: &[u8],
    ) -> Result<RequestView, Unreadable> {
        request::read(recognised, doc, body)
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
        json_reply(200, whole(call, &canned.how(), &canned.decision, canned.now))
    }

    fn blocked(&self, call: &Call, decision: &str, now: u64) -> Reply {
        json_reply(200, whole(call, &EndingHow::Blocked, decision, now))
    }

    fn error(&self, _call: &Recognised, error: &ErrorAnswer) -> Reply {
        openai::error(error)
    }

    fn spending(&self, root: &Value<'_>) -> Result<Spending, Unreadable> {
        spend::spending(root)
    }

    fn usage(&self, root: &Value<'_>, usage: &mut Usage) {
        spend::usage(root, usage);
    }

    fn cap(&self, root: &Value<'_>, most: u64) -> Option<Edit> {
        spend::cap(root, most)
    }
}

/// How a response stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    InProgress,
    Completed,
    /// Stopped by a content filter.
    Filtered,
}

impl Status {
    fn of(say: &Say<'_>) -> Self {
        if say.blocked { Self::Filtered } else { Self::Completed }
    }

    fn name(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Filtered => "incomplete",
        }
    }
}

/// What names a response.
#[derive(Debug)]
struct Head<'a> {
    id: &'a str,
    created: u64,
    model: &'a str,
}

/// A response object; `output` is the inside of its list of items.
fn response(json: &mut Json, head: &Head<'_>, status: Status, output: &str) {
    json.raw(r#"{"id":"#).text(head.id).raw(r#","object":"response","created_at":"#);
    json.number(head.created).raw(r#","status":"#).text(status.name());
    json.raw(r#","error":null,"incomplete_details":"#);
    json.raw(if status == Status::Filtered { r#"{"reason":"content_filter"}"# } else { "null" });
    json.raw(r#","instructions":null,"metadata":{},"model":"#).text(head.model);
    json.raw(r#","output":["#).raw(output);
    json.raw(r#"],"parallel_tool_calls":true,"temperature":1.0,"tool_choice":"auto","tools":[]"#);
    json.raw(r#","top_p":1.0,"usage":"#);
    json.raw(match status {
        Status::InProgress => "null",
        // Nothing is billed for what the proxy says.
        _ => concat!(
            r#"{"input_tokens":0,"input_tokens_details":{"cached_tokens":0,"cache_write_tokens":0},"#,
            r#""output_tokens":0,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":0}"#
        ),
    });
    json.raw("}");
}

/// A message of the proxy's own, with one part or none.
fn message(json: &mut Json, id: &str, status: &str, part: Option<(&str, bool)>) {
    json.raw(r#"{"id":"#).text(id).raw(r#","type":"message","status":"#).text(status);
    json.raw(r#","role":"assistant","content":["#);
    if let Some((text, refusal)) = part {
        content_part(json, text, "", refusal);
    }
    json.raw("]}");
}

/// A part of a message; `annotations` is the inside of its list.
fn content_part(json: &mut Json, text: &str, annotations: &str, refusal: bool) {
    if refusal {
        json.raw(r#"{"type":"refusal","refusal":"#).text(text).raw("}");
    } else {
        json.raw(r#"{"type":"output_text","text":"#).text(text);
        json.raw(r#","annotations":["#).raw(annotations).raw(r#"],"logprobs":[]}"#);
    }
}

/// A complete answer that is not streamed.
fn whole(call: &Call, how: &EndingHow, decision: &str, now: u64) -> String {
    let say = Say::ending(how, call, false);
    let status = Status::of(&say);
    let mut output = Json::default();
    if let Some(text) = say.text {
        let id = format!("msg_hemostat_{decision}");
        message(&mut output, &id, status.name(), Some((text, say.refusal)));
    }
    let id = format!("resp_hemostat_{decision}");
    let head = Head { id: &id, created: now, model: &call.model };
    let mut json = Json::default();
    response(&mut json, &head, status, output.as_str());
    json.take()
}
