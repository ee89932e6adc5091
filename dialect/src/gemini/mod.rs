//! Google Gemini: the Gemini API and Vertex AI.

mod answer;
mod ending;
mod kind;
mod own;
mod request;
mod spelling;
mod spend;
mod stopped;
mod tools;

use super::contract::{About, Answers, OfferedTools, Requests, Spend, about};
use super::output_cap::OutputCap;
use super::own_answers::OwnAnswers;
use super::write::{Json, error_reply, json_reply};
use super::{
    Answer, Call, CannedAnswer, Dialect, DialectId, EndingHow, ErrorAnswer, Recognised, Reply,
    Speech,
};
use crate::recognise;
use crate::record_members::RecordMembers;
use crate::wire::frame::Framing;

/// The dialect.
pub(super) static DIALECT: Dialect = Dialect {
    about: About {
        operation: "generate_content",
        ..about!(DialectId::Gemini, "gemini", "gcp.gemini")
    },
    requests: Requests { recognise: recognise::gemini, takes: None, read: request::read },
    tools: OfferedTools { list: tools::tools, without: tools::without },
    answers: Answers {
        read: |call, framing| Box::new(answer::Reading::new(call, framing)),
        made: OwnAnswers::Own { canned, blocked },
        error,
        speech: Some(speech),
        choices: true,
        members: &RecordMembers::GEMINI,
    },
    spend: Spend {
        spending: spend::spending,
        usage: spend::usage,
        cap: Some(OutputCap {
            holder: &["generationConfig", "generation_config"],
            name: &["maxOutputTokens", "max_output_tokens"],
        }),
        ..Spend::NONE
    },
};

fn canned(call: &Call, canned: &CannedAnswer) -> Reply {
    if !call.stream {
        return json_reply(200, own::whole(call, &canned.how(), &canned.decision));
    }
    let framing = call.recognised.json_stream;
    let body = answer::Reading::new(call, framing).ending(&canned.ending()).written(framing);
    let content_type =
        if framing == Framing::Sse { "text/event-stream" } else { "application/json" };
    Reply { status: 200, headers: vec![("content-type", content_type.to_owned())], body }
}

fn blocked(call: &Call, decision: &str, _now: u64) -> Reply {
    json_reply(200, own::whole(call, &EndingHow::Blocked, decision))
}

/// The provider's status word for an HTTP status.
pub(super) fn status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        408 | 504 => "DEADLINE_EXCEEDED",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        502 | 503 => "UNAVAILABLE",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}

fn error(call: &Recognised, error: &ErrorAnswer) -> Reply {
    let status = status(error.status);
    let mut out = Json::default();
    // `{"error":` first and without spaces: SDKs look for exactly these bytes.
    out.raw(r#"{"error":{"code":"#).number(error.status.into());
    out.raw(r#","message":"#).text(&error.message);
    out.raw(r#","status":"#).text(status).raw("}}");
    let mut body = out.take();
    if call.json_stream == Framing::JsonArray {
        body = format!("[{body}\n]\n");
    }
    error_reply(error, body)
}

fn speech(kind: u8) -> Speech {
    match kind {
        kind::THOUGHT => Speech::Thinks,
        kind::LOGPROBS => Speech::Repeats,
        _ => Speech::Says,
    }
}
