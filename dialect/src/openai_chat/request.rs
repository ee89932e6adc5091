//! Requests: `messages`, and the fields that decisions depend on.

use super::super::fields::string;
use super::super::request::{self, RequestBody, Speaker, last_begins};
use super::super::texts::TextWalk;
use super::super::{Call, Recognised, RequestView, Unreadable};
use crate::wire::json::{Doc, Value};
use crate::word::{self, Word};

/// Reads a request body.
///
/// # Errors
/// A field that a decision depends on has the wrong type or occurs twice.
pub(super) fn read(
    recognised: &Recognised,
    doc: &Doc,
    body: &[u8],
) -> Result<RequestView, Unreadable> {
    let of = RequestBody { recognised, doc, body, first: Speaker::User };
    request::read(&of, call, &mut |texts, field| {
        match Word::key(&field) {
            word::messages => messages(texts, &field),
            // The model is shown predicted output, and the documents of compatible servers, like a user's text.
            word::prediction => {
                texts.role = Speaker::User.role(true);
                texts.walk(&field);
            }
            word::documents => {
                texts.role = Speaker::User.role(true);
                texts.free(&field);
            }
            // Azure's data sources have a system message of their own.
            word::data_sources => {
                texts.role = Speaker::System.role(true);
                let said = field.descendants().filter(|below| below.key_is("role_information"));
                said.for_each(|said| texts.walk(&said));
            }
            _ => {}
        }
        Ok(())
    })
}

fn call(recognised: &Recognised, root: &Value<'_>) -> Result<Call, Unreadable> {
    let model = request::text(root, "model", "/model")?;
    let options = request::object(root, "stream_options", "/stream_options")?;
    let include_usage = match options {
        Some(options) => request::flag(&options, "include_usage", "/stream_options/include_usage")?,
        None => false,
    };
    let structured = match request::object(root, "response_format", "/response_format")? {
        // Compatible servers have more types (`json`, `regex`, `grammar`): all except plain text are structured.
        Some(format) => {
            let kind = request::text(&format, "type", "/response_format/type")?;
            !matches!(kind.as_str(), "text" | "")
        }
        None => false,
    };
    Ok(Call {
        model: recognised.model.clone().unwrap_or(model),
        stream: request::flag(root, "stream", "/stream")? || recognised.stream,
        structured,
        choices: request::choices(root, "n", "/n")?,
        include_usage,
        // xAI: the answer is fetched later, by its id.
        background: request::flag(root, "deferred", "/deferred")?,
        previous: None,
        recognised: recognised.clone(),
    })
}

fn messages<'a>(texts: &mut TextWalk<'a, '_>, messages: &Value<'a>) {
    let speaker = |turn: &Value<'_>| Speaker::of(&string(turn.get("role")));
    let last = last_begins(messages, |turn| speaker(turn) == Speaker::Assistant);
    texts.role = Speaker::User.role(true);
    for (at, turn) in texts.elements(messages).enumerate() {
        texts.role = speaker(&turn).role(at >= last);
        texts.walk(&turn);
    }
}
