//! Anthropic Messages.

mod answer;
mod ending;
mod kind;
mod own;
mod request;
mod spend;
mod stopped;
mod tools;

pub(super) use spend::provider_tools;

use super::contract::{Answers, OfferedTools, Requests, Spend, about};
use super::output_cap::OutputCap;
use super::own_answers::OwnAnswers;
use super::write::{Json, error_reply};
use super::{Dialect, DialectId, ErrorAnswer, Recognised, Reply, Speech};
use crate::recognise;
use crate::record_members::RecordMembers;

/// The dialect.
pub(super) static DIALECT: Dialect = Dialect {
    about: about!(DialectId::Anthropic, "anthropic", "anthropic"),
    requests: Requests { recognise: recognise::anthropic, takes: None, read: request::read },
    tools: OfferedTools { list: tools::tools, without: tools::without },
    answers: Answers {
        read: |call, framing| Box::new(answer::Reading::new(call, framing)),
        made: OwnAnswers::Json(|call, how, decision, _| own::whole(call, how, decision)),
        error,
        speech: Some(speech),
        choices: false,
        members: &RecordMembers::ANTHROPIC,
    },
    spend: Spend {
        spending: spend::spending,
        usage: spend::usage,
        cap: Some(OutputCap { holder: &[], name: &["max_tokens"] }),
        ..Spend::NONE
    },
};

fn error(_call: &Recognised, error: &ErrorAnswer) -> Reply {
    let kind = match error.status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        409 => "conflict_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 | 408 => "timeout_error",
        503 | 529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    };
    let mut out = Json::default();
    out.raw(r#"{"type":"error","error":{"type":"#).text(kind);
    out.raw(r#","message":"#).text(&error.message).raw("}}");
    error_reply(error, out.take())
}

fn speech(kind: u8) -> Speech {
    match kind {
        kind::THINKING => Speech::Thinks,
        _ => Speech::Says,
    }
}
