//! OpenAI Chat Completions, and the servers compatible with it.

mod answer;
mod ending;
mod kind;
mod parts;
mod request;
mod shapes;
mod spend;
pub(super) mod stopped;
mod tools;

use super::contract::{About, Answers, OfferedTools, Requests, Spend};
use super::own_answers::OwnAnswers;
use super::write::Json;
use super::{Call, Dialect, DialectId, EndingHow, Speech, openai};
use crate::recognise;
use crate::say::Say;

/// Usage of an answer that the proxy made: nothing is billed.
const NO_USAGE: &str = r#"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#;

/// The dialect.
pub(super) const DIALECT: Dialect = Dialect {
    about: About::of(DialectId::OpenaiChat, "openai-chat", "openai"),
    requests: Requests { recognise: recognise::openai_chat, takes: None, read: request::read },
    tools: OfferedTools { list: tools::tools, without: tools::without },
    answers: Answers {
        read: |call, framing| Box::new(answer::Reading::new(call, framing)),
        made: OwnAnswers::Json(whole),
        error: |_, error| openai::error(error),
        speech: Some(speech),
        choices: true,
    },
    spend: Spend {
        spending: spend::spending,
        usage: spend::usage,
        cap: spend::cap,
        ask_usage: spend::ask_usage,
        is_usage_event: spend::is_usage_event,
    },
};

fn speech(kind: u8) -> Speech {
    match kind {
        kind::REASONING_CONTENT | kind::REASONING | kind::REASONING_DETAILS | kind::THINKING => {
            Speech::Thinks
        }
        // The name of a tool is not part of the text.
        kind::LOGPROBS | kind::NAME => Speech::Repeats,
        _ => Speech::Says,
    }
}

/// A complete answer, not streamed.
fn whole(call: &Call, how: &EndingHow, decision: &str, now: u64) -> String {
    let say = Say::ending(how, call, false);
    let mut out = Json::default();
    out.raw(r#"{"id":"#).text(&format!("chatcmpl-hemostat-{decision}"));
    out.raw(r#","object":"chat.completion","created":"#).number(now);
    out.raw(r#","model":"#).text(&call.model).raw(r#","choices":["#);
    for index in 0..call.choices.max(1) {
        if index > 0 {
            out.raw(",");
        }
        out.raw(r#"{"index":"#).number(index.into());
        out.raw(r#","message":{"role":"assistant","content":"#);
        match say.text {
            Some(text) if say.refusal => out.raw(r#"null,"refusal":"#).text(text),
            Some(text) => out.text(text).raw(r#","refusal":null"#),
            None => out.raw(r#"null,"refusal":null"#),
        };
        let finish = if say.blocked { "content_filter" } else { "stop" };
        out.raw(r#"},"logprobs":null,"finish_reason":"#).text(finish).raw("}");
    }
    out.raw(r#"],"usage":"#).raw(NO_USAGE).raw("}");
    out.take()
}
