//! OpenAI Chat Completions, and the servers compatible with it.

mod answer;
mod ending;
mod kind;
mod own;
mod parts;
mod request;
mod shapes;
mod spend;
pub(super) mod stopped;
mod tools;

use super::contract::{Answers, OfferedTools, Requests, Spend, about};
use super::output_cap::OutputCap;
use super::own_answers::OwnAnswers;
use super::{Dialect, DialectId, Speech, openai};
use crate::recognise;
use crate::record_members::RecordMembers;

/// The dialect.
pub(super) static DIALECT: Dialect = Dialect {
    about: about!(DialectId::OpenaiChat, "openai-chat", "openai"),
    requests: Requests { recognise: recognise::openai_chat, takes: None, read: request::read },
    tools: OfferedTools { list: tools::tools, without: tools::without },
    answers: Answers {
        read: |call, framing| Box::new(answer::Reading::new(call, framing)),
        made: OwnAnswers::Json(own::whole),
        error: |_, error| openai::error(error),
        speech: Some(speech),
        choices: true,
        members: &RecordMembers::OPENAI,
    },
    spend: Spend {
        spending: spend::spending,
        usage: spend::usage,
        cap: Some(OutputCap { holder: &[], name: &["max_completion_tokens"] }),
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
