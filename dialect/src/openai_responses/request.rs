//! Requests: `instructions`, `input`, the variables of a stored prompt, and the fields that decisions depend on.

use super::super::fields::string;
use super::super::request::{self, RequestBody, Speaker, last_begins};
use super::super::texts::TextWalk;
use super::super::{Call, Recognised, RequestView, Unreadable, previous};
use super::own::OURS;
use crate::wire::json::{Doc, Kind, Value};

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
        match field.key() {
            b"instructions" => texts.walk(&field),
            b"input" => {
                let remote = input(texts, &field);
                texts.remote = texts.remote.saturating_add(remote);
            }
            b"prompt" if field.kind() == Kind::Object => {
                // The template itself is not in the request.
                texts.remote = texts.remote.saturating_add(1);
                texts.role = Speaker::User.role(true);
                for variables in field.children().filter(|f| f.key_is("variables")) {
                    texts.variables(&variables);
                }
            }
            b"previous_response_id" if !field.is_null() => {
                texts.remote = texts.remote.saturating_add(1);
                edits.extend(previous::known_upstream(OURS, &field));
            }
            b"conversation" if !field.is_null() => texts.remote = texts.remote.saturating_add(1),
            _ => {}
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
    match &*kind {
        b"" | b"message" => Speaker::of(&string(item.get("role"))),
        b"reasoning" | b"mcp_approval_request" | b"mcp_list_tools" | b"compaction" => {
            Speaker::Assistant
        }
        b"item_reference" | b"mcp_approval_response" => Speaker::User,
        name if name.ends_with(b"_output") => Speaker::Tool,
        name if name.ends_with(b"_call") => Speaker::Assistant,
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
    let last = last_begins(input, |item| speaker(item) == Speaker::Assistant);
    for (at, item) in input.children().enumerate() {
        let reference = &*string(item.get("type")) == b"item_reference";
        references = references.saturating_add(u32::from(reference));
        texts.role = speaker(&item).role(at >= last);
        texts.walk(&item);
    }
    references
}
