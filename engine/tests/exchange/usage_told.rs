//! Lever 5: usage as answers tell it, recorded and in every way a dialect has.

use crate::support::limits::*;
use crate::support::recordings;
use serde_json::{Value, json};

/// The recorded answers of every dialect are charged what they say.
#[test]
fn recorded_usage_is_what_is_charged() {
    let mut charged = 0;
    for recording in recordings().iter().filter(|r| r.status == 200 && r.method == "POST") {
        let proxy = proxy(json!({"unpriced": "count_zero"}));
        let body: Value = serde_json::from_slice(&recording.request).unwrap();
        let Ok(mut asked) = proxy.ask(&recording.path, &body, &[]) else { continue };
        let out = asked.answer(&recording.content_type, &recording.response, true);
        let sent = body.to_string();
        let hides = asked.body != sent;
        if !hides {
            assert!(out == recording.response, "{}", recording.name);
        }
        let said = said(recording);
        let counts = asked.finish();
        if counts.iter().any(|name| name.starts_with("hemostat_usage")) {
            continue;
        }
        if let Some(said) = said {
            assert_eq!(CAP - proxy.left(0), said, "{}", recording.name);
            charged += 1;
        }
        assert_eq!(proxy.left(3), 10, "{}", recording.name);
    }
    assert!(charged > 150, "{charged} recordings say what they used");
}

/// Tokens by the answer's own word, read with another parser; `None`: it has none.
fn said(recording: &crate::support::Recording) -> Option<u64> {
    let text = String::from_utf8_lossy(&recording.response);
    // A file with several answers, one behind the other: no answer has two beginnings.
    if text.matches("event: message_start").count() > 1 {
        return None;
    }
    let events: Vec<Value> = if recording.is_stream() && !recording.is_array() {
        let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
        data.filter_map(|data| serde_json::from_str(data.trim()).ok()).collect()
    } else {
        match serde_json::from_str(&text).ok()? {
            Value::Array(all) => all,
            one => vec![one],
        }
    };
    let mut all = serde_json::Map::new();
    for event in &events {
        let places =
            ["/usage", "/message/usage", "/response/usage", "/usageMetadata", "/x_groq/usage"];
        for found in places.iter().filter_map(|place| event.pointer(place)) {
            all.extend(
                found.as_object().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())),
            );
        }
    }
    let n = |name: &str| all.get(name).and_then(Value::as_u64);
    match recording.dialect.as_str() {
        // Reasoning may stand beside the output, and in the total alone.
        "openai-chat" => Some(
            (n("prompt_tokens")? + n("completion_tokens")?).max(n("total_tokens").unwrap_or(0)),
        ),
        "openai-responses" => {
            Some((n("input_tokens")? + n("output_tokens")?).max(n("total_tokens").unwrap_or(0)))
        }
        "anthropic" => {
            // What ran beside the messages (compaction, an advisor) is not in the numbers at the top, and neither is a
            // model that declined before another answered in its place.
            let rounds = all.get("iterations").and_then(Value::as_array);
            let sum = |name: &str, messages: bool| -> u64 {
                let is = |round: &&Value| {
                    ["message", "fallback_message"].iter().any(|kind| round["type"] == *kind)
                };
                let own = rounds.into_iter().flatten().filter(|round| is(round) == messages);
                own.filter_map(|round| round[name].as_u64()).sum()
            };
            let count = |name: &str| n(name).unwrap_or(0).max(sum(name, true)) + sum(name, false);
            n("input_tokens")?;
            let names = [
                "input_tokens",
                "output_tokens",
                "cache_read_input_tokens",
                "cache_creation_input_tokens",
            ];
            Some(names.iter().map(|name| count(name)).sum())
        }
        _ => {
            let parts = ["toolUsePromptTokenCount", "candidatesTokenCount", "thoughtsTokenCount"];
            let rest: u64 = parts.iter().filter_map(|part| n(part)).sum();
            Some(n("promptTokenCount")? + rest)
        }
    }
}

/// Streams as each dialect tells its usage: at the end, at both ends, or growing with every event.
fn told() -> Vec<(&'static str, &'static str, Value, Vec<Value>)> {
    let text = "hello ".repeat(25);
    let responses = |usage: Value| json!({"type": "response.completed", "response": {"id": "r", "usage": usage}});
    let delta = json!({"type": "response.output_text.delta", "item_id": "i", "output_index": 0,
                       "content_index": 0, "delta": text});
    let block = json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}});
    let start = json!({"type": "message_start", "message": {"id": "m", "role": "assistant", "content": [],
        "model": "m", "usage": {"input_tokens": 20, "cache_read_input_tokens": 7, "output_tokens": 1}}});
    let part = |output: u64, thoughts: u64| {
        json!({"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": text}]}}],
               "usageMetadata": {"promptTokenCount": 27, "candidatesTokenCount": output,
                                 "thoughtsTokenCount": thoughts}})
    };
    let ask = |stream: bool| json!({"model": "m", "stream": stream, "max_tokens": 1000, "messages": [{"role": "user", "content": "hi"}]});
    vec![
        (
            "/v1/responses",
            "final",
            json!({"model": "m", "stream": true, "max_output_tokens": 1000, "input": "hi"}),
            vec![
                delta.clone(),
                delta.clone(),
                responses(json!({"input_tokens": 27, "output_tokens": 300,
                                 "output_tokens_details": {"reasoning_tokens": 200}})),
            ],
        ),
        (
            "/v1/messages",
            "both ends",
            ask(true),
            vec![
                start,
                block.clone(),
                block,
                json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 300}}),
                json!({"type": "message_stop"}),
            ],
        ),
        (
            "/v1beta/models/m:streamGenerateContent?alt=sse",
            "growing",
            json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}],
                   "generationConfig": {"maxOutputTokens": 1000}}),
            vec![part(30, 20), part(60, 150), part(90, 210)],
        ),
    ]
}

#[test]
fn usage_is_charged_however_a_dialect_tells_it_and_wherever_the_answer_ends() {
    for (path, name, body, events) in told() {
        for end in 0..=events.len() {
            let proxy = proxy(json!({}));
            let mut asked = proxy.ask(path, &body, &[]).unwrap();
            let reserved = CAP - proxy.left(0);
            let sent: String =
                events.iter().take(end).map(|event| format!("data: {event}\n\n")).collect();
            asked.answer(SSE, sent.as_bytes(), end == events.len());
            asked.exchange.finish(b"");
            let charged = CAP - proxy.left(0);
            if end == events.len() {
                assert_eq!(charged, 27 + 300, "{name}");
            } else {
                // Upstream's word so far, at least the text that was seen, and never the whole reservation.
                assert!(charged < reserved, "{name} after {end}: {charged} of {reserved}");
                let texts = sent.matches("hello hello").count().min(1) as u64;
                assert!(charged >= 20 * texts, "{name} after {end}: {charged}");
            }
            assert_eq!((proxy.left(2), proxy.left(3)), (999, 10), "{name} after {end}");
        }
    }
}
