//! OpenAI Responses.

mod answer;
mod ending;
mod names;
mod request;
mod sent;
mod spend;
mod stopped;
mod tools;

use super::contract::{About, Answers, OfferedTools, Requests, Spend};
use super::own_answers::OwnAnswers;
use super::say::Say;
use super::write::{Json, quoted};
use super::{Call, Dialect, DialectId, EndingHow, Speech, openai, previous};
use crate::recognise;
use crate::wire::json::Doc;

/// Prefix of the ids of canned answers.
const OURS: &str = "resp_hemostat_";

/// The dialect.
pub(super) const DIALECT: Dialect = Dialect {
    about: About::of(DialectId::OpenaiResponses, "openai-responses", "openai"),
    requests: Requests { recognise: recognise::openai_responses, takes: None, read: request::read },
    tools: OfferedTools { list: tools::tools, without: tools::without },
    answers: Answers {
        read: |call, framing| Box::new(answer::Reading::new(call, framing)),
        made: OwnAnswers::Json(whole),
        error: |_, error| openai::error(error),
        speech: Some(speech),
        choices: false,
    },
    spend: Spend { spending: spend::spending, usage: spend::usage, cap: spend::cap, ..Spend::NONE },
};

fn speech(kind: u8) -> Speech {
    use names::kind;
    match kind {
        kind::SUMMARY | kind::REASONING => Speech::Thinks,
        kind::LOGPROBS => Speech::Repeats,
        _ => Speech::Says,
    }
}

/// The status of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ResponseStatus {
    InProgress,
    Completed,
    /// Stopped by a content filter.
    Filtered,
    /// Stopped at its maximum of tokens.
    Spent,
}

impl ResponseStatus {
    fn of(say: &Say<'_>) -> Self {
        match (say.blocked, say.spent) {
            (true, _) => Self::Filtered,
            (_, true) => Self::Spent,
            _ => Self::Completed,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Filtered | Self::Spent => "incomplete",
        }
    }
}

/// What identifies a response.
#[derive(Debug)]
struct ResponseHead<'a> {
    id: &'a str,
    created: u64,
    model: &'a str,
    /// The object as upstream sent it, whose other fields (settings, metadata) are repeated.
    upstream: Option<&'a str>,
}

/// Members that SDKs require in a response object, for one that has none from upstream.
const SETTINGS: &str = concat!(
    r#"{"instructions":null,"metadata":{},"parallel_tool_calls":true,"#,
    r#""temperature":1.0,"tool_choice":"auto","tools":[],"top_p":1.0}"#
);

/// Nothing is billed for the proxy's own answers.
const NO_USAGE: &str = concat!(
    r#"{"input_tokens":0,"input_tokens_details":{"cached_tokens":0,"cache_write_tokens":0},"#,
    r#""output_tokens":0,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":0}"#
);

/// A response object; `output` is the inside of its list of items.
fn response(head: &ResponseHead<'_>, status: ResponseStatus, output: &str) -> String {
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
fn with_fields(object: &str, fields: &[(&str, String)]) -> Option<String> {
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
fn message(json: &mut Json, id: &str, status: &str, part: Option<(&str, bool)>) {
    json.raw(r#"{"id":"#).text(id).raw(r#","type":"message","status":"#).text(status);
    json.raw(r#","role":"assistant","content":["#);
    if let Some((text, refusal)) = part {
        content_part(json, text, "", refusal);
    }
    json.raw("]}");
}

/// A part of a message; `annotations` is the inside of its list.
fn content_part(json: &mut Json, text: &str, annotations: &str, refusal: bool) {
    if refusal {
        json.raw(r#"{"type":"refusal","refusal":"#).text(text).raw("}");
    } else {
        json.raw(r#"{"type":"output_text","text":"#).text(text);
        json.raw(r#","annotations":["#).raw(annotations).raw(r#"],"logprobs":[]}"#);
    }
}

/// A complete answer, not streamed.
fn whole(call: &Call, how: &EndingHow, decision: &str, now: u64) -> String {
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
