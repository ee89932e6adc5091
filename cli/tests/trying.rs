//! `hemostat test` and `hemostat replay`: policies tried without a proxy.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::path::{Path, PathBuf};

use hemostat_cli::{Exit, run};
use serde_json::{Value, json};

fn hemostat(words: &[&str]) -> (Exit, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let words = std::iter::once("hemostat").chain(words.iter().copied()).map(Into::into);
    let exit = run(words, &mut out, &mut err);
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

/// An empty folder of a test's own.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

const POLICY: &str = "
hemostat: 1
version: one
labels: {feature: [{header: x-feature}], prompt_version: [{json: /metadata/prompt_version}]}
guardrails:
  - {id: word, scan: [output], find: [nightingale], do: {redact: \"[BIRD]\"}}
failsafe:
  - {id: kill, when: {feature: checkout}, do: {fallback: sorry}}
fallbacks: {sorry: {text: Not now.}}
";

const CASES: &str = "
cases:
  - name: the feature is stopped
    request:
      path: /v1/chat/completions
      headers: {x-feature: checkout}
      body: {model: m, messages: [{role: user, content: hi}]}
    expect: {status: 200, asked: false, action: kill, says: [Not now.]}
  - name: a stream is cleaned
    request:
      path: /v1/chat/completions
      body: {model: m, stream: true, messages: [{role: user, content: hi}]}
    stream:
      - {id: c, object: chat.completion.chunk, created: 1, model: m, choices: [{index: 0, delta: {content: a nightin}}]}
      - {id: c, object: chat.completion.chunk, created: 1, model: m, choices: [{index: 0, delta: {content: gale sings}}]}
      - {id: c, object: chat.completion.chunk, created: 1, model: m, choices: [{index: 0, delta: {}, finish_reason: stop}]}
      - '[DONE]'
    expect: {hits: 'word:redact', says: ['a [BIRD] sings', DONE], never: [nightingale]}
";

const SERVICES: &str = "
cases:
  - name: a tool that flows
    request:
      path: /mcp
      headers: {accept: 'application/json, text/event-stream'}
      body: {jsonrpc: '2.0', id: 7, method: tools/call, params: {name: add, arguments: {}}}
    expect: {status: 200, asked: true, says: [fine, '\"id\":7']}
  - name: messages of Bedrock
    request: {path: /model/m/converse-stream, body: {messages: []}}
    stream:
      - {messageStart: {role: assistant}}
      - {contentBlockDelta: {contentBlockIndex: 0, delta: {text: a nightin}}}
      - {contentBlockDelta: {contentBlockIndex: 0, delta: {text: gale sings}}}
      - {contentBlockStop: {contentBlockIndex: 0}}
      - {messageStop: {stopReason: end_turn}}
    expect: {hits: 'word:redact', says: ['a [BIRD] sings', end_turn], never: [nightingale]}
  - name: events of a model in messages
    request: {path: /model/anthropic.m/invoke-with-response-stream, body: {anthropic_version: v, messages: []}}
    stream:
      - {type: message_start, message: {id: m, type: message, role: assistant, content: [], model: m, usage: {input_tokens: 1, output_tokens: 1}}}
      - {type: content_block_start, index: 0, content_block: {type: text, text: ''}}
      - {type: content_block_delta, index: 0, delta: {type: text_delta, text: a nightin}}
      - {type: content_block_delta, index: 0, delta: {type: text_delta, text: gale sings}}
      - {type: content_block_stop, index: 0}
      - {type: message_stop}
    expect: {hits: 'word:redact', says: ['a [BIRD] sings'], never: [nightingale]}
  - name: a model of Bedrock that says nothing much
    request: {path: /model/anthropic.m/invoke, body: {anthropic_version: v, messages: []}}
    expect: {status: 200, says: [fine]}
";

/// What upstream answers has the shape that callers of these services get.
#[test]
fn cases_of_mcp_and_bedrock_play_their_own_wire() {
    let folder = folder("services");
    let policy = POLICY.replace("scan: [output]", "scan: [output, tool_results]");
    write(&folder, "p.yaml", &format!("{policy}tools: [{{match: shell, do: deny}}]\n"));
    let cases = write(&folder, "p.cases.yaml", SERVICES);
    let (exit, out, err) = hemostat(&["test", &cases]);
    assert_eq!(exit, Exit::Fine, "{out}{err}");
    let odd = SERVICES.replace("{messageStart: {role: assistant}}", "'[DONE]'");
    let (exit, _, err) = hemostat(&["test", &write(&folder, "p.cases.yaml", &odd)]);
    assert!(exit == Exit::Failed && err.contains("map of its type"), "{err}");
}

#[test]
fn cases_hold_or_say_why_not() {
    let folder = folder("cases");
    let policy = write(&folder, "p.yaml", POLICY);
    let cases = write(&folder, "p.cases.yaml", CASES);
    for path in [&policy, &cases, folder.to_str().unwrap()] {
        let (exit, out, err) = hemostat(&["test", path]);
        assert_eq!(exit, Exit::Fine, "{out}{err}");
        assert!(out.ends_with("2 cases, 0 do not hold\n"), "{out}");
    }
    // A policy that does something else: every expectation that does not hold is named.
    let other = write(&folder, "other.yaml", "{hemostat: 1, version: two}");
    let (exit, out, _) = hemostat(&["test", &cases, "--policy", &other]);
    assert_eq!(exit, Exit::No);
    for wanted in [
        "FAIL  the feature is stopped",
        "asked: expected false, was true",
        "action: expected \"kill\", was null",
        "says: `Not now.` is not in the answer",
        "hits: expected \"word:redact\", was \"\"",
        "never: `nightingale` is in the answer",
    ] {
        assert!(out.contains(wanted), "{wanted}: {out}");
    }
    let (exit, out, _) = hemostat(&["test", &cases, "--policy", &other, "--json"]);
    let said: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((exit, &said["ok"]), (Exit::No, &json!(false)));
    assert_eq!(said["suites"][0]["cases"][0]["ok"], false);
    // Only some, and none.
    let (exit, out, _) = hemostat(&["test", &cases, "--case", "stream"]);
    assert!(exit == Exit::Fine && out.ends_with("1 cases, 0 do not hold\n"), "{out}");
    assert_eq!(hemostat(&["test", &cases, "--case", "nothing"]).0, Exit::Failed);
    // A policy that is not acceptable is a "no", with its reason.
    let bad = write(
        &folder,
        "bad.yaml",
        "{hemostat: 1, guardrails: [{scan: output, find: 'a(', do: block}]}",
    );
    let (exit, out, _) = hemostat(&["test", &cases, "--policy", &bad]);
    assert!(exit == Exit::No && out.contains("bad.yaml:1:"), "{out}");
    // The tool that fails is something else.
    let (exit, _, err) = hemostat(&["test", &other]);
    assert!(exit == Exit::Failed && err.contains("other.cases.yaml"), "{err}");
}

/// A case without an answer gets one of its dialect that every rule can read.
#[test]
fn every_dialect_has_an_answer_of_its_own() {
    let folder = folder("fine");
    write(
        &folder,
        "p.yaml",
        "{hemostat: 1, guardrails: [{id: a, scan: [output], find: [fine], do: {redact: good}}]}",
    );
    let turn = "messages: [{role: user, content: hi}]";
    let calls = [
        ("/v1/chat/completions", format!("{{model: m, {turn}}}")),
        ("/v1/responses", "{model: m, input: hi}".to_owned()),
        ("/v1/messages", format!("{{model: m, max_tokens: 9, {turn}}}")),
        (
            "/v1beta/models/m:generateContent",
            "{contents: [{role: user, parts: [{text: hi}]}]}".to_owned(),
        ),
        ("/model/m/converse", "{messages: [{role: user, content: [{text: hi}]}]}".to_owned()),
    ];
    let case = |(path, body): &(&str, String)| {
        format!(
            "  - {{name: '{path}', request: {{path: '{path}', body: {body}}}, expect: {{status: 200, action: 'a:redact', says: good}}}}\n"
        )
    };
    let cases: String = calls.iter().map(case).collect();
    let cases = write(&folder, "p.cases.yaml", &format!("cases:\n{cases}"));
    let (exit, out, err) = hemostat(&["test", &cases]);
    assert_eq!(exit, Exit::Fine, "{out}{err}");
}

#[test]
fn a_case_that_is_written_wrong_is_not_run() {
    let folder = folder("bad-cases");
    write(&folder, "p.yaml", POLICY);
    for (case, why) in [
        ("{request: {path: /}}", "cases[0]: `name` is missing"),
        ("{name: a, request: {}}", "case `a`: request: `path` is missing"),
        ("{name: a, request: {path: /, boby: x}}", "request: unknown field `boby`"),
        ("{name: a, request: {path: /}, expect: {say: x}}", "expect: unknown field `say`"),
        ("{name: a, request: {path: /}, expect: {status: \"200\"}}", "`status` is a number"),
        ("{name: a, request: {path: /}, expect: {says: 1}}", "`says` is a text or a list of texts"),
        ("{name: a, request: {path: /}, answer: x, stream: []}", "one of them"),
        ("{name: a, request: {path: /}, times: 0}", "times: 1 to 10000 is expected"),
        ("{name: a, request: {path: /}, at: noon}", "case `a`: "),
    ] {
        let cases = write(&folder, "p.cases.yaml", &format!("cases: [{case}]"));
        let (exit, out, err) = hemostat(&["test", &cases]);
        assert!(exit == Exit::Failed && err.contains(why), "{why}: {out}{err}");
    }
}

/// Three exchanges in each of the forms that there are, of which one is hit by each rule.
fn traffic(folder: &Path) -> String {
    let ask = |feature: &str, version: &str| {
        json!({"at": format!("2026-11-24T0{version}:00:00Z"), "method": "POST", "host": "api.openai.com",
            "path": "/v1/chat/completions", "headers": {"X-Feature": feature},
            "request": {"model": "m", "metadata": {"prompt_version": version}, "messages": [{"role": "user", "content": "hi"}]},
            "status": 200,
            "response": {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices":
                [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "a nightingale"}}]}})
    };
    let lines = format!("{}\n\n{}\nno json\n", ask("checkout", "1"), ask("search", "2"));
    write(folder, "day.jsonl", &lines);
    write(
        folder,
        "x.meta.json",
        r#"{"path": "/v1/chat/completions", "method": "POST", "status": 200, "response_headers": {"content-encoding": "gzip"}}"#,
    );
    write(folder, "x.request.json", r#"{"model":"m","stream":true,"messages":[]}"#);
    write(
        folder,
        "x.response.sse",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"nightingale\"}}]}\n\ndata: [DONE]\n\n",
    );
    let header = |key: &str, value: &str| json!({"key": key, "value": value});
    let tap = json!({"http_buffered_trace": {
        "request": {"headers": [header(":method", "GET"), header(":path", "/healthz"), header(":authority", "a")]},
        "response": {"headers": [header(":status", "200")], "body": {"as_bytes": "b2s=", "truncated": false}}}});
    write(folder, "tap_1.json", &tap.to_string());
    let mut cut = tap.clone();
    cut["http_buffered_trace"]["response"]["body"]["truncated"] = json!(true);
    write(folder, "tap_2.json", &cut.to_string());
    folder.to_str().unwrap().to_owned()
}

#[test]
fn recorded_traffic_says_whom_a_policy_would_have_hit() {
    let folder = folder("replay");
    let policy = write(&folder, "p.yaml", POLICY);
    std::fs::create_dir(folder.join("t")).unwrap();
    let traffic = traffic(&folder.join("t"));
    let (exit, out, err) = hemostat(&["replay", &policy, &traffic, "--json"]);
    assert_eq!(exit, Exit::Fine, "{out}{err}");
    let said: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&said["exchanges"], &said["calls"], &said["other"]),
        (&json!(4), &json!(3), &json!(1))
    );
    assert_eq!((&said["answered"], &said["changed_out"]), (&json!(1), &json!(2)));
    assert_eq!(said["untimed"], 1);
    let rule = |rule: &str| {
        let all = said["rules"].as_array().unwrap();
        all.iter().find(|one| one["rule"] == rule).unwrap_or_else(|| panic!("{rule}: {out}"))
    };
    assert_eq!(rule("word")["exchanges"], 2);
    assert_eq!(rule("word")["labels"]["feature"], json!({"search": 1}));
    let kill = rule("kill");
    assert_eq!(kill["action"], "fallback");
    assert_eq!(kill["labels"]["prompt_version"], json!({"1": 1}), "by every label of the policy");
    assert_eq!(
        (&kill["first"], &kill["last"]),
        (&json!("2026-11-24T01:00:00Z"), &json!("2026-11-24T01:00:00Z"))
    );
    assert_eq!(said["not_read"].as_array().unwrap().len(), 2, "{out}");
    assert!(
        err.contains("day.jsonl:4: not JSON") && err.contains("raise `max_buffered_tx_bytes`"),
        "{err}"
    );

    let (_, out, _) = hemostat(&["replay", &policy, &traffic, "--by", "feature", "--names"]);
    assert!(out.contains("4 exchanges from 2026-11-24T01:00:00Z to "), "{out}");
    assert!(out.contains("\nkill:fallback\n  feature: checkout=1\n  - "), "{out}");

    // Against another: only what would end otherwise.
    let other = write(&folder, "other.yaml", "{hemostat: 1}");
    let (exit, out, _) = hemostat(&["replay", &other, "--against", &policy, &traffic]);
    assert_eq!(exit, Exit::Fine);
    assert!(out.contains("would have ended otherwise: 3 of 4"), "{out}");
    assert!(out.contains("answered 200 by kill:fallback → passed"), "{out}");

    // An overlay, and what is no policy.
    let over = write(&folder, "over.yaml", "{hemostat: 1, failsafe: [{id: all, do: block}]}");
    let (_, out, _) = hemostat(&["replay", &other, "--overlay", &over, &traffic]);
    assert!(out.contains("answered by the proxy: 3;"), "{out}");
    let bad = write(&folder, "bad.yaml", "{hemostat: 7}");
    assert_eq!(hemostat(&["replay", &bad, &traffic]).0, Exit::No);
    let empty = folder.join("empty");
    std::fs::create_dir(&empty).unwrap();
    assert_eq!(hemostat(&["replay", &policy, empty.to_str().unwrap()]).0, Exit::Failed);
    assert_eq!(hemostat(&["replay", &policy, "nowhere"]).0, Exit::Failed);
}

#[test]
fn limits_count_over_time_where_the_traffic_says_when() {
    let folder = folder("replay-limits");
    let policy = write(
        &folder,
        "p.yaml",
        "{hemostat: 1, limits: [{id: two, allow: {requests: 2, every: 1m}}]}",
    );
    let line = |second: u32| {
        json!({"at": format!("2026-11-24T07:00:{second:02}Z"), "path": "/v1/chat/completions", "method": "POST",
            "request": {"model": "m", "messages": []}, "response": {"choices": []}})
        .to_string()
    };
    let traffic = write(&folder, "t.jsonl", &[line(3), line(1), line(2), line(50)].join("\n"));
    let (_, out, _) = hemostat(&["replay", &policy, &traffic, "--json"]);
    let said: Value = serde_json::from_str(&out).unwrap();
    let rule = &said["rules"][0];
    assert_eq!((&rule["rule"], &rule["exchanges"]), (&json!("two"), &json!(1)), "{out}");
    assert_eq!(rule["first"], "2026-11-24T07:00:03Z", "the third in time, wherever it stands");
}

/// The corpus is traffic like any other.
#[test]
fn the_recorded_corpus_can_be_replayed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let [policy, traffic] = ["policies/baseline.yaml", "testdata/recorded"]
        .map(|path| root.join(path).to_str().unwrap().to_owned());
    let (exit, out, err) = hemostat(&["replay", &policy, &traffic, "--json"]);
    assert_eq!(exit, Exit::Fine, "{err}");
    let said: Value = serde_json::from_str(&out).unwrap();
    assert!(said["calls"].as_u64().unwrap() > 200, "{out}");
    assert_eq!(said["not_read"], json!([]));
    assert!(said["unchecked"].get("encoding block").is_none(), "{out}");
}
