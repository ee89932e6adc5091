//! Answers in odd frames and odd orders: chunks in a list, one choice in place of a list, JSON written into a string, pieces
//! of calls without an index or after the end, and calls in lists of stored answers.

use super::super::matrix::policy;
use crate::support::{Cut, Recording, Seen, program, run};
use serde_json::{Value, json};

fn answer(method: &str, path: &str, kind: &str, request: &Value, response: String) -> Recording {
    Recording {
        name: "made".to_owned(),
        dialect: "any".to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
        status: 200,
        content_type: kind.to_owned(),
        request: if method == "GET" { Vec::new() } else { request.to_string().into_bytes() },
        response: response.into_bytes(),
    }
}

fn chat(stream: bool, kind: &str, response: String) -> Recording {
    let request = json!({"model": "m", "messages": [], "stream": stream});
    answer("POST", "/v1/chat/completions", kind, &request, response)
}

fn sse(events: &[String]) -> String {
    let events = events.iter().map(|event| format!("data: {event}\n\n"));
    events.collect::<String>() + "data: [DONE]\n\n"
}

fn delta(delta: Value) -> Value {
    json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

/// All that a text says between its JSON, so that a word that is cut over events is whole again.
fn said(seen: &Seen) -> String {
    let text = seen.text();
    let mut out = String::new();
    for part in text.split("\"content\":\"").skip(1) {
        out.push_str(part.split('"').next().unwrap());
    }
    out
}

fn actions() -> [Value; 3] {
    [json!({"redact": "[X]"}), json!("block"), json!({"fallback": "f"})]
}

#[test]
fn a_list_of_chunks_is_one_text() {
    let chunks = [delta(json!({"content": "go zan"})), delta(json!({"content": "zibar ok"}))];
    let list = json!(chunks).to_string();
    for action in actions() {
        let program = program(policy(action.clone()));
        let seen = run(&program, &chat(false, "application/json", list.clone()), &Cut::Every(9));
        assert!(!said(&seen).contains("zan") && !said(&seen).contains("zibar"), "{}", seen.text());
        let seen = run(
            &program,
            &chat(true, "text/event-stream", sse(std::slice::from_ref(&list))),
            &Cut::Whole,
        );
        assert!(!said(&seen).contains("zan") && !said(&seen).contains("zibar"), "{}", seen.text());
    }
    let quiet = program(
        json!({"guardrails": [{"id": "g", "scan": "output", "find": ["other"], "do": "block"}]}),
    );
    let seen = run(&quiet, &chat(false, "application/json", list.clone()), &Cut::Whole);
    assert_eq!(seen.text(), list);
}

/// A reader that undoes it sees what was not looked at.
#[test]
fn json_written_into_a_string_is_not_read_and_not_passed() {
    let events: Vec<String> = ["go zan", "zibar ok"]
        .map(|piece| json!(delta(json!({"content": piece})).to_string()).to_string())
        .to_vec();
    for action in actions() {
        let program = program(policy(action.clone()));
        for cut in [Cut::Whole, Cut::Every(5)] {
            let seen = run(&program, &chat(true, "text/event-stream", sse(&events)), &cut);
            let text = seen.text();
            assert!(!text.contains("zan") && !text.contains("zibar"), "{action}: {text}");
        }
    }
    // A text that stands alone is one, whatever it says.
    let plain = sse(&[json!("hello [you]").to_string()]);
    let program = program(policy(json!("block")));
    let seen = run(&program, &chat(true, "text/event-stream", plain.clone()), &Cut::Whole);
    assert_eq!(seen.text(), plain);
}

/// Data in several lines, which CR alone may end, is one event.
#[test]
fn events_whose_lines_end_with_cr_alone() {
    for end in ["\n", "\r", "\r\n"] {
        let event = |piece: &str| {
            let text = serde_json::to_string_pretty(&delta(json!({"content": piece}))).unwrap();
            let lines: Vec<String> =
                text.lines().map(|line| format!("data: {line}{end}")).collect();
            lines.concat() + end
        };
        let body = event("go zan") + &event("zibar ok") + "data: [DONE]" + end + end;
        for action in actions() {
            let program = program(policy(action.clone()));
            for cut in [Cut::Whole, Cut::Every(1), Cut::Every(7)] {
                let seen = run(&program, &chat(true, "text/event-stream", body.clone()), &cut);
                let text = seen.text();
                assert!(
                    !text.contains("zan") && !text.contains("zibar"),
                    "{action} {end:?}: {text}"
                );
            }
        }
    }
}

fn call(name: &str, arguments: &str) -> Value {
    json!({"id": format!("c_{name}"), "type": "function", "function": {"name": name, "arguments": arguments}})
}

/// Streams that call `rm`, which is denied, and `get`.
fn odd_calls() -> Vec<(&'static str, String)> {
    let numbered = |index: u32, mut call: Value| {
        call["index"] = json!(index);
        call
    };
    let piece = |arguments: &str| json!({"function": {"arguments": arguments}});
    let of = |calls: &[Value]| delta(json!({"tool_calls": calls}));
    let text = |events: &[Value]| events.iter().map(Value::to_string).collect::<Vec<_>>();
    let one = |call: Value| {
        let mut chunk = of(&[call]);
        chunk["choices"] = chunk["choices"][0].take();
        chunk
    };
    let end = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]});
    vec![
        (
            "choices an object",
            sse(&text(&[
                one(numbered(0, call("rm", "{\"p\":\"secret\"}"))),
                one(numbered(1, call("get", "{\"q\":\"open\"}"))),
                end.clone(),
            ])),
        ),
        (
            "chunks in lists",
            sse(&[
                json!([
                    of(&[numbered(0, call("rm", "{\"p\":"))]),
                    of(&[numbered(0, piece("\"secret\"}"))])
                ])
                .to_string(),
                json!([of(&[numbered(1, call("get", "{\"q\":\"open\"}"))]), end]).to_string(),
            ]),
        ),
        (
            "an index at first alone",
            sse(&text(&[
                of(&[numbered(0, call("get", "{\"q\":"))]),
                of(&[piece("\"open\"}")]),
                of(&[numbered(1, call("rm", "{\"p\":"))]),
                of(&[piece("\"secret\"}")]),
                end.clone(),
            ])),
        ),
        (
            "an index afterwards alone",
            sse(&text(&[
                of(&[call("get", "{\"q\":")]),
                of(&[numbered(0, piece("\"open\"}"))]),
                of(&[call("rm", "{\"p\":")]),
                of(&[numbered(1, piece("\"secret\"}"))]),
                end.clone(),
            ])),
        ),
        (
            "arguments after the end",
            sse(&text(&[
                of(&[numbered(0, call("rm", "{\"p\":"))]),
                of(&[numbered(1, call("get", "{\"q\":\"open\"}"))]),
                end.clone(),
                of(&[numbered(0, piece("\"secret\"}"))]),
            ])),
        ),
    ]
}

#[test]
fn a_denied_call_leaves_in_none_of_these_shapes() {
    let deny = program(json!({"tools": [{"id": "t", "match": "rm", "do": "deny"}]}));
    let allow = program(json!({"tools": [{"id": "t", "match": "other", "do": "deny"}]}));
    let mut wrong = Vec::new();
    for (shape, body) in odd_calls() {
        for cut in [Cut::Whole, Cut::Every(11)] {
            let text = run(&deny, &chat(true, "text/event-stream", body.clone()), &cut).text();
            if text.contains("\"rm\"") || text.contains("secret") || !text.contains("open") {
                wrong.push(format!("{shape}: {text}"));
            }
            let text = run(&allow, &chat(true, "text/event-stream", body.clone()), &cut).text();
            if text != body {
                wrong.push(format!("{shape} changed: {text}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn calls_in_lists_of_stored_answers_are_judged_each() {
    let (rm, get) = (call("rm", "{\"p\":\"secret\"}"), call("get", "{\"q\":\"open\"}"));
    let message =
        |calls: &[&Value]| json!({"role": "assistant", "content": null, "tool_calls": calls});
    let completion = |calls: &[&Value]| {
        json!({"id": "x", "object": "chat.completion", "model": "m",
        "choices": [{"index": 0, "message": message(calls), "finish_reason": "tool_calls"}]})
    };
    let item = |call: &Value| {
        json!({"type": "function_call", "id": "i", "call_id": call["id"],
        "name": call["function"]["name"], "arguments": call["function"]["arguments"]})
    };
    let output = |id: &str, text: &str| json!({"type": "function_call_output", "id": "o", "call_id": id, "output": text});
    let lists = [
        (
            "/v1/chat/completions",
            json!([completion(&[&get]), completion(&[&rm, &get]), completion(&[&rm])]),
        ),
        ("/v1/chat/completions?limit=9", json!([completion(&[&rm]), completion(&[&get])])),
        (
            "/v1/chat/completions/c/messages",
            json!([{"role": "user", "content": "hi"}, message(&[&rm, &get]), message(&[&rm])]),
        ),
        (
            "/v1/conversations/conv_1/items",
            json!([item(&get), item(&rm), output("c_rm", "secret"), output("c_get", "open")]),
        ),
        (
            "/v1/responses/resp_1/input_items",
            json!([item(&rm), item(&get), output("c_rm", "secret")]),
        ),
    ];
    let policy = |name: &str, action: &str| {
        program(json!({"tools": [{"id": "t", "match": name, "do": action}]}))
    };
    for (path, data) in lists {
        let list = json!({"object": "list", "data": data, "has_more": false}).to_string();
        let stored = answer("GET", path, "application/json", &Value::Null, list.clone());
        for action in ["deny", "approve"] {
            let seen = run(&policy("rm", action), &stored, &Cut::Every(50));
            let text = seen.text();
            assert!(serde_json::from_str::<Value>(&text).is_ok(), "{path}: {text}");
            assert!(!text.contains("\"rm\"") && !text.contains("secret"), "{path}: {text}");
            assert!(text.contains("\"get\"") && text.contains("open"), "{path}: {text}");
            let items =
                serde_json::from_str::<Value>(&text).unwrap()["data"].as_array().unwrap().len();
            assert_eq!(items, data.as_array().unwrap().len(), "{path}: {text}");
        }
        assert_eq!(run(&policy("other", "deny"), &stored, &Cut::Every(50)).text(), list);
    }
}
