//! Reads the tool calls of answers with `serde_json`, independently of the engine: what a client would carry out.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::Recording;
use crate::dialects;
use crate::text::events;

/// A call as a client has it at the end of the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub name: String,
    pub args: Value,
    pub id: String,
    /// The caller carries it out; otherwise the provider does.
    pub client: bool,
}

fn parsed(text: &str) -> Value {
    let text = if text.trim().is_empty() { "{}" } else { text };
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The calls of an answer, in order.
pub fn calls(recording: &Recording, body: &[u8]) -> Vec<Call> {
    let events = events(recording, body);
    match recording.dialect.as_str() {
        "openai-chat" => chat(&events),
        "openai-responses" => responses(&events),
        "anthropic" | "bedrock-invoke" => anthropic(&events),
        "bedrock" => bedrock(&events),
        "ollama" => ollama(&events),
        "cohere" => cohere(&events),
        "gemini-interactions" => interactions(&events),
        "gemini" => gemini(&events),
        other => {
            let calls = dialects::find(other).is_some_and(|row| row.has_calls());
            assert!(!calls, "nobody reads the calls of {other}");
            Vec::new()
        }
    }
}

fn ollama(events: &[Value]) -> Vec<Call> {
    let calls = events.iter().flat_map(|event| list(&event["message"]["tool_calls"]));
    let call = |call: &Value| Call {
        name: text(&call["function"]["name"]),
        args: call["function"]["arguments"].clone(),
        id: String::new(),
        client: true,
    };
    calls.map(call).collect()
}

fn interactions(events: &[Value]) -> Vec<Call> {
    let mut open: BTreeMap<u64, (Value, String)> = BTreeMap::new();
    let mut whole = Vec::new();
    for event in events {
        let at = event["index"].as_u64().unwrap_or(0);
        for step in [&event["step"], &event["content"], &event["delta"]] {
            if text(&step["type"]).ends_with("_call") {
                let own = open.entry(at).or_default();
                if own.0.is_null() {
                    own.0 = step.clone();
                } else {
                    own.0["arguments"] = step["arguments"].clone();
                }
            }
        }
        if let Some(piece) = event["delta"]["arguments"].as_str() {
            open.entry(at).or_default().1.push_str(piece);
        }
        whole.extend(list(&event["steps"]).iter().map(|step| (step.clone(), String::new())));
    }
    let calls = open.into_values().chain(whole);
    let calls = calls.filter(|(step, _)| text(&step["type"]).ends_with("_call"));
    calls
        .map(|(step, pieces)| {
            let kind = text(&step["type"]);
            let own = text(&step["name"]);
            Call {
                name: if own.is_empty() { kind.trim_end_matches("_call").to_owned() } else { own },
                args: if pieces.is_empty() { step["arguments"].clone() } else { parsed(&pieces) },
                id: text(&step["id"]),
                client: kind == "function_call",
            }
        })
        .collect()
}

fn cohere(events: &[Value]) -> Vec<Call> {
    let mut open: BTreeMap<u64, (String, String, String)> = BTreeMap::new();
    let mut calls = Vec::new();
    for event in events {
        let piece = &event["delta"]["message"]["tool_calls"];
        if piece.is_object() {
            let own = open.entry(event["index"].as_u64().unwrap_or(0)).or_default();
            own.0.push_str(&text(&piece["function"]["name"]));
            own.1.push_str(&text(&piece["function"]["arguments"]));
            own.2.push_str(&text(&piece["id"]));
        }
        for call in list(&event["message"]["tool_calls"]) {
            let args = parsed(&text(&call["function"]["arguments"]));
            let name = text(&call["function"]["name"]);
            calls.push(Call { name, args, id: text(&call["id"]), client: true });
        }
    }
    calls.extend(open.into_values().map(|(name, args, id)| Call {
        name,
        args: parsed(&args),
        id,
        client: true,
    }));
    calls
}

fn chat(events: &[Value]) -> Vec<Call> {
    // As in SDKs: pieces of a name and of arguments are joined by choice and index.
    let mut open: BTreeMap<(u64, u64, String), (String, String, String)> = BTreeMap::new();
    let mut last_id: BTreeMap<(u64, u64), String> = BTreeMap::new();
    for choice in events.iter().flat_map(|event| list(&event["choices"])) {
        let number = choice["index"].as_u64().unwrap_or(0);
        for message in [&choice["delta"], &choice["message"]] {
            for (at, call) in list(&message["tool_calls"]).iter().enumerate() {
                let index = call["index"].as_u64().unwrap_or(at as u64);
                let id = text(&call["id"]);
                if !id.is_empty() {
                    last_id.insert((number, index), id);
                }
                let id = last_id.get(&(number, index)).cloned().unwrap_or_default();
                let own = open.entry((number, index, id.clone())).or_default();
                let body =
                    if call["custom"].is_object() { &call["custom"] } else { &call["function"] };
                own.0.push_str(&text(&body["name"]));
                own.1.push_str(&text(&body["arguments"]));
                own.1.push_str(&text(&body["input"]));
                own.2 = id;
            }
        }
    }
    let client = true;
    open.into_values()
        .map(|(name, args, id)| Call { name, args: parsed(&args), id, client })
        .collect()
}

fn responses(events: &[Value]) -> Vec<Call> {
    let mut all = Vec::new();
    for event in events {
        let items = match event["type"].as_str() {
            Some("response.output_item.done") => vec![event["item"].clone()],
            Some(_) => list(&event["response"]["output"]).to_vec(),
            None => list(&event["output"]).to_vec(),
        };
        for item in items {
            let kind = text(&item["type"]);
            if !(kind.ends_with("_call") || kind == "mcp_approval_request") {
                continue;
            }
            let name = if item["name"].is_string() { text(&item["name"]) } else { kind.clone() };
            let args = ["arguments", "input", "action", "operation", "code", "queries"]
                .iter()
                .map(|name| &item[*name])
                .find(|value| !value.is_null());
            let args = match args {
                Some(Value::String(text)) => parsed(text),
                Some(value) => value.clone(),
                None => json!({}),
            };
            let client = !matches!(
                kind.as_str(),
                "mcp_call"
                    | "web_search_call"
                    | "file_search_call"
                    | "code_interpreter_call"
                    | "image_generation_call"
            );
            let call = Call { name, args, id: text(&item["id"]), client };
            if !all.contains(&call) {
                all.push(call);
            }
        }
    }
    all
}

fn anthropic(events: &[Value]) -> Vec<Call> {
    let mut all: BTreeMap<u64, (Value, String)> = BTreeMap::new();
    for event in events {
        let index = event["index"].as_u64().unwrap_or(0);
        let blocks = [&event["content"], &event["message"]["content"]];
        for block in blocks.into_iter().flat_map(list) {
            if text(&block["type"]).ends_with("tool_use") {
                all.insert(1000 + all.len() as u64, (block.clone(), String::new()));
            }
        }
        if text(&event["content_block"]["type"]).ends_with("tool_use") {
            all.insert(index, (event["content_block"].clone(), String::new()));
        }
        if let Some(piece) = event["delta"]["partial_json"].as_str() {
            all.entry(index).or_default().1.push_str(piece);
        }
    }
    all.into_values()
        .map(|(block, args)| Call {
            name: text(&block["name"]),
            args: if args.is_empty() { block["input"].clone() } else { parsed(&args) },
            id: text(&block["id"]),
            client: block["type"] == "tool_use",
        })
        .collect()
}

fn bedrock(events: &[Value]) -> Vec<Call> {
    let mut all: BTreeMap<u64, (Value, String)> = BTreeMap::new();
    for event in events {
        for (at, block) in list(&event["output"]["message"]["content"]).iter().enumerate() {
            if block["toolUse"].is_object() {
                all.insert(at as u64, (block["toolUse"].clone(), String::new()));
            }
        }
        let index = event["contentBlockIndex"].as_u64().unwrap_or(0);
        if event["start"]["toolUse"].is_object() {
            all.insert(index, (event["start"]["toolUse"].clone(), String::new()));
        }
        if let Some(piece) = event["delta"]["toolUse"]["input"].as_str() {
            all.entry(index).or_default().1.push_str(piece);
        }
    }
    all.into_values()
        .map(|(call, args)| Call {
            name: text(&call["name"]),
            args: if call["input"].is_object() { call["input"].clone() } else { parsed(&args) },
            id: text(&call["toolUseId"]),
            client: call["type"] != "server_tool_use",
        })
        .collect()
}

fn gemini(events: &[Value]) -> Vec<Call> {
    let mut all = Vec::new();
    let candidates = events.iter().flat_map(|event| list(&event["candidates"]));
    for part in candidates.flat_map(|candidate| list(&candidate["content"]["parts"])) {
        if part["executableCode"].is_object() {
            all.push(Call {
                name: "code_execution".to_owned(),
                args: part["executableCode"].clone(),
                id: String::new(),
                client: false,
            });
        }
        for call in [&part["functionCall"], &part["toolCall"]] {
            let name = if call["name"].is_string() { &call["name"] } else { &call["toolType"] };
            // Later pieces have no name.
            if !text(name).is_empty() {
                all.push(Call {
                    name: text(name),
                    args: call["args"].clone(),
                    id: text(&call["id"]),
                    client: part["functionCall"].is_object(),
                });
            }
        }
    }
    all
}

/// The reasons for which the answer or its choices ended.
pub fn stops(recording: &Recording, body: &[u8]) -> Vec<String> {
    let mut stops = Vec::new();
    for event in events(recording, body) {
        for choice in list(&event["choices"]) {
            stops.push(text(&choice["finish_reason"]));
        }
        stops.push(text(&event["delta"]["stop_reason"]));
        stops.push(text(&event["stop_reason"]));
        stops.push(text(&event["stopReason"]));
    }
    stops.retain(|stop| !stop.is_empty());
    stops
}
