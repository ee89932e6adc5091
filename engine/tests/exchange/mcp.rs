//! MCP through an exchange: the recorded corpus and made-up traffic, every cut.

use std::rc::Rc;

use crate::support::{
    Caller, Cut, Recording, Seen, mcp_recordings, program, program_under, run_as,
};
use hemostat_engine::dsse::SecretKey;
use hemostat_engine::grant::used::LocalSlots;
use hemostat_engine::grant::{Grant, GrantTarget, LIFE_S};
use hemostat_engine::policy::Program;
use hemostat_engine::policy::config::Config;
use proptest::prelude::*;
use serde_json::{Value, json};

/// When the tests' exchanges happen.
const NOW: u64 = 1_764_000_000;

fn cuts() -> [Cut; 4] {
    [Cut::Whole, Cut::Every(1), Cut::Every(7), Cut::Random(99)]
}

fn made(path: &str, request: &str, response: &str) -> Recording {
    let stream = !response.starts_with(['{', '[']);
    Recording {
        name: "made".to_owned(),
        dialect: "mcp".to_owned(),
        method: "POST".to_owned(),
        path: path.to_owned(),
        status: 200,
        content_type: if stream { "text/event-stream" } else { "application/json" }.to_owned(),
        request: request.as_bytes().to_vec(),
        response: response.as_bytes().to_vec(),
    }
}

/// What clients of the sessions' revisions send.
fn client() -> Caller {
    Caller {
        headers: vec![
            ("accept", "application/json, text/event-stream".to_owned()),
            ("mcp-protocol-version", "2025-11-25".to_owned()),
        ],
        ..Caller::default()
    }
}

fn send(program: &Rc<Program>, request: &str, response: &str) -> Seen {
    run_as(program, &made("/mcp", request, response), &Cut::Whole, &client())
}

fn call(name: &str, arguments: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"{name}","arguments":{arguments}}}}}"#
    )
}

const DONE: &str =
    r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"done"}]}}"#;

fn body(seen: &Seen) -> Value {
    serde_json::from_slice(&seen.body).unwrap_or_else(|_| panic!("{}", seen.text()))
}

fn said(message: &Value) -> &str {
    assert_eq!(message["result"]["isError"], true, "{message}");
    message["result"]["content"][0]["text"].as_str().unwrap()
}

/// The messages of an answer, streamed or whole.
fn messages(body: &[u8]) -> Vec<Value> {
    let text = String::from_utf8(body.to_vec()).unwrap();
    if text.trim_start().starts_with(['{', '[']) {
        return vec![serde_json::from_str(&text).unwrap()];
    }
    let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    data.filter(|data| !data.trim().is_empty())
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

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

fn approving() -> (Rc<Program>, SecretKey) {
    let key = SecretKey::from_seed(&[7; 32]);
    let public = key.public().to_base64();
    let trust = json!({"trust": {"keys": {"ops": {"key": public, "may": ["approve"]}}}});
    let rule = json!({"tools": [{"id": "ask", "match": "refund", "do": "approve", "id_args": ["/order"],
        "when_args": {"/amount": {"gt": 100}}}]});
    (program_under(trust, rule), key)
}

#[test]
fn a_grant_lets_a_call_through_once() {
    let (program, key) = approving();
    let slots: Rc<LocalSlots> = Rc::default();
    let ask = |arguments: &str, grant: Option<&str>| {
        let mut caller = client();
        caller.headers.extend(grant.map(|grant| ("x-hemostat-approval", grant.to_owned())));
        caller.slots = Some(Rc::clone(&slots) as Rc<_>);
        run_as(&program, &made("/mcp", &call("refund", arguments), DONE), &Cut::Whole, &caller)
    };
    assert!(ask(r#"{"order":"A","amount":20}"#, None).upstream.is_some(), "small ones flow");
    let waiting = ask(r#"{"order":"A","amount":150}"#, None);
    let text = said(&body(&waiting)).to_owned();
    let id = text.strip_prefix("Tool call `refund` needs approval: ").unwrap().to_owned();
    assert!(id.starts_with("ap_"), "{id}");
    let grant = Grant {
        scope: None,
        what: GrantTarget::Call(id),
        tenant: None,
        issued_at: NOW,
        expires: NOW + LIFE_S,
        nonce: "n".to_owned(),
    };
    let header = grant.sign(&key, "ops");
    assert!(ask(r#"{"order":"B","amount":150}"#, Some(&header)).upstream.is_none(), "another call");
    let through = ask(r#"{"amount":151,"note":"other words","order":"A"}"#, Some(&header));
    assert_eq!(through.body, DONE.as_bytes());
    assert_eq!(through.counted("hemostat_grants_total;outcome=granted"), 1);
    let again = ask(r#"{"order":"A","amount":150}"#, Some(&header));
    assert!(said(&body(&again)).ends_with("(the grant was used before)"), "{}", again.text());
    let odd = ask(r#"{"order":"A","amount":9007199254740993}"#, Some(&header));
    assert!(said(&body(&odd)).ends_with("its arguments cannot be approved"));
}

/// A call that never leaves has not used its grant, whatever refused it.
#[test]
fn a_grant_is_not_used_up_by_a_call_that_is_refused_later() {
    let key = SecretKey::from_seed(&[7; 32]);
    let trust =
        json!({"trust": {"keys": {"ops": {"key": key.public().to_base64(), "may": ["approve"]}}}});
    let tools = json!([{"id": "ask", "match": "refund", "do": "approve"}]);
    let mut guarded = guard("tool_args", json!("block"));
    guarded["tools"] = tools.clone();
    let limited =
        json!({"tools": tools, "limits": [{"id": "l", "allow": {"calls": 1, "every": "1m"}}]});
    let refund = call("refund", r#"{"note":"s3cr3t"}"#);
    let two = format!("[{refund},{}]", call("other", "{}").replace(":7,", ":8,"));
    let plain = json!({"tools": tools});
    for (policy, request) in [(guarded, &refund), (limited, &two)] {
        let slots: Rc<LocalSlots> = Rc::default();
        let ask = |policy: Value, request: &str| {
            let program = program_under(trust.clone(), policy);
            let mut caller = client();
            let grant = Grant {
                scope: None,
                what: GrantTarget::AnyArgsOf("refund".to_owned()),
                tenant: None,
                issued_at: NOW,
                expires: NOW + LIFE_S,
                nonce: "n".to_owned(),
            };
            caller.headers.push(("x-hemostat-approval", grant.sign(&key, "ops")));
            caller.slots = Some(Rc::clone(&slots) as Rc<_>);
            run_as(&program, &made("/mcp", request, DONE), &Cut::Whole, &caller)
        };
        let refused = ask(policy, request);
        assert!(matches!(refused.status, 403 | 429), "{}", refused.text());
        assert_eq!(refused.counted("hemostat_grants_total;outcome=returned"), 1);
        assert!(ask(plain.clone(), &refund).upstream.is_some(), "it was not used");
        assert!(ask(plain.clone(), &refund).upstream.is_none(), "now it was");
    }
}

#[test]
fn of_a_batch_only_what_is_stopped_is_answered_here() {
    let program = program(json!({"tools": [{"match": "bad", "do": "deny"}]}));
    let one = |name: &str, id: &str| call(name, "{}").replace(":7,", &format!(":{id},"));
    let (good, bad, other) = (one("good", "1"), one("bad", "\"two\""), one("good", "3"));
    let batch = format!("[ {good}, {bad},{other} ]");
    let upstream = format!("[ {good},{other} ]");
    let result = |id| format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#);
    let ours = r#"{"jsonrpc":"2.0","id":"two","result":{"content":[{"type":"text","text":"Tool call `bad` was stopped by policy"}],"isError":true}}"#;
    let whole = format!("[{},{}]", result(3), result(1));
    let seen = send(&program, &batch, &whole);
    assert_eq!(String::from_utf8(seen.upstream.clone().unwrap()).unwrap(), upstream);
    assert_eq!(seen.text(), format!("[{},{},{ours}]", result(3), result(1)));
    let single = send(&program, &batch, &result(1));
    assert_eq!(single.text(), format!("[{},{ours}]", result(1)));
    let stream = format!("data: {}\n\ndata: {}\n\n", result(3), result(1));
    for cut in cuts() {
        let seen = run_as(&program, &made("/mcp", &batch, &stream), &cut, &client());
        assert_eq!(seen.text(), format!("event: message\ndata: {ours}\n\n{stream}"));
    }
    let all = send(&program, &format!("[{bad},{}]", bad.replace("\"two\"", "2")), DONE);
    assert_eq!((all.status, &all.upstream), (200, &None));
    assert_eq!(body(&all).as_array().unwrap().len(), 2);
    // What goes on are notifications, which nobody answers.
    let mut noted =
        made("/mcp", &format!(r#"[{{"method":"notifications/initialized"}},{bad}]"#), "{}");
    noted.status = 202;
    let seen = run_as(&program, &noted, &Cut::Whole, &client());
    assert_eq!((seen.status, seen.text()), (200, format!("[{ours}]")));
    assert_eq!(seen.upstream.unwrap(), br#"[{"method":"notifications/initialized"}]"#);
    // A call that asks for no answer gets none.
    let silent = send(&program, &bad.replace(r#""id":"two","#, ""), DONE);
    assert_eq!(
        (silent.status, silent.body.as_slice(), silent.upstream),
        (202, b"".as_slice(), None)
    );
}

fn guard(scan: &str, action: Value) -> Value {
    json!({"guardrails": [{"id": "g", "scan": [scan], "find": ["s3cr3t"], "do": action}],
           "fallbacks": {"sorry": {"text": "Sorry."}}})
}

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
