//! A2A: whose a call is, however it is sent; what holds for it; and what its caller is told.

use crate::support::{Caller, Cut, Recording, Seen, program, recordings, run, run_as};
use serde_json::{Value, json};

/// The ways to ask an agent the same: path, and body with the text `@`.
fn ways() -> Vec<(&'static str, Value, bool)> {
    let parts = json!([{"text": "@"}, {"data": {"@": ["@"]}}]);
    let new = json!({"message": {"messageId": "1", "role": "ROLE_USER", "contextId": "c7", "parts": parts}});
    let old = json!({"message": {"kind": "message", "messageId": "1", "role": "user", "contextId": "c7",
        "parts": [{"kind": "text", "text": "@"}, {"kind": "data", "data": {"a": "@"}}]}});
    let http = json!({"request": {"message_id": "1", "role": "ROLE_USER", "context_id": "c7",
        "content": [{"text": "@"}, {"data": {"data": {"a": "@"}}}]}});
    let rpc = |method: &str, params: &Value| json!({"jsonrpc": "2.0", "id": "i\"1", "method": method, "params": params});
    vec![
        ("/agents/1", rpc("SendMessage", &new), false),
        ("/agents/1", rpc("SendStreamingMessage", &new), true),
        ("/", rpc("message/send", &old), false),
        ("/", rpc("message/stream", &old), true),
        ("/old", rpc("tasks/send", &old), false),
        ("/v1/messages", rpc("message/send", &old), false),
        ("/mcp", rpc("message/send", &old), false),
        ("/a/message:send", new.clone(), false),
        ("/a/message:stream", new, true),
        ("/a/v1/message:send", http.clone(), false),
        ("/a/v1/message:stream", http, true),
    ]
}

fn send(
    policy: Value,
    path: &str,
    body: &Value,
    response: &Value,
    stream: bool,
    caller: &Caller,
) -> Seen {
    let (content_type, response) = match stream {
        true => ("text/event-stream", format!("data: {response}\n\n")),
        false => ("application/json", response.to_string()),
    };
    let recording = Recording {
        name: path.to_owned(),
        dialect: "a2a".to_owned(),
        method: "POST".to_owned(),
        path: path.to_owned(),
        status: 200,
        content_type: content_type.to_owned(),
        request: body.to_string().into_bytes(),
        response: response.into_bytes(),
    };
    run_as(&program(policy), &recording, &Cut::Every(17), caller)
}

/// Callers whose headers say what the body does not.
fn callers() -> Vec<Caller> {
    let with = |headers: &[(&'static str, &str)]| Caller {
        headers: headers.iter().map(|(n, v)| (*n, (*v).to_owned())).collect(),
        ..Caller::default()
    };
    vec![
        Caller::default(),
        with(&[("accept", "application/json, text/event-stream")]),
        with(&[("mcp-session-id", "1")]),
    ]
}

fn filled(body: &Value, text: &str) -> Value {
    serde_json::from_str(&body.to_string().replace('@', text)).unwrap()
}

fn said(seen: &Seen) -> Value {
    let text = seen.text();
    serde_json::from_str(text.strip_prefix("data: ").unwrap_or(&text).trim()).unwrap()
}

#[test]
fn rules_hold_however_an_agent_is_asked() {
    let none = json!({"result": {"message": {"parts": [{"text": "ok"}]}}});
    for (path, body, stream) in ways() {
        for caller in callers() {
            let what = format!("{path} {body} {:?}", caller.headers);
            let body = filled(&body, "go zanzibar ok");
            let kill =
                json!({"failsafe": [{"id": "k", "when": {"dialect": "a2a"}, "do": "block"}]});
            let seen = send(kill, path, &body, &none, stream, &caller);
            assert_eq!((seen.upstream, seen.status), (None, 403), "{what}");
            let guard = |scan: &str, action: Value| json!({"guardrails": [{"id": "g", "scan": [scan], "find": ["zanzibar"], "do": action}]});
            let seen =
                send(guard("input", json!({"redact": "[X]"})), path, &body, &none, stream, &caller);
            let upstream = String::from_utf8(seen.upstream.unwrap()).unwrap();
            assert!(
                !upstream.contains("zanzibar") && upstream.contains("go [X] ok"),
                "{what}: {upstream}"
            );
            let answer = filled(
                &json!({"jsonrpc": "2.0", "id": 1, "result": {"message": {"parts": [
                {"text": "@"}, {"data": {"a": "@"}}]}}}),
                "go zanzibar ok",
            );
            let seen = send(
                guard("output", json!({"redact": "[X]"})),
                path,
                &body,
                &answer,
                stream,
                &caller,
            );
            assert!(!seen.text().contains("zanzibar"), "{what}: {}", seen.text());
            assert!(seen.text().contains("go [X] ok"), "{what}: {}", seen.text());
            let limit = json!({"limits": [{"id": "l", "allow": {"tokens": 1, "every": "1m"}}]});
            assert_eq!(send(limit, path, &body, &none, stream, &caller).status, 429, "{what}");
        }
    }
}

/// A refusal carries the request's id, and what the proxy says instead of an agent is what its client reads.
#[test]
fn callers_are_told_in_their_protocols_own_words() {
    let fallback = json!({"failsafe": [{"id": "k", "do": {"fallback": "f"}}], "fallbacks": {"f": {"text": "CANNED"}}});
    let block = json!({"failsafe": [{"id": "k", "do": "block"}]});
    let cut = json!({"guardrails": [{"id": "g", "scan": ["output"], "find": ["zanzibar"], "do": "block"}]});
    for (path, body, stream) in ways() {
        let rpc = body.get("jsonrpc").is_some();
        let method = body["method"].as_str().unwrap_or_default();
        let old = method.contains('/');
        let none = Caller::default();
        let seen = send(block.clone(), path, &body, &json!({}), stream, &none);
        let error = said(&seen);
        assert_eq!(rpc, error.get("id") == Some(&json!("i\"1")), "{path}: {error}");
        assert!(error["error"]["message"].as_str().unwrap().contains("decision"), "{error}");

        let canned = said(&send(fallback.clone(), path, &body, &json!({}), stream, &none));
        let of = if rpc { &canned["result"] } else { &canned };
        let message = if old { of } else { &of["message"] };
        let parts = if path.contains("/v1/message:") { "content" } else { "parts" };
        assert_eq!(message[parts][0]["text"], "CANNED", "{path}: {canned}");
        assert_eq!(message["contextId"], "c7", "{canned}");
        assert_eq!(message["kind"] == "message", old, "{canned}");
        assert_eq!(message["role"], if old { "agent" } else { "ROLE_AGENT" }, "{canned}");

        let answer = json!({"task": {"id": "t9", "contextId": "c9", "status": {"state": "TASK_STATE_WORKING",
            "message": {"parts": [{"text": "go zanzibar"}]}}}});
        let blocked = said(&send(
            cut.clone(),
            path,
            &body,
            &json!({"jsonrpc": "2.0", "id": 1, "result": answer}),
            stream,
            &none,
        ));
        let of = if rpc { &blocked["result"] } else { &blocked };
        let task = if old { of } else { &of["task"] };
        let wanted = if old { "rejected" } else { "TASK_STATE_REJECTED" };
        assert_eq!(task["status"]["state"], wanted, "{path}: {blocked}");
        assert!(!blocked.to_string().contains("zanzibar"), "{blocked}");
    }
}

/// News of a task that has begun say that it is over, under its own ids.
#[test]
fn a_stream_that_is_cut_ends_its_task() {
    let rules = json!({"guardrails": [{"id": "g", "scan": ["output"], "find": ["Z\u{fc}rich leaves"], "do": {"fallback": "f"}}],
        "fallbacks": {"f": {"text": "CANNED"}}});
    let mut seen_ends = 0;
    for recording in
        recordings().iter().filter(|own| own.dialect == "a2a" && own.name.contains("task-stream"))
    {
        let seen = run(&program(rules.clone()), recording, &Cut::Whole);
        let text = seen.text();
        let last = text.trim().rsplit("data: ").next().unwrap();
        let last: Value = serde_json::from_str(last).unwrap();
        let of = last.get("result").unwrap_or(&last);
        let news = of.get("statusUpdate").unwrap_or(of);
        assert!(text.contains(news["taskId"].as_str().unwrap()), "{text}");
        let state = news["status"]["state"].as_str().unwrap().to_ascii_lowercase();
        assert!(state.ends_with("completed"), "{last}");
        assert_eq!(text.matches("CANNED").count(), 1, "{text}");
        assert!(!text.contains("leaves"), "{text}");
        seen_ends += 1;
    }
    assert_eq!(seen_ends, 4);
}

/// The SDK's server makes a part of each piece that an artifact came in, and callers join them.
#[test]
fn the_parts_of_an_artifact_are_one_text() {
    let redact = json!({"guardrails": [{"id": "g", "scan": ["output"], "find": ["zanzibar"], "do": {"redact": "[X]"}}]});
    let task = json!({"id": "t", "artifacts": [
        {"artifactId": "a", "parts": [{"text": "go zanz"}, {"text": "ib"}, {"text": "ar ok"}]},
        {"artifactId": "b", "parts": [{"text": "zanz"}]}, {"artifactId": "c", "parts": [{"text": "ibar"}]}]});
    for (path, body, _) in ways() {
        let answer = json!({"jsonrpc": "2.0", "id": 1, "result": {"task": task}});
        let seen = send(redact.clone(), path, &body, &answer, false, &Caller::default());
        let all = said(&seen);
        let texts = |at: usize| -> String {
            let parts = all["result"]["task"]["artifacts"][at]["parts"].as_array().unwrap();
            parts.iter().map(|part| part["text"].as_str().unwrap()).collect()
        };
        assert_eq!([texts(0), texts(1), texts(2)], ["go [X] ok", "zanz", "ibar"], "{path}");
    }
}

/// Two protocols in one body, and a body that is a model's call as well: rules for each hold.
#[test]
fn no_member_takes_a_call_out_of_a_protocol() {
    let deny = json!({"tools": [{"match": "rm", "do": "deny"}]});
    let kill = json!({"failsafe": [{"id": "k", "when": {"dialect": "a2a"}, "do": "block"}]});
    let call = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "rm", "arguments": {}}});
    let ask = json!({"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": {"message": {"parts": [{"text": "go zanzibar"}]}}});
    for list in [json!([ask, call]), json!([call, ask])] {
        for policy in [&deny, &kill] {
            let seen = send(policy.clone(), "/x", &list, &json!({}), false, &Caller::default());
            assert_eq!(seen.upstream, None, "{list} {policy}");
        }
    }
    let input = json!({"on_unreadable": "pass",
        "guardrails": [{"id": "g", "scan": ["input"], "find": ["zanzibar"], "do": "block"}]});
    for (path, mut model) in [
        (
            "/v1/chat/completions",
            json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]}),
        ),
        (
            "/v1/messages",
            json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}),
        ),
        ("/v1/responses", json!({"model": "m", "input": "hi"})),
    ] {
        let plain = model.clone();
        model.as_object_mut().unwrap().extend(ask.as_object().unwrap().clone());
        let seen = send(input.clone(), path, &model, &json!({}), false, &Caller::default());
        assert_eq!(seen.upstream, None, "{model}");
        let mut other = plain;
        other["method"] = json!("message/send");
        let kill = json!({"failsafe": [{"id": "k", "when": {"model": "m"}, "do": "block"}]});
        assert_eq!(
            send(kill, path, &other, &json!({}), false, &Caller::default()).upstream,
            None,
            "{other}"
        );
    }
}

/// `tasks/get` is both protocols' method: what its parameters are called tells whose.
#[test]
fn what_an_agent_has_answered_is_an_answer() {
    let redact = json!({"guardrails": [{"id": "g", "scan": ["output"], "find": ["zanzibar"], "do": {"redact": "[X]"}}]});
    let answer = json!({"jsonrpc": "2.0", "id": 1, "result": {"id": "t", "artifacts": [{"parts": [{"text": "go zanzibar"}]}]}});
    for (method, params, read) in [
        ("tasks/get", json!({"id": "t"}), true),
        ("GetTask", json!({"id": "t"}), true),
        ("ListTasks", json!({}), true),
        ("tasks/get", json!({"taskId": "t"}), false),
        ("eth_call", json!({"id": "t"}), false),
    ] {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let seen = send(redact.clone(), "/x", &body, &answer, false, &Caller::default());
        assert_eq!(seen.text().contains("[X]"), read, "{method} {params}: {}", seen.text());
    }
    let limits = json!({"limits": [{"id": "l", "allow": {"tokens": 1, "every": "1m"}}]});
    let get = json!({"jsonrpc": "2.0", "id": 1, "method": "GetTask", "params": {"id": "t"}});
    assert_eq!(send(limits, "/x", &get, &answer, false, &Caller::default()).status, 200);
}

#[test]
fn an_answer_that_goes_elsewhere_is_unreadable() {
    let redact = json!({"guardrails": [{"id": "g", "scan": ["output"], "find": ["zanzibar"], "do": {"redact": "[X]"}}]});
    for (wish, passes) in [
        (json!({"blocking": false}), false),
        (json!({"returnImmediately": true}), false),
        (json!({"pushNotificationConfig": {"url": "https://x.test"}}), false),
        (json!({"taskPushNotificationConfig": {"url": "https://x.test"}}), false),
        (json!({"blocking": true, "historyLength": 3}), true),
    ] {
        let body = json!({"message": {"parts": [{"text": "hi"}]}, "configuration": wish});
        let seen =
            send(redact.clone(), "/message:send", &body, &json!({}), false, &Caller::default());
        assert_eq!(seen.upstream.is_some(), passes, "{body}");
    }
}
