//! Calls that stand where their dialect has none: in copies within other events, in what a gateway wraps an answer in, in
//! fields of a server's own. What rules stop leaves nowhere, and what they let through is left alone.

use crate::support::{Cut, Recording, Seen, program, run};
use serde_json::{Value, json};

const SECRET: &str = "zanzibar";

/// A stream of these events, as the path's dialect frames them.
fn stream(path: &str, events: &[Value]) -> Recording {
    let lines = path.starts_with("/api/");
    let framed = |event: &Value| match lines {
        true => format!("{event}\n"),
        false => format!("data: {event}\n\n"),
    };
    let request = json!({"model": "m", "messages": [], "input": "x", "prompt": "x", "contents": [],
        "max_tokens": 9, "stream": true});
    let made = Recording::made(path, request, events.iter().map(framed).collect::<String>());
    let kind = if lines { "application/x-ndjson" } else { "text/event-stream" };
    Recording { content_type: kind.to_owned(), ..made }
}

/// Streams that call `name`, each with the call at another odd place.
fn streams(name: &str) -> Vec<(&'static str, Recording)> {
    let (args, text) = (json!({"x": SECRET}), json!({"x": SECRET}).to_string());
    let function = json!({"name": name, "arguments": text});
    let call = json!({"index": 0, "id": "c", "type": "function", "function": function});
    let block = json!({"type": "tool_use", "id": "t", "name": name, "input": args});
    let item = json!({"type": "function_call", "id": "i", "call_id": "k", "name": name, "arguments": text});
    let chat =
        |delta: Value| json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta}]});
    let message = json!({"type": "message_start", "message": {"id": "m", "role": "assistant", "content": []}});
    let parts = json!({"role": "model", "parts": [{"functionCall": {"name": name, "args": args}}]});
    let (chats, responses, messages) = ("/v1/chat/completions", "/v1/responses", "/v1/messages");
    let gemini = "/v1beta/models/m:streamGenerateContent?alt=sse";
    vec![
        ("chat, in camel case", stream(chats, &[chat(json!({"toolCalls": [call]}))])),
        ("chat, one of them", stream(chats, &[chat(json!({"tool_call": call}))])),
        (
            "a tool that ran by itself",
            stream(
                chats,
                &[chat(
                    json!({"executed_tools": [{"index": 0, "type": name, "arguments": text, "output": SECRET}]}),
                )],
            ),
        ),
        (
            "a response as one event",
            stream(responses, &[json!({"id": "r", "object": "response", "output": [item]})]),
        ),
        (
            "an item within something",
            stream(
                responses,
                &[
                    json!({"type": "response.output_item.done", "output_index": 0, "data": {"item": item}}),
                ],
            ),
        ),
        (
            "a block that stops",
            stream(
                messages,
                &[
                    message.clone(),
                    json!({"type": "content_block_stop", "index": 0, "content_block": block}),
                    json!({"type": "message_stop", "message": {"content": [block]}}),
                ],
            ),
        ),
        (
            "a block as a delta",
            stream(
                messages,
                &[message, json!({"type": "content_block_delta", "index": 0, "delta": block})],
            ),
        ),
        (
            "a message as one event",
            stream(
                messages,
                &[json!({"type": "message", "role": "assistant", "content": [block]})],
            ),
        ),
        (
            "a wrapped candidate",
            stream(gemini, &[json!({"response": {"candidates": [{"content": parts}]}})]),
        ),
        (
            "calls that a client made by itself",
            stream(
                gemini,
                &[json!({"candidates": [], "automaticFunctionCallingHistory": [parts]})],
            ),
        ),
        (
            "lines, beside the message",
            stream(
                "/api/chat",
                &[
                    json!({"model": "m", "tool_calls": [{"function": {"name": name, "arguments": args}}], "done": true}),
                ],
            ),
        ),
        (
            "lines, the old field",
            stream(
                "/api/chat",
                &[
                    json!({"model": "m", "message": {"content": "", "function_call": function}, "done": true}),
                ],
            ),
        ),
        (
            "lines of a completion",
            stream(
                "/api/generate",
                &[
                    json!({"model": "m", "response": "", "tool_calls": [{"function": {"name": name, "arguments": args}}], "done": true}),
                ],
            ),
        ),
    ]
}

/// What left is events of JSON still.
fn is_sound(seen: &Seen) -> bool {
    let text = seen.text();
    let events = text.lines().map(|line| line.strip_prefix("data: ").unwrap_or(line));
    events
        .filter(|line| !line.is_empty() && !line.starts_with("event:"))
        .all(|line| serde_json::from_str::<Value>(line).is_ok())
}

#[test]
fn what_is_stopped_leaves_at_no_place() {
    for verdict in ["deny", "approve"] {
        let program = program(json!({"tools": [{"id": "t", "match": "delete_*", "do": verdict}]}));
        for (place, recording) in streams("delete_all") {
            for cut in [Cut::Whole, Cut::Every(7)] {
                let seen = run(&program, &recording, &cut);
                let what = format!("{verdict} {place}: {}", seen.text());
                assert!(!seen.text().contains(SECRET), "{what}");
                assert!(!seen.text().contains("\"delete_all"), "{what}");
                assert!(is_sound(&seen), "{what}");
            }
        }
        for (place, recording) in streams("read") {
            let seen = run(&program, &recording, &Cut::Every(7));
            assert!(seen.body == recording.response, "{verdict} {place}: {}", seen.text());
        }
    }
}
