//! Writes an exchange as a case.

use serde_json::{Map, Value, json};

use super::scrub::Scrubber;
use crate::command::test::answer::{is_messages, written as binary};
use crate::shared::error::{Error, Result};
use crate::shared::play::Traffic;

/// JSON pointers to the pieces of a streamed text in an event, for each dialect.
const PIECES: [&str; 7] = [
    "/choices/0/delta/content",
    "/delta/text",
    "/delta",
    "/candidates/0/content/parts/0/text",
    "/delta/partial_json",
    "/contentBlockDelta/delta/text",
    "/contentBlockDelta/delta/toolUse/input",
];

/// The request, scrubbed.
pub(super) fn request(traffic: &Traffic, policies: &str, scrubber: &mut Scrubber) -> Value {
    let headers: Map<String, Value> = scrubber
        .headers(&traffic.headers, policies)
        .into_iter()
        .map(|(name, value)| (name, value.into()))
        .collect();
    let mut request =
        json!({"method": traffic.method, "path": scrubber.text(&traffic.path), "headers": headers});
    let Some(map) = request.as_object_mut() else { return request };
    match serde_json::from_slice::<Value>(&traffic.request) {
        Ok(mut body) => {
            scrubber.value(&mut body);
            map.insert("body".to_owned(), body);
        }
        Err(_) if traffic.request.is_empty() => {}
        Err(_) => {
            let text = String::from_utf8_lossy(&traffic.request);
            map.insert("text".to_owned(), scrubber.text(&text).into());
        }
    }
    request
}

/// The answer, scrubbed: the field's name, `answer` or `stream`, and its value.
pub(super) fn answer(
    traffic: &Traffic,
    scrubber: &mut Scrubber,
) -> Result<Option<(&'static str, Value)>> {
    if traffic.answer.is_empty() {
        return Ok(None);
    }
    let kind = traffic.answer_headers.iter().find(|(name, _)| name == "content-type");
    let kind = kind.map_or("", |(_, kind)| kind.as_str());
    if is_messages(kind) {
        let events = binary(&traffic.answer)?;
        return Ok(Some(("stream", Value::from(scrubbed(events, scrubber)))));
    }
    let text = String::from_utf8(traffic.answer.clone())
        .map_err(|_| Error::failed("the answer is not UTF-8: was it recorded compressed?"))?;
    if kind.starts_with("text/event-stream") {
        return Ok(Some(("stream", Value::from(scrubbed(events(&text), scrubber)))));
    }
    Ok(Some(match serde_json::from_str::<Value>(&text) {
        Ok(mut body) => {
            scrubber.value(&mut body);
            ("answer", body)
        }
        Err(_) => ("answer", scrubber.text(&text).into()),
    }))
}

/// The contents of server-sent events.
fn events(text: &str) -> Vec<Value> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
    data.filter(|data| !data.is_empty())
        .map(|data| serde_json::from_str(data).unwrap_or_else(|_| data.into()))
        .collect()
}

/// Events of a stream, scrubbed. A match that spans several events is replaced piece by piece, each keeping its length.
fn scrubbed(mut events: Vec<Value>, scrubber: &mut Scrubber) -> Vec<Value> {
    for pointer in PIECES {
        let whole: String =
            events.iter().filter_map(|event| event.pointer(pointer)?.as_str()).collect();
        let other = scrubber.shapes(&whole);
        // Replacements keep the number of characters, so each piece takes as many as it had.
        let mut left = other.chars();
        for event in &mut events {
            if let Some(Value::String(piece)) = event.pointer_mut(pointer) {
                *piece = left.by_ref().take(piece.chars().count()).collect();
            }
        }
    }
    events.iter_mut().for_each(|event| scrubber.value(event));
    events
}

/// A case as YAML: names in block style, and JSON values as JSON, which is YAML too.
pub(super) fn yaml(case: &Value) -> String {
    let mut out = String::new();
    for (at, key) in
        ["name", "request", "answer", "stream", "answer_status", "at", "expect"].iter().enumerate()
    {
        let Some(value) = case.get(*key) else { continue };
        let lead = if at == 0 { "  - " } else { "    " };
        match (*key, value.as_array(), value.as_object()) {
            (_, Some(items), _) => {
                out.push_str(&format!("{lead}{key}:\n"));
                items.iter().for_each(|item| out.push_str(&format!("      - {item}\n")));
            }
            ("request", _, Some(map)) => {
                out.push_str(&format!("{lead}{key}:\n"));
                map.iter()
                    .for_each(|(name, value)| out.push_str(&format!("      {name}: {value}\n")));
            }
            _ => out.push_str(&format!("{lead}{key}: {value}\n")),
        }
    }
    out
}
