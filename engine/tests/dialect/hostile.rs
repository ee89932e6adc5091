//! Hostile input: events built from every word the dialects know, in every wrong place. Nothing panics, no value is
//! found twice or out of order, no string is lost, and what the proxy says afterwards is well-formed still.

use crate::support::{answer, call, payloads, read, send, talking};
use hemostat_engine::dialect::{
    Call, DialectId, Ending, EndingHow, Item, TextKey, ValueShape, dialect,
};
use hemostat_engine::wire::frame::Framing;
use hemostat_engine::wire::json::Doc;
use proptest::prelude::*;
use serde_json::Value;

#[rustfmt::skip]
const KEYS: &[&str] = &[
    "choices", "delta", "message", "content", "refusal", "reasoning", "reasoning_content", "reasoning_details", "tool_calls",
    "function", "custom", "arguments", "input", "name", "index", "logprobs", "token", "top_logprobs", "finish_reason",
    "type", "item", "part", "response", "output", "output_index", "content_index", "summary_index", "item_id", "id",
    "sequence_number", "text", "annotation", "created_at", "error", "content_block", "thinking", "signature", "partial_json",
    "citation", "usage", "output_tokens", "stop_reason", "candidates", "parts", "thought", "functionCall", "args",
    "partialArgs", "jsonPath", "stringValue", "willContinue", "thoughtSignature", "responseId", "modelVersion", "model",
    "audio", "transcript", "data", "summary", "action", "messages", "contents", "system", "instructions", "prompt",
    "variables", "role", "source", "url", "image_url", "tools", "generationConfig", "conten\u{74}",
    "contentBlockIndex", "start", "toolUse", "toolUseId", "reasoningContent", "toolResult", "stopReason", "json", "toolConfig",
];

#[rustfmt::skip]
const WORDS: &[&str] = &[
    "", "marker", "text", "thinking", "tool_use", "assistant", "user", "tool", "function_call", "message", "reasoning",
    "output_text", "message_start", "message_delta", "content_block_start", "content_block_delta", "content_block_stop",
    "response.created", "response.output_item.added", "response.output_item.done", "response.content_part.added",
    "response.content_part.done", "response.output_text.delta", "response.output_text.done", "response.refusal.delta",
    "response.reasoning_summary_text.delta", "response.function_call_arguments.delta", "response.novel.delta",
    "response.function_call_arguments.done", "response.output_text.annotation.added", "base64", "url",
    "data:text/plain,marker", "\u{1F600}\"\\\n",
];

/// JSON text of an event; duplicates and odd types are meant.
fn event() -> impl Strategy<Value = String> {
    let word = prop::sample::select(WORDS).prop_map(|word| Value::from(word).to_string());
    let leaf = prop_oneof![
        6 => word.clone(),
        1 => Just("null".to_owned()),
        1 => Just("true".to_owned()),
        2 => (0_u64..4).prop_map(|n| n.to_string()),
        1 => Just("18446744073709551616".to_owned()),
        1 => Just("-1.5e3".to_owned()),
        1 => Just(r#""\ud800 \u0074""#.to_owned()),
    ];
    let tree = leaf.prop_recursive(6, 60, 6, |inner| {
        let field = (prop::sample::select(KEYS), inner.clone());
        let object = prop::collection::vec(field, 0..6).prop_map(|fields| {
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| format!("{}:{value}", Value::from(*key)))
                .collect();
            format!("{{{}}}", fields.join(","))
        });
        let array =
            prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(",")));
        prop_oneof![3 => object, 1 => array]
    });
    (word, prop::collection::vec((prop::sample::select(KEYS), tree), 0..5)).prop_map(
        |(kind, fields)| {
            let fields: String =
                fields.iter().map(|(k, v)| format!(",{}:{v}", Value::from(*k))).collect();
            format!(r#"{{"type":{kind}{fields}}}"#)
        },
    )
}

fn end(refusal: bool, before: Vec<(TextKey, String)>) -> Ending {
    let how = EndingHow::Canned { text: "said".to_owned(), json: None, refusal };
    Ending { before, how, decision: "d".to_owned(), now: 1 }
}

proptest! {
    #[test]
    fn answers(events in prop::collection::vec(event(), 1..6), refusal: bool, choices in 1_u32..3) {
        for id in DialectId::ALL.iter().copied().filter(|id| *id != DialectId::Mcp) {
            for framing in [Framing::Sse, Framing::Json, Framing::JsonArray] {
                let call = Call { choices, ..call(id, framing) };
                let mut answer = answer(&call, framing);
                let mut last = Vec::new();
                for payload in &events {
                    let items = read(&mut *answer, payload);
                    let mut before = (0, false);
                    last.clear();
                    for (item, text) in &items {
                        if let Item::Text { node, shape, text: key, .. } = item {
                            let here = (*node, *shape != ValueShape::Key);
                            prop_assert!(here > before, "{id:?} {payload}");
                            before = here;
                            last.extend(key.map(|key| (key, text.clone())));
                        }
                    }
                    send(&mut *answer, payload);
                }
                let bytes = answer.ending(&end(refusal, last)).written(Framing::Sse);
                let text = String::from_utf8(bytes).unwrap();
                for payload in text.split("\n\n").filter_map(|e| e.split("data: ").nth(1)) {
                    let json = serde_json::from_str::<Value>(payload).is_ok();
                    prop_assert!(json || payload == "[DONE]", "{id:?} {payload}");
                }
            }
        }
    }

    #[test]
    fn requests(body in event()) {
        for id in DialectId::ALL.iter().copied() {
            let recognised = call(id, Framing::Json).recognised;
            let mut doc = Doc::default();
            doc.parse(body.as_bytes()).unwrap();
            let _ = dialect(id).read_request(&recognised, &doc, body.as_bytes());
        }
    }

    /// No string is lost because its place should hold something else.
    #[test]
    fn no_string_is_lost_to_a_wrong_shape(field in prop::sample::select(KEYS), outer in prop::sample::select(KEYS), wrap in 0..5_u8, kind in prop::sample::select(WORDS)) {
        let inner = match wrap {
            0 => r#""the marker""#.to_owned(),
            1 => r#"["the marker"]"#.to_owned(),
            2 => r#"[["the marker"]]"#.to_owned(),
            3 => r#"{"novel":"the marker"}"#.to_owned(),
            _ => r#"[{"novel":"the marker"}]"#.to_owned(),
        };
        // Names whose strings hold no text, and those under which nothing does.
        let never = ["type", "id", "index", "item_id", "model", "modelVersion", "created_at", "finish_reason", "stop_reason",
            "thoughtSignature", "responseId", "signature", "role", "name", "data", "stopReason", "toolUseId"];
        prop_assume!(wrap != 0 || !never.contains(&field));
        prop_assume!(field != "usage" && outer != "usage");
        // The echo of the request in a response object.
        let echo = ["instructions", "prompt", "tools", "text", "input", "reasoning"];
        prop_assume!(outer != "response" || !echo.contains(&field));
        let kind = Value::from(kind).to_string();
        for payload in [
            format!(r#"{{"type":{kind},"{field}":{inner}}}"#),
            format!(r#"{{"type":{kind},"{outer}":{{"{field}":{inner}}}}}"#),
            format!(r#"{{"type":{kind},"{outer}":[{{"{field}":{inner}}}]}}"#),
        ] {
            for id in DialectId::ALL.iter().copied().filter(|id| *id != DialectId::Mcp && dialect(*id).speaks()) {
                let mut answer = answer(&call(id, Framing::Sse), Framing::Sse);
                let items = read(&mut *answer, &payload);
                prop_assert!(items.iter().any(|(_, text)| text == "the marker"), "{id:?} {payload}");
            }
        }
    }

    /// A marker in a field that the dialect does not know is found, wherever the field stands in an event.
    #[test]
    fn unknown_fields_are_texts(event in event()) {
        let Ok(Value::Object(mut fields)) = serde_json::from_str::<Value>(&event) else { return Ok(()) };
        fields.insert("novel".to_owned(), Value::from("marker in a novel field"));
        let payload = Value::Object(fields).to_string();
        for id in talking() {
            let mut answer = answer(&call(id, Framing::Sse), Framing::Sse);
            let items = read(&mut *answer, &payload);
            prop_assert!(items.iter().any(|(_, text)| text == "marker in a novel field"), "{id:?} {payload}");
        }
    }
}

/// What random cases found to be lost: a string or a list where an object or a list belongs.
#[test]
fn no_string_is_lost_in_these_wrong_shapes() {
    let marked = [
        (DialectId::OpenaiChat, r#"{"logprobs":"the marker"}"#),
        (DialectId::OpenaiChat, r#"{"choices":"the marker"}"#),
        (DialectId::OpenaiChat, r#"{"choices":{"novel":"the marker"}}"#),
        (DialectId::OpenaiChat, r#"{"choices":[{"logprobs":"the marker"}]}"#),
        (DialectId::OpenaiChat, r#"{"choices":[{"logprobs":{"content":"the marker"}}]}"#),
        (DialectId::OpenaiChat, r#"{"choices":[{"delta":{"role":["the marker"]}}]}"#),
        (
            DialectId::OpenaiChat,
            r#"{"choices":[{"delta":{"tool_calls":[{"function":{"name":["the marker"]}}]}}]}"#,
        ),
        (
            DialectId::OpenaiResponses,
            r#"{"type":"response.output_text.delta","logprobs":"the marker"}"#,
        ),
        (DialectId::OpenaiResponses, r#"{"type":"response.audio.delta","delta":["the marker"]}"#),
        (
            DialectId::OpenaiResponses,
            r#"{"type":"response.output_item.added","item":{"type":"function_call","name":{"a":"the marker"}}}"#,
        ),
        (
            DialectId::Anthropic,
            r#"{"type":"content_block_start","content_block":{"type":"tool_use","name":["the marker"]}}"#,
        ),
        (
            DialectId::Anthropic,
            r#"{"type":"content_block_delta","delta":{"signature":["the marker"]}}"#,
        ),
        (
            DialectId::Anthropic,
            r#"{"type":"content_block_delta","delta":{"type":{"a":"the marker"}}}"#,
        ),
        (
            DialectId::Gemini,
            r#"{"candidates":[{"logprobsResult":{"chosenCandidates":"the marker"}}]}"#,
        ),
        (
            DialectId::Gemini,
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":["the marker"]}}]}}]}"#,
        ),
        (DialectId::Gemini, r#"{"responseId":{"a":"the marker"}}"#),
    ];
    for (id, payload) in marked {
        let mut answer = answer(&call(id, Framing::Sse), Framing::Sse);
        let items = read(&mut *answer, payload);
        assert!(items.iter().any(|(_, text)| text == "the marker"), "{id:?} {payload}");
    }
}

/// What a Responses stream's ending repeats is fit for every reader, whatever upstream sent as an item.
#[test]
fn an_ending_repeats_only_items_and_no_lone_surrogates() {
    let strange = [
        (r#"[{"choices":"\ud800 t"}]"#, 0),
        (r#""an item""#, 0),
        (r#"{"id":"i","type":"novel","novel":"\ud800 t \ud83d\ude00"}"#, 1),
    ];
    for (item, listed) in strange {
        for phase in ["added", "done"] {
            let mut answer = answer(&call(DialectId::OpenaiResponses, Framing::Sse), Framing::Sse);
            send(&mut *answer, r#"{"type":"response.created","response":{"id":"r"}}"#);
            let event = format!(r#"{{"type":"response.output_item.{phase}","item":{item}}}"#);
            send(&mut *answer, &event);
            let ending = Ending { how: EndingHow::Blocked, ..end(false, Vec::new()) };
            let text = String::from_utf8(answer.ending(&ending).written(Framing::Sse)).unwrap();
            let last = payloads(text.as_bytes(), Framing::Sse).pop().unwrap();
            let last: Value = serde_json::from_str(&last).unwrap();
            let output = last["response"]["output"].as_array().unwrap();
            assert_eq!(output.len(), listed, "{event}");
            let repeated = output.iter().all(|item| item["novel"] == "\u{FFFD} t \u{1F600}");
            assert!(repeated, "{event}: {output:?}");
        }
    }
}

#[test]
fn an_array_body_with_an_error_is_read() {
    let body = r#"[{"error":{"code":429,"message":"too many","status":"RESOURCE_EXHAUSTED"}}]"#;
    let mut answer = answer(&call(DialectId::Gemini, Framing::Json), Framing::Json);
    let items = read(&mut *answer, body);
    assert!(items.iter().any(|(_, text)| text == "too many"));
    assert_eq!(payloads(body.as_bytes(), Framing::JsonArray).len(), 1);
}
