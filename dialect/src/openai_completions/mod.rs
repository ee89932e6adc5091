//! OpenAI's legacy completions, Azure's, and those of compatible servers (vLLM, llama.cpp): a prompt is continued.

mod answer;
mod ending;
mod kind;
mod own;
mod request;

use super::contract::{About, Answers, OfferedTools, Requests, Spend, about};
use super::openai_chat;
use super::output_cap::OutputCap;
use super::own_answers::OwnAnswers;
use super::recognise::{self, RequestLine};
use super::spend::{Spending, count};
use super::{Dialect, DialectId, Recognised, Speech, Unreadable};
use crate::wire::json::Value;

/// The dialect.
pub(super) static DIALECT: Dialect = Dialect {
    about: About {
        kin: DialectId::OpenaiChat,
        operation: "text_completion",
        ..about!(DialectId::OpenaiCompletions, "openai-completions", "openai")
    },
    requests: Requests { recognise, takes: None, read: request::read },
    tools: OfferedTools::NONE,
    answers: Answers {
        read: |call, framing| Box::new(answer::Reading::new(call, framing)),
        made: OwnAnswers::Json(own::whole),
        speech: Some(speech),
        ..openai_chat::DIALECT.answers
    },
    spend: Spend {
        spending,
        cap: Some(OutputCap { holder: &[], name: &["max_tokens"] }),
        ..openai_chat::DIALECT.spend
    },
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
