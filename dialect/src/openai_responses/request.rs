//! Requests: `instructions`, `input`, the variables of a stored prompt, and the fields that decisions depend on.

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
        texts.role = Speaker::System.role(true);
        match () {
            () if field.key_is("instructions") => texts.walk(&field),
            () if field.key_is("input") => {
                let remote = input(texts, &field);
                texts.remote = texts.remote.saturating_add(remote);
            }
            () if field.key_is("prompt") && field.kind() == Kind::Object => {
                // The template itself is not in the request.
                texts.remote = texts.remote.saturating_add(1);
                texts.role = Speaker::User.role(true);
                for variables in field.children().filter(|f| f.key_is("variables")) {
                    texts.variables(&variables);
                }
            }
            () if field.key_is("previous_response_id") && !field.is_null() => {
                texts.remote = texts.remote.saturating_add(1);
                edits.extend(previous::known_upstream(OURS, &field));
            }
            () if field.key_is("conversation") && !field.is_null() => {
                texts.remote = texts.remote.saturating_add(1)
            }
            () => {}
        }
        Ok(())
    })?;
    Ok(RequestView { edits, ..view })
}

fn call(recognised: &Recognised, root: &Value<'_>) -> Result<Call, Unreadable> {
    let model = request::text(root, "model", "/model")?;
    let structured = match request::object(root, "text", "/text")? {
        Some(text) => match request::object(&text, "format", "/text/format")? {
            Some(format) => {
                let kind = request::text(&format, "type", "/text/format/type")?;
                !matches!(kind.as_str(), "text" | "")
            }
            None => false,
        },
        None => false,
    };
    Ok(Call {
        model: recognised.model.clone().unwrap_or(model),
        stream: request::flag(root, "stream", "/stream")? || recognised.stream,
        structured,
        choices: 1,
        include_usage: false,
        background: request::flag(root, "background", "/background")?,
        previous: previous::of(OURS, root.get("previous_response_id")),
        recognised: recognised.clone(),
    })
}

/// Who speaks in an item of the input.
fn speaker(item: &Value<'_>) -> Speaker {
    let kind = string(item.get("type"));
    match Word::of(&kind) {
        word::empty | word::message => Speaker::of(Word::value(item.get("role"))),
        word::reasoning | word::mcp_approval_request | word::mcp_list_tools | word::compaction => {
            Speaker::Assistant
        }
        word::item_reference | word::mcp_approval_response => Speaker::User,
        _ if kind.ends_with(b"_output") => Speaker::Tool,
        _ if kind.ends_with(b"_call") => Speaker::Assistant,
        _ => Speaker::User,
    }
}

/// Reads `input`; returns how many items are references to items elsewhere.
fn input<'a>(texts: &mut TextWalk<'a, '_>, input: &Value<'a>) -> u32 {
    let mut references = 0_u32;
    if input.kind() != Kind::Array {
        // A string is the user's text. `walk` would take an object for a tool's arguments.
        texts.role = speaker(input).role(true);
        texts.under(input);
        return references;
    }
    let last = last_begins(input, speaker);
    for (at, item) in input.children().enumerate() {
        let reference = Word::value(item.get("type")) == word::item_reference;
        references = references.saturating_add(u32::from(reference));
        texts.role = speaker(&item).role(at >= last);
        texts.walk(&item);
    }
    references
}
