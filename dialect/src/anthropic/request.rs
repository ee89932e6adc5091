//! Requests: `system`, `messages`, and the fields that decisions depend on.

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
    request::read(&of, call, &mut |texts, field| {
        match Word::key(&field) {
            word::system => {
                texts.role = Speaker::System.role(true);
                texts.walk(&field);
            }
            word::messages => messages(texts, &field),
            _ => {}
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
                let result = string(block.get("type")).ends_with(b"tool_result");
                texts.role =
                    if result { Speaker::Tool.role(follows) } else { speaker.role(follows) };
                texts.walk(&block);
            }
            texts.role = speaker.role(follows);
        }
    }
}
