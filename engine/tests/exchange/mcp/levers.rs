//! The other levers on MCP: kill switches, failures, limits, labels; and hostile input.

use super::*;

#[test]
fn kill_rules_answer_in_the_protocol() {
    let rule = |action: Value| {
        program(json!({"failsafe": [{"id": "k", "when": {"dialect": "mcp"}, "do": action}],
            "fallbacks": {"sorry": {"text": "Sorry."}, "data": {"text": "T", "json": {"ok": false}}}}))
    };
    let fallback = rule(json!({"fallback": "sorry"}));
    assert_eq!(said(&body(&send(&fallback, &call("add", "{}"), DONE))), "Sorry.");
    let list = send(&fallback, r#"{"jsonrpc":"2.0","id":"q","method":"tools/list"}"#, "{}");
    assert_eq!(
        (list.status, &body(&list)["id"], &body(&list)["error"]["message"]),
        (200, &json!("q"), &json!("Sorry."))
    );
    let note = send(&fallback, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, "{}");
    assert_eq!((note.status, note.upstream), (202, None));
    let data = send(&rule(json!({"fallback": "data"})), &call("add", "{}"), DONE);
    assert_eq!(body(&data)["result"]["structuredContent"], json!({"ok": false}));
    let blocked = send(&rule(json!("block")), &call("add", "{}"), DONE);
    assert_eq!((blocked.status, &body(&blocked)["id"]), (403, &json!(7)));
    let mut get = made("/mcp", "", "data: {}\n\n");
    get.method = "GET".to_owned();
    assert_eq!(
        run_as(&fallback, &get, &Cut::Whole, &client()).status,
        405,
        "as of a server without streams"
    );
    // The end of a session asks for nothing: a server that never hears of it keeps it for ever.
    let mut end = made("/mcp", "", "");
    end.method = "DELETE".to_owned();
    let seen = run_as(&fallback, &end, &Cut::Whole, &client());
    assert_eq!((seen.status, seen.upstream.is_some()), (200, true));
}

#[test]
fn upstream_failures_get_the_canned_result() {
    let program = program(
        json!({"failsafe": [{"id": "down", "upstream": {"status": [503]}, "do": {"fallback": "sorry"}}],
        "fallbacks": {"sorry": {"text": "Sorry."}}}),
    );
    let mut down = made("/mcp", &call("add", "{}"), "{}");
    down.status = 503;
    let seen = run_as(&program, &down, &Cut::Whole, &client());
    assert_eq!((seen.status, said(&body(&seen))), (200, "Sorry."));
}

#[test]
fn limits_count_calls_and_requests() {
    let limit = |allow: Value| {
        program(
            json!({"limits": [{"id": "l", "allow": allow}], "prices": {"*": {"input": 1, "output": 1}}}),
        )
    };
    let calls = limit(json!({"calls": 2, "every": "1m"}));
    let three = [call("a", "{}"), call("b", "{}"), call("c", "{}")].join(",");
    let seen = send(&calls, &format!("[{three}]"), DONE);
    assert_eq!(seen.status, 429, "{}", seen.text());
    assert_eq!(body(&seen)[0]["error"]["data"]["reason"], "rate_limit_exceeded");
    assert_eq!(body(&seen).as_array().unwrap().len(), 3);
    assert!(seen.text().contains("2 tool calls"), "{}", seen.text());
    let ask = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let many = [ask; 5].join(",");
    assert!(send(&calls, &format!("[{many}]"), "[]").upstream.is_some(), "lists are no calls");
    let requests = limit(json!({"requests": 4, "every": "1m"}));
    assert_eq!(send(&requests, &format!("[{many}]"), "[]").status, 429);
    for allow in [json!({"tokens": 1, "every": "1m"}), json!({"usd": 0.000001, "every": "1m"})] {
        assert_eq!(send(&limit(allow), &call("a", "{}"), DONE).status, 200, "no model, no tokens");
    }
}

#[test]
fn levers_for_models_change_headers_only() {
    let program = program(
        json!({"rollback": [{"id": "r", "set": {"model": "m", "body": {"/x": 1}, "headers": {"x-config": "stable"}}}]}),
    );
    let seen = send(&program, &call("add", "{}"), DONE);
    assert_eq!(seen.upstream.unwrap(), call("add", "{}").into_bytes());
    let set = seen.upstream_edits.iter().any(|edit| format!("{edit:?}").contains("x-config"));
    assert!(set, "{:?}", seen.upstream_edits);
}

#[test]
fn labels_are_read_from_the_message() {
    let program = program(json!({
        "labels": {"tool": [{"json": "/params/name"}]},
        "guardrails": [{"id": "g", "when": {"tool": "mail"}, "scan": ["tool_args"], "find": ["s3cr3t"], "do": "block"}],
    }));
    assert_eq!(send(&program, &call("mail", r#"{"a":"s3cr3t"}"#), DONE).status, 403);
    assert_eq!(send(&program, &call("post", r#"{"a":"s3cr3t"}"#), DONE).status, 200);
}

proptest! {
    /// Whatever comes, no part of a stopped call leaves, and what leaves is JSON-RPC.
    #[test]
    fn hostile_bodies_do_not_panic(
        body in prop::collection::vec(prop_oneof![
            Just("{"), Just("}"), Just("["), Just("]"), Just(","), Just(":"), Just("\"method\""), Just("\"tools/call\""),
            Just("\"params\""), Just("\"name\""), Just("\"bad\""), Just("\"id\""), Just("1"), Just("null"), Just("\"arguments\""),
            Just("\"jsonrpc\""), Just("\"result\""), Just("\"tools\""), Just("\\u0000"), Just("\u{feff}"),
        ], 0..30),
        answer in "(data: )?[{}\\[\\]\":,a-z\n]{0,60}",
        own: bool,
    ) {
        let program = program(json!({"tools": [{"match": "bad", "do": "deny"}],
            "guardrails": [{"id": "g", "scan": ["input", "tool_args"], "find": ["s3cr3t"], "do": "redact"}]}));
        let caller = if own { client() } else { Caller::default() };
        let recording = made("/x", &body.concat(), &answer);
        let one = run_as(&program, &recording, &Cut::Whole, &caller);
        let other = run_as(&program, &recording, &Cut::Every(1), &caller);
        prop_assert_eq!(one.body, other.body);
        prop_assert_eq!(one.upstream, other.upstream);
    }
}
