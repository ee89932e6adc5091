//! Calls of chat answers that stand once more at another place: what becomes of the call becomes of all its copies.

use crate::support::{Cut, Recording, program, run};
use serde_json::{Value, json};

const SECRET: &str = "zanzibar";

/// The call `name`, as a list of calls has it.
fn call(name: &str) -> Value {
    let arguments = json!({"x": SECRET}).to_string();
    json!([{"index": 0, "id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}])
}

/// The call as Anthropic has it, which some gateways pass on.
fn part(name: &str) -> Value {
    json!({"type": "tool_use", "id": "c1", "name": name, "input": {"x": SECRET}})
}

/// An answer with a call of this tool at its place and, by the name of the place, at another one.
fn answers(name: &str, streamed: bool) -> Vec<(&'static str, Value)> {
    let holder = if streamed { "delta" } else { "message" };
    let plain = json!({"id": "c", "model": "m", "choices": [{"index": 0, "finish_reason": "tool_calls",
        holder: {"role": "assistant", "content": null, "tool_calls": call(name)}}]});
    let with = |change: &dyn Fn(&mut Value)| {
        let mut answer = plain.clone();
        change(&mut answer);
        answer
    };
    let mut all = vec![
        ("alone", plain.clone()),
        ("choice", with(&|answer| answer["choices"][0]["tool_calls"] = call(name))),
        ("root", with(&|answer| answer["tool_calls"] = call(name))),
        (
            "fields of the server's own",
            with(&|answer| {
                answer["choices"][0][holder]["provider_specific_fields"] =
                    json!({"tool_calls": call(name), "a": 1});
            }),
        ),
        (
            "the old field",
            with(&|answer| {
                answer["choices"][0][holder]["function_call"] = call(name)[0]["function"].clone();
            }),
        ),
        (
            "a part of the content too",
            with(&|answer| answer["choices"][0][holder]["content"] = json!([part(name)])),
        ),
        (
            "a part of the content",
            with(&|answer| {
                let parts = json!([{"type": "text", "text": "so"}, part(name)]);
                answer["choices"][0][holder] = json!({"role": "assistant", "content": parts});
            }),
        ),
    ];
    if streamed {
        let message = json!({"role": "assistant", "tool_calls": call(name)});
        all.push(("message", with(&|answer| answer["choices"][0]["message"] = message.clone())));
    }
    all
}

fn recording(answer: &Value, streamed: bool) -> Recording {
    let request = json!({"model": "m", "messages": [], "stream": streamed});
    if !streamed {
        return Recording::made("/v1/chat/completions", request, answer);
    }
    let body = format!("data: {answer}\n\ndata: [DONE]\n\n");
    let made = Recording::made("/v1/chat/completions", request, body);
    Recording { content_type: "text/event-stream".to_owned(), ..made }
}

#[test]
fn nothing_of_a_stopped_call_leaves_wherever_it_stands_once_more() {
    for verdict in ["deny", "approve"] {
        let program = program(json!({"tools": [{"id": "t", "match": "delete_*", "do": verdict}]}));
        for streamed in [false, true] {
            for (place, answer) in answers("delete_all", streamed) {
                let what = format!("{verdict} {streamed} {place}");
                let seen = run(&program, &recording(&answer, streamed), &Cut::Every(17));
                assert!(!seen.text().contains(SECRET), "{what}: {}", seen.text());
                assert!(!seen.text().contains("\"delete_all"), "{what}: {}", seen.text());
                assert!(seen.text().contains("`delete_all`"), "{what}: {}", seen.text());
                let document = seen.text().replace("data: ", "").replace("[DONE]", "");
                serde_json::from_str::<Value>(document.trim())
                    .unwrap_or_else(|_| panic!("{what}: {document}"));
            }
            for (place, answer) in answers("read", streamed) {
                let recording = recording(&answer, streamed);
                let seen = run(&program, &recording, &Cut::Every(17));
                assert!(
                    seen.body == recording.response,
                    "{verdict} {streamed} {place}: {}",
                    seen.text()
                );
            }
        }
    }
}

/// One call in place of a list of them, which some clients may read.
#[test]
fn a_call_in_place_of_a_list_is_read_by_nobody_and_does_not_leave() {
    let program = program(json!({"tools": [{"id": "t", "match": "delete_*", "do": "deny"}]}));
    for streamed in [false, true] {
        let (_, mut answer) = answers("delete_all", streamed).remove(0);
        let holder = if streamed { "delta" } else { "message" };
        answer["choices"][0][holder]["tool_calls"] = call("delete_all")[0].clone();
        let seen = run(&program, &recording(&answer, streamed), &Cut::Whole);
        assert!(!seen.text().contains(SECRET), "{streamed}: {}", seen.text());
    }
}

/// Words that say with every chunk that nothing is finished: what ends the answer says that it is.
#[test]
fn a_reason_that_is_none_finishes_nothing() {
    let rules = json!({"guardrails": [{"id": "g", "scan": ["output"], "find": [SECRET], "do": {"fallback": "f"}}],
        "fallbacks": {"f": {"text": "CANNED"}}});
    let program = program(rules);
    for reason in [
        json!(null),
        json!(""),
        json!(" "),
        json!("null"),
        json!("None"),
        json!(false),
        json!({}),
        json!("continue"),
    ] {
        let chunk = |text: &str| {
            let choice = json!({"index": 0, "delta": {"content": text}, "finish_reason": reason});
            format!("data: {}\n\n", json!({"id": "c", "model": "m", "choices": [choice]}))
        };
        let body = [chunk("go "), chunk(SECRET), "data: [DONE]\n\n".to_owned()].concat();
        let made = Recording { response: body.into_bytes(), ..recording(&json!({}), true) };
        let seen = run(&program, &made, &Cut::Whole);
        assert!(seen.text().contains("CANNED"), "{reason}: {}", seen.text());
        assert!(seen.text().contains("\"finish_reason\":\"stop\""), "{reason}: {}", seen.text());
        assert!(!seen.text().contains(SECRET), "{reason}");
    }
}

/// A reason that comes with every chunk finishes nothing while text comes: what ends the answer is said, once.
#[test]
fn a_reason_with_every_chunk_finishes_nothing_while_text_comes() {
    for (action, says, ends) in [
        (json!({"fallback": "f"}), "CANNED", "\"finish_reason\":\"stop\""),
        (json!("block"), "", "\"finish_reason\":\"content_filter\""),
    ] {
        let rules = json!({"guardrails": [{"id": "g", "scan": ["output"], "find": [SECRET], "do": action}],
            "fallbacks": {"f": {"text": "CANNED"}}});
        let program = program(rules);
        for (path, holder) in [("/v1/chat/completions", "delta"), ("/v1/completions", "text")] {
            for pieces in [vec!["go ", SECRET], vec!["go ", "on ", "to ", "zan", "zibar", " ok"]] {
                let chunk = |text: &&str| {
                    let said =
                        if holder == "delta" { json!({"content": text}) } else { json!(text) };
                    let choice = json!({"index": 0, holder: said, "finish_reason": "stop"});
                    format!("data: {}\n\n", json!({"id": "c", "model": "m", "choices": [choice]}))
                };
                let mut body: String = pieces.iter().map(chunk).collect();
                body.push_str("data: [DONE]\n\n");
                let made = Recording {
                    path: path.to_owned(),
                    response: body.into_bytes(),
                    ..recording(&json!({}), true)
                };
                for cut in [Cut::Whole, Cut::Every(7)] {
                    let seen = run(&program, &made, &cut);
                    let what = format!("{action} {path} {pieces:?}: {}", seen.text());
                    assert!(!seen.text().contains("zan"), "{what}");
                    assert_eq!(
                        seen.text().matches("CANNED").count(),
                        usize::from(!says.is_empty()),
                        "{what}"
                    );
                    assert!(seen.text().contains(ends), "{what}");
                    assert_eq!(seen.text().matches("[DONE]").count(), 1, "{what}");
                }
            }
        }
    }
}

/// A call of Gemini's that comes in pieces, each with its name, is one call; so is one in the other spelling.
#[test]
fn a_name_that_comes_with_every_piece_is_one_name() {
    let part = |part: Value| {
        format!("data: {}\n\n", json!({"candidates": [{"index": 0, "content": {"parts": [part]}}]}))
    };
    let piece = |text: &str, more: bool| {
        part(json!({"functionCall": {"name": "get", "willContinue": more,
            "partialArgs": [{"jsonPath": "$.x", "stringValue": text, "willContinue": more}]}}))
    };
    let path = "/v1beta/models/m:streamGenerateContent?alt=sse";
    let ask = |rules: Value, body: String| {
        let made = Recording::made(path, json!({"contents": []}), body);
        let made = Recording { content_type: "text/event-stream".to_owned(), ..made };
        run(&program(rules), &made, &Cut::Every(9))
    };
    let guard = json!({"guardrails": [{"id": "g", "scan": ["tool_args"], "find": [SECRET], "do": {"redact": "[X]"}}]});
    let seen =
        ask(guard, [piece("go zan", true), piece("zi", true), piece("bar ok", false)].concat());
    assert!(seen.text().contains("[X]"), "{}", seen.text());
    assert!(!seen.text().contains("zi\"") && !seen.text().contains("bar"), "{}", seen.text());
    let deny =
        json!({"tools": [{"id": "t", "match": ["delete_*", "code_execution"], "do": "deny"}]});
    for call in [
        json!({"function_call": {"name": "delete_all", "args": {"x": SECRET}}}),
        json!({"executable_code": {"code": SECRET}}),
    ] {
        let seen = ask(deny.clone(), part(call.clone()));
        assert!(!seen.text().contains(SECRET), "{call}: {}", seen.text());
    }
    // The SDKs' answers have the calls in a list once more.
    let call = json!({"name": "delete_all", "args": {"x": SECRET}});
    let candidate = json!({"content": {"parts": [{"functionCall": call}]}});
    for answer in [
        json!({"candidates": [candidate], "functionCalls": [call]}),
        json!({"functionCalls": [call]}),
        json!({"candidates": [{"content": {"parts": [{"text": "x"}]}, "function_calls": [call, {"name": "ok", "args": {}}]}]}),
    ] {
        let seen = ask(deny.clone(), format!("data: {answer}\n\n"));
        assert!(!seen.text().contains(SECRET), "{answer}: {}", seen.text());
        let left = seen.text().contains("\"ok\"");
        assert_eq!(left, answer.to_string().contains("\"ok\""), "{}", seen.text());
        let document = seen.text().replace("data: ", "");
        serde_json::from_str::<Value>(document.trim()).unwrap_or_else(|_| panic!("{document}"));
    }
}
