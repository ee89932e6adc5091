//! Cohere's chat, version 2.

mod answer;
mod ending;
mod kind;
mod own;
mod request;
mod stopped;

use super::contract::{Answers, Requests, Spend, about};
use super::openai_chat;
use super::output_cap::OutputCap;
use super::own_answers::OwnAnswers;
use super::recognise::{self, RequestLine};
use super::request::has_member;
use super::spend::{Spending, Usage, count, some_tokens};
use super::write::{Json, error_reply};
use super::{Dialect, DialectId, ErrorAnswer, Recognised, Reply, Speech, Unreadable};
use crate::record_members::RecordMembers;
use crate::wire::json::{Kind, Value};

/// The dialect.
pub(super) static DIALECT: Dialect = Dialect {
    about: about!(DialectId::Cohere, "cohere", "cohere"),
    requests: Requests { recognise, takes: Some(takes), read: request::read },
    tools: openai_chat::DIALECT.tools,
    answers: Answers {
        read: |call, framing| Box::new(answer::Reading::new(call, framing)),
        made: OwnAnswers::Json(|call, how, decision, _| own::whole(call, how, decision)),
        error,
        speech: Some(speech),
        choices: false,
        members: &RecordMembers { model: &[], ..RecordMembers::OPENAI },
    },
    spend: Spend {
        spending,
        usage,
        cap: Some(OutputCap { holder: &[], name: &["max_tokens"] }),
        ..Spend::NONE
    },
};

fn recognise(line: &RequestLine<'_>) -> Option<Recognised> {
    line.posts(&["v2", "chat"]).then(|| recognise::call(DialectId::Cohere, None))
}

/// The model may be missing, since a gateway may add it.
fn takes(root: &Value<'_>) -> bool {
    root.kind() != Kind::Object || has_member(root, "model") || has_member(root, "messages")
}

fn error(_call: &Recognised, error: &ErrorAnswer) -> Reply {
    let body = Json::default().raw(r#"{"message":"#).text(&error.message).raw("}").take();
    error_reply(error, body)
}

fn spending(root: &Value<'_>) -> Result<Spending, Unreadable> {
    let max_output = count(root, "max_tokens", "/max_tokens")?;
    let mut spending = Spending { max_output, ..Spending::default() };
    spending.turns(root.get("messages"));
    spending.tools(root.get("tools"));
    spending.format(root.get("response_format"));
    Ok(spending)
}

fn usage(root: &Value<'_>, usage: &mut Usage) {
    let said = root.get("usage").or_else(|| root.get("delta").and_then(|d| d.get("usage")));
    // The billed tokens if reported, rather than all that the model was shown.
    let said = said.and_then(|said| said.get("billed_units").or_else(|| said.get("tokens")));
    let Some(said) = said.filter(|said| said.kind() == Kind::Object) else { return };
    usage.fresh = some_tokens(&said, "input_tokens").max(usage.fresh);
    usage.output = some_tokens(&said, "output_tokens").max(usage.output);
}

fn speech(kind: u8) -> Speech {
    match kind {
        kind::THINKING | kind::PLAN => Speech::Thinks,
        _ => Speech::Says,
    }
}
