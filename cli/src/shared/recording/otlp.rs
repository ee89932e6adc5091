//! Reads spans of OpenTelemetry's GenAI conventions in OTLP/JSON, as `capture` sends them and backends export them
//! (Phoenix as a list with names in snake case, `/v1/projects/NAME/spans/otlpv1`). A span keeps messages, not bytes, so
//! the exchange is rebuilt as a whole one of OpenAI's chat completions.

use serde_json::{Map, Value, json};

use super::one::Recording;
use crate::shared::error::Result;
use crate::shared::play::Traffic;

/// The exchanges of an export; `None` if the document is not one. Spans without messages are skipped.
pub(super) fn exchanges(name: &str, one: &Value) -> Option<Vec<Result<Recording>>> {
    let list = |value: &Value, key: &str| -> Vec<Value> {
        value.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let mut all = Vec::new();
    let is_span = |span: &Value| span.get("span_id").is_some() && span.get("attributes").is_some();
    let listed = list(one, "data");
    if listed.first().is_some_and(is_span) {
        for (at, span) in listed.iter().enumerate() {
            all.extend(exchange(&format!("{name}#{}", at + 1), span).transpose());
        }
        return Some(all);
    }
    one.get("resourceSpans")?;
    for resource in list(one, "resourceSpans") {
        for scope in list(&resource, "scopeSpans") {
            for span in list(&scope, "spans") {
                let named = format!("{name}#{}", all.len() + 1);
                all.extend(exchange(&named, &span).transpose());
            }
        }
    }
    Some(all)
}

/// The value of an attribute.
fn plain(value: &Value) -> Value {
    let of = |keys: [&str; 2]| {
        keys.iter().find_map(|key| value.get(*key).filter(|found| !found.is_null()))
    };
    let list = |keys| of(keys).and_then(|list| list.get("values")).and_then(Value::as_array);
    if let Some(items) = list(["arrayValue", "array_value"]) {
        return items.iter().map(plain).collect();
    }
    if let Some(entries) = list(["kvlistValue", "kvlist_value"]) {
        let pair = |entry: &Value| {
            Some((entry.get("key")?.as_str()?.to_owned(), plain(entry.get("value")?)))
        };
        return Value::Object(entries.iter().filter_map(pair).collect::<Map<_, _>>());
    }
    let kinds = [
        ["stringValue", "string_value"],
        ["boolValue", "bool_value"],
        ["intValue", "int_value"],
        ["doubleValue", "double_value"],
    ];
    kinds.into_iter().find_map(of).cloned().unwrap_or_default()
}

fn exchange(name: &str, span: &Value) -> Result<Option<Recording>> {
    let attributes = span.get("attributes").and_then(Value::as_array);
    let attributes: Map<String, Value> = attributes
        .into_iter()
        .flatten()
        .filter_map(|one| Some((one.get("key")?.as_str()?.to_owned(), plain(one.get("value")?))))
        .collect();
    // Structured values are JSON text on spans, or values where a backend supports them.
    let messages = |key: &str| -> Option<Vec<Value>> {
        match attributes.get(key)? {
            Value::String(text) => serde_json::from_str::<Value>(text).ok()?.as_array().cloned(),
            other => other.as_array().cloned(),
        }
    };
    let (input, output) = (messages("gen_ai.input.messages"), messages("gen_ai.output.messages"));
    if input.is_none() && output.is_none() {
        return Ok(None);
    }
    let text = |key: &str| attributes.get(key).and_then(Value::as_str);
    let model = text("gen_ai.request.model").unwrap_or("unknown");
    let mut asked: Vec<Value> = Vec::new();
    if let Some(system) = messages("gen_ai.system_instructions") {
        asked.push(json!({"role": "system", "content": said(&Value::from(system))}));
    }
    let message = |one: &Value| {
        let role = one.get("role").and_then(Value::as_str).unwrap_or("user");
        // A tool's result would need its call beside it; as text of the user it is scanned just the same.
        let role = if role == "tool" { "user" } else { role };
        json!({"role": role, "content": said(one.get("parts").unwrap_or(&Value::Null))})
    };
    asked.extend(input.iter().flatten().map(message));
    let choice = |(at, one): (usize, &Value)| {
        let finish = one.get("finish_reason").and_then(Value::as_str).unwrap_or("stop");
        let calls = calls(one);
        let mut message =
            json!({"role": "assistant", "content": said(one.get("parts").unwrap_or(&Value::Null))});
        if let (Some(map), false) = (message.as_object_mut(), calls.is_empty()) {
            map.insert("tool_calls".to_owned(), calls.into());
        }
        json!({"index": at, "message": message, "finish_reason": finish})
    };
    let choices: Vec<Value> = output.iter().flatten().enumerate().map(choice).collect();
    let id = text("gen_ai.response.id").unwrap_or("chatcmpl-captured");
    let answer = json!({"id": id, "object": "chat.completion", "created": 1,
        "model": text("gen_ai.response.model").unwrap_or(model), "choices": choices});
    // Which header a policy reads a label from is not recorded; this is the usual one.
    let labels = attributes.iter().filter_map(|(key, value)| {
        let label = key.strip_prefix("hemostat.label.")?;
        Some((format!("x-{}", label.replace('_', "-")), value.as_str()?.to_owned()))
    });
    let at = span.get("startTimeUnixNano").or_else(|| span.get("start_time_unix_nano"));
    let mut answer_headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    // So that `--decision` finds the span as it finds a tapped answer.
    let decision = text("hemostat.decision");
    answer_headers.extend(decision.map(|id| ("x-hemostat-decision".to_owned(), id.to_owned())));
    let at = at.and_then(|at| at.as_u64().or_else(|| at.as_str()?.parse().ok()));
    let traffic = Traffic {
        method: "POST".to_owned(),
        host: text("server.address").unwrap_or("api.example.com").to_owned(),
        path: "/v1/chat/completions".to_owned(),
        headers: labels.collect(),
        request: json!({"model": model, "messages": asked}).to_string().into_bytes(),
        status: 200,
        answer_headers,
        answer: answer.to_string().into_bytes(),
        ..Traffic::default()
    };
    Ok(Some(Recording { name: name.to_owned(), at: at.map(|ns| ns / 1_000_000_000), traffic }))
}

/// The texts of a message's parts, one per line.
fn said(parts: &Value) -> String {
    if let Some(text) = parts.as_str() {
        return text.to_owned();
    }
    let text = |part: &Value| {
        let found = ["content", "text", "response", "result"].iter().find_map(|key| part.get(*key));
        found.map(|text| text.as_str().map_or_else(|| text.to_string(), str::to_owned))
    };
    let all: Vec<String> = parts.as_array().into_iter().flatten().filter_map(text).collect();
    all.join("\n")
}

/// The tool calls among a message's parts.
fn calls(message: &Value) -> Vec<Value> {
    let parts = message.get("parts").and_then(Value::as_array);
    let is_call = |part: &&Value| part.get("type").and_then(Value::as_str) == Some("tool_call");
    parts
        .into_iter()
        .flatten()
        .filter(is_call)
        .map(|part| {
            let arguments = part.get("arguments").cloned().unwrap_or_default();
            let arguments = arguments.as_str().map_or_else(|| arguments.to_string(), str::to_owned);
            json!({"id": part.get("id").and_then(Value::as_str).unwrap_or("call_1"), "type": "function",
                "function": {"name": part.get("name"), "arguments": arguments}})
        })
        .collect()
}
