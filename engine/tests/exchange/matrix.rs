//! Every dialect × place of a text × how it is cut into events × lever: no word of a match leaves, wherever it stands.
//!
//! The places are written as a person would find them in traffic: those that the formats have, and those that no format
//! has (yet). What leaves is read by a reader of its own, which joins the strings at one place of successive events.

mod places;

use std::collections::BTreeMap;

use crate::support::{Cut, Recording, Seen, messages, program, run};
use hemostat_engine::dialect::{DialectId, dialect, recognise};
use places::places;
use serde_json::{Value, json};

/// The forbidden word. No three of its letters in a row may leave.
pub(super) const WORD: &str = "zanzibar";

/// A dialect's streams: how an event is framed, and what begins and ends an answer.
pub(super) struct Stream {
    pub(super) dialect: &'static str,
    pub(super) path: &'static str,
    pub(super) open: Vec<Value>,
    pub(super) close: Vec<Value>,
}

pub(super) fn streams() -> Vec<Stream> {
    let chat = |delta: Value, finish: Value| {
        json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    };
    let message = json!({"type": "message_start", "message": {"id": "m1", "type": "message", "role": "assistant",
        "model": "m", "content": [], "stop_reason": null, "usage": {"input_tokens": 1, "output_tokens": 1}}});
    let block = json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}});
    let anthropic_close = vec![
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}),
        json!({"type": "message_stop"}),
    ];
    let gemini_close =
        vec![json!({"candidates": [{"index": 0, "content": {"parts": [{"text": "."}],
        "role": "model"}, "finishReason": "STOP"}]})];
    let responses_open = vec![
        json!({"type": "response.created", "response": {"id": "r", "object": "response", "status": "in_progress",
            "model": "m", "output": []}, "sequence_number": 0}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "id": "i",
            "status": "in_progress", "role": "assistant", "content": []}, "sequence_number": 1}),
    ];
    let responses_close =
        vec![json!({"type": "response.completed", "response": {"id": "r", "object": "response",
        "status": "completed", "model": "m", "output": []}, "sequence_number": 99})];
    let completion = |finish: Value| {
        json!({"id": "c", "object": "text_completion", "created": 1, "model": "m",
            "choices": [{"text": "", "index": 0, "logprobs": null, "finish_reason": finish}]})
    };
    let ollama = |dialect, path, piece: Value| {
        let line = |done: bool| {
            let mut line = piece.clone();
            line["model"] = json!("m");
            line["done"] = json!(done);
            line
        };
        Stream { dialect, path, open: vec![line(false)], close: vec![line(true)] }
    };
    let anthropic = |dialect, path| Stream {
        dialect,
        path,
        open: vec![message.clone(), block.clone()],
        close: anthropic_close.clone(),
    };
    let gemini =
        |path| Stream { dialect: "gemini", path, open: Vec::new(), close: gemini_close.clone() };
    vec![
        Stream {
            dialect: "openai-chat",
            path: "/v1/chat/completions",
            open: vec![chat(json!({"role": "assistant", "content": ""}), Value::Null)],
            close: vec![chat(json!({}), json!("stop"))],
        },
        Stream {
            dialect: "openai-responses",
            path: "/v1/responses",
            open: responses_open,
            close: responses_close,
        },
        anthropic("anthropic", "/v1/messages"),
        anthropic("bedrock-invoke", "/model/anthropic.claude/invoke-with-response-stream"),
        gemini("/v1beta/models/m:streamGenerateContent?alt=sse"),
        gemini("/v1beta/models/m:streamGenerateContent"),
        Stream {
            dialect: "openai-chat",
            path: "/serving-endpoints/m/invocations",
            open: vec![chat(json!({"role": "assistant", "content": ""}), Value::Null)],
            close: vec![chat(json!({}), json!("stop"))],
        },
        Stream {
            dialect: "openai-completions",
            path: "/v1/completions",
            open: vec![completion(Value::Null)],
            close: vec![completion(json!("stop"))],
        },
        Stream {
            dialect: "cohere",
            path: "/v2/chat",
            open: vec![
                json!({"id": "c", "type": "message-start", "delta": {"message": {"role": "assistant",
                    "content": [], "tool_plan": "", "tool_calls": [], "citations": []}}}),
                json!({"type": "content-start", "index": 0,
                    "delta": {"message": {"content": {"type": "text", "text": ""}}}}),
            ],
            close: vec![
                json!({"type": "content-end", "index": 0}),
                json!({"type": "message-end", "delta": {"finish_reason": "COMPLETE",
                    "usage": {"billed_units": {"input_tokens": 1, "output_tokens": 1}}}}),
            ],
        },
        Stream {
            dialect: "gemini-interactions",
            path: "/v1beta/interactions",
            open: vec![
                json!({"event_type": "interaction.created", "interaction": {"id": "i", "status": "in_progress",
                    "object": "interaction", "model": "m"}}),
                json!({"event_type": "step.start", "index": 0, "step": {"type": "model_output"}}),
            ],
            close: vec![
                json!({"event_type": "step.stop", "index": 0}),
                json!({"event_type": "interaction.completed", "interaction": {"id": "i", "status": "completed",
                    "model": "m", "usage": {"total_input_tokens": 1, "total_output_tokens": 1}}}),
            ],
        },
        Stream {
            dialect: "a2a",
            path: "/message:stream",
            open: vec![
                json!({"task": {"id": "t", "contextId": "c", "status": {"state": "TASK_STATE_SUBMITTED"}}}),
            ],
            close: vec![
                json!({"statusUpdate": {"taskId": "t", "contextId": "c", "status": {"state": "TASK_STATE_COMPLETED"}}}),
            ],
        },
        Stream {
            dialect: "a2a-before",
            path: "/agents/1",
            open: vec![
                json!({"kind": "task", "id": "t", "contextId": "c", "status": {"state": "submitted"}}),
            ],
            close: vec![
                json!({"kind": "status-update", "taskId": "t", "contextId": "c", "final": true,
                    "status": {"state": "completed"}}),
            ],
        },
        ollama("ollama", "/api/chat", json!({"message": {"role": "assistant", "content": ""}})),
        ollama("ollama-generate", "/api/generate", json!({"response": ""})),
        Stream {
            dialect: "bedrock",
            path: "/model/m/converse-stream",
            open: vec![json!({"role": "assistant"})],
            close: vec![
                json!({"contentBlockIndex": 0}),
                json!({"stopReason": "end_turn"}),
                json!({"usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}}),
            ],
        },
    ]
}

/// How `go zanzibar ok` is cut into events.
pub(super) fn pieces() -> Vec<Vec<&'static str>> {
    let letters: Vec<&str> =
        "go zanzibar ok".split("").filter(|letter| !letter.is_empty()).collect();
    vec![
        vec!["go zanzibar ok"],
        vec!["go zan", "zi", "bar ok"],
        vec!["go ", "zanz", "ibar", " ok"],
        vec!["go z", "anzibar ok"],
        letters,
    ]
}

pub(super) fn framed(stream: &Stream, events: &[Value]) -> Vec<u8> {
    match (stream.dialect, stream.path.contains("alt=sse")) {
        ("gemini", false) => {
            let all: Vec<String> = events.iter().map(Value::to_string).collect();
            format!("[{}\n]\n", all.join("\n,\r\n")).into_bytes()
        }
        ("bedrock", _) => {
            let kind = |event: &Value| match event {
                event if event.get("role").is_some() => "messageStart",
                event if event.get("delta").is_some() => "contentBlockDelta",
                event if event.get("stopReason").is_some() => "messageStop",
                event if event.get("contentBlockIndex").is_some() => "contentBlockStop",
                _ => "metadata",
            };
            let all = events.iter().map(|e| messages::message(kind(e), e.to_string().as_bytes()));
            all.collect::<Vec<_>>().concat()
        }
        ("bedrock-invoke", _) => events
            .iter()
            .map(|event| messages::chunk(&event.to_string()))
            .collect::<Vec<_>>()
            .concat(),
        ("ollama" | "ollama-generate", _) => {
            events.iter().map(|event| format!("{event}\n")).collect::<String>().into_bytes()
        }
        ("a2a-before", _) => {
            let rpc = |event: &Value| json!({"jsonrpc": "2.0", "id": 1, "result": event});
            events
                .iter()
                .map(|event| format!("data: {}\n\n", rpc(event)))
                .collect::<String>()
                .into_bytes()
        }
        _ => {
            let done = if stream.dialect.starts_with("openai-c")
                || matches!(stream.dialect, "cohere" | "gemini-interactions")
            {
                "data: [DONE]\n\n"
            } else {
                ""
            };
            let all = events.iter().map(|event| format!("data: {event}\n\n"));
            (all.collect::<String>() + done).into_bytes()
        }
    }
}

pub(super) fn recording(stream: &Stream, response: Vec<u8>) -> Recording {
    let request = match stream.dialect {
        "bedrock-invoke" => {
            json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": []})
        }
        "bedrock" => json!({"messages": []}),
        "ollama-generate" | "openai-completions" => {
            json!({"model": "m", "prompt": "x", "stream": true})
        }
        "gemini" => json!({"contents": []}),
        "a2a" => {
            json!({"message": {"messageId": "1", "role": "ROLE_USER", "parts": [{"text": "x"}]}})
        }
        "a2a-before" => {
            json!({"jsonrpc": "2.0", "id": 1, "method": "message/stream", "params": {"message":
                {"kind": "message", "messageId": "1", "role": "user", "parts": [{"kind": "text", "text": "x"}]}}})
        }
        "openai-responses" | "gemini-interactions" => {
            json!({"model": "m", "input": "x", "stream": true})
        }
        _ => json!({"model": "m", "messages": [], "max_tokens": 9, "stream": true}),
    };
    let content_type = match (stream.dialect, stream.path.contains("alt=sse")) {
        ("gemini", false) => "application/json",
        ("bedrock" | "bedrock-invoke", _) => "application/vnd.amazon.eventstream",
        ("ollama" | "ollama-generate", _) => "application/x-ndjson",
        _ => "text/event-stream",
    };
    Recording {
        name: "made".to_owned(),
        dialect: stream.dialect.to_owned(),
        method: "POST".to_owned(),
        path: stream.path.to_owned(),
        status: 200,
        content_type: content_type.to_owned(),
        request: request.to_string().into_bytes(),
        response,
    }
}

/// All strings of what left, those at one place of successive events joined.
pub(super) fn told(recording: &Recording, seen: &Seen) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let left = Recording { dialect: recording.dialect.clone(), ..recording.clone() };
    for event in crate::support::text::events(&left, &seen.body) {
        let kind = event["type"].as_str().unwrap_or_default().to_owned();
        strings(&event, &kind, &mut all);
    }
    all
}

fn strings(value: &Value, at: &str, all: &mut BTreeMap<String, String>) {
    let index = ["index", "output_index", "contentBlockIndex"];
    let own = index.iter().find_map(|name| value.get(name)).map(Value::to_string);
    let at = format!("{at}#{}", own.unwrap_or_default());
    match value {
        Value::String(text) => all.entry(at).or_default().push_str(text),
        Value::Array(items) => {
            for (position, item) in items.iter().enumerate() {
                strings(item, &format!("{at}/{position}"), all);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                strings(member, &format!("{at}/{name}"), all);
            }
        }
        _ => {}
    }
}

/// No three letters of the word in a row, anywhere.
fn assert_nothing_left(told: &BTreeMap<String, String>, what: &str) {
    for (place, text) in told {
        for at in 0..WORD.len() - 2 {
            assert!(!text.contains(&WORD[at..at + 3]), "{what}: {place} says {text:?}");
        }
    }
}

fn event(template: &str, piece: &str, so_far: &str) -> Value {
    serde_json::from_str(&template.replace('@', piece).replace('#', so_far)).unwrap()
}

/// An answer with the text at one place, in these pieces. `between`: other text comes between them.
fn made(stream: &Stream, template: &str, pieces: &[&str], between: bool) -> Recording {
    let places = places(stream.dialect);
    // Another item; where answers have but one, another place of it.
    let numbered = places[0].1.contains("ndex\":0");
    let other = places[usize::from(!numbered && template != places[1].1)].1;
    let mut events = stream.open.clone();
    let mut so_far = String::new();
    for piece in pieces {
        so_far.push_str(piece);
        events.push(event(template, piece, &so_far));
        if between {
            let other = other.replace("ndex\":0", "ndex\":7").replace("Index\":0", "Index\":7");
            events.push(event(&other, "~", "~"));
        }
    }
    events.extend(stream.close.clone());
    recording(stream, framed(stream, &events))
}

fn each(mut test: impl FnMut(&Stream, &str, &str, &[&str], bool)) {
    for stream in streams() {
        for (name, template) in places(stream.dialect) {
            for pieces in pieces() {
                for between in [false, true] {
                    test(&stream, name, template, &pieces, between);
                }
            }
        }
    }
}

pub(super) fn policy(action: Value) -> Value {
    json!({
        "guardrails": [{"id": "g", "scan": ["output", "tool_args"], "find": [WORD], "do": action}],
        "fallbacks": {"f": {"text": "CANNED"}},
    })
}

/// A dialect that is new has no place here until somebody writes it down.
#[test]
fn every_dialect_that_speaks_is_here() {
    let here: Vec<DialectId> = streams()
        .iter()
        .filter_map(|stream| Some(recognise("POST", stream.path)?.dialect))
        .collect();
    let speaks = |id: &&DialectId| dialect(**id).speaks() && **id != DialectId::Mcp;
    for id in DialectId::ALL.iter().filter(speaks) {
        assert!(here.contains(id), "{id:?} has no stream in the matrix");
    }
}

#[test]
fn a_redacted_word_leaves_nowhere() {
    let program = program(policy(json!({"redact": "[X]"})));
    each(|stream, name, template, pieces, between| {
        let what = format!("{} {name} {pieces:?} {between}", stream.path);
        let recording = made(stream, template, pieces, between);
        let seen = run(&program, &recording, &Cut::Whole);
        let told = told(&recording, &seen);
        assert_nothing_left(&told, &what);
        let wanted = told.values().any(|text| text.contains("go [X] ok"));
        assert!(wanted, "{what}: {told:?}");
        let again = run(&program, &recording, &Cut::Every(13));
        assert!(again.body == seen.body, "{what}: cut otherwise");
    });
}

#[test]
fn a_word_that_ends_an_answer_leaves_nowhere() {
    for action in [json!("block"), json!({"fallback": "f"})] {
        let program = program(policy(action.clone()));
        each(|stream, name, template, pieces, between| {
            let what = format!("{action} {} {name} {pieces:?} {between}", stream.path);
            let recording = made(stream, template, pieces, between);
            let seen = run(&program, &recording, &Cut::Whole);
            let told = told(&recording, &seen);
            assert_nothing_left(&told, &what);
            let canned = told.iter().filter(|(place, _)| !place.contains("completed"));
            let canned = canned.filter(|(place, _)| !place.contains("done"));
            let canned: usize = canned.map(|(_, text)| text.matches("CANNED").count()).sum();
            // Once for each choice that has begun.
            let wanted = usize::from(action != json!("block"));
            let choices = 1 + usize::from(between) + usize::from(name == "odd index");
            assert!((wanted..=wanted * choices).contains(&canned), "{what}: {told:?}");
            assert!(!seen.text().contains(" ok\""), "{what}");
        });
    }
}

#[test]
fn nothing_changes_where_no_rule_hits() {
    let mut harmless = policy(json!({"redact": "[X]"}));
    harmless["guardrails"][0]["find"] = json!(["timbuktu", "pack:pii"]);
    let program = program(harmless);
    each(|stream, name, template, pieces, between| {
        let recording = made(stream, template, pieces, between);
        let seen = run(&program, &recording, &Cut::Every(29));
        assert!(seen.body == recording.response, "{} {name} {pieces:?}", stream.path);
    });
}

/// Answers that come whole: the word at known, unknown, nested and repeated places.
#[test]
fn whole_answers_too() {
    let places = [
        "{\"a\":\"@\"}",
        "{\"a\":{\"b\":[{\"c\":\"@\"}]}}",
        "{\"a\":\"@\",\"b\":\"@\",\"a\":\"@\"}",
        "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"@\",\"foo\":{\"bar\":\"@\"}},\"text\":\"@\"}]}",
        "{\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"@\"},{\"type\":\"foo\",\"bar\":[\"@\"]}]}",
        "{\"output\":[{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"@\"}],\"foo\":\"@\"}]}",
        "{\"output\":{\"message\":{\"content\":[{\"text\":\"@\"},{\"foo\":{\"bar\":\"@\"}}]}}}",
        "{\"steps\":[{\"type\":\"model_output\",\"content\":[{\"type\":\"text\",\"text\":\"@\"}]},{\"type\":\"foo\",\"bar\":[\"@\"]}]}",
        "{\"task\":{\"id\":\"t\",\"status\":{\"state\":\"TASK_STATE_COMPLETED\",\"message\":{\"parts\":[{\"text\":\"@\"}]}},\"artifacts\":[{\"parts\":[{\"text\":\"@\"},{\"data\":{\"a\":\"@\"}}]}],\"history\":[{\"parts\":[{\"text\":\"@\"}]}]}}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"kind\":\"message\",\"parts\":[{\"kind\":\"text\",\"text\":\"@\"}]}}",
        "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"@\"},{\"foo\":[\"@\"]}]},\"note\":\"@\"}]}",
    ];
    for action in [json!({"redact": "[X]"}), json!("block"), json!({"fallback": "f"})] {
        let program = program(policy(action));
        for stream in streams() {
            for place in places {
                let mut recording =
                    recording(&stream, place.replace('@', "go zanzibar ok").into_bytes());
                recording.content_type = "application/json".to_owned();
                recording.path = recording.path.replace("streamGenerate", "generate");
                recording.path =
                    recording.path.replace("-stream", "").replace("-with-response", "");
                recording.request = String::from_utf8(recording.request)
                    .unwrap()
                    .replace("\"stream\":true", "\"stream\":false")
                    .into_bytes();
                let seen = run(&program, &recording, &Cut::Whole);
                assert!(!seen.text().contains(WORD), "{} {place}: {}", stream.path, seen.text());
            }
        }
    }
}

/// Arguments of a call as JSON text in pieces: a number, an escape and a pair of surrogates that are cut into three and
/// more wait whole, and what is changed is changed where it stands.
#[test]
fn units_of_arguments_that_are_cut_wait_whole() {
    let rules = json!({"guardrails": [{"id": "g", "scan": ["tool_args"], "do": {"redact": "[X]"},
        "find": ["4111111111111111", "zanzibar", "zan\u{e4}zibar", "x\\ny", "go \u{1f600} ok"]}]});
    let program = program(rules);
    let texts = [
        (r#"{"card":4111111111111111,"n":1}"#, json!({"card": "[X]", "n": 1})),
        (r#"{"zanzibar":1}"#, json!({"[X]": 1})),
        (r#"{"k":"a x\ny b"}"#, json!({"k": "a [X] b"})),
        (r#"{"k":"a zan\u00e4zibar b"}"#, json!({"k": "a [X] b"})),
        (r#"{"k":"\"go \ud83d\ude00 ok\""}"#, json!({"k": "\"[X]\""})),
        (r#"{"k":"zanzibar\n\\x"}"#, json!({"k": "[X]\n\\x"})),
    ];
    let cuts: [fn(&str) -> Vec<String>; 3] = [
        |text| text.chars().map(String::from).collect(),
        |text| text.as_bytes().chunks(2).map(|c| String::from_utf8_lossy(c).into_owned()).collect(),
        |text| text.as_bytes().chunks(3).map(|c| String::from_utf8_lossy(c).into_owned()).collect(),
    ];
    for stream in streams() {
        let piece = |text: &str| match stream.dialect {
            "openai-chat" => {
                json!({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "c1",
                "type": "function", "function": {"name": "get", "arguments": text}}]}}]})
            }
            "openai-responses" => {
                json!({"type": "response.function_call_arguments.delta", "output_index": 0,
                "item_id": "i", "delta": text})
            }
            "cohere" => json!({"type": "tool-call-delta", "index": 1,
                "delta": {"message": {"tool_calls": {"function": {"arguments": text}}}}}),
            "bedrock" => json!({"contentBlockIndex": 1, "delta": {"toolUse": {"input": text}}}),
            "gemini-interactions" => json!({"event_type": "step.delta", "index": 1,
                "delta": {"type": "arguments_delta", "arguments": text}}),
            _ => json!({"type": "content_block_delta", "index": 1,
                "delta": {"type": "input_json_delta", "partial_json": text}}),
        };
        let own =
            ["gemini", "ollama", "ollama-generate", "openai-completions", "a2a", "a2a-before"];
        if own.contains(&stream.dialect) {
            continue; // its arguments come whole, or it has no calls
        }
        for (text, wanted) in &texts {
            for cut in cuts {
                let mut events = stream.open.clone();
                events.extend(cut(text).iter().map(|text| piece(text)));
                events.extend(stream.close.clone());
                let recording = recording(&stream, framed(&stream, &events));
                let seen = run(&program, &recording, &Cut::Whole);
                let joined: String = told(&recording, &seen)
                    .into_iter()
                    .filter(|(place, _)| {
                        ["arguments", "partial_json", "input"].iter().any(|n| place.contains(n))
                            || place.contains("arguments.delta")
                    })
                    .filter(|(place, _)| {
                        !place.contains("/name")
                            && !place.ends_with("/type#")
                            && !place.contains("item_id")
                    })
                    .map(|(_, text)| text)
                    .collect();
                let joined = joined.replace("response.function_call_arguments.delta", "");
                let read: Value = serde_json::from_str(&joined)
                    .unwrap_or_else(|_| panic!("{} {text}: {joined}", stream.path));
                assert_eq!(read, *wanted, "{} {text}", stream.path);
            }
        }
    }
}
