//! OpenAI's legacy completions, Azure's, and those of compatible servers (vLLM, llama.cpp): a prompt is continued.

mod answer;
mod ending;
mod kind;
mod request;

use super::contract::{About, Answers, OfferedTools, Requests, Spend};
use super::openai_chat;
use super::own_answers::OwnAnswers;
use super::recognise::{self, RequestLine};
use super::say::Say;
use super::spend::{Spending, count, insert};
use super::write::Json;
use super::{Call, Dialect, DialectId, EndingHow, Recognised, Speech, Unreadable};
use crate::wire::edit::Edit;
use crate::wire::json::Value;

/// Usage of an answer that the proxy made: nothing is billed.
const NO_USAGE: &str = r#"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#;

/// Why a choice ended. A refusal has no other finish reason than the content filter's.
fn finish(say: &Say<'_>) -> &'static str {
    match (say.blocked || say.refusal, say.spent) {
        (true, _) => "content_filter",
        (false, true) => "length",
        (false, false) => "stop",
    }
}

/// The dialect.
pub(super) const DIALECT: Dialect = Dialect {
    about: About {
        kin: DialectId::OpenaiChat,
        operation: "text_completion",
        ..About::of(DialectId::OpenaiCompletions, "openai-completions", "openai")
    },
    requests: Requests { recognise, takes: None, read: request::read },
    tools: OfferedTools::NONE,
    answers: Answers {
        read: |call, framing| Box::new(answer::Reading::new(call, framing)),
        made: OwnAnswers::Json(whole),
        speech: Some(speech),
        ..openai_chat::DIALECT.answers
    },
    spend: Spend { spending, cap, ..openai_chat::DIALECT.spend },
};

fn recognise(line: &RequestLine<'_>) -> Option<Recognised> {
    let target = line.target;
    if !line.posts(&["completions"]) || target.is(1, "chat") {
        return None;
    }
    // The oldest paths named the model in `…/engines/{model}/`.
    let engine = target.is(2, "engines").then(|| target.nth_last(1).to_owned());
    Some(recognise::call(DialectId::OpenaiCompletions, line.deployment(1).or(engine)))
}

fn spending(root: &Value<'_>) -> Result<Spending, Unreadable> {
    let most = count(root, "max_tokens", "/max_tokens")?;
    // All candidates are generated and paid for, though only the best are sent.
    let asked = count(root, "n", "/n")?.unwrap_or(1).max(1);
    let tried = count(root, "best_of", "/best_of")?.unwrap_or(1).max(asked);
    let max_output = most.map(|most| most.saturating_mul(tried).div_ceil(asked));
    Ok(Spending { max_output, ..Spending::default() })
}

fn speech(kind: u8) -> Speech {
    if kind == kind::LOGPROBS { Speech::Repeats } else { Speech::Says }
}

fn cap(root: &Value<'_>, most: u64) -> Option<Edit> {
    match root.get("max_tokens") {
        Some(null) => Some(Edit { at: null.span(), with: most.to_string().into_bytes() }),
        None => insert(root, &format!(r#""max_tokens":{most}"#)),
    }
}

/// A complete answer, not streamed.
fn whole(call: &Call, how: &EndingHow, decision: &str, now: u64) -> String {
    let say = Say::ending(how, call, false);
    let mut out = Json::default();
    out.raw(r#"{"id":"#).text(&format!("cmpl-hemostat-{decision}"));
    out.raw(r#","object":"text_completion","created":"#).number(now);
    out.raw(r#","model":"#).text(&call.model).raw(r#","choices":["#);
    for index in 0..call.choices.max(1) {
        out.raw(if index > 0 { "," } else { "" });
        out.raw(r#"{"text":"#).text(say.text.unwrap_or_default());
        out.raw(r#","index":"#).number(index.into());
        out.raw(r#","logprobs":null,"finish_reason":"#).text(finish(&say)).raw("}");
    }
    out.raw(r#"],"usage":"#).raw(NO_USAGE).raw("}");
    out.take()
}
