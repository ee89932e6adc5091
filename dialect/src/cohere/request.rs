//! Requests: `messages`, and documents to answer from.

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
            word::documents => {
                texts.role = Speaker::User.role(true);
                // Each may have arbitrary keys.
                texts.free(&field);
            }
            _ => {}
        }
        Ok(())
    })
}

fn call(recognised: &Recognised, root: &Value<'_>) -> Result<Call, Unreadable> {
    let structured = match request::object(root, "response_format", "/response_format")? {
        Some(format) => {
            let kind = request::text(&format, "type", "/response_format/type")?;
            !matches!(kind.as_str(), "text" | "")
        }
        None => false,
    };
    Ok(Call {
        model: request::text(root, "model", "/model")?,
        stream: request::flag(root, "stream", "/stream")?,
        structured,
        ..Call::without_body(recognised.clone())
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
