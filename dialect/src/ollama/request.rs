//! Requests: `messages` of a chat, or a prompt with its system prompt and template.

use super::super::request::{self, RequestBody, Speaker};
use super::super::texts::TextWalk;
use super::super::turns;
use super::super::{Call, Recognised, RequestView, Unreadable};
use crate::wire::json::{Doc, Kind, Value};
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
        match () {
            () if field.key_is("messages") => {
                turns::read(texts, &field, |texts, turn, _| message(texts, turn))
            }
            () if field.key_is("prompt") || field.key_is("suffix") => {
                texts.role = Speaker::User.role(true);
                texts.under(&field);
            }
            () if field.key_is("system") || field.key_is("template") => {
                texts.role = Speaker::System.role(true);
                texts.under(&field);
            }
            // Earlier turns, as numbers from an answer: their text is not available.
            () if field.key_is("context") && field.children().next().is_some() => {
                texts.remote = texts.remote.saturating_add(1);
            }
            () => {}
        }
        Ok(())
    })
}

fn call(recognised: &Recognised, root: &Value<'_>) -> Result<Call, Unreadable> {
    let stream = match request::one(root, "stream", "/stream")? {
        None => true,
        Some(stream) => stream.as_bool().ok_or(Unreadable { field: "/stream" })?,
    };
    let format = request::one(root, "format", "/format")?;
    Ok(Call {
        model: request::text(root, "model", "/model")?,
        stream,
        // `"json"`, or a schema.
        structured: format.is_some_and(|f| f.kind() == Kind::Object || f.raw().len() > 2),
        ..Call::without_body(recognised.clone())
    })
}

fn message<'a>(texts: &mut TextWalk<'a, '_>, message: &Value<'a>) {
    for field in texts.fields(message) {
        match Word::key(&field) {
            // Pictures in base64; the name of the tool that a result belongs to.
            word::images | word::tool_name => {}
            key => texts.walk_as(&field, key),
        }
    }
}
