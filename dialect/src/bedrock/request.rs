//! Converse requests: `system`, `messages`, and the fields that decisions depend on.

use super::super::fields::string;
use super::super::request::{self, RequestBody, Speaker, last_begins};
use super::super::texts::TextWalk;
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
    let of = RequestBody { recognised, doc, body, first: Speaker::System };
    let mut view = request::read(&of, call, &mut |texts, field| {
        match Word::key(&field) {
            word::system => {
                texts.role = Speaker::System.role(true);
                texts.walk(&field);
            }
            // They are inserted into a stored prompt.
            word::promptVariables => {
                texts.role = Speaker::User.role(true);
                texts.variables(&field);
            }
            word::messages => messages(texts, &field),
            _ => {}
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

fn messages<'a>(texts: &mut TextWalk<'a, '_>, messages: &Value<'a>) {
    let speaker = |turn: &Value<'_>| Speaker::of(&string(turn.get("role")));
    let last = last_begins(messages, |turn| speaker(turn) == Speaker::Assistant);
    texts.role = Speaker::User.role(true);
    for (at, turn) in texts.elements(messages).enumerate() {
        let (speaker, follows) = (speaker(&turn), at >= last);
        texts.role = speaker.role(follows);
        for field in texts.fields(&turn) {
            if !field.key_is("content") || field.kind() != Kind::Array {
                texts.walk(&field);
                continue;
            }
            for block in field.children() {
                // A tool's result is part of a user turn, but is not the user's text.
                let result = block.get("toolResult").is_some();
                texts.role =
                    if result { Speaker::Tool.role(follows) } else { speaker.role(follows) };
                texts.walk(&block);
            }
            texts.role = speaker.role(follows);
        }
    }
}
