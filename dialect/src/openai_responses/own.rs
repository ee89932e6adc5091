//! Answers that the proxy writes itself, and the parts that endings of streams share with them.

use super::super::previous;
use super::super::say::Say;
use super::super::write::{Json, quoted};
use super::super::{Call, EndingHow};
use crate::wire::json::Doc;

/// Prefix of the ids of canned answers.
pub(super) const OURS: &str = "resp_hemostat_";

/// The status of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResponseStatus {
    InProgress,
    Completed,
    /// Stopped by a content filter.
    Filtered,
    /// Stopped at its maximum of tokens.
    Spent,
}

impl ResponseStatus {
    pub(super) fn of(say: &Say<'_>) -> Self {
        match (say.blocked, say.spent) {
            (true, _) => Self::Filtered,
            (_, true) => Self::Spent,
            _ => Self::Completed,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Filtered | Self::Spent => "incomplete",
        }
    }
}

/// What identifies a response.
#[derive(Debug)]
pub(super) struct ResponseHead<'a> {
    pub(super) id: &'a str,
    pub(super) created: u64,
    pub(super) model: &'a str,
    /// The object as upstream sent it, whose other fields (settings, metadata) are repeated.
    pub(super) upstream: Option<&'a str>,
}

/// Members that SDKs require in a response object, for one that has none from upstream.
pub(super) const SETTINGS: &str = concat!(
    r#"{"instructions":null,"metadata":{},"parallel_tool_calls":true,"#,
    r#""temperature":1.0,"tool_choice":"auto","tools":[],"top_p":1.0}"#
);

/// Nothing is billed for the proxy's own answers.
pub(super) const NO_USAGE: &str = concat!(
    r#"{"input_tokens":0,"input_tokens_details":{"cached_tokens":0,"cache_write_tokens":0},"#,
    r#""output_tokens":0,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":0}"#
);

/// A response object; `output` is the inside of its list of items.
pub(super) fn response(head: &ResponseHead<'_>, status: ResponseStatus, output: &str) -> String {
    let details = match status {
        ResponseStatus::Filtered => r#"{"reason":"content_filter"}"#,
        ResponseStatus::Spent => r#"{"reason":"max_output_tokens"}"#,
        ResponseStatus::InProgress | ResponseStatus::Completed => "null",
    };
    let usage = if status == ResponseStatus::InProgress { "null" } else { NO_USAGE };
    let fields = [
        ("id", quoted(head.id)),
        ("object", quoted("response")),
        ("created_at", head.created.to_string()),
        ("model", quoted(head.model)),
        ("status", quoted(status.name())),
        ("error", "null".to_owned()),
        ("incomplete_details", details.to_owned()),
        ("output", format!("[{output}]")),
        ("usage", usage.to_owned()),
    ];
    with_fields(head.upstream.unwrap_or(SETTINGS), &fields)
        .or_else(|| with_fields(SETTINGS, &fields))
        .unwrap_or_default()
}

/// A JSON object with these fields in place of its own; `None` if it is not an object.
pub(super) fn with_fields(object: &str, fields: &[(&str, String)]) -> Option<String> {
    let mut doc = Doc::default();
    doc.parse(object.as_bytes()).ok()?;
    let root = doc.root(object.as_bytes());
    let mut json = Json::default();
    let mut comma = "{";
    let kept = root.children().filter(|own| !fields.iter().any(|(name, _)| own.key_is(name)));
    for own in kept {
        json.raw(comma).raw("\"").raw(object.get(own.key_span()?)?).raw("\":");
        json.raw(object.get(own.span())?);
        comma = ",";
    }
    for (name, value) in fields {
        json.raw(comma).text(name).raw(":").raw(value);
        comma = ",";
    }
    Some(json.raw("}").take())
}

/// A message written by the proxy, with one part or none.
pub(super) fn message(json: &mut Json, id: &str, status: &str, part: Option<(&str, bool)>) {
    json.raw(r#"{"id":"#).text(id).raw(r#","type":"message","status":"#).text(status);
    json.raw(r#","role":"assistant","content":["#);
    if let Some((text, refusal)) = part {
        content_part(json, text, "", refusal);
    }
    json.raw("]}");
}

/// A part of a message; `annotations` is the inside of its list.
pub(super) fn content_part(json: &mut Json, text: &str, annotations: &str, refusal: bool) {
    if refusal {
        json.raw(r#"{"type":"refusal","refusal":"#).text(text).raw("}");
    } else {
        json.raw(r#"{"type":"output_text","text":"#).text(text);
        json.raw(r#","annotations":["#).raw(annotations).raw(r#"],"logprobs":[]}"#);
    }
}

/// A complete answer, not streamed.
pub(super) fn whole(call: &Call, how: &EndingHow, decision: &str, now: u64) -> String {
    let say = Say::ending(how, call, false);
    let status = ResponseStatus::of(&say);
    let mut output = Json::default();
    if let Some(text) = say.text {
        let id = format!("msg_hemostat_{decision}");
        message(&mut output, &id, status.name(), Some((text, say.refusal)));
    }
    let id = previous::canned_id(OURS, call, decision);
    let head = ResponseHead { id: &id, created: now, model: &call.model, upstream: None };
    response(&head, status, output.as_str())
}
