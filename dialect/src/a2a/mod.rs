//! A2A (Agent2Agent): an agent is asked, and answers as a model would. There are two bindings: JSON-RPC 2.0 at any
//! path, recognised by its method, and HTTP, recognised by its path (`…/message:send`, `…/message:stream`).
//!
//! Protocol 0.3 and earlier distinguish objects by `kind` in JSON-RPC, and call a message's parts `content` over HTTP;
//! 1.0 puts each kind of object under a member of its own, in both bindings.

mod answer;
mod ending;
mod envelope;
mod kind;
mod request;

pub(super) use request::is_method;
pub use request::{is_alone, names_a_method, names_one_of_mcp, recognised, stored, texts_beside};

use super::contract::{About, Answers, OfferedTools, Requests, Spend, about};
use super::own_answers::OwnAnswers;
use super::recognise::{self, RequestLine};
use super::spend::Spending;
use super::{CallKind, Dialect, DialectId, ErrorAnswer, Recognised, Reply, Speech, gemini, mcp};
use crate::record_members::RecordMembers;

/// The dialect.
pub(super) static DIALECT: Dialect = Dialect {
    about: About { operation: "invoke_agent", ..about!(DialectId::A2a, "a2a", "a2a") },
    requests: Requests { recognise, takes: None, read: request::read },
    tools: OfferedTools::NONE,
    answers: Answers {
        read: |call, framing| Box::new(answer::Reading::new(call, framing)),
        made: OwnAnswers::Json(|call, how, decision, _| ending::whole(call, how, decision)),
        error,
        speech: Some(|_| Speech::Says),
        choices: false,
        members: &RecordMembers { id: &[b"id"], ..RecordMembers::NOTHING },
    },
    // Agents do not report usage.
    spend: Spend { spending: |_| Ok(Spending { turns: 1, ..Spending::default() }), ..Spend::NONE },
};

fn recognise(line: &RequestLine<'_>) -> Option<Recognised> {
    let own = recognise::call(DialectId::A2a, None);
    let subscribes =
        || line.target.is(1, "tasks") && line.target.nth_last(0).ends_with(":subscribe");
    match () {
        () if line.posts(&["message:send"]) => Some(own),
        () if line.posts(&["message:stream"]) => Some(Recognised { stream: true, ..own }),
        () if subscribes() => {
            Some(Recognised { kind: CallKind::StoredAnswer, stream: true, ..own })
        }
        () => None,
    }
}

/// JSON-RPC has its own errors; the HTTP binding uses Google's.
fn error(call: &Recognised, error: &ErrorAnswer) -> Reply {
    match call.envelope.as_ref().and_then(|envelope| envelope.id.as_ref()) {
        Some(id) => {
            let (id, code) = (id.as_bytes(), mcp::write::code(error.code));
            let body = mcp::write::error_message(id, code, &error.message, error.code);
            super::write::error_reply(error, body)
        }
        None => (gemini::DIALECT.answers.error)(call, error),
    }
}
