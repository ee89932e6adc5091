//! What looks like a call of a model and is read by nobody: shapes that no dialect has, and websockets.

use crate::support::{Caller, Cut, Recording, Seen, program, run_as};
use serde_json::{Value, json};

const LANE: &str = "hemostat_unchecked_total;reason=lane;action=";
const WEBSOCKET: &str = "hemostat_unchecked_total;reason=websocket;action=";

fn made(method: &str, path: &str, request: &str) -> Recording {
    Recording {
        name: "made".to_owned(),
        dialect: "other".to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
        status: 200,
        content_type: "application/json".to_owned(),
        request: request.as_bytes().to_vec(),
        response: b"{\"secret\":1}".to_vec(),
    }
}

fn post(policy: &Value, path: &str, request: &str, cut: &Cut) -> Seen {
    run_as(&program(policy.clone()), &made("POST", path, request), cut, &Caller::default())
}

fn upgrade(policy: &Value, path: &str, headers: &[(&'static str, &str)]) -> Seen {
    let own = [("upgrade", "WebSocket"), ("connection", "Upgrade")];
    let all = own.iter().chain(headers);
    let headers = all.map(|(name, value)| (*name, (*value).to_owned())).collect();
    let recording = Recording { status: 101, response: Vec::new(), ..made("GET", path, "") };
    let caller = Caller { headers, ..Caller::default() };
    run_as(&program(policy.clone()), &recording, &Cut::Whole, &caller)
}

/// One enforced rule of each lever; all hold for all traffic.
fn rules() -> Vec<(&'static str, Value)> {
    let fallbacks = json!({"f": {"text": "not now"}});
    vec![
        (
            "kill",
            json!({"failsafe": [{"id": "r", "do": {"fallback": "f"}}], "fallbacks": fallbacks}),
        ),
        ("rollback", json!({"rollback": [{"id": "r", "set": {"model": "old"}}]})),
        ("switch", json!({"switch": [{"id": "r", "to": {"upstream": "b"}}]})),
        ("tools", json!({"tools": [{"id": "r", "match": "x", "do": "deny"}]})),
        (
            "input",
            json!({"guardrails": [{"id": "r", "scan": "input", "find": "zzz", "do": "block"}]}),
        ),
        (
            "output",
            json!({"guardrails": [{"id": "r", "scan": "output", "find": "zzz", "do": "block"}]}),
        ),
        ("requests", json!({"limits": [{"id": "r", "allow": {"requests": 5, "every": "1m"}}]})),
        ("tokens", json!({"limits": [{"id": "r", "allow": {"tokens": 5, "every": "1m"}}]})),
    ]
}

fn with(policy: &Value, name: &str, value: &Value) -> Value {
    let mut policy = policy.clone();
    policy[name] = value.clone();
    policy
}

#[test]
fn a_shape_that_nobody_reads_is_counted_under_every_lever_and_can_be_closed() {
    let calls = [
        ("/api/generate-text", r#"{"messages":[{"role":"user","content":"x"}],"model":"m"}"#),
        ("/accounts/1/ai/run/@cf/meta/llama", r#"{"prompt":"x"}"#),
        ("/models/gpt2", r#"{"inputs":"x"}"#),
    ];
    for (lever, policy) in rules() {
        for (path, request) in calls {
            for cut in [Cut::Whole, Cut::Every(1), Cut::Every(7)] {
                let what = format!("{lever} {path} {cut:?}");
                let seen = post(&policy, path, request, &cut);
                assert_eq!(seen.upstream.as_deref(), Some(request.as_bytes()), "{what}");
                assert_eq!(seen.counted(&format!("{LANE}pass")), 1, "{what}");
                assert_eq!(seen.counted("hemostat_requests_total;dialect=other"), 1, "{what}");

                let closed = with(&policy, "unknown_lanes", &json!("block"));
                let seen = post(&closed, path, request, &cut);
                assert_eq!((seen.status, &seen.upstream), (403, &None), "{what}");
                assert!(seen.text().contains("unknown_lanes"), "{what}");
                assert_eq!(seen.counted(&format!("{LANE}block")), 1, "{what}");
                assert_eq!(seen.counted("hemostat_requests_total;dialect=other"), 1, "{what}");
            }
        }
    }
}

#[test]
fn where_no_enforced_rule_would_hold_nothing_is_looked_at() {
    let request = r#"{"model":"m","messages":[]}"#;
    let closed = |policy: Value| with(&policy, "unknown_lanes", &json!("block"));
    let guard = json!({"id": "r", "scan": "input", "find": "zzz", "do": "block"});
    for policy in [
        json!({}),
        json!({"mode": "shadow", "guardrails": [guard]}),
        json!({"guardrails": [with(&guard, "when", &json!({"dialect": "anthropic"}))]}),
        json!({"guardrails": [with(&guard, "when", &json!({"model": "other-*"}))]}),
        json!({"failsafe": [{"id": "r", "upstream": {"status": [500]}, "do": "block"}]}),
    ] {
        let seen = post(&closed(policy.clone()), "/x", request, &Cut::Every(5));
        assert_eq!(seen.upstream.as_deref(), Some(request.as_bytes()), "{policy}");
        assert!(!seen.counts().iter().any(|name| name.contains("reason=lane")), "{policy}");
    }
    let but =
        json!({"guardrails": [with(&guard, "when", &json!({"dialect": "!mcp", "model": "m"}))]});
    assert_eq!(post(&closed(but), "/x", request, &Cut::Whole).status, 403);
}

/// What models answered to a batch is fetched as a file: nobody reads it, so it is counted and can be closed.
#[test]
fn results_of_batches_are_a_lane_of_their_own() {
    let results = [
        "/v1/files/file-abc/content",
        "/openai/v1/files/file-abc/content?api-version=1",
        "/v1/messages/batches/msgbatch_1/results",
        "/v1beta/batches/b1",
        "/download/v1beta/files/f1:download?alt=media",
    ];
    let others = [
        "/v1/files/file-abc",
        "/v1/batches/b1",
        "/files/1/content",
        "/v1/messages/batches/b",
        "/batches/1",
    ];
    for (name, policy) in rules() {
        let closed = with(&policy, "unknown_lanes", &json!("block"));
        for (path, lane) in
            results.map(|path| (path, true)).into_iter().chain(others.map(|path| (path, false)))
        {
            let get = |policy: &Value| {
                run_as(
                    &program(policy.clone()),
                    &made("GET", path, ""),
                    &Cut::Whole,
                    &Caller::default(),
                )
            };
            let seen = get(&policy);
            assert_eq!(seen.status, 200, "{name} {path}");
            assert_eq!(seen.counted(&format!("{LANE}pass")), usize::from(lane), "{name} {path}");
            let seen = get(&closed);
            assert_eq!(seen.status, if lane { 403 } else { 200 }, "{name} {path}");
        }
    }
    let seen =
        run_as(&program(json!({})), &made("GET", results[0], ""), &Cut::Whole, &Caller::default());
    assert_eq!(seen.counted(&format!("{LANE}pass")), 0, "no rule would hold");
}

#[test]
fn other_traffic_of_any_kind_passes_where_lanes_are_closed() {
    let long = format!(r#"{{"a":"{}","b":1}}"#, "x".repeat(100_000));
    for (_, policy) in rules() {
        let policy = with(&policy, "unknown_lanes", &json!("block"));
        for (path, request) in [
            ("/x", r#"{"model":"tesla","name":"x"}"#),
            ("/x", "[1,2]"),
            ("/x", long.as_str()),
            ("/v1/messages/count_tokens", r#"{"model":"m","messages":[]}"#),
            ("/v1/moderations", r#"{"model":"m","input":"x"}"#),
            ("/x", ""),
        ] {
            let seen = post(&policy, path, request, &Cut::Every(1000));
            assert_eq!(seen.upstream.as_deref(), Some(request.as_bytes()), "{path}");
            assert_eq!(seen.counted("hemostat_requests_total;dialect=other"), 1, "{path}");
        }
    }
}

#[test]
fn a_call_that_shows_late_never_becomes_whole_upstream() {
    let long = format!(r#"{{"messages":["{}"],"model":"m"}}"#, "x".repeat(200_000));
    for (lever, policy) in rules() {
        let policy = with(&policy, "unknown_lanes", &json!("block"));
        let seen = post(&policy, "/x", &long, &Cut::Every(10_000));
        assert_eq!((seen.status, &seen.upstream), (403, &None), "{lever}");
    }
}

#[test]
fn a_websocket_is_opened_where_no_enforced_rule_needs_what_is_said_on_it() {
    for path in ["/v1/responses", "/v1/chat/completions", "/model/m/converse", "/v1/messages"] {
        for (lever, policy) in rules() {
            let seen = upgrade(&policy, path, &[]);
            let passes = lever == "requests";
            assert_eq!(seen.upstream.is_some(), passes, "{lever} {path}");
            assert_eq!(seen.status, if passes { 101 } else { 426 }, "{lever} {path}");
            let action = if passes { "pass" } else { "block" };
            let counted = usize::from(lever != "kill");
            assert_eq!(seen.counted(&format!("{WEBSOCKET}{action}")), counted, "{lever} {path}");

            let shadow = upgrade(&with(&policy, "mode", &json!("shadow")), path, &[]);
            assert_eq!(shadow.counted(&format!("{WEBSOCKET}pass")), 1, "{lever} {path}");
            assert_eq!(shadow.status, 101, "{lever} {path}");
        }
        let seen = upgrade(&json!({}), path, &[]);
        assert_eq!((seen.status, seen.counted(&format!("{WEBSOCKET}pass"))), (101, 1), "{path}");
    }
}

#[test]
fn kill_rules_and_caps_on_requests_hold_for_the_upgrade() {
    let kill = json!({"labels": {"feature": [{"header": "x-feature"}]},
        "failsafe": [{"id": "kill", "when": {"feature": "checkout"}, "do": "block"}]});
    let seen = upgrade(&kill, "/v1/responses", &[("x-feature", "checkout")]);
    assert_eq!((seen.status, &seen.upstream), (403, &None));
    assert_eq!(upgrade(&kill, "/v1/responses", &[("x-feature", "search")]).status, 101);
    let by_model = json!({"failsafe": [{"id": "kill", "when": {"model": "m"}, "do": "block"}]});
    assert_eq!(upgrade(&by_model, "/v1/responses", &[]).status, 426, "who knows which model");
    assert_eq!(upgrade(&by_model, "/openai/deployments/m/responses", &[]).status, 403);
    let by_user = json!({"labels": {"user": [{"json": "/user"}]},
        "limits": [{"id": "cap", "per": ["user"], "allow": {"requests": 1, "every": "1m"}}]});
    assert_eq!(upgrade(&by_user, "/v1/responses", &[]).status, 426, "whose account");
}

#[test]
fn lanes_that_are_nowhere_else_are_counted_and_closed_with_the_unknown_ones() {
    for path in ["/v1/realtime?model=m", "/ws/google.ai.x.GenerativeService.BidiGenerateContent"] {
        for (lever, policy) in rules() {
            let seen = upgrade(&policy, path, &[]);
            assert_eq!(seen.status, 101, "{lever} {path}");
            assert_eq!(seen.counted(&format!("{WEBSOCKET}pass")), 1, "{lever} {path}");
            assert_eq!(seen.counted("hemostat_requests_total;dialect=other"), 1, "{lever} {path}");
            let closed = with(&policy, "unknown_lanes", &json!("block"));
            assert_eq!(upgrade(&closed, path, &[]).status, 426, "{lever} {path}");
        }
        let seen = upgrade(&json!({"unknown_lanes": "block"}), path, &[]);
        assert_eq!((seen.status, seen.counted(&format!("{WEBSOCKET}pass"))), (101, 0), "{path}");
    }
    assert_eq!(upgrade(&rules()[3].1, "/chat/socket", &[]).status, 101, "an application's own");
}

#[test]
fn a_path_that_a_dialect_shares_is_its_own_only_by_its_body() {
    let guard =
        json!({"guardrails": [{"id": "g", "scan": "input", "find": "secret", "do": "block"}]});
    let closed = with(&guard, "unknown_lanes", &json!("block"));
    let chat = r#"{"model":"m","messages":[{"role":"user","content":"a secret"}]}"#;
    for path in ["/serving-endpoints/m/invocations", "/endpoints/m/invocations", "/api/chat"] {
        assert_eq!(post(&guard, path, chat, &Cut::Whole).status, 403, "{path}");
    }
    for (path, body, lane) in [
        ("/serving-endpoints/m/invocations", r#"{"inputs":"a secret"}"#, true),
        ("/endpoints/m/invocations", r#"{"inputs":"a secret"}"#, true),
        ("/endpoints/m/invocations", r#"{"dataframe_split":{"data":[["secret"]]}}"#, false),
        ("/endpoints/m/invocations", "a secret\n1,2", false),
        ("/api/chat", r#"{"messages":[{"parts":["a secret"]}],"id":"x"}"#, false),
        ("/api/generate", "--form: a secret", false),
    ] {
        let seen = post(&guard, path, body, &Cut::Whole);
        assert_eq!(seen.upstream.as_deref(), Some(body.as_bytes()), "{path} {body}");
        assert_eq!(seen.counted(&format!("{LANE}pass")), usize::from(lane), "{path} {body}");
        assert_eq!(seen.counted("hemostat_requests_total;dialect=other"), 1, "{path} {body}");
        let dialects = seen.counts().iter().filter(|n| n.contains("_requests_total;")).count();
        assert_eq!(dialects, 1, "{path} {body}");
        let seen = post(&closed, path, body, &Cut::Whole);
        assert_eq!(seen.status, if lane { 403 } else { 200 }, "{path} {body}");
    }
    // A server in Go takes a key whatever its case.
    for (path, body) in [
        ("/api/chat", r#"{"Model":"m","messages":[{"role":"user","content":"a secret"}]}"#),
        ("/endpoints/m/invocations", r#"{"Messages":[{"role":"user","content":"a secret"}]}"#),
    ] {
        assert_eq!(post(&guard, path, body, &Cut::Whole).status, 403, "{path} {body}");
    }
    // What only a lenient server reads is the dialect's, and unreadable.
    let seen = post(&guard, "/api/chat", &format!("{chat} and more"), &Cut::Whole);
    assert_eq!((seen.status, &seen.upstream), (403, &None));
}

#[test]
fn what_answers_no_words_is_ruled_by_what_it_asks() {
    let calls = [
        ("/v1/embeddings", r#"{"model":"m","input":["a secret","b"]}"#, "openai-embeddings"),
        ("/v1/images/generations", r#"{"model":"m","prompt":"a secret"}"#, "openai-images"),
        (
            "/v1beta/models/m:embedContent",
            r#"{"content":{"parts":[{"text":"a secret"}]}}"#,
            "gemini-predict",
        ),
        (
            "/v1/publishers/google/models/m:predict",
            r#"{"instances":[{"prompt":"a secret"}]}"#,
            "gemini-predict",
        ),
        ("/api/embed", r#"{"model":"m","input":"a secret"}"#, "ollama-embed"),
    ];
    for (path, body, name) in calls {
        let at = |policy: Value| post(&policy, path, body, &Cut::Whole);
        let find = |action: Value| json!({"guardrails": [{"id": "g", "scan": "input", "find": "secret", "do": action}]});
        assert_eq!(at(find(json!("block"))).status, 403, "{path}");
        let seen = at(find(json!({"redact": "[X]"})));
        assert_eq!(
            String::from_utf8_lossy(seen.upstream.as_ref().unwrap()),
            body.replace("secret", "[X]")
        );
        assert_eq!(seen.counted(&format!("hemostat_requests_total;dialect={name}")), 1);
        let kill = json!({"failsafe": [{"id": "k", "when": {"model": "m"}, "do": {"fallback": "f"}}],
            "fallbacks": {"f": {"text": "not now"}}});
        let seen = at(kill);
        assert_eq!((seen.status, seen.upstream.is_none()), (403, true), "{path}");
        assert!(seen.text().contains("not now"), "{path}");
        let cap = |unit: &str| json!({"limits": [{"id": "l", "allow": {unit: 1, "every": "1m"}}]});
        assert_eq!(at(cap("requests")).status, 200, "{path}");
        assert_eq!(at(cap("tokens")).status, 429, "{path}");
        // The answer, `{"secret":1}`, is no business of rules over what a model says.
        let output = json!({"guardrails": [{"id": "g", "scan": "output", "find": "secret", "do": "block"}],
            "tools": [{"match": "*", "do": "deny"}]});
        assert!(at(output).text().contains("secret"), "{path}");
    }
    let tokens = r#"{"model":"m","input":[[1,2,3]]}"#;
    let policy = json!({"guardrails": [{"id": "g", "scan": "input", "find": "x", "do": "block"}]});
    assert_eq!(post(&policy, "/v1/embeddings", tokens, &Cut::Whole).status, 403, "unreadable");
}

#[test]
fn lists_of_stored_answers_are_answers() {
    let policy =
        json!({"guardrails": [{"id": "g", "scan": "output", "find": "secret", "do": "block"}]});
    for path in [
        "/v1/chat/completions",
        "/v1/chat/completions/c/messages",
        "/v1/conversations/conv_1/items",
        "/v1/chat/deferred-completion/1",
    ] {
        let mut recording = made("GET", path, "");
        recording.response =
            br#"{"object":"list","data":[{"role":"assistant","content":"a secret"}]}"#.to_vec();
        let seen = run_as(&program(policy.clone()), &recording, &Cut::Whole, &Caller::default());
        assert!(!seen.text().contains("secret"), "{path}");
        assert_eq!(seen.status, 200, "{path}");
        let list: Value = serde_json::from_str(&seen.text()).unwrap();
        assert_eq!(list["object"] == "list", !path.contains("deferred"), "{path}");
    }
}

#[test]
fn a_deferred_answer_is_unreadable_where_a_rule_would_have_to_see_it() {
    let policy = json!({"guardrails": [{"id": "g", "scan": "output", "find": "x", "do": "block"}]});
    let body = r#"{"model":"grok","messages":[],"deferred":true}"#;
    let seen = post(&policy, "/v1/chat/completions", body, &Cut::Whole);
    assert_eq!(seen.status, 403);
    assert_eq!(seen.counted("hemostat_unchecked_total;reason=background;action=block"), 1);
}

/// A call of a tool in Ollama's answers comes whole, in a line of its own.
#[test]
fn calls_of_tools_in_lines() {
    let policy = json!({"tools": [{"match": "rm", "do": "deny"}]});
    let line = |calls: Value, done: bool| {
        json!({"model": "m", "message": {"role": "assistant", "content": "", "tool_calls": calls}, "done": done}).to_string()
    };
    let call = |name: &str| json!({"function": {"name": name, "arguments": {"path": "/"}}});
    let lines = [
        line(json!([call("rm"), call("ls")]), false),
        line(json!([call("rm")]), false),
        json!({"model": "m", "message": {"role": "assistant", "content": ""}, "done": true, "done_reason": "stop"}).to_string(),
    ];
    let request = json!({"model": "m", "messages": [], "tools": [
        {"type": "function", "function": {"name": "rm"}}, {"type": "function", "function": {"name": "ls"}}]});
    for cut in [Cut::Whole, Cut::Every(1), Cut::Every(50)] {
        let mut recording = made("POST", "/api/chat", &request.to_string());
        recording.content_type = "application/x-ndjson".to_owned();
        recording.response =
            lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect();
        let seen = run_as(&program(policy.clone()), &recording, &cut, &Caller::default());
        assert!(!String::from_utf8_lossy(seen.upstream.as_ref().unwrap()).contains("rm"));
        let left: Vec<Value> =
            seen.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(left.len(), 3, "{}", seen.text());
        assert_eq!(left[0]["message"]["tool_calls"], json!([call("ls")]));
        assert!(left[0]["message"]["content"].as_str().unwrap().contains("`rm`"), "{}", left[0]);
        assert_eq!(left[1]["message"].get("tool_calls"), None);
        assert_eq!(left[2]["done_reason"], "stop");
    }
}
