//! Requests: one prompt or several, and the text that follows the completion (`suffix`).

use super::super::request::{self, RequestBody, Speaker};
use super::super::{Call, Recognised, RequestView, Unreadable, openai};
use crate::limits;
use crate::wire::json::{Doc, Kind, Value};
use crate::word::{self, Word};

/// Reads a request body.
///
/// # Errors
/// A field that a decision depends on has the wrong type or occurs twice, or a prompt is given as token numbers, which
/// cannot be read without the model's vocabulary.
pub(super) fn read(
    recognised: &Recognised,
    doc: &Doc,
    body: &[u8],
) -> Result<RequestView, Unreadable> {
    let of = RequestBody { recognised, doc, body, first: Speaker::User };
    request::read(&of, call, &mut |texts, field| {
        match Word::key(&field) {
            word::prompt => {
                let numbers = |value: Value<'_>| value.kind() == Kind::Number;
                if field.descendants().any(numbers) || numbers(field) {
                    return Err(Unreadable { field: "/prompt" });
                }
                texts.under(&field);
            }
            word::suffix => texts.under(&field),
            _ => {}
        }
        Ok(())
    })
}

fn call(recognised: &Recognised, root: &Value<'_>) -> Result<Call, Unreadable> {
    let model = request::text(root, "model", "/model")?;
    let prompts = match request::one(root, "prompt", "/prompt")? {
        Some(list) if list.kind() == Kind::Array => list.children().count().max(1),
        _ => 1,
    };
    let each = request::choices(root, "n", "/n")?;
    let choices = u32::try_from(prompts).ok().and_then(|prompts| each.checked_mul(prompts));
    Ok(Call {
        model: recognised.model.clone().unwrap_or(model),
        stream: request::flag(root, "stream", "/stream")?,
        structured: false,
        // Each prompt gets an answer.
        choices: choices
            .filter(|n| *n <= limits::COMPLETIONS)
            .ok_or(Unreadable { field: "/prompt" })?,
        include_usage: openai::includes_usage(root)?,
        background: false,
        previous: None,
        recognised: recognised.clone(),
    })
}
