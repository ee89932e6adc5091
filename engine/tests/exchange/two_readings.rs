//! One request that may be read in two ways: as a call of the dialect that its path names, and as MCP. Rules for both
//! hold, whichever of them the server behind takes it for.

use crate::support::dialects::{self, Dialect};
use crate::support::{Cut, Recording, Seen, program, run};
use hemostat_engine::dialect::{dialect, recognise};
use serde_json::{Value, json};

/// Paths of every dialect, and the fields of a call in it.
fn calls() -> Vec<(&'static str, Value)> {
    let messages = json!([{"role": "user", "content": "hi"}]);
    let blocks = json!([{"role": "user", "content": [{"text": "hi"}]}]);
    vec![
        ("/v1/chat/completions", json!({"model": "killed", "messages": messages})),
        ("/v1/responses", json!({"model": "killed", "input": "hi"})),
        ("/v1/messages", json!({"model": "killed", "max_tokens": 9, "messages": messages})),
        (
            "/v1beta/models/killed:generateContent",
            json!({"contents": [{"parts": [{"text": "hi"}]}]}),
        ),
        ("/model/killed/converse", json!({"messages": blocks})),
    ]
}

fn send(policy: Value, path: &str, request: &Value, response: &Value) -> Seen {
    let recording = Recording::made(path, request, response);
    run(&program(policy), &recording, &Cut::Whole)
}

/// What a server of MCP would take each for.
fn words() -> Vec<Value> {
    vec![
        json!({"method": "tools/list"}),
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}),
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "ok", "arguments": {}}}),
        json!({"method": "initialize", "params": {}}),
    ]
}

fn both(call: &Value, word: &Value) -> Value {
    let mut both = call.clone();
    both.as_object_mut().unwrap().extend(word.as_object().unwrap().clone());
    both
}

#[test]
fn no_member_takes_a_call_out_of_its_dialect() {
    for (path, call) in calls() {
        for word in words() {
            let request = both(&call, &word);
            let what = format!("{path} {request}");
            let kill =
                json!({"failsafe": [{"id": "k", "when": {"model": "killed"}, "do": "block"}]});
            assert_eq!(send(kill, path, &request, &json!({})).upstream, None, "{what}");
            let answer = json!({"choices": [{"index": 0, "message": {"content": "go zanzibar"}}],
                "content": [{"type": "text", "text": "go zanzibar"}],
                "output": [{"type": "message", "content": [{"type": "output_text", "text": "go zanzibar"}]}],
                "candidates": [{"content": {"parts": [{"text": "go zanzibar"}]}}]});
            for scan in ["output", "input"] {
                let redact = json!({"guardrails": [{"id": "g", "scan": [scan], "find": ["zanzibar"],
                    "do": {"redact": "[X]"}}]});
                let seen = send(redact, path, &request, &answer);
                assert!(seen.upstream.is_some(), "{what}");
                assert!(!seen.text().contains("zanzibar"), "{scan} {what}: {}", seen.text());
            }
            let spent = json!({"limits": [{"id": "l", "per": ["model"],
                "allow": {"tokens": 5, "every": "1m"}}]});
            assert_eq!(send(spent, path, &request, &json!({})).status, 429, "{what}");
        }
    }
}

/// The same for every dialect that has a path of its own, streamed and whole, and for words of other protocols too.
#[test]
fn no_word_takes_a_call_of_any_dialect_out_of_it() {
    let mut all = words();
    all.extend([
        json!({"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": {"message": {"role": "user", "parts": []}}}),
        json!({"jsonrpc": "2.0", "id": 1, "result": {}}),
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled"}),
    ]);
    let redact = |scan: &str| {
        program(
            json!({"guardrails": [{"id": "g", "scan": [scan], "find": ["zanzibar"], "do": {"redact": "[X]"}}]}),
        )
    };
    let (output, input) = (redact("output"), redact("input"));
    let spent = program(json!({"limits": [{"id": "l", "allow": {"tokens": 1, "every": "1m"}}]}));
    let is_model = |row: &&Dialect| !row.name().starts_with("a2a") && row.name() != "mcp";
    for row in dialects::all().iter().filter(is_model) {
        for (stream, word) in
            [false, true].iter().flat_map(|own| all.iter().map(move |word| (*own, word)))
        {
            let path = row.path(stream);
            let id = recognise("POST", path).unwrap().dialect;
            let kill = json!({"failsafe": [{"id": "k", "when": {"dialect": dialect(id).name()}, "do": "block"}]});
            let answer = match stream {
                true => row.streamed(&["go zan", "zibar ok"]).concat(),
                false => row.whole("go zanzibar ok").to_string().into_bytes(),
            };
            let made = |text: &str| {
                row.recording(stream, &both(&row.request(stream, text), word), answer.clone())
            };
            let what = format!("{path} {word}");
            assert_eq!(run(&program(kill), &made("hi"), &Cut::Whole).upstream, None, "{what}");
            let seen = run(&output, &made("hi"), &Cut::Whole);
            assert!(seen.upstream.is_some(), "{what}");
            assert!(!seen.text().contains("zan") && !seen.text().contains("zibar"), "{what}");
            let upstream = run(&input, &made("go zanzibar"), &Cut::Whole).upstream.unwrap();
            assert!(!String::from_utf8(upstream).unwrap().contains("zanzibar"), "{what}");
            assert_eq!(run(&spent, &made("hi"), &Cut::Whole).status, 429, "{what}");
        }
    }
}

#[test]
fn rules_for_mcp_hold_too() {
    for (path, call) in calls() {
        let word = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": "delete_all", "arguments": {"q": "zanzibar"}}});
        for request in [both(&call, &word), word.clone()] {
            let what = format!("{path} {request}");
            let prefixed = format!("/mcp{path}");
            let deny = json!({"tools": [{"match": "delete_*", "do": "deny"}]});
            let seen = send(deny, &prefixed, &request, &json!({}));
            assert_eq!(seen.upstream, None, "{what}");
            let said: Value = serde_json::from_slice(&seen.body).unwrap();
            assert_eq!(
                (&said["id"], &said["result"]["isError"]),
                (&json!(1), &json!(true)),
                "{what}"
            );
            for policy in [
                json!({"failsafe": [{"id": "k", "when": {"dialect": "mcp"}, "do": "block"}]}),
                json!({"guardrails": [{"id": "g", "scan": ["tool_args"], "find": ["zanzibar"], "do": "block"}]}),
            ] {
                let seen = send(policy, &prefixed, &request, &json!({}));
                assert_eq!(seen.upstream, None, "{what}");
            }
        }
    }
}

#[test]
fn what_is_only_mcp_is_served_as_mcp_wherever_it_is_mounted() {
    let word = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "ok", "arguments": {"q": "a"}}});
    let answer = json!({"jsonrpc": "2.0", "id": 1,
        "result": {"content": [{"type": "text", "text": "zanzibar"}]}});
    let block = json!({"guardrails": [{"id": "g", "scan": ["input"], "find": ["zanzibar"], "do": "block"}]});
    let seen = send(block, "/mcp/chat/completions", &word, &answer);
    let said: Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(said["result"]["isError"], json!(true), "{said}");
    let kill =
        json!({"failsafe": [{"id": "k", "when": {"dialect": "openai-chat"}, "do": "block"}]});
    assert_eq!(send(kill, "/mcp/chat/completions", &word, &answer).upstream, None);
    let money = json!({"prices": {"gpt-*": {"input": 1, "output": 1}},
        "limits": [{"id": "l", "per": ["host"], "allow": {"usd": 1, "every": "day"}}]});
    let seen = send(money, "/mcp/chat/completions", &word, &answer);
    assert_eq!(seen.status, 200, "no model is called, and none must have a price");
}

/// The label `model` is every model that may answer.
#[test]
fn a_rule_for_any_model_that_may_answer_holds() {
    let messages = json!([{"role": "user", "content": "hi"}]);
    for (path, more) in [
        ("/v1/chat/completions", json!({"models": ["cheap", "killed"]})),
        ("/v1/chat/completions", json!({"fallbacks": ["killed"]})),
        ("/v1/messages", json!({"fallbacks": [{"model": "killed"}]})),
        ("/v1/responses", json!({"fallback": "killed"})),
    ] {
        let call = json!({"model": "cheap", "messages": messages, "input": "hi", "max_tokens": 9});
        let request = both(&call, &more);
        let kill = json!({"failsafe": [{"id": "k", "when": {"model": "killed"}, "do": "block"}]});
        assert_eq!(send(kill.clone(), path, &request, &json!({})).upstream, None, "{path} {more}");
        assert!(send(kill, path, &call, &json!({})).upstream.is_some(), "{path}");
        let money = json!({"prices": {"cheap": {"input": 1, "output": 1}},
            "limits": [{"id": "l", "per": ["host"], "allow": {"usd": 50, "every": "day"}}]});
        let seen = send(money.clone(), path, &request, &json!({}));
        assert_eq!((seen.status, seen.upstream), (403, None), "{path}: one of them has no price");
        assert!(send(money, path, &call, &json!({})).upstream.is_some(), "{path}");
    }
}

#[test]
fn keys_that_only_some_servers_read_make_a_call_unreadable() {
    let block = json!({"guardrails": [{"id": "g", "scan": ["input"], "find": ["zanzibar"], "do": "block"}]});
    let request = json!({"model": "m", "messages": [], "Messages": [{"role": "user", "content": "zanzibar"}]});
    assert_eq!(send(block, "/v1/chat/completions", &request, &json!({})).upstream, None);
}

#[test]
fn tools_that_items_bring_are_taken_out() {
    let deny = json!({"tools": [{"match": "rm", "do": "deny"}]});
    for kind in ["additional_tools", "tool_search_output", "tool_addition"] {
        let request = json!({"model": "m", "input": [{"type": kind, "tools": [
            {"type": "function", "name": "rm", "parameters": {}},
            {"type": "function", "name": "ls", "parameters": {}}]}]});
        let upstream = send(deny.clone(), "/v1/responses", &request, &json!({})).upstream.unwrap();
        let upstream = String::from_utf8(upstream).unwrap();
        assert!(!upstream.contains("\"rm\"") && upstream.contains("\"ls\""), "{upstream}");
    }
}
