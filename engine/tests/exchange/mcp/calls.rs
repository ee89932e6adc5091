//! MCP calls on their way to a server: what passes, what is not listed, what is refused under its id.

use super::*;

#[test]
fn nothing_hits_and_every_byte_stays() {
    let policies = [
        json!({}),
        json!({"tools": [{"match": "no_such_tool", "do": "deny"}, {"match": "nor_this", "do": "approve"}],
               "guardrails": [{"id": "g", "scan": ["input", "output", "tool_args"], "find": ["zebra quartz"], "do": "block"}],
               "limits": [{"id": "l", "allow": {"calls": 1000, "every": "1m"}},
                          {"id": "t", "allow": {"tokens": 1, "every": "1m"}}]}),
        json!({"mode": "shadow", "tools": [{"match": "*", "do": "deny"}],
               "guardrails": [{"id": "g", "scan": ["input", "tool_args"], "find": ["[a-z]"], "do": "block"}]}),
    ];
    for policy in policies {
        let program = program(policy);
        for (recording, caller) in mcp_recordings() {
            // What is no JSON is refused where a rule needs it.
            if recording.name.contains("badjson") && program.enforces() {
                assert_eq!(run_as(&program, &recording, &Cut::Whole, &caller).status, 403);
                continue;
            }
            // A server refuses headers that say something else than the body, and so do we.
            let mismatch = recording.response.windows(6).any(|bytes| bytes == b"-32020");
            if mismatch && program.enforces() {
                let seen = run_as(&program, &recording, &Cut::Whole, &caller);
                assert_eq!((seen.status, recording.status), (400, 400), "{}", recording.name);
                assert_eq!(body(&seen)["error"]["code"], -32020);
                continue;
            }
            for cut in cuts() {
                let seen = run_as(&program, &recording, &cut, &caller);
                let name = format!("{} {cut:?}", recording.name);
                assert_eq!(seen.status, recording.status, "{name} {}", seen.text());
                assert_eq!(seen.body, recording.response, "{name}");
                if recording.request != b"{}" {
                    assert_eq!(seen.upstream.as_ref(), Some(&recording.request), "{name}");
                }
                assert_eq!(
                    seen.counted("hemostat_requests_total;dialect=mcp"),
                    1,
                    "{name} {:?}",
                    seen.effects
                );
            }
        }
    }
}

#[test]
fn denied_tools_are_not_listed_and_nothing_else_changes() {
    let mut lists = 0;
    for (recording, caller) in mcp_recordings() {
        let before = match recording.status {
            200 if recording.name.contains("tools_list") => messages(&recording.response),
            _ => continue,
        };
        let Some(all) = before.last().unwrap()["result"]["tools"].as_array() else { continue };
        lists += 1;
        for denied in all.iter().map(|tool| tool["name"].as_str().unwrap()).chain(["*"]) {
            let program = program(json!({"tools": [{"match": denied, "do": "deny"}]}));
            let mut outs = cuts().map(|cut| run_as(&program, &recording, &cut, &caller).body);
            outs.iter().for_each(|out| assert_eq!(out, &outs[0], "{}", recording.name));
            let mut wanted = before.clone();
            let list = wanted.last_mut().unwrap()["result"]["tools"].as_array_mut().unwrap();
            list.retain(|tool| denied != "*" && tool["name"] != denied);
            assert_eq!(
                messages(&std::mem::take(&mut outs[0])),
                wanted,
                "{} {denied}",
                recording.name
            );
        }
    }
    assert!(lists >= 5, "{lists} lists");
}

#[test]
fn a_list_on_any_stream_loses_what_is_denied_and_keeps_its_cursor() {
    let program = program(json!({"tools": [{"match": "delete_*", "do": "deny"}]}));
    let list = r#"{"jsonrpc" : "2.0", "id":"a\u0062", "result":{"tools":[ {"name":"add"} , {"name":"delete_\u0061ll","x":[1]},{"name":"b"}],"nextCursor":"c="}}"#;
    let stream = format!(
        ": ping\r\n\r\nid: 1\r\ndata: \r\n\r\nid: 2\r\nevent: message\r\ndata: {list}\r\n\r\n"
    );
    let mut resumed = made("/x", "", &stream);
    resumed.method = "GET".to_owned();
    for cut in cuts() {
        let seen = run_as(&program, &resumed, &cut, &client());
        let wanted = stream.replace(r#" , {"name":"delete_\u0061ll","x":[1]}"#, "");
        assert_eq!(seen.text(), wanted, "{cut:?}");
    }
}

#[test]
fn a_denied_call_is_answered_under_its_id() {
    let program = program(json!({"tools": [{"id": "no", "match": "delete_*", "do": "deny"}]}));
    let request =
        call("delete_\\u0061ll", r#"{"secret":"s3cr3t"}"#).replace(":7,", r#":"x\u0041",  "#);
    for caller in [client(), Caller::default()] {
        let seen = run_as(&program, &made("/any/where", &request, DONE), &Cut::Every(5), &caller);
        assert_eq!((seen.status, &seen.upstream), (200, &None));
        assert!(
            seen.text().starts_with(r#"{"jsonrpc":"2.0","id":"x\u0041","result":{"content""#),
            "{}",
            seen.text()
        );
        assert_eq!(said(&body(&seen)), "Tool call `delete_all` was stopped by policy");
        assert_eq!(seen.counted("hemostat_rule_hits_total;rule=no;action=deny"), 1);
        let action = ("x-hemostat-action".to_owned(), "no:deny".to_owned());
        assert!(seen.headers.contains(&action), "{:?}", seen.headers);
    }
    let through = send(&program, &call("add", "{}"), DONE);
    assert_eq!(through.upstream.unwrap(), call("add", "{}").into_bytes());
}

#[test]
fn the_stateless_revision_names_the_type_of_its_results() {
    let program = program(json!({"tools": [{"match": "*", "do": "deny"}]}));
    let modern = |name: &str, method: &str| Caller {
        headers: vec![
            ("mcp-protocol-version", "2026-07-28".to_owned()),
            ("mcp-method", method.to_owned()),
            ("mcp-name", name.to_owned()),
        ],
        ..Caller::default()
    };
    let recording = made("/x", &call("add", "{}"), DONE);
    let seen = run_as(&program, &recording, &Cut::Whole, &modern("add", "tools/call"));
    assert_eq!(body(&seen)["result"]["resultType"], "complete");
    for (name, method) in [("other", "tools/call"), ("add", "tools/list")] {
        let seen = run_as(&program, &recording, &Cut::Whole, &modern(name, method));
        assert_eq!((seen.status, &seen.upstream), (400, &None));
        assert_eq!(body(&seen)["error"]["code"], -32020, "{}", seen.text());
        assert_eq!(body(&seen)["id"], 7);
        assert_eq!(seen.counted("hemostat_unchecked_total;reason=mismatch;action=block"), 1);
    }
}

/// Servers differ in what they take for a call. None of these may come through.
#[test]
fn calls_in_disguise_do_not_slip_through() {
    let program = program(json!({"tools": [{"id": "no", "match": "delete_all", "do": "deny"}]}));
    let plain = call("delete_all", "{}");
    let wide: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let padded = format!("{{\"pad\":\"{}\",{}", "x".repeat(200_000), &plain[1..]);
    let bodies: Vec<Vec<u8>> = [
        plain.clone(),
        format!("\u{feff}{plain}"),
        format!(" \n[{plain}]"),
        format!("[{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}},{plain}]"),
        plain.replace("method", "Method"),
        plain.replace("method", "m\\u0065thod"),
        plain.replace("tools/call", "Tools\\/CALL "),
        plain.replace("\"name\"", "\"Name\""),
        plain.replace("\"name\":\"delete_all\"", "\"name\":\"add\",\"name\":\"delete_all\""),
        plain.replace("\"name\":\"delete_all\"", "\"name\":\"delete_all\",\"name\":\"add\""),
        plain.replace("\"params\":", "\"params\":{\"name\":\"add\"},\"params\":"),
        plain.replace("params", "param\u{17f}"),
        plain.replace("\"delete_all\"", "[\"delete_all\"]"),
        plain.replace("{\"name\":\"delete_all\",\"arguments\":{}}", "[\"delete_all\",{}]"),
        plain.replace("\"jsonrpc\":\"2.0\",", ""),
        plain.replace("\"id\":7,", ""),
        plain.replace("\"id\":7", "\"id\":null"),
        plain.replace("\"id\":7", "\"id\":{\"a\":1}"),
        plain.replace("{}}", "{},}"),
        padded.clone(),
        padded.replace("xxx", "x x"),
    ]
    .into_iter()
    .map(String::into_bytes)
    .chain([wide])
    .collect();
    let kinds = [
        "application/json",
        "text/plain",
        "",
        "application/grpc",
        "multipart/form-data",
        "image/png",
    ];
    for path in ["/mcp", "/x", "/messages/?session_id=1", "/v1/messages"] {
        for kind in kinds {
            for own in [true, false] {
                for body in &bodies {
                    let mut recording = made(path, "", DONE);
                    recording.request.clone_from(body);
                    let mut caller = if own { client() } else { Caller::default() };
                    caller.headers.push(("content-type", kind.to_owned()));
                    let what = format!(
                        "{path} {kind} {own} {}",
                        String::from_utf8_lossy(&body[..body.len().min(200)])
                    );
                    for cut in [Cut::Whole, Cut::Every(1000)] {
                        let seen = run_as(&program, &recording, &cut, &caller);
                        // Of a batch the rest goes on.
                        let upstream =
                            String::from_utf8(seen.upstream.unwrap_or_default()).unwrap();
                        let told = upstream.contains(r#""params":{"name":"Tool call "#)
                            && upstream.contains("was stopped by policy")
                            && upstream.contains(r#","arguments":{}}"#);
                        if told && path.contains("session_id") && !own {
                            // The first revision's transport: the server says why there is no such tool.
                            continue;
                        }
                        assert!(!upstream.contains("tools"), "{what}");
                        assert_ne!(seen.body, DONE.as_bytes(), "{what}");
                    }
                }
            }
        }
    }
}

/// Where headers leave before the body, nothing that says nothing of itself can be rewritten: it is refused.
#[test]
fn a_call_without_a_sign_is_refused_where_headers_have_left() {
    let config = json!({"hold_headers": false, "policy": {"hemostat": 1,
        "tools": [{"id": "no", "match": "delete_all", "do": "deny"}]}});
    let (config, _) = Config::parse(config.to_string().as_bytes()).unwrap();
    let program = Rc::new(Program::compile(&config).unwrap());
    let recording = made("/x", &call("add", "{}"), DONE);
    let seen = run_as(&program, &recording, &Cut::Every(9), &Caller::default());
    assert_eq!((seen.status, &seen.upstream), (403, &None));
    assert_eq!(seen.counted("hemostat_unchecked_total;reason=late;action=block"), 1);
    let seen = run_as(&program, &recording, &Cut::Every(9), &client());
    assert_eq!(seen.upstream, Some(recording.request), "one that says it is MCP flows");
}

#[test]
fn other_traffic_passes_untouched() {
    let program = program(json!({
        "tools": [{"match": "*", "do": "deny"}],
        "guardrails": [{"id": "g", "scan": ["input", "tool_args"], "find": ["secret"], "do": "block"}],
        "failsafe": [{"id": "k", "when": {"dialect": "mcp"}, "do": "block"}],
    }));
    let long =
        format!(r#"{{"items":["{}"],"method":"POST","secret":1}}"#, "secret ".repeat(40_000));
    for (path, request) in [
        ("/rpc", r#"{"jsonrpc":"2.0","id":1,"method":"eth_call","params":["secret"]}"#),
        ("/api", r#"{"method":"secret"}"#),
        ("/api", "[1,2,3]"),
        ("/upload", long.as_str()),
        ("/upload", "--b\r\nsecret"),
        ("/x", ""),
        ("/mcp", r#"{"secret":true}"#),
    ] {
        for own in [true, false] {
            let mut caller = if own { client() } else { Caller::default() };
            caller.headers.truncate(1);
            if own && path == "/rpc" {
                continue; // JSON-RPC from a client that accepts what MCP's must: it is taken for MCP
            }
            let recording = made(path, request, r#"{"result":{"tools":[{"name":"secret"}]}}"#);
            for cut in [Cut::Whole, Cut::Every(7)] {
                let seen = run_as(&program, &recording, &cut, &caller);
                assert_eq!(seen.upstream.as_deref(), Some(request.as_bytes()), "{path} {own}");
                assert_eq!(seen.body, recording.response, "{path} {own}");
                assert_eq!(
                    seen.counted("hemostat_requests_total;dialect=other"),
                    1,
                    "{path} {own}"
                );
            }
        }
    }
}
