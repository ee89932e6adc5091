//! Converse requests: `system`, `messages`, and the fields that decisions depend on.

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
    let mut view = request::read(&of, call, &mut |texts, field| {
        match () {
            () if field.key_is("system") => {
                texts.role = Speaker::System.role(true);
                texts.walk(&field);
            }
            // They are inserted into a stored prompt.
            () if field.key_is("promptVariables") => {
                texts.role = Speaker::User.role(true);
                texts.variables(&field);
            }
            () if field.key_is("messages") => turns::read(texts, &field, |texts, turn, own| {
                turns::parts(texts, turn, word::content, own, is_result);
            }),
            () => {}
        }
        Ok(())
    })?;
    let stored_prompt = view.call.model.contains(":prompt/");
    view.remote = view.remote.saturating_add(u32::from(stored_prompt));
    Ok(view)
}

fn call(recognised: &Recognised, root: &Value<'_>) -> Result<Call, Unreadable> {
    let mut call = Call::without_body(recognised.clone());
    if let Some(config) = request::object(root, "outputConfig", "/outputConfig")? {
        let format = request::object(&config, "textFormat", "/outputConfig/textFormat")?;
        call.structured = format.is_some();
    }
    Ok(call)
}

fn is_result(block: &Value<'_>) -> bool {
    block.get("toolResult").is_some()
}
