//! From what went wrong to what keeps it from coming back: cases from recordings of several forms, and reports on cases.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[path = "learning/evidence.rs"]
mod evidence;
#[path = "learning/faults.rs"]
mod faults;
#[path = "learning/phoenix.rs"]
mod phoenix;
mod synthetic;

use std::path::{Path, PathBuf};

use hemostat_cli::{Exit, run};
use hemostat_engine::base::time;
use hemostat_engine::dsse::base64;
use hemostat_engine::wire::eventstream;
use serde_json::{Value, json};
use synthetic::{Incident, MIDNIGHT, incident, log};

fn hemostat(words: &[&str]) -> (Exit, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let words = std::iter::once("hemostat").chain(words.iter().copied()).map(Into::into);
    let exit = run(words, &mut out, &mut err);
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("learning-{test}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

const OLD: &str = "
hemostat: 1
version: old
labels: {feature: [{header: x-feature}], tenant: [{header: x-tenant}]}
guardrails:
  - {id: bird, scan: [output], find: [nightingale], do: tag}
";

const NEW: &str = "
hemostat: 1
version: new
labels: {feature: [{header: x-feature}], tenant: [{header: x-tenant}]}
guardrails:
  - {id: harmful, scan: [output], find: ['pipe bomb'], do: {fallback: refuse}}
  - {id: secrets, scan: [output], find: ['pack:secrets'], do: {redact: '[KEY]'}}
fallbacks: {refuse: {text: No.}}
";

fn key() -> String {
    format!("AKIA{}", "Z7QXAMPLE4DEMO23")
}

/// The answer that went wrong, streamed in pieces that cut the key, and whole.
fn answers() -> (String, Value) {
    let text = format!("the key of jane@acme.example is {} ok", key());
    let mut stream = String::new();
    let characters: Vec<char> = text.chars().collect();
    for piece in characters.chunks(5) {
        let piece: String = piece.iter().collect();
        let event = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": {"content": piece}}]});
        stream.push_str(&format!("data: {event}\n\n"));
    }
    stream.push_str("data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n");
    let whole = json!({"id": "chatcmpl-77", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]});
    (stream, whole)
}

/// One exchange in every form that is read.
fn forms(folder: &Path) -> Vec<String> {
    let (stream, whole) = answers();
    let body = |stream: bool| json!({"model": "gpt-5", "stream": stream, "messages": [{"role": "user", "content": "I am jane@acme.example of acme-corp"}]});
    let headers = json!({"x-feature": "checkout", "x-tenant": "acme-corp", "authorization": "Bearer sk-secret-of-acme", "x-request-id": "r-1"});
    let list = |headers: &Value| -> Vec<Value> {
        headers
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect()
    };
    let tap_headers: Vec<Value> = [
        (":method", "POST"),
        (":path", "/v1/chat/completions"),
        (":authority", "api.example.com"),
        ("x-feature", "checkout"),
        ("x-tenant", "acme-corp"),
        ("authorization", "Bearer sk-secret-of-acme"),
    ]
    .iter()
    .map(|(key, value)| json!({"key": key, "value": value}))
    .collect();
    let tap = json!({"http_buffered_trace": {
        "request": {"headers": tap_headers, "body": {"as_string": body(true).to_string()}},
        "response": {"headers": [{"key": ":status", "value": "200"}, {"key": "content-type", "value": "text/event-stream"}], "body": {"as_string": stream}}}});
    let line = json!({"at": "2026-11-24T03:12:00Z", "path": "/v1/chat/completions", "headers": headers, "request": body(false), "response": whole});
    let har = json!({"log": {"entries": [{"startedDateTime": "2026-11-24T03:12:00Z",
        "request": {"method": "POST", "url": "https://api.example.com/v1/chat/completions", "headers": list(&headers), "postData": {"text": body(false).to_string()}},
        "response": {"status": 200, "headers": [], "content": {"mimeType": "application/json", "text": whole.to_string()}}}]}});
    let text = |value: &str| json!({"stringValue": value});
    let messages = json!([{"role": "assistant", "parts": [{"type": "text", "content": whole["choices"][0]["message"]["content"]}], "finish_reason": "stop"}]);
    let asked = json!([{"role": "user", "parts": [{"type": "text", "content": "I am jane@acme.example of acme-corp"}]}]);
    let span = json!({"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "chat gpt-5", "startTimeUnixNano": "1795489920000000000", "attributes": [
        {"key": "gen_ai.request.model", "value": text("gpt-5")}, {"key": "hemostat.label.tenant", "value": text("acme-corp")},
        {"key": "hemostat.label.feature", "value": text("checkout")},
        {"key": "gen_ai.input.messages", "value": text(&asked.to_string())}, {"key": "gen_ai.output.messages", "value": text(&messages.to_string())}]}]}]}]});
    [("tap.json", tap), ("line.jsonl", line), ("session.har", har), ("span.json", span)]
        .map(|(name, value)| write(folder, name, &value.to_string()))
        .to_vec()
}

#[test]
fn every_form_of_a_recording_becomes_a_case_that_fails_before_and_holds_after() {
    let folder = folder("forms");
    let (old, new) = (write(&folder, "old.yaml", OLD), write(&folder, "new.yaml", NEW));
    for file in forms(&folder) {
        let cases =
            folder.join(format!("{}.cases.yaml", Path::new(&file).file_stem().unwrap().display()));
        let cases = cases.to_str().unwrap();
        let words = [
            "case",
            &file,
            "--old",
            &old,
            "--new",
            &new,
            "--name",
            "no key leaves",
            "--out",
            cases,
        ];
        let (exit, out, err) = hemostat(&words);
        assert_eq!(exit, Exit::Fine, "{file}: {out}{err}");
        assert!(!Path::new(cases).exists(), "shown, not written");
        for word in ["jane", "acme-corp", "sk-secret", &key(), "r-1"] {
            assert!(!out.contains(word), "{file}: {word} in {out}");
        }
        assert!(err.contains("credential") || file.ends_with("span.json"), "{err}");
        let (exit, _, err) = hemostat(&[&words[..], &["--yes"]].concat());
        assert_eq!(exit, Exit::Fine, "{file}: {err}");
        let judged = |policy: &str| hemostat(&["test", cases, "--policy", policy]).0;
        assert_eq!((judged(&old), judged(&new)), (Exit::No, Exit::Fine), "{file}");
        // A second one goes into the same file.
        let (exit, _, err) = hemostat(&[&words[..], &["--yes"]].concat());
        assert_eq!(exit, Exit::Fine, "{err}");
        let (_, json, _) = hemostat(&["test", "--json", cases, "--policy", &new]);
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["suites"][0]["cases"].as_array().unwrap().len(), 2);
    }
}

/// A stream of Bedrock's, as Envoy's tap keeps it: `ConverseStream`, and `InvokeModel` with Anthropic's events.
fn tapped_binary(invoke: bool) -> (Value, Vec<u8>) {
    let text = format!("the key of jane@acme.example is {} ok", key());
    let mut body = Vec::new();
    let mut put = |kind: &str, content: Value| match invoke {
        true => eventstream::chunk(content.to_string().as_bytes(), &mut body),
        false => eventstream::event(kind, &content.to_string(), &mut body),
    };
    let characters: Vec<char> = text.chars().collect();
    let pieces: Vec<String> = characters.chunks(5).map(|piece| piece.iter().collect()).collect();
    if invoke {
        put(
            "",
            json!({"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant", "model": "m",
            "content": [], "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1}}}),
        );
        put(
            "",
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        );
        for piece in pieces {
            put(
                "",
                json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}),
            );
        }
        put("", json!({"type": "content_block_stop", "index": 0}));
        put(
            "",
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}}),
        );
        put("", json!({"type": "message_stop"}));
    } else {
        put("messageStart", json!({"role": "assistant"}));
        for piece in pieces {
            put("contentBlockDelta", json!({"contentBlockIndex": 0, "delta": {"text": piece}}));
        }
        put("contentBlockStop", json!({"contentBlockIndex": 0}));
        put("messageStop", json!({"stopReason": "end_turn"}));
    }
    let (path, asked) = match invoke {
        true => (
            "/model/anthropic.claude-x/invoke-with-response-stream",
            json!({"anthropic_version": "bedrock-2023-05-31",
            "max_tokens": 9, "messages": [{"role": "user", "content": "I am jane@acme.example"}]}),
        ),
        false => (
            "/model/amazon.nova/converse-stream",
            json!({"messages": [{"role": "user",
            "content": [{"text": "I am jane@acme.example"}]}]}),
        ),
    };
    let header = |key: &str, value: &str| json!({"key": key, "value": value});
    let trace = |answer: &[u8]| {
        json!({"http_buffered_trace": {
        "request": {"headers": [header(":method", "POST"), header(":path", path), header(":authority", "bedrock")],
            "body": {"as_string": asked.to_string()}},
        "response": {"headers": [header(":status", "200"), header("content-type", "application/vnd.amazon.eventstream")],
            "body": {"as_bytes": base64::encode(answer)}}}})
    };
    (trace(&body), body)
}

#[test]
fn binary_answers_become_cases_too() {
    let folder = folder("binary");
    let (old, new) = (write(&folder, "old.yaml", OLD), write(&folder, "new.yaml", NEW));
    for invoke in [false, true] {
        let (tap, body) = tapped_binary(invoke);
        let file = write(&folder, "tap.json", &tap.to_string());
        let cases = folder.join(format!("{invoke}.cases.yaml"));
        let cases = cases.to_str().unwrap();
        let words = ["case", &file, "--old", &old, "--new", &new, "--out", cases, "--yes"];
        let (exit, out, err) = hemostat(&words);
        assert_eq!(exit, Exit::Fine, "invoke={invoke}: {out}{err}");
        assert!(!out.contains("jane") && !out.contains(&key()), "{out}");
        let judged = |policy: &str| hemostat(&["test", cases, "--policy", policy]).0;
        assert_eq!((judged(&old), judged(&new)), (Exit::No, Exit::Fine), "invoke={invoke}");
        // What is cut is no whole answer: it says so.
        let half = base64::encode(&body[..body.len() - 7]);
        let cut = tap.to_string().replace(&base64::encode(&body), &half);
        let (exit, _, err) = hemostat(&["case", &write(&folder, "cut.json", &cut), "--new", &new]);
        assert_eq!((exit, err.contains("cut or damaged")), (Exit::Failed, true), "{err}");
    }
}

#[test]
fn a_case_that_catches_nothing_is_not_written() {
    let folder = folder("nothing");
    let new = write(&folder, "new.yaml", NEW);
    let file = forms(&folder).remove(1);
    let out = folder.join("x.cases.yaml");
    let out = out.to_str().unwrap();
    let (exit, _, err) =
        hemostat(&["case", &file, "--old", &new, "--new", &new, "--out", out, "--yes"]);
    assert_eq!(exit, Exit::No);
    assert!(err.contains("HOLDS TOO") && !Path::new(out).exists(), "{err}");
    let (exit, _, err) = hemostat(&["case", &file, "--old", &new]);
    assert_eq!((exit, err.contains("--never")), (Exit::Failed, true), "{err}");
    // Without a new policy one can still say what must not be said.
    let (exit, out, _) = hemostat(&["case", &file, "--old", &new, "--never", "the key of"]);
    assert_eq!(exit, Exit::Fine, "{out}");
}

/// A file that cannot be read as text is not taken for one that is not there.
#[test]
fn cases_that_cannot_be_read_are_not_replaced() {
    let folder = folder("unreadable-cases");
    let (old, new) = (write(&folder, "old.yaml", OLD), write(&folder, "new.yaml", NEW));
    let file = forms(&folder).remove(1);
    let out = folder.join("x.cases.yaml");
    let before = b"cases: [] # \xff of another editor";
    std::fs::write(&out, before).unwrap();
    let words =
        ["case", &file, "--old", &old, "--new", &new, "--out", out.to_str().unwrap(), "--yes"];
    let (exit, _, err) = hemostat(&words);
    assert_eq!((exit, err.contains("not UTF-8")), (Exit::Failed, true), "{err}");
    assert_eq!(std::fs::read(&out).unwrap(), before);
}

#[test]
fn a_decision_of_the_access_log_names_its_recording() {
    let folder = folder("decision");
    let (old, new) = (write(&folder, "old.yaml", OLD), write(&folder, "new.yaml", NEW));
    let taps = folder.join("taps");
    std::fs::create_dir_all(&taps).unwrap();
    forms(&taps);
    let log = write(
        &folder,
        "access.json",
        "{\"time\":\"2026-11-24T03:12:00Z\",\"hemostat.decision\":\"d1\",\"hemostat.dialect\":\"openai-chat\",\"gen_ai.response.id\":\"chatcmpl-77\"}\n",
    );
    let taps = taps.to_str().unwrap();
    let (exit, _, err) = hemostat(&["case", taps, "--old", &old, "--new", &new]);
    assert_eq!((exit, err.contains("4 exchanges; say which")), (Exit::Failed, true), "{err}");
    let words = [
        "case",
        taps,
        "--old",
        &old,
        "--new",
        &new,
        "--access-log",
        &log,
        "--decision",
        "d1",
        "--replay",
        taps,
    ];
    let (exit, _, err) = hemostat(&[&words[..], &["--pick", "line"]].concat());
    assert_eq!(exit, Exit::Fine, "{err}");
    assert!(err.contains("of 4 recorded exchanges 4 would end otherwise"), "{err}");
    let (exit, _, err) =
        hemostat(&["case", taps, "--new", &new, "--access-log", &log, "--decision", "d2"]);
    assert_eq!((exit, err.contains("no line of the access log")), (Exit::Failed, true), "{err}");
}

#[test]
fn cases_report_for_ci_and_name_the_rules_that_nobody_tries() {
    let folder = folder("reports");
    let policy = write(&folder, "new.yaml", NEW);
    write(
        &folder,
        "new.cases.yaml",
        "cases:\n  - name: '<harm> & \"more\"'\n    request: {path: /v1/chat/completions, body: {model: m, messages: []}}\n    answer: {id: c, object: chat.completion, created: 1, model: m, choices: [{index: 0, message: {role: assistant, content: a pipe bomb}, finish_reason: stop}]}\n    expect: {status: 418, action: harmful}\n",
    );
    let xml = folder.join("report.xml");
    let (exit, out, _) = hemostat(&["test", &policy, "--rules", "--junit", xml.to_str().unwrap()]);
    assert_eq!(exit, Exit::No);
    assert!(out.contains("no case tries, of ") && out.trim_end().ends_with(": secrets"), "{out}");
    let xml = std::fs::read_to_string(xml).unwrap();
    assert!(xml.contains("tests=\"1\" failures=\"1\" errors=\"0\""), "{xml}");
    assert!(xml.contains("name=\"&lt;harm&gt; &amp; &quot;more&quot;\"><failure message=\"status: expected 418, was 200\">"), "{xml}");
}

/// One incident from its first bad call to its report, by nobody's word but the generator's.
#[test]
fn an_incident_from_end_to_end() {
    let folder = folder("incident");
    let one = Incident { ends: Some(3 * 3600 + 52 * 60), ..incident() };
    let made = log(7, 40_000, 6 * 3600, Some(&one));
    let access = write(&folder, "access.json", &made.text);
    let at = |second: u64| time::format(MIDNIGHT + second);
    let began = made.truth.first_hit.unwrap();

    // An alert fires, and somebody asks how far it reaches.
    let (exit, out, err) = hemostat(&["scope", "--json", &access]);
    assert_eq!(exit, Exit::Fine, "{err}");
    let found: Value = serde_json::from_str(&out).unwrap();
    let finding = &found["findings"][0];
    assert_eq!(
        finding["labels"],
        json!({"feature": "checkout", "prompt_version": "43", "model": "gpt-5"})
    );
    assert_eq!(finding["since"], time::format(began));

    // The release before is put back; a drill had been held in the morning.
    let release = |serial: u64, second: u64, more: Value| {
        let mut entry = json!({"serial": serial, "version": format!("prod-{serial}"), "at": at(second), "source": "post",
            "issuer": "ann", "reason": "INC-4711", "key_ids": ["oncall"]});
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        entry
    };
    let ends = one.ends.unwrap();
    let history = json!([
        release(18, ends, json!({"rolls_back": 17})),
        release(17, one.begins - one.release_before, json!({"reason": "new prompt"})),
        release(15, 3600, json!({"reason": "drill of kill-checkout"})),
    ]);
    let history = write(&folder, "history.json", &history.to_string());
    let event = json!({"event": "decision", "id": "ev_1", "time": time::format(began + 90), "count": 3, "hemostat.rule": "harmful", "hemostat.action": "block"});
    let events = write(&folder, "events.jsonl", &format!("{event}\nnot an event\n"));
    let status = json!({"page": {"name": "OpenAI"}, "incidents": [{"name": "Elevated errors", "impact": "minor",
        "created_at": "2026-11-20T00:00:00Z", "resolved_at": "2026-11-20T01:00:00Z"}]});
    let status = write(&folder, "summary.json", &status.to_string());

    // The exchange that went wrong becomes a case.
    let (old, new) = (write(&folder, "old.yaml", OLD), write(&folder, "new.yaml", NEW));
    let tap = forms(&folder).remove(0);
    let cases = folder.join("new.cases.yaml");
    let cases = cases.to_str().unwrap();
    let (exit, _, err) =
        hemostat(&["case", &tap, "--old", &old, "--new", &new, "--out", cases, "--yes"]);
    assert_eq!(exit, Exit::Fine, "{err}");
    assert_eq!(hemostat(&["test", cases, "--policy", &old]).0, Exit::No);
    assert_eq!(hemostat(&["test", &new]).0, Exit::Fine);

    // And the report is written.
    let (page, alert) = (folder.join("report.html"), folder.join("alert.yaml"));
    let (page, alert) = (page.to_str().unwrap(), alert.to_str().unwrap());
    let (exit, text, err) = hemostat(&[
        "postmortem",
        "--title",
        "INC-4711 <b>",
        "--history",
        &history,
        "--since",
        "2026-11-24T00:00:00Z",
        "--access-log",
        &access,
        "--events",
        &events,
        "--provider-status",
        &status,
        "--case",
        cases,
        "--alert",
        alert,
        "--html",
        page,
    ]);
    assert_eq!(exit, Exit::Fine, "{err}");
    let last = made.truth.last_hit.unwrap();
    let minutes = |from: u64, to: u64| format!("{} min", (to - from + 30) / 60);
    for wanted in [
        format!("| calls | {} of ", made.truth.hit),
        format!("| tenants | {}: tenant-", made.truth.tenants.len()),
        format!(
            "| how long | {} ({} to {}) |",
            minutes(began, last),
            time::format(began),
            time::format(last)
        ),
        format!("| what bad calls cost | ${:.2} |", made.truth.hit_micro_usd as f64 / 1e6),
        format!("| change | {} |", at(one.begins - one.release_before)),
        format!("| symptom | {} |", time::format(began)),
        format!("| detection | {} | ", time::format(began + 90)),
        format!("| mitigation | {} | {} |", at(ends), minutes(began + 90, MIDNIGHT + ends)),
        format!("| resolution | {} | ", time::format(last)),
        "(drill) release 15".to_owned(),
        "1 activation in this time: part of a drill".to_owned(),
        "- [ ] **Prompt**\n  - for: nearly all bad calls are on prompt\\_version `43`".to_owned(),
        "against: the provider's status page reports no incident in this time".to_owned(),
        format!("against: it hit {} tenants", made.truth.tenants.len()),
    ] {
        assert!(text.contains(&wanted), "{wanted}\n{text}");
    }
    let page = std::fs::read_to_string(page).unwrap();
    assert!(
        page.contains("<svg")
            && page.contains("<code>43</code>")
            && !page.contains("<b>INC")
            && page.contains("INC-4711 &lt;b&gt;")
    );
    // Where Prometheus' own judge is at hand, it is asked.
    if let Ok(judged) =
        std::process::Command::new("promtool").args(["check", "rules", alert]).output()
    {
        assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stderr));
    }
    let alert = std::fs::read_to_string(alert).unwrap();
    assert!(alert.contains("hemostat_rule_hits_total") && alert.contains("harmful"), "{alert}");
}
