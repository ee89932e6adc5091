//! Requests: `system`, `messages`, and the fields that decisions depend on.

use super::super::fields::string;
use super::super::request::{self, RequestBody, Speaker};
use super::super::turns;
use super::super::{Call, Recognised, RequestView, Unreadable};
use crate::wire::json::{Doc, Value};
use crate::word;

/// Reads a request body.
///
/// # Errors
/// A field that a decision depends on has the wrong type or occurs twice.
pub(super) fn read(
    recognised: &Recognised,
    doc: &Doc,
    body: &[u8],
) -> Result<RequestView, Unreadable> {
    let of = RequestBody { recognised, doc, body, first: Speaker::System };
    request::read(&of, call, &mut |texts, field| {
        match () {
            () if field.key_is("system") => {
                texts.role = Speaker::System.role(true);
                texts.walk(&field);
            }
            () if field.key_is("messages") => turns::read(texts, &field, |texts, turn, own| {
                turns::parts(texts, turn, word::content, own, is_result);
            }),
            () => {}
        }
        Ok(())
    })
}

fn call(recognised: &Recognised, root: &Value<'_>) -> Result<Call, Unreadable> {
    let model = request::text(root, "model", "/model")?;
    let structured = match request::object(root, "output_config", "/output_config")? {
        Some(config) => request::object(&config, "format", "/output_config/format")?.is_some(),
        None => false,
    };
    // The older place of the same option.
    let structured =
        structured || request::object(root, "output_format", "/output_format")?.is_some();
    Ok(Call {
        model: recognised.model.clone().unwrap_or(model),
        stream: request::flag(root, "stream", "/stream")? || recognised.stream,
        structured,
        choices: 1,
        include_usage: false,
        background: false,
        previous: None,
        recognised: recognised.clone(),
    })
}

fn is_result(block: &Value<'_>) -> bool {
    string(block.get("type")).ends_with(b"tool_result")
}
