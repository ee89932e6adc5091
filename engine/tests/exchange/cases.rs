//! Answers from public bug reports (`testdata/cases`), each with what is right, for every cut.

use std::path::Path;

use crate::support::{Cut, Recording, Seen, program, run};
use serde_json::{Value, json};

fn case(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/cases").join(name);
    std::fs::read(&path).unwrap_or_else(|_| panic!("{}", path.display()))
}

/// The case as a recorded exchange of its dialect.
fn recording(name: &str) -> Recording {
    let (dialect, path) = match name.split('-').next().unwrap() {
        "anthropic" => ("anthropic", "/v1/messages"),
        "responses" => ("openai-responses", "/v1/responses"),
        _ => ("openai-chat", "/v1/chat/completions"),
    };
    let stream = name.ends_with(".sse");
    let request =
        json!({"model": "m", "messages": [], "input": "x", "max_tokens": 9, "stream": stream});
    Recording {
        name: name.to_owned(),
        dialect: dialect.to_owned(),
        method: "POST".to_owned(),
        path: path.to_owned(),
        status: 200,
        content_type: if stream { "text/event-stream" } else { "application/json" }.to_owned(),
        request: request.to_string().into_bytes(),
        response: case(name),
    }
}

/// What leaves of it, the same for every cut.
fn left(policy: &Value, recording: &Recording) -> Seen {
    let program = program(policy.clone());
    let whole = run(&program, recording, &Cut::Whole);
    for cut in [Cut::Every(1), Cut::Every(17), Cut::Random(5)] {
        assert!(run(&program, recording, &cut).body == whole.body, "{} {cut:?}", recording.name);
    }
    whole
}

fn guard(action: Value) -> Value {
    json!({
        "guardrails": [{"id": "r", "scan": ["output", "tool_args"], "find": ["zanzibar"], "do": action}],
        "fallbacks": {"f": {"text": "CANNED"}},
    })
}

fn tools(name: &str, action: &str) -> Value {
    json!({"tools": [{"id": "t", "match": name, "do": action}]})
}

const STREAMS: [&str; 6] = [
    "grown-message-beside-delta.sse",
    "reasoning-content-is-an-object.sse",
    "responses-shell-output.sse",
    "finish-reason-is-an-empty-text.sse",
    "anthropic-code-execution.sse",
    "json-then-done.sse",
];

#[test]
fn the_word_leaves_nowhere() {
    for name in STREAMS {
        for action in [json!({"redact": "[X]"}), json!("block"), json!({"fallback": "f"})] {
            let seen = left(&guard(action.clone()), &recording(name));
            let text = seen.text();
            for part in ["zanzi", "nzibar", "\"zan\"", "\"zi\"", "\"bar\"", "zan\""] {
                assert!(!text.contains(part), "{name} {action}: {text}");
            }
            if action == json!({"redact": "[X]"}) {
                assert!(text.contains("[X]"), "{name}: {text}");
            }
        }
    }
}

#[test]
fn an_empty_finish_reason_is_none() {
    let recording = recording("finish-reason-is-an-empty-text.sse");
    for (action, finish, said) in
        [(json!("block"), "content_filter", false), (json!({"fallback": "f"}), "stop", true)]
    {
        let text = left(&guard(action), &recording).text();
        assert!(text.contains("\"go ") && text.contains("[DONE]"), "{text}");
        assert!(text.contains(&format!("\"finish_reason\":\"{finish}\"")), "{text}");
        assert_eq!(text.contains("CANNED"), said, "{text}");
    }
}

#[test]
fn copies_and_results_go_with_a_stopped_call() {
    let seen = left(&tools("delete_*", "deny"), &recording("grown-message-repeats-a-call.sse"));
    assert!(!seen.text().contains("\"delete_all\""), "{}", seen.text());
    for action in ["deny", "approve"] {
        for (name, tool) in [
            ("responses-shell-output.sse", "shell"),
            ("anthropic-code-execution.sse", "code_execution"),
            ("anthropic-mcp-whole.json", "mcp"),
            ("anthropic-mcp-whole.json", "s"),
        ] {
            let seen = left(&tools(tool, action), &recording(name));
            let text = seen.text();
            for part in ["zan", "\"zi\"", "\"bar\""] {
                assert!(!text.contains(part), "{name} {tool} {action}: {text}");
            }
            assert!(seen.state("hemostat.rule_hits").is_some(), "{name} is counted");
        }
    }
}

#[test]
fn the_allowed_call_leaves_though_neither_has_an_index() {
    for name in ["calls-without-index.sse", "calls-without-index-in-two-deltas.sse"] {
        let text = left(&tools("delete_*", "deny"), &recording(name)).text();
        assert!(text.contains("get_x") && !text.contains("\"delete_all\""), "{name}: {text}");
        assert!(
            text.contains("\"tool_calls\"}"),
            "{name}: the calls that are left are made: {text}"
        );
    }
}

#[test]
fn a_name_in_every_chunk_is_one_name() {
    let chunk = |arguments: &str| {
        let call = json!({"index": 0, "id": "c1", "type": "function",
            "function": {"name": "get", "arguments": arguments}});
        let event = json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": null}]});
        format!("data: {event}\n\n")
    };
    let end = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n";
    let id = |response: String| {
        let mut recording = recording("calls-without-index.sse");
        recording.response = response.into_bytes();
        let text = left(&tools("get", "approve"), &recording).text();
        let at = text.find("ap_").unwrap_or_else(|| panic!("{text}"));
        text[at..at + 35].to_owned()
    };
    let pieces = id(chunk("{\"a\"") + &chunk(":1") + &chunk("}") + end);
    assert_eq!(pieces, id(chunk("{\"a\":1}") + end), "one grant fits both");
}

#[test]
fn a_stream_that_is_called_json_or_nothing_is_read_as_one() {
    for kind in ["application/json", ""] {
        let mut recording = recording("stream-called-json.sse");
        recording.content_type = kind.to_owned();
        let find = |action: Value| {
            json!({"guardrails": [{"id": "r", "scan": ["output"], "find": ["hello"], "do": action}],
                "fallbacks": {"f": {"text": "CANNED"}}})
        };
        let program = program(find(json!({"redact": "[X]"})));
        let text = run(&program, &recording, &Cut::Every(9)).text();
        assert!(
            text.contains("[X]") && text.contains("[DONE]") && !text.contains("\"hel\""),
            "{text}"
        );
        let text =
            run(&crate::support::program(find(json!("block"))), &recording, &Cut::Whole).text();
        assert!(text.starts_with("data: ") && text.contains("content_filter"), "{text}");
        assert!(text.contains("[DONE]"), "{text}");
    }
    let mut glued = recording("json-then-done.sse");
    glued.content_type = "application/json".to_owned();
    glued.request = br#"{"model":"m","messages":[]}"#.to_vec();
    let text = left(&guard(json!({"redact": "[X]"})), &glued).text();
    assert!(text.contains("go [X]") && text.contains("[DONE]"), "{text}");
}

#[test]
fn half_an_event_is_not_the_end_that_a_rule_makes() {
    let mut recording = recording("finish-reason-is-an-empty-text.sse");
    recording.response = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"go on\"}}]}\n\ndata: {\"choices\":[{\"ind".to_vec();
    let seen = left(&guard(json!("block")), &recording);
    assert!(
        seen.text().contains("go on") && !seen.text().contains("content_filter"),
        "{}",
        seen.text()
    );
    assert_eq!(seen.counted("hemostat_broken_upstream_total"), 1);
}
