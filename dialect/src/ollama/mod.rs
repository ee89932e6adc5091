//! Ollama's own API: `/api/chat`, and `/api/generate` for one prompt. Answers stream unless the request says otherwise,
//! one JSON document per line. (Its OpenAI-compatible paths belong to those dialects.)

mod answer;
mod kind;
mod own;
mod request;

use super::contract::{About, Answers, Requests, Spend, about};
use super::openai_chat;
use super::output_cap::OutputCap;
use super::own_answers::OwnAnswers;
use super::recognise::{self, RequestLine};
use super::request::has_member;
use super::spend::{Spending, Usage, some_tokens};
use super::write::{Json, error_reply, json_reply};
use super::{
    Answer, Call, CannedAnswer, Dialect, DialectId, EndingHow, ErrorAnswer, Recognised, Reply,
    Speech, Unreadable,
};
use crate::record_members::RecordMembers;
use crate::wire::frame::Framing;
use crate::wire::json::{Kind, Value};

/// Ollama's chat.
pub(super) static CHAT: Dialect = Dialect {
    about: about!(DialectId::Ollama, "ollama", "ollama"),
    requests: Requests {
        recognise: |line| recognise(line, "chat", DialectId::Ollama),
        takes: Some(takes),
        read: request::read,
    },
    tools: openai_chat::DIALECT.tools,
    answers: Answers {
        read: |call, framing| Box::new(answer::Reading::new(call, framing)),
        made: OwnAnswers::Own { canned, blocked },
        error: |_, error| self::error(error),
        speech: Some(speech),
        choices: false,
        members: &RecordMembers {
            model: &[b"model"],
            finish: &[b"done_reason"],
            usage: &[b"eval_count"],
            other_usage: &[b"prompt_eval_count"],
            ..RecordMembers::NOTHING
        },
    },
    spend: Spend {
        spending,
        usage,
        cap: Some(OutputCap { holder: &["options"], name: &["num_predict"] }),
        ..Spend::NONE
    },
};

/// Ollama's completion of a prompt.
pub(super) static GENERATE: Dialect = Dialect {
    about: About {
        operation: "text_completion",
        ..about!(DialectId::OllamaGenerate, "ollama", "ollama")
    },
    requests: Requests {
        recognise: |line| recognise(line, "generate", DialectId::OllamaGenerate),
        ..CHAT.requests
    },
    ..CHAT
};

fn recognise(line: &RequestLine<'_>, word: &str, own: DialectId) -> Option<Recognised> {
    let call = Recognised { json_stream: Framing::NdJson, ..recognise::call(own, None) };
    line.posts(&["api", word]).then_some(call)
}

/// An error body.
pub(super) fn error(error: &ErrorAnswer) -> Reply {
    let body = Json::default().raw(r#"{"error":"#).text(&error.message).raw("}").take();
    error_reply(error, body)
}

/// `/api/chat` is a common path: Ollama's requests name a model.
fn takes(root: &Value<'_>) -> bool {
    root.kind() != Kind::Object || has_member(root, "model")
}

fn canned(call: &Call, canned: &CannedAnswer) -> Reply {
    if !call.stream {
        return json_reply(200, own::whole(call, &canned.how(), canned.now));
    }
    let lines = answer::Reading::new(call, Framing::NdJson).ending(&canned.ending());
    let body = lines.written(Framing::NdJson);
    let content_type = "application/x-ndjson".to_owned();
    Reply { status: 200, headers: vec![("content-type", content_type)], body }
}

fn blocked(call: &Call, _decision: &str, now: u64) -> Reply {
    json_reply(200, own::whole(call, &EndingHow::Blocked, now))
}

fn spending(root: &Value<'_>) -> Result<Spending, Unreadable> {
    // A negative number means no bound.
    let most = root.get("options").and_then(|options| options.get("num_predict"));
    let max_output = most.and_then(|most| most.as_u64());
    let mut spending = Spending { max_output, ..Spending::default() };
    spending.turns(root.get("messages"));
    spending.tools(root.get("tools"));
    spending.format(root.get("format").filter(|format| format.kind() == Kind::Object));
    Ok(spending)
}

fn usage(root: &Value<'_>, usage: &mut Usage) {
    usage.fresh = some_tokens(root, "prompt_eval_count").max(usage.fresh);
    usage.output = some_tokens(root, "eval_count").max(usage.output);
}

fn speech(kind: u8) -> Speech {
    if kind == kind::THINKING { Speech::Thinks } else { Speech::Says }
}
