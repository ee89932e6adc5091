//! Endpoints that serve any model at one path, if they carry a chat: Databricks (`/serving-endpoints/NAME/invocations`)
//! and SageMaker (`/endpoints/NAME/invocations`). A body without `messages` is not read: its format is the model's own.

use super::contract::{About, Requests};
use super::openai_chat;
use super::recognise::{self, RequestLine};
use super::request::has_member;
use super::{Dialect, DialectId, Recognised};
use crate::wire::json::{Kind, Value};

/// The dialect: OpenAI's chat at another path.
pub(super) static DIALECT: Dialect = Dialect {
    about: About { id: DialectId::Invocations, ..openai_chat::DIALECT.about },
    requests: Requests { recognise, takes: Some(takes), ..openai_chat::DIALECT.requests },
    ..openai_chat::DIALECT
};

fn recognise(line: &RequestLine<'_>) -> Option<Recognised> {
    let target = line.target;
    let endpoint = target.is(2, "serving-endpoints") || target.is(2, "endpoints");
    (endpoint && line.posts(&["invocations"]))
        .then(|| recognise::call(DialectId::Invocations, Some(target.nth_last(1).to_owned())))
}

fn takes(root: &Value<'_>) -> bool {
    root.kind() == Kind::Object && has_member(root, "messages")
}
