//! Requests: `system_instruction`, `input`, and the fields that decisions depend on.

use super::super::fields::string;
use super::super::request::{self, RequestBody, Speaker};
use super::super::texts::TextWalk;
use super::super::turns::last_begins;
use super::super::{Call, Recognised, RequestView, Unreadable, previous};
use super::own::OURS;
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
    let mut edits = Vec::new();
    let view = request::read(&of, call, &mut |texts, field| {
        match () {
            () if field.key_is("system_instruction") || field.key_is("systemInstruction") => {
                texts.role = Speaker::System.role(true);
                texts.under(&field);
            }
            () if field.key_is("input") => input(texts, &field),
            // Files that the model's tools may read.
            () if field.key_is("environment") && field.kind() == Kind::Object => {
                texts.role = Speaker::User.role(true);
                field.children().filter(|f| f.key_is("sources")).for_each(|f| texts.walk(&f));
            }
            () if field.key_is("previous_interaction_id") && !field.is_null() => {
                texts.remote = texts.remote.saturating_add(1);
                edits.extend(previous::known_upstream(OURS, &field));
            }
            () if (field.key_is("cached_content") || field.key_is("environment"))
                && !field.is_null() =>
            {
                texts.remote = texts.remote.saturating_add(1);
            }
            () => {}
        }
        Ok(())
    })?;
    Ok(RequestView { edits, ..view })
}

fn call(recognised: &Recognised, root: &Value<'_>) -> Result<Call, Unreadable> {
    let kind = request::text(root, "response_mime_type", "/response_mime_type")?;
    let formats = request::one(root, "response_format", "/response_format")?;
    let structured = match formats {
        Some(list) if list.kind() == Kind::Array => list.children().any(|one| is_schema(&one)),
        Some(one) => is_schema(&one),
        None => false,
    };
    // An agent has a name of its own, which limits and rules treat as a model's.
    let model = match request::text(root, "model", "/model")? {
        none if none.is_empty() => request::text(root, "agent", "/agent")?,
        model => model,
    };
    Ok(Call {
        model,
        stream: request::flag(root, "stream", "/stream")? || recognised.stream,
        structured: structured || is_json(&kind),
        background: request::flag(root, "background", "/background")?,
        previous: previous::of(OURS, root.get("previous_interaction_id")),
        ..Call::without_body(recognised.clone())
    })
}

fn is_json(mime_type: &str) -> bool {
    !mime_type.is_empty() && !mime_type.eq_ignore_ascii_case("text/plain")
}

/// True for a format that requires JSON: a named schema, or one that stands by itself.
fn is_schema(format: &Value<'_>) -> bool {
    match Word::value(format.get("type")) {
        word::text => {
            let kind = string(format.get("mime_type"));
            is_json(&String::from_utf8_lossy(&kind))
                || format.get("schema").is_some_and(|schema| !schema.is_null())
        }
        word::audio | word::image | word::video => false,
        _ => format.children().next().is_some(),
    }
}

/// Who speaks in a step, a turn or a content of the input.
fn speaker(item: &Value<'_>) -> Speaker {
    let kind = string(item.get("type"));
    match Word::of(&kind) {
        word::model_output | word::thought => Speaker::Assistant,
        _ if kind.ends_with(b"_result") => Speaker::Tool,
        _ if kind.ends_with(b"_call") => Speaker::Assistant,
        _ => Speaker::of(Word::value(item.get("role"))),
    }
}

/// `input` is a text, a content, or a list of contents, steps or turns.
fn input<'a>(texts: &mut TextWalk<'a, '_>, input: &Value<'a>) {
    if input.kind() != Kind::Array {
        texts.role = speaker(input).role(true);
        // `walk` would take an object for a tool's arguments.
        texts.under(input);
        return;
    }
    let last = last_begins(input, speaker);
    for (at, item) in input.children().enumerate() {
        let (own, follows) = (speaker(&item), at >= last);
        texts.role = own.role(follows);
        // Signed values are marked as such where they are walked as a whole.
        let parts = |field: &Value<'_>| field.key_is("content") && field.kind() == Kind::Array;
        let value = |field: &Value<'_>| field.key_is("result") && field.kind() == Kind::Object;
        let apart = |field: Value<'_>| parts(&field) || value(&field);
        if item.get("signature").is_some() || !item.children().any(apart) {
            texts.walk(&item);
            continue;
        }
        for field in item.children() {
            if parts(&field) {
                for part in field.children() {
                    // A tool's result may be part of a user turn, but is not the user's text.
                    let result = speaker(&part) == Speaker::Tool;
                    texts.role = if result { Speaker::Tool } else { own }.role(follows);
                    texts.walk(&part);
                }
                texts.role = own.role(follows);
            } else if value(&field) {
                texts.free(&field);
            } else {
                texts.walk(&field);
            }
        }
    }
}
