//! Calls of tools over MCP as spans: the arguments that went on and the result that the caller got, after redaction, for
//! every cut.

use hemostat_engine::exchange::Effect;
use serde_json::{Value, json};

use crate::support::otlp::{self, Span};
use crate::support::{Caller, Cut, Recording, Seen, mcp_recordings, program, run_as};

const SECRET: &str = "AKIAIOSFODNN7EXAMPLE";

fn captures(what: &[&str]) -> Value {
    json!({"version": "v7", "labels": {"feature": [{"header": "x-feature"}]},
        "capture": {"what": what, "max_bytes": 1_048_576,
            "to": {"cluster": "traces", "path": "/v1/traces", "authority": "traces.internal"}}})
}

fn redacting(what: &[&str]) -> Value {
    let mut policy = captures(what);
    policy["guardrails"] = json!([{"id": "k", "scan": ["input", "tool_args"], "find": ["pack:secrets"],
        "do": {"redact": "[KEY]"}}]);
    policy
}

fn client() -> Caller {
    let headers = [
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", "2025-11-25"),
        ("x-feature", "agent"),
    ];
    Caller {
        headers: headers.map(|(name, value)| (name, value.to_owned())).to_vec(),
        ..Caller::default()
    }
}

fn made(request: &Value, response: &str) -> Recording {
    let stream = !response.starts_with(['{', '[']);
    Recording {
        name: "made".to_owned(),
        dialect: "mcp".to_owned(),
        method: "POST".to_owned(),
        path: "/mcp".to_owned(),
        status: 200,
        content_type: if stream { "text/event-stream" } else { "application/json" }.to_owned(),
        request: request.to_string().into_bytes(),
        response: response.as_bytes().to_vec(),
    }
}

fn call(arguments: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "refund", "arguments": arguments}})
}

fn result(text: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": 7, "result": {"content": [{"type": "text", "text": text}], "isError": false}})
}

/// The answer as a stream: what a server tells on the way, then the result.
fn streamed(messages: &[Value]) -> String {
    let tells = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 1, "progress": 1}});
    let all = std::iter::once(&tells).chain(messages);
    all.map(|message| format!("event: message\ndata: {message}\n\n")).collect()
}

fn spans(seen: &Seen) -> Vec<Span> {
    let captured = seen.effects.iter().filter_map(|effect| match effect {
        Effect::Capture(captured) => Some(otlp::span(&captured.span)),
        _ => None,
    });
    captured.collect()
}

fn only(policy: Value, request: &Value, response: &str, cut: &Cut) -> Span {
    let mut all = spans(&run_as(&program(policy), &made(request, response), cut, &client()));
    assert_eq!(all.len(), 1, "{cut:?}");
    all.remove(0)
}

const CUTS: [Cut; 4] = [Cut::Whole, Cut::Every(1), Cut::Every(7), Cut::Random(5)];

#[test]
fn a_call_of_a_tool_is_a_span_with_what_went_on_and_what_the_caller_got() {
    let request = call(&json!({"order": 42, "key": SECRET}));
    let answer = result(&format!("refunded with {SECRET}."));
    for response in [answer.to_string(), streamed(&[answer])] {
        for cut in CUTS {
            let span = only(redacting(&["input", "tool_args"]), &request, &response, &cut);
            assert_eq!((span.name.as_str(), span.failed), ("execute_tool refund", false));
            let have = |key: &str| span.attributes.get(key).cloned().unwrap_or_default();
            for (key, value) in [
                ("gen_ai.operation.name", "execute_tool"),
                ("gen_ai.tool.name", "refund"),
                ("mcp.method.name", "tools/call"),
                ("jsonrpc.request.id", "7"),
                ("hemostat.dialect", "mcp"),
                ("hemostat.label.feature", "agent"),
            ] {
                assert_eq!(have(key), value, "{key}");
            }
            assert_eq!(
                span.json("gen_ai.tool.call.arguments"),
                json!({"order": 42, "key": "[KEY]"})
            );
            let got = span.json("gen_ai.tool.call.result");
            assert_eq!(got["content"][0]["text"], "refunded with [KEY].", "{cut:?}");
            assert_eq!(have("hemostat.capture.cut"), Value::Null);
            // What is not asked for is not there; a result is a text for the model, as in what guardrails scan.
            let args = only(redacting(&["tool_args", "output"]), &request, &response, &cut);
            assert!(!args.attributes.contains_key("gen_ai.tool.call.result"));
            let result = only(redacting(&["input"]), &request, &response, &cut);
            assert!(!result.attributes.contains_key("gen_ai.tool.call.arguments"));
        }
    }
}

#[test]
fn a_call_that_fails_or_is_stopped_says_so() {
    let request = call(&json!({"order": 42}));
    let error =
        json!({"jsonrpc": "2.0", "id": 7, "error": {"code": -32602, "message": "no such order"}});
    let mut failed = result("it is sold out");
    failed["result"]["isError"] = json!(true);
    let both = ["input", "tool_args"];
    for (answer, kind, word) in [(&error, "-32602", "such order"), (&failed, "tool_error", "sold")]
    {
        for response in [answer.to_string(), streamed(std::slice::from_ref(answer))] {
            let span = only(captures(&both), &request, &response, &Cut::Every(7));
            assert!(span.failed);
            assert_eq!(span.attributes["error.type"], kind);
            let text = span.attributes["gen_ai.tool.call.result"].as_str().unwrap();
            assert!(text.contains(word), "{text}");
        }
    }
    let mut denied = captures(&both);
    denied["tools"] = json!([{"id": "no-refunds", "match": "refund", "do": "deny"}]);
    let span = only(denied, &request, &result("done").to_string(), &Cut::Whole);
    assert_eq!(span.name, "execute_tool refund");
    assert_eq!(span.attributes["error.type"], "tool_error");
    assert_eq!(span.attributes["hemostat.rule_hits"], json!(["no-refunds:deny"]));
    assert!(!span.attributes.contains_key("gen_ai.tool.call.arguments"), "they went nowhere");
    let text = span.attributes["gen_ai.tool.call.result"].as_str().unwrap();
    assert!(
        text.contains("stopped by policy") && !text.contains("done"),
        "what the caller got: {text}"
    );
}

#[test]
fn what_is_not_all_there_is_named() {
    let cut = |policy: Value, request: &Value, response: &str| {
        let span = only(policy, request, response, &Cut::Every(13));
        span.attributes.get("hemostat.capture.cut").cloned().unwrap_or_default()
    };
    let mut small = captures(&["input", "tool_args"]);
    small["capture"]["max_bytes"] = json!(1024);
    let long = "ä".repeat(2000);
    let request = call(&json!({"text": long}));
    let answer = result(&long).to_string();
    assert_eq!(cut(small.clone(), &request, &answer), json!(["arguments", "result"]));
    // The answer of another call is not this one's, and a stream may end without one.
    let mut other = result("done");
    other["id"] = json!("7");
    let request = call(&json!({}));
    assert_eq!(cut(small.clone(), &request, &streamed(&[other])), json!(["result"]));
    let two = json!([call(&json!({})), {"jsonrpc": "2.0", "id": 8, "method": "tools/call", "params": {"name": "b"}}]);
    let answers = json!([{"jsonrpc": "2.0", "id": 8, "result": {"content": []}}, result("done")]);
    assert_eq!(cut(small, &two, &answers.to_string()), json!(["calls"]));
}

#[test]
fn every_recorded_call_is_captured_and_nothing_else_and_no_byte_changes() {
    let (with, without) =
        (program(captures(&["input", "tool_args"])), program(json!({"version": "v7"})));
    let (mut calls, mut results) = (0, 0);
    for (recording, caller) in mcp_recordings() {
        let calls_tool = String::from_utf8_lossy(&recording.request).contains("\"tools/call\"");
        for cut in [Cut::Whole, Cut::Every(11)] {
            let seen = run_as(&with, &recording, &cut, &caller);
            let plain = run_as(&without, &recording, &cut, &caller);
            assert_eq!(
                (&seen.body, seen.status),
                (&plain.body, plain.status),
                "{}",
                recording.name
            );
            assert_eq!(seen.upstream, plain.upstream, "{}", recording.name);
            let all = spans(&seen);
            assert_eq!(all.len(), usize::from(calls_tool), "{}", recording.name);
            calls += all.len();
            for span in all {
                assert!(span.name.starts_with("execute_tool "), "{}", span.name);
                let Some(text) = span.attributes.get("gen_ai.tool.call.result") else { continue };
                let text = text.as_str().unwrap();
                assert!(serde_json::from_str::<Value>(text).is_ok(), "{}: {text}", recording.name);
                assert!(seen.text().contains(text), "{}", recording.name);
                results += 1;
            }
        }
    }
    assert!(calls > 10 && results > 10, "{calls} calls, {results} results");
}
