//! Google's Gemini Interactions with a model, in the Gemini API and in Vertex AI.
//!
//! An answer is a list of steps: output, thoughts, calls and their results. Stream events used to have other names
//! (`content.delta` for `step.delta`); both are read, and a stream is ended with the names that it uses.

mod answer;
mod ending;
mod event;
mod kind;
mod own;
mod request;
mod spend;
mod stopped;
mod tools;

use super::contract::{About, Answers, OfferedTools, Requests, Spend, about};
use super::output_cap::OutputCap;
use super::own_answers::OwnAnswers;
use super::recognise::{self, RequestLine};
use super::request::has_member;
use super::write::{Json, error_reply};
use super::{CallKind, Dialect, DialectId, ErrorAnswer, Recognised, Reply, Speech, gemini};
use crate::record_members::RecordMembers;
use crate::wire::json::{Kind, Value};

/// The dialect.
pub(super) static DIALECT: Dialect = Dialect {
    about: About {
        kin: DialectId::Gemini,
        operation: "generate_content",
        ..about!(DialectId::GeminiInteractions, "gemini-interactions", "gcp.gemini")
    },
    requests: Requests { recognise, takes: Some(takes), read: request::read },
    tools: OfferedTools { list: tools::tools, without: tools::without },
    answers: Answers {
        read: |call, framing| Box::new(answer::Reading::new(call, framing)),
        made: OwnAnswers::Json(|call, how, decision, _| own::whole(call, how, decision)),
        error,
        speech: Some(speech),
        choices: false,
        members: &RecordMembers { finish: &[], ..RecordMembers::OPENAI },
    },
    spend: Spend {
        spending: spend::spending,
        usage: spend::usage,
        cap: Some(OutputCap { holder: &["generation_config"], name: &["max_output_tokens"] }),
        ..Spend::NONE
    },
};

/// `…/interactions`, and stored answers. An application's own `…/interactions/12` is not one: the segment before it
/// must show that this is the API.
fn recognise(line: &RequestLine<'_>) -> Option<Recognised> {
    let target = line.target;
    let own = recognise::call(DialectId::GeminiInteractions, None);
    if line.post {
        return target.is(0, "interactions").then_some(own);
    }
    let api = recognise::versioned(target, 2) || target.is(3, "locations");
    let stored = Recognised { kind: CallKind::StoredAnswer, ..own };
    recognise::streamed(line, (target.is(1, "interactions") && api).then_some(stored))
}

/// Other services use such a path too. The model may be missing, since a gateway may add it.
fn takes(root: &Value<'_>) -> bool {
    root.kind() != Kind::Object
        || ["model", "agent", "input"].iter().any(|name| has_member(root, name))
}

/// `code` is a word here, where this provider's other APIs have a number.
fn error(_call: &Recognised, error: &ErrorAnswer) -> Reply {
    let status = gemini::status(error.status);
    let mut out = Json::default();
    out.raw(r#"{"error":{"code":"#).text(&status.to_ascii_lowercase());
    out.raw(r#","message":"#).text(&error.message);
    out.raw(r#","status":"#).text(status).raw("}}");
    error_reply(error, out.take())
}

fn speech(kind: u8) -> Speech {
    match kind {
        kind::THOUGHT => Speech::Thinks,
        _ => Speech::Says,
    }
}
