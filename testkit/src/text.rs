//! Reads the text of answers with `serde_json`, independently of the engine: what a person would see.

use serde_json::Value;
use std::collections::BTreeMap;

use crate::Recording;
use crate::dialects::{self, Dialect};

/// The events of an SSE body, the elements of an array, or the whole body.
pub fn events(recording: &Recording, body: &[u8]) -> Vec<Value> {
    if recording.is_array() || !recording.is_stream() {
        return match serde_json::from_slice(body).unwrap_or(Value::Null) {
            Value::Array(events) => events,
            event => vec![event],
        };
    }
    if recording.is_messages() && !body.starts_with(b"{") {
        return crate::messages::messages(body)
            .iter()
            .map(crate::messages::Message::event)
            .collect();
    }
    let text = String::from_utf8_lossy(body).replace("\r\n", "\n");
    if recording.content_type == "application/x-ndjson" {
        return text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    }
    text.split("\n\n")
        .filter_map(|event| {
            let data: Vec<&str> = event
                .lines()
                .filter_map(|line| line.strip_prefix("data:"))
                .map(|data| data.strip_prefix(' ').unwrap_or(data))
                .collect();
            serde_json::from_str(&data.join("\n")).ok()
        })
        .collect()
}

/// The texts of an answer by channel (choice, block, item, candidate): content and refusals, without reasoning and tool
/// calls.
pub fn texts(recording: &Recording, body: &[u8]) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for event in events(recording, body) {
        match recording.dialect.as_str() {
            "openai-chat" => chat(&event, &mut out),
            "openai-responses" => responses(&event, &mut out),
            "anthropic" | "bedrock-invoke" => anthropic(&event, &mut out),
            "bedrock" => bedrock(&event, &mut out),
            "openai-completions" => {
                for choice in list(&event["choices"]) {
                    add(&mut out, format!("text {}", index(&choice["index"])), &choice["text"]);
                }
            }
            "cohere" => {
                let message = [&event["delta"]["message"], &event["message"]];
                for message in message {
                    let at = event["index"].as_u64().unwrap_or(0);
                    add(&mut out, format!("content {at}"), &message["content"]["text"]);
                    for (at, part) in list(&message["content"]).iter().enumerate() {
                        add(&mut out, format!("content {at}"), &part["text"]);
                    }
                }
            }
            "gemini-interactions" => interactions(&event, &mut out),
            "a2a" | "a2a-before" => a2a(&event, &mut out),
            // The folder has recordings of both endpoints.
            "ollama" | "ollama-generate" => {
                add(&mut out, "content".to_owned(), &event["message"]["content"]);
                add(&mut out, "content".to_owned(), &event["response"]);
            }
            "gemini" => gemini(&event, &mut out),
            other => {
                let places = dialects::find(other).map(Dialect::text_pointers);
                for place in places.into_iter().flatten() {
                    event
                        .pointer(&place)
                        .iter()
                        .for_each(|text| add(&mut out, place.clone(), text));
                }
            }
        }
    }
    out.retain(|_, text| !text.is_empty());
    out
}

/// The index of an item. A missing one counts as 0, as clients treat it.
fn index(value: &Value) -> String {
    if value.is_null() { "0".to_owned() } else { value.to_string() }
}

fn add(out: &mut BTreeMap<String, String>, channel: String, text: &Value) {
    if let Some(text) = text.as_str() {
        out.entry(channel).or_default().push_str(text);
    }
}

/// Adds the texts of an agent's messages and artifacts, wherever the protocol's versions have them.
fn a2a(event: &Value, out: &mut BTreeMap<String, String>) {
    let of = event.get("result").unwrap_or(event);
    let named = ["task", "message", "statusUpdate", "artifactUpdate"];
    let object = named.iter().find_map(|name| of.get(name)).unwrap_or(of);
    for (channel, holder) in [
        ("message".to_owned(), object),
        ("message".to_owned(), &object["status"]["message"]),
        // Clients join the parts of one artifact.
        (format!("artifact {}", object["artifact"]["artifactId"]), &object["artifact"]),
    ] {
        for part in list(&holder["parts"]).iter().chain(list(&holder["content"])) {
            add(out, channel.clone(), &part["text"]);
        }
    }
    for (at, told) in list(&object["history"]).iter().enumerate() {
        let asked = matches!(told["role"].as_str(), Some("user" | "ROLE_USER"));
        for part in list(&told["parts"]).iter().chain(list(&told["content"])).filter(|_| !asked) {
            add(out, format!("history {at}"), &part["text"]);
        }
    }
    for (at, artifact) in list(&object["artifacts"]).iter().enumerate() {
        for (part, own) in list(&artifact["parts"]).iter().enumerate() {
            add(out, format!("artifact {at} {part}"), &own["text"]);
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn chat(event: &Value, out: &mut BTreeMap<String, String>) {
    for choice in list(&event["choices"]) {
        for part in ["delta", "message"] {
            add(out, format!("content {}", index(&choice["index"])), &choice[part]["content"]);
        }
    }
}

fn responses(event: &Value, out: &mut BTreeMap<String, String>) {
    if event["type"] == "response.output_text.delta" {
        let channel =
            format!("{} {}", index(&event["output_index"]), index(&event["content_index"]));
        add(out, channel, &event["delta"]);
    }
    if event["object"] == "response" {
        for (at, item) in list(&event["output"]).iter().enumerate() {
            for (part_at, part) in list(&item["content"]).iter().enumerate() {
                if part["type"] == "output_text" {
                    add(out, format!("{at} {part_at}"), &part["text"]);
                }
            }
        }
    }
}

fn anthropic(event: &Value, out: &mut BTreeMap<String, String>) {
    let channel = format!("block {}", index(&event["index"]));
    match event["type"].as_str() {
        Some("content_block_start") => add(out, channel, &event["content_block"]["text"]),
        Some("content_block_delta") => add(out, channel, &event["delta"]["text"]),
        Some("message") => {
            for (at, block) in list(&event["content"]).iter().enumerate() {
                add(out, format!("block {at}"), &block["text"]);
            }
        }
        _ => {}
    }
}

fn bedrock(event: &Value, out: &mut BTreeMap<String, String>) {
    let index = event["contentBlockIndex"].as_u64().unwrap_or(0);
    add(out, format!("block {index}"), &event["delta"]["text"]);
    for (at, block) in list(&event["output"]["message"]["content"]).iter().enumerate() {
        add(out, format!("block {at}"), &block["text"]);
    }
}

fn interactions(event: &Value, out: &mut BTreeMap<String, String>) {
    let at = event["index"].as_u64().unwrap_or(0);
    add(out, format!("step {at}"), &event["content"]["text"]);
    if event["delta"]["type"] == "text" {
        add(out, format!("step {at}"), &event["delta"]["text"]);
    }
    let mut step = |at: u64, step: &Value| {
        if step["type"] == "model_output" {
            for part in list(&step["content"]) {
                add(out, format!("step {at}"), &part["text"]);
            }
        }
    };
    step(at, &event["step"]);
    for (at, whole) in list(&event["steps"]).iter().enumerate() {
        step(at as u64, whole);
    }
}

fn gemini(event: &Value, out: &mut BTreeMap<String, String>) {
    for candidate in list(&event["candidates"]) {
        for part in list(&candidate["content"]["parts"]) {
            if part["thought"] != true {
                add(
                    out,
                    format!("candidate {}", candidate["index"].as_u64().unwrap_or(0)),
                    &part["text"],
                );
            }
        }
    }
}

/// A phrase from the middle of the longest text: some words, or some characters if there are no spaces.
pub fn phrase(texts: &BTreeMap<String, String>) -> Option<String> {
    let text = texts.values().max_by_key(|text| text.len())?;
    let words: Vec<&str> = text.split_inclusive(char::is_whitespace).collect();
    let middle = words.len() / 2;
    let phrase = if words.len() >= 8 {
        words[middle..middle + 3].concat().trim().to_owned()
    } else {
        let chars: Vec<char> = text.chars().collect();
        chars[chars.len() / 2..(chars.len() / 2 + 6).min(chars.len())].iter().collect()
    };
    (phrase.chars().count() >= 3).then_some(phrase)
}
