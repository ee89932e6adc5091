//! Requests: `messages`, and documents to answer from.

use super::super::request::{self, RequestBody, Speaker};
use super::super::turns;
use super::super::{Call, Recognised, RequestView, Unreadable, openai};
use crate::wire::json::{Doc, Value};

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
                turns::read(texts, &field, |texts, turn, _| texts.walk(turn))
            }
            () if field.key_is("documents") => {
                texts.role = Speaker::User.role(true);
                // Each may have arbitrary keys.
                texts.free(&field);
            }
            () => {}
        }
        Ok(())
    })
}

fn call(recognised: &Recognised, root: &Value<'_>) -> Result<Call, Unreadable> {
    Ok(Call {
        model: request::text(root, "model", "/model")?,
        stream: request::flag(root, "stream", "/stream")?,
        structured: openai::is_structured(root)?,
        ..Call::without_body(recognised.clone())
    })
}
