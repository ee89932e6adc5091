//! Answers, over all recorded traffic: texts are found, whole and in order, and nothing that could be text is missed.

use std::collections::BTreeMap;

use crate::support::{answer, fixtures, pieces, read, strings, talking};
use hemostat_engine::dialect::{DialectId, Item, TextKey, ValueShape};
use hemostat_engine::wire::frame::Framing;
use serde_json::Value;

/// Joined texts by a name of this test's own.
type Joined = BTreeMap<String, String>;

fn add(joined: &mut Joined, name: String, piece: &Value) {
    if let Some(piece) = piece.as_str() {
        joined.entry(name).or_default().push_str(piece);
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn index(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn chat(event: &Value, joined: &mut Joined) {
    for choice in list(&event["choices"]) {
        let at = index(&choice["index"]);
        let message =
            if choice["delta"].is_object() { &choice["delta"] } else { &choice["message"] };
        for field in ["content", "refusal", "reasoning_content", "reasoning"] {
            add(joined, format!("{at} {field}"), &message[field]);
        }
        add(joined, format!("{at} audio"), &message["audio"]["transcript"]);
        for (position, call) in list(&message["tool_calls"]).iter().enumerate() {
            let call_at = call["index"].as_u64().unwrap_or(position as u64);
            add(joined, format!("{at} call {call_at}"), &call["function"]["arguments"]);
            add(joined, format!("{at} call {call_at}"), &call["custom"]["input"]);
        }
        for token in list(&choice["logprobs"]["content"]) {
            add(joined, format!("{at} tokens"), &token["token"]);
        }
    }
}

fn responses(event: &Value, joined: &mut Joined) {
    let Some(kind) = event["type"].as_str().and_then(|kind| kind.strip_suffix(".delta")) else {
        return;
    };
    let part = index(&event["content_index"]) + index(&event["summary_index"]);
    let name = format!("{kind} {} {part}", index(&event["output_index"]));
    add(joined, name, &event["delta"]);
}

fn anthropic(event: &Value, joined: &mut Joined) {
    let at = index(&event["index"]);
    for (field, delta) in event["delta"].as_object().into_iter().flatten() {
        let known = matches!(field.as_str(), "text" | "thinking" | "partial_json" | "content");
        if event["type"] == "content_block_delta" && known {
            add(joined, format!("{at} {field}"), delta);
        }
    }
    let block = &event["content_block"];
    if block["type"] == "text" {
        add(joined, format!("{at} text"), &block["text"]);
    }
    if block["type"] == "thinking" {
        add(joined, format!("{at} thinking"), &block["thinking"]);
    }
}

fn bedrock(event: &Value, joined: &mut Joined) {
    let (at, delta) = (index(&event["contentBlockIndex"]), &event["delta"]);
    add(joined, format!("{at} text"), &delta["text"]);
    add(joined, format!("{at} reasoning"), &delta["reasoningContent"]["text"]);
    add(joined, format!("{at} input"), &delta["toolUse"]["input"]);
    for part in list(&delta["toolResult"]) {
        add(joined, format!("{at} result"), &part["text"]);
    }
    let citation = &delta["citation"];
    add(joined, format!("{at} title"), &citation["title"]);
    add(joined, format!("{at} source"), &citation["source"]);
    for part in list(&citation["sourceContent"]) {
        add(joined, format!("{at} cited"), &part["text"]);
    }
}

fn gemini(event: &Value, joined: &mut Joined) {
    for candidate in list(&event["candidates"]) {
        let at = index(&candidate["index"]);
        for part in list(&candidate["content"]["parts"]) {
            let kind = if part["thought"] == true { "thought" } else { "text" };
            add(joined, format!("{at} {kind}"), &part["text"]);
            if part["functionCall"]["name"].is_string() {
                // A new call: what this test calls it is how many came before.
                joined.entry("calls".to_owned()).or_default().push('.');
            }
            let call = joined.get("calls").map_or(0, String::len);
            for piece in list(&part["functionCall"]["partialArgs"]) {
                let path = piece["jsonPath"].as_str().unwrap_or_default();
                add(joined, format!("{at} {call} {path}"), &piece["stringValue"]);
            }
        }
    }
}

#[test]
fn running_texts_are_the_texts_of_the_answer() {
    let mut all = 0;
    for id in talking() {
        let mut texts = 0;
        for fixture in fixtures(id) {
            if fixture.framing == Framing::Json && id != DialectId::OpenaiChat {
                continue;
            }
            let mut answer = answer(&fixture.call(), fixture.framing);
            let mut found: BTreeMap<_, String> = BTreeMap::new();
            let mut expected = Joined::new();
            for payload in fixture.payloads() {
                for (key, piece) in pieces(&read(&mut *answer, &payload)) {
                    found.entry(key).or_default().push_str(&piece);
                }
                let Ok(event) = serde_json::from_str::<Value>(&payload) else { continue };
                match id {
                    // In a whole body only tokens and such run on; its texts are whole.
                    DialectId::OpenaiChat => chat(&event, &mut expected),
                    DialectId::OpenaiResponses => responses(&event, &mut expected),
                    DialectId::Anthropic => anthropic(&event, &mut expected),
                    DialectId::Gemini => gemini(&event, &mut expected),
                    DialectId::Bedrock => bedrock(&event, &mut expected),
                    _ => {}
                }
            }
            if expected.is_empty() {
                // What is said, without what is thought and called.
                let said = testkit::text::texts(&fixture.recording(), &fixture.response);
                found.retain(|_, text| said.values().any(|own| own == text));
                expected = said;
            }
            expected.remove("calls");
            // So do the names of tools, which this reader takes for no text.
            let is_name = |key: &TextKey| id == DialectId::OpenaiChat && key.kind == 9;
            found.retain(|key, _| !is_name(key));
            // What stands at places that no dialect knows runs on too; this reader knows a few of them.
            let mut missing: Vec<String> = expected.values().cloned().collect();
            for text in found.iter().filter(|(key, _)| !key.is_unknown()).map(|(_, text)| text) {
                missing.retain(|other| other != text);
            }
            found.retain(|key, text| !key.is_unknown() || missing.contains(text));
            let mut found: Vec<String> = found.into_values().filter(|t| !t.is_empty()).collect();
            let mut expected: Vec<String> =
                expected.into_values().filter(|t| !t.is_empty()).collect();
            texts += expected.len();
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "{}", fixture.name);
        }
        assert!(texts > 0, "{id:?}: no texts");
        all += texts;
    }
    assert!(all > 300, "only {all} texts");
}

/// Last keys of paths that never hold text, from the providers' documentation. `*` ends a prefix.
#[rustfmt::skip]
const NOT_TEXT: &[&str] = &[
    "id", "object", "type", "model", "role", "status", "index", "created", "created_at", "updated", "event_type", "interaction_id", "done_reason", "taskId", "contextId", "messageId", "artifactId", "kind", "state", "timestamp", "jsonrpc", "total_duration", "obfuscation", "signature",
    "finish_reason", "native_finish_reason", "stop_reason", "finishReason", "blockReason", "system_fingerprint",
    "fingerprint", "service_tier", "serviceTier", "trafficType", "item_id", "call_id", "tool_use_id", "tool_id",
    "caller_id", "container_id", "skill_id", "file_id", "responseId", "request_id", "modelVersion", "createTime",
    "expires_at", "modality", "severity", "media_type", "mimeType", "encrypted_content", "encrypted_index",
    "encrypted_stdout", "thoughtSignature", "stopReason", "toolUseId", "redactedContent", "p", "partial_image_b64", "inference_geo", "toolType", "data",
];

/// Paths whose whole subtree is the echo of the request, or counts.
#[rustfmt::skip]
const ECHO: &[&str] = &[
    ".instructions", ".tools", ".tool_choice", ".text", ".prompt", ".metadata", ".user", ".reasoning", ".truncation",
    ".prompt_cache_key", ".prompt_cache_retention", ".billing", ".previous_response_id", ".safety_identifier",
];

fn may_be_missed(id: DialectId, path: &str, text: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or_default().trim_end_matches("[]");
    let echo = path.strip_prefix(".response").unwrap_or(path);
    let under = |e: &&str| {
        echo.strip_prefix(*e).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    if id == DialectId::OpenaiResponses && ECHO.iter().any(under) {
        return true;
    }
    // A task repeats what its caller said.
    if id == DialectId::A2a && path.contains(".history[]") {
        return true;
    }
    // What reads like a sentence is a text, whatever the name says that it stands under.
    if text.len() > 12 && text.contains([' ', '\n', '\t']) {
        return false;
    }
    NOT_TEXT.contains(&last)
        || path.contains("category_applied_input_types")
        // names of tools
        || (last == "name" && !path.contains("sources"))
        // pictures
        || (last == "result" && (path.contains(".item") || path.contains(".output")))
        || text.starts_with("data:image/")
        || text.is_empty()
}

#[test]
fn every_string_that_can_be_text_is_found() {
    for id in talking() {
        for fixture in fixtures(id) {
            let mut answer = answer(&fixture.call(), fixture.framing);
            for payload in fixture.payloads() {
                let Ok(event) = serde_json::from_str::<Value>(&payload) else { continue };
                let items = read(&mut *answer, &payload);
                let found: Vec<&str> = items
                    .iter()
                    .filter(|(item, _)| {
                        matches!(
                            item,
                            Item::Text { shape: ValueShape::Text | ValueShape::Json, .. }
                        )
                    })
                    .map(|(_, text)| text.as_str())
                    .collect();
                let mut all = Vec::new();
                strings(&event, "", &mut all);
                for (path, text) in all {
                    assert!(
                        found.contains(&text.as_str()) || may_be_missed(id, &path, &text),
                        "{}: nothing found at {path}: {:.80}",
                        fixture.name,
                        text
                    );
                }
            }
        }
    }
}

#[test]
fn items_come_in_the_order_of_the_bytes_and_no_value_twice() {
    for id in talking() {
        for fixture in fixtures(id) {
            let mut answer = answer(&fixture.call(), fixture.framing);
            for payload in fixture.payloads() {
                let items = read(&mut *answer, &payload);
                let mut before = (0, false);
                for (item, _) in items {
                    if let Item::Text { node, shape, .. } = item {
                        // A key is found before its own value.
                        let here = (node, shape != ValueShape::Key);
                        assert!(here > before, "{}: {payload:.200}", fixture.name);
                        before = here;
                    }
                }
            }
        }
    }
}

#[test]
fn an_answer_ends_once_where_its_dialect_says_so() {
    let mut without_end = Vec::new();
    for id in talking() {
        for fixture in fixtures(id).iter().filter(|fixture| fixture.is_one_answer()) {
            let mut answer = answer(&fixture.call(), fixture.framing);
            let frames: Vec<_> = fixture.payloads().iter().map(|p| read(&mut *answer, p)).collect();
            let ends: Vec<usize> = (0..frames.len())
                .filter(|&at| frames[at].iter().any(|(item, _)| *item == Item::AnswerEnd))
                .collect();
            match (id, fixture.framing) {
                // Gemini has no terminal event.
                (DialectId::Gemini, Framing::Sse | Framing::JsonArray) => {
                    assert_eq!(ends, [0_usize; 0], "{}", fixture.name);
                }
                _ if ends.is_empty() => without_end.push(fixture.name.clone()),
                // Bedrock says its usage behind the end.
                // `error` may be followed by `response.failed`.
                _ => assert!(
                    ends.len() == 1 && ends[0] + 2 >= frames.len(),
                    "{}: {ends:?} of {}",
                    fixture.name,
                    frames.len()
                ),
            }
        }
    }
    // Recordings that break off, or whose source left the last event out.
    assert!(without_end.len() < 4, "{without_end:#?}");
}

#[test]
fn calls_begin_and_end_in_pairs_around_their_arguments() {
    let mut calls = 0;
    for id in talking() {
        for fixture in fixtures(id) {
            let mut answer = answer(&fixture.call(), fixture.framing);
            let mut open = Vec::new();
            // Calls that the provider runs only have pieces before their end.
            let mut pieces = Vec::new();
            for payload in fixture.payloads() {
                for (item, _) in read(&mut *answer, &payload) {
                    match item {
                        Item::CallPiece { call, .. } => pieces.push(call),
                        Item::CallBegin { call, .. } => {
                            assert!(!open.contains(&call), "{}: twice", fixture.name);
                            open.push(call);
                            calls += 1;
                        }
                        Item::CallEnd { call } => {
                            let at = open.iter().position(|own| *own == call);
                            assert!(at.is_some() || pieces.contains(&call), "{}", fixture.name);
                            at.map(|at| open.remove(at));
                        }
                        Item::AnswerEnd => open.clear(),
                        _ => {}
                    }
                }
            }
            let chat_stream = id == DialectId::OpenaiChat && fixture.framing == Framing::Sse;
            assert!(open.is_empty() || chat_stream, "{}: {open:?}", fixture.name);
        }
    }
    assert!(calls > 200, "only {calls} calls");
}
