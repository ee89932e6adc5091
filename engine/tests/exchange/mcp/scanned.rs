//! Arguments and results of MCP calls, scanned.

use super::*;

#[test]
fn arguments_are_scanned_on_their_way_in() {
    let request = call("add", r#"{"a":"x s3cr3\u0074 y","s3cr3t":[1]}"#);
    let seen = send(&program(guard("tool_args", json!("redact"))), &request, DONE);
    let wanted = call("add", r#"{"a":"x [REDACTED] y","[REDACTED]":[1]}"#);
    assert_eq!(String::from_utf8(seen.upstream.unwrap()).unwrap(), wanted);
    let seen = send(&program(guard("tool_args", json!("block"))), &request, DONE);
    assert_eq!((seen.status, &seen.upstream), (403, &None));
    let answer = body(&seen);
    assert_eq!(
        (&answer["id"], &answer["error"]["data"]["reason"]),
        (&json!(7), &json!("content_blocked"))
    );
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains("rule `g` at /params/arguments/a"), "{message}");
    let seen = send(&program(guard("tool_args", json!({"fallback": "sorry"}))), &request, DONE);
    assert_eq!(said(&body(&seen)), "Sorry.");
    // They are no input of a model, and a name is no text.
    for scan in ["input", "output", "tool_results"] {
        let seen = send(&program(guard(scan, json!("block"))), &request, DONE);
        assert!(seen.upstream.is_some(), "{scan}");
    }
}

const RESULT: &str = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"a s3cr3t \"b\""},{"type":"image","data":"s3cr3t==","mimeType":"image/png"}],"structuredContent":{"n":[1,"s3cr3t"]},"_meta":{"k":"s3cr3t"}}}"#;

#[test]
fn results_are_scanned_on_their_way_back() {
    let stream = format!(
        "event: message\ndata: {{\"method\":\"notifications/progress\",\"params\":{{\"progress\":1}}}}\n\nevent: message\nid: 5\ndata: {RESULT}\n\n"
    );
    for scan in ["input", "tool_results", "last"] {
        let redact = program(guard(scan, json!("redact")));
        let redacted =
            RESULT.replace("a s3cr3t", "a [REDACTED]").replace(r#""s3cr3t"]"#, r#""[REDACTED]"]"#);
        assert_eq!(send(&redact, &call("add", "{}"), RESULT).text(), redacted);
        for cut in cuts() {
            let seen = run_as(&redact, &made("/mcp", &call("add", "{}"), &stream), &cut, &client());
            assert_eq!(seen.text(), stream.replace(RESULT, &redacted), "{cut:?}");
        }
        for (action, text) in
            [(json!("block"), "blocked by rule `g`"), (json!({"fallback": "sorry"}), "Sorry.")]
        {
            let program = program(guard(scan, action));
            let whole = send(&program, &call("add", "{}"), RESULT);
            assert!(said(&body(&whole)).starts_with(text), "{}", whole.text());
            assert_eq!((whole.status, &body(&whole)["id"]), (200, &json!(7)));
            for cut in cuts() {
                let seen =
                    run_as(&program, &made("/mcp", &call("add", "{}"), &stream), &cut, &client());
                let all = messages(&seen.body);
                assert_eq!(all.len(), 2, "progress flows");
                assert!(said(&all[1]).starts_with(text));
                assert!(
                    seen.text().contains("id: 5\n") && !seen.text().contains("s3cr3t"),
                    "{}",
                    seen.text()
                );
            }
        }
    }
    let output = program(guard("output", json!("block")));
    assert_eq!(send(&output, &call("add", "{}"), RESULT).text(), RESULT, "no model speaks here");
}

#[test]
fn what_is_no_result_of_a_tool_becomes_an_error() {
    let program = program(guard("input", json!("block")));
    let request = r#"{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"p","arguments":{"a":"b"}}}"#;
    let response = r#"{"jsonrpc":"2.0","id":1,"result":{"messages":[{"role":"user","content":{"type":"text","text":"s3cr3t"}}]}}"#;
    let seen = send(&program, request, response);
    assert_eq!(body(&seen)["error"]["code"], -32010, "{}", seen.text());
    let asked = send(&program, &request.replace("\"b\"", "\"s3cr3t\""), response);
    assert_eq!((asked.status, asked.upstream), (403, None));
}

/// What the server asks for on a stream flows at once; what may not flow ends the call that waits.
#[test]
fn requests_of_the_server_flow_or_end_the_call() {
    let sampling = |text: &str| {
        format!(
            "data: {{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sampling/createMessage\",\"params\":{{\"messages\":[{{\"role\":\"user\",\"content\":{{\"type\":\"text\",\"text\":\"{text}\"}}}}]}}}}\n\n"
        )
    };
    let program = program(guard("input", json!("block")));
    let stream = format!("{}{}data: {DONE}\n\n", sampling("fine"), sampling("s3cr3t"));
    for cut in cuts() {
        let seen = run_as(&program, &made("/mcp", &call("add", "{}"), &stream), &cut, &client());
        let all = messages(&seen.body);
        assert_eq!(all.len(), 2, "{}", seen.text());
        assert_eq!(
            (&all[0]["method"], &all[1]["id"]),
            (&json!("sampling/createMessage"), &json!(7))
        );
        assert!(said(&all[1]).starts_with("blocked by rule `g`"));
    }
    // A notification is not missed.
    let note = "data: {\"method\":\"notifications/message\",\"params\":{\"data\":\"s3cr3t\"}}\n\n";
    let stream = format!("{note}data: {DONE}\n\n");
    let seen =
        run_as(&program, &made("/mcp", &call("add", "{}"), &stream), &Cut::Every(3), &client());
    assert_eq!(seen.text(), format!("data: {DONE}\n\n"));
    // What a client answers is scanned like any input.
    let reply = r#"{"jsonrpc":"2.0","id":1,"result":{"role":"assistant","content":{"type":"text","text":"s3cr3t"}}}"#;
    assert_eq!(send(&program, reply, "{}").status, 403);
}

/// A whole answer that is no list of messages but one of the server's own: there is no empty place to leave.
#[test]
fn a_whole_answer_that_only_tells_something_does_not_leave() {
    let program = program(guard("input", json!("block")));
    for told in [
        r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"s3cr3t"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"elicitation/create","params":{"message":"s3cr3t"}}"#,
    ] {
        let seen = send(&program, &call("add", "{}"), told);
        assert!(said(&body(&seen)).starts_with("blocked by rule `g`"), "{}", seen.text());
        assert_eq!(body(&seen)["id"], 7);
        // Nobody waits for an answer.
        let note = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        let seen = send(&program, note, told);
        assert!(!seen.text().contains("s3cr3t"), "{}", seen.text());
        assert_eq!(body(&seen)["id"], Value::Null, "{}", seen.text());
    }
}

#[test]
fn our_answers_join_a_list_of_which_nothing_leaves() {
    let mut policy = guard("input", json!("block"));
    policy["tools"] = json!([{"match": "bad", "do": "deny"}]);
    let batch = format!("[{},{}]", call("good", "{}"), call("bad", "{}").replace(":7,", ":8,"));
    let told = r#"[{"method":"notifications/message","params":{"data":"s3cr3t"}}]"#;
    let seen = send(&program(policy), &batch, told);
    assert_eq!(body(&seen).as_array().unwrap().len(), 1, "{}", seen.text());
    assert_eq!(body(&seen)[0]["id"], 8);
}

#[test]
fn an_event_leaves_as_soon_as_it_is_whole() {
    let program = program(json!({"tools": [{"match": "x", "do": "deny"}],
        "guardrails": [{"id": "g", "scan": ["input"], "find": ["a(.*c)"], "do": "block"}]}));
    let note =
        "data: {\"method\":\"notifications/message\",\"params\":{\"data\":\"a never ends\"}}\n\n";
    let recording = made("/mcp", &call("add", "{}"), &format!("{note}data: {DONE}\n\n"));
    let seen = run_as(&program, &recording, &Cut::Every(1), &client());
    assert_eq!(seen.after_chunk[note.len() - 2], 0);
    assert_eq!(seen.after_chunk[note.len() - 1], note.len());
}

#[test]
fn answers_that_cannot_be_read_are_withheld() {
    let program = program(json!({"tools": [{"match": "x", "do": "deny"}]}));
    let broken = send(&program, &call("add", "{}"), r#"{"result": ..."#);
    assert!(
        said(&body(&broken)).starts_with("the answer was withheld by policy"),
        "{}",
        broken.text()
    );
    let stream = format!("event: endpoint\ndata: /messages\n\ndata: {{oops\n\ndata: {DONE}\n\n");
    let seen =
        run_as(&program, &made("/mcp", &call("add", "{}"), &stream), &Cut::Every(2), &client());
    assert!(
        seen.text()
            .starts_with("event: endpoint\ndata: /messages\n\nevent: message\ndata: {\"jsonrpc\""),
        "{}",
        seen.text()
    );
    assert!(!seen.text().contains("done"));
    // Whatever an event is called, what begins as a message is one; and so is one that is called nothing.
    for event in [
        format!("event: note\ndata: {DONE}{DONE}\n\n"),
        "event:\ndata: done\n\n".to_owned(),
        "event: message \ndata: done\n\n".to_owned(),
        format!("data: [[{DONE}]]\n\n"),
    ] {
        let recording = made("/mcp", &call("add", "{}"), &event);
        let seen = run_as(&program, &recording, &Cut::Every(2), &client());
        assert!(!seen.text().contains("done"), "{event} {}", seen.text());
    }
}
