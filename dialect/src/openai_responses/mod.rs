//! OpenAI Responses.

mod answer;
mod ending;
mod names;
mod own;
mod request;
mod sent;
mod spend;
mod stopped;
mod tools;

use super::contract::{Answers, OfferedTools, Requests, Spend, about};
use super::output_cap::OutputCap;
use super::own_answers::OwnAnswers;
use super::{Dialect, DialectId, Speech, openai};
use crate::recognise;
use crate::record_members::RecordMembers;

/// The dialect.
pub(super) static DIALECT: Dialect = Dialect {
    about: about!(DialectId::OpenaiResponses, "openai-responses", "openai"),
    requests: Requests { recognise: recognise::openai_responses, takes: None, read: request::read },
    tools: OfferedTools { list: tools::tools, without: tools::without },
    answers: Answers {
        read: |call, framing| Box::new(answer::Reading::new(call, framing)),
        made: OwnAnswers::Json(own::whole),
        error: |_, error| openai::error(error),
        speech: Some(speech),
        choices: false,
        members: &RecordMembers { finish: &[], ..RecordMembers::OPENAI },
    },
    spend: Spend {
        spending: spend::spending,
        usage: spend::usage,
        cap: Some(OutputCap { holder: &[], name: &["max_output_tokens"] }),
        ..Spend::NONE
    },
};

fn speech(kind: u8) -> Speech {
    use names::kind;
    match kind {
        kind::SUMMARY | kind::REASONING => Speech::Thinks,
        kind::LOGPROBS => Speech::Repeats,
        _ => Speech::Says,
    }
}
