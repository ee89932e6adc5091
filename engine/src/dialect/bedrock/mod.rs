//! AWS Bedrock: `Converse` and `ConverseStream`, and in [`invoke`] `InvokeModel` with a model's own request.

mod answer;
mod ending;
mod invoke;
mod request;
mod spend;
mod stopped;
mod tools;

pub(super) use invoke::BedrockInvoke;

use super::say::Say;
use super::tools::Gone;
use super::write::{Json, error_reply, json_reply};
use super::{
    Answer, Call, Canned, Dialect, DialectId, Ending, EndingHow, ErrorAnswer, Line, Recognised,
    Reply, RequestView, Speech, Tool, Unreadable,
};
use crate::dialect::recognise;
use crate::dialect::spend::{Spending, Usage};
use crate::wire::edit::Edit;
use crate::wire::frame::Framing;
use crate::wire::json::{Doc, Value};

/// The members that clients want in every answer, of one that cost nothing.
const USAGE: &str =
    r#""usage":{"inputTokens":0,"outputTokens":0,"totalTokens":0},"metrics":{"latencyMs":0}"#;

/// The dialect of Converse.
#[derive(Debug)]
pub(super) struct Bedrock;

impl Dialect for Bedrock {
    fn id(&self) -> DialectId {
        DialectId::Bedrock
    }

    fn name(&self) -> &'static str {
        "bedrock"
    }

    fn provider(&self) -> &'static str {
        "aws.bedrock"
    }

    fn recognise(&self, line: &Line<'_>) -> Option<Recognised> {
        recognise::bedrock(line).filter(|own| own.dialect == self.id())
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
        if !call.stream {
            return named(json_reply(200, whole(call, &canned.how())), &canned.decision);
        }
        let ending = ending_of(canned);
        let body = answer::Reading::new(call, Framing::EventStream).ending(&ending);
        named(stream_reply(body), &canned.decision)
    }

    fn blocked(&self, call: &Call, decision: &str, _now: u64) -> Reply {
        named(json_reply(200, whole(call, &EndingHow::Blocked)), decision)
    }

    fn error(&self, _call: &Recognised, error: &ErrorAnswer) -> Reply {
        exception(error)
    }

    fn spending(&self, root: &Value<'_>) -> Result<Spending, Unreadable> {
        spend::spending(root)
    }

    fn speech(&self, kind: u8) -> Speech {
        use answer::kind;
        match kind {
            kind::REASONING => Speech::Thinks,
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

/// A canned answer as the ending of one that has not begun.
fn ending_of(canned: &Canned) -> Ending {
    Ending {
        before: Vec::new(),
        how: canned.how(),
        decision: canned.decision.clone(),
        now: canned.now,
    }
}

/// The body has no place for an id: the request's id says whose answer it is (boto3 `ResponseMetadata.RequestId`).
fn named(mut reply: Reply, decision: &str) -> Reply {
    reply.headers.push(("x-amzn-requestid", format!("hemostat-{decision}")));
    reply
}

/// A stream of messages, complete.
fn stream_reply(body: Vec<u8>) -> Reply {
    let content_type = "application/vnd.amazon.eventstream".to_owned();
    Reply { status: 200, headers: vec![("content-type", content_type)], body }
}

/// An error that AWS's SDKs raise by its name, which stands in a header.
fn exception(error: &ErrorAnswer) -> Reply {
    let name = match error.status {
        403 => "AccessDeniedException",
        404 => "ResourceNotFoundException",
        408 | 504 => "ModelTimeoutException",
        424 => "ModelErrorException",
        429 => "ThrottlingException",
        502 | 503 => "ServiceUnavailableException",
        500.. => "InternalServerException",
        _ => "ValidationException",
    };
    let body = Json::default().raw(r#"{"message":"#).text(&error.message).raw("}").take();
    let mut reply = error_reply(error, body);
    reply.headers.push(("x-amzn-errortype", name.to_owned()));
    reply
}

/// How an answer stops.
fn stop(say: &Say<'_>) -> &'static str {
    match (say.refusal || say.blocked, say.spent) {
        (true, _) => "content_filtered",
        (false, true) => "max_tokens",
        (false, false) => "end_turn",
    }
}

/// A complete answer that is not streamed.
fn whole(call: &Call, how: &EndingHow) -> String {
    let say = Say::ending(how, call, false);
    let mut out = Json::default();
    out.raw(r#"{"output":{"message":{"role":"assistant","content":["#);
    if let Some(text) = say.text {
        out.raw(r#"{"text":"#).text(text).raw("}");
    }
    out.raw(r#"]}},"stopReason":"#).text(stop(&say)).raw(",").raw(USAGE).raw("}");
    out.take()
}
