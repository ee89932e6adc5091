//! Requests: `messages`, and the fields that decisions depend on.

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
            // The model is shown predicted output, and the documents of compatible servers, like a user's text.
            () if field.key_is("prediction") => {
                texts.role = Speaker::User.role(true);
                texts.walk(&field);
            }
            () if field.key_is("documents") => {
                texts.role = Speaker::User.role(true);
                texts.free(&field);
            }
            // Azure's data sources have a system message of their own.
            () if field.key_is("data_sources") => {
                texts.role = Speaker::System.role(true);
                let said = field.descendants().filter(|below| below.key_is("role_information"));
                said.for_each(|said| texts.walk(&said));
            }
            () => {}
        }
        Ok(())
    })
}

fn call(recognised: &Recognised, root: &Value<'_>) -> Result<Call, Unreadable> {
    let model = request::text(root, "model", "/model")?;
    Ok(Call {
        model: recognised.model.clone().unwrap_or(model),
        stream: request::flag(root, "stream", "/stream")? || recognised.stream,
        structured: openai::is_structured(root)?,
        choices: request::choices(root, "n", "/n")?,
        include_usage: openai::includes_usage(root)?,
        // xAI: the answer is fetched later, by its id.
        background: request::flag(root, "deferred", "/deferred")?,
        previous: None,
        recognised: recognised.clone(),
    })
}
