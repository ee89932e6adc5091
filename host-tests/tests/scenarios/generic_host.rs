//! A host that is not Envoy, modelled on nginx with ngx_wasm_module: every row of docs/hosts.md that is marked as held in
//! tests.

use host_tests::{Chunking, HostKind, Outcome, Request, Settings, UpstreamAnswer};
use serde_json::{Value, json};

use crate::native::recordings;
use crate::rig::{Dialect, Proxy, chat, configuration, in_pieces, talking, told_by_path};

/// A proxy that sends nothing of a request before its body is whole, told so.
fn nginx(policy: Value) -> Proxy {
    gathering(policy, Settings::of(HostKind::Generic).buffer_limit)
}

/// One that gathers so many bytes of an answer at most.
fn gathering(policy: Value, buffer_limit: usize) -> Proxy {
    let mut policy = policy;
    policy["hemostat"] = json!(1);
    let own = json!({"host": "generic", "hold_headers": true, "policy": policy});
    Proxy::with(Settings { buffer_limit, ..Settings::of(HostKind::Generic) }, &own.to_string())
}

fn guard(scan: &[&str], action: Value) -> Value {
    json!({"guardrails": [{"id": "r", "scan": scan, "find": ["sesame-[a-z]+"], "do": action}],
        "fallbacks": {"f": {"text": "CANNED"}}})
}

fn redact() -> Value {
    guard(&["output"], json!({"redact": "[#]"}))
}

/// Nothing trapped, nobody waits for ever, and the secret is not there.
fn assert_held(outcome: &Outcome, what: &str) {
    let said = outcome.downstream.text();
    assert_eq!(outcome.trapped, None, "{what}");
    assert_eq!(outcome.violations, [], "{what}: {said}");
    assert!(outcome.downstream.ended, "{what}: {said}");
    assert!(!said.contains("sesame") && !outcome.upstream.text().contains("sesame"), "{what}");
}

/// Each dialect, streamed and whole.
fn each(mut run: impl FnMut(Dialect, bool, &str)) {
    for dialect in talking() {
        for stream in [false, true] {
            run(dialect, stream, &format!("{} stream={stream}", dialect.name));
        }
    }
}

#[test]
fn the_corpus_passes_unchanged() {
    for policy in [
        json!({}),
        json!({"mode": "shadow", "guardrails": [
        {"id": "all", "scan": ["output", "input"], "find": ["[a-z]+"], "do": "block"}]}),
        redact(),
    ] {
        for proxy in [Proxy::generic(policy.clone()), nginx(policy)] {
            for recording in recordings() {
                let outcome = proxy.play(&recording, &Chunking::Bytes(777));
                assert_eq!(outcome.trapped, None, "{}", recording.name);
                assert_eq!(outcome.violations, [], "{}", recording.name);
                assert!(outcome.downstream.body() == recording.response, "{}", recording.name);
            }
            proxy.assert_sound("corpus");
        }
    }
}

/// Guardrails on answers, whether or not the configuration says that requests can be held.
#[test]
fn what_an_answer_says_is_redacted_blocked_or_replaced() {
    for (action, instead) in [
        (json!({"redact": "[#]"}), "[#]"),
        (json!("block"), "filter"),
        (json!({"fallback": "f"}), "CANNED"),
    ] {
        let policy = guard(&["output"], action);
        for proxy in [Proxy::generic(policy.clone()), nginx(policy)] {
            each(|dialect, stream, what| {
                let answer = dialect.answer(stream, "say sesame-opens now");
                let request = dialect.request(stream, "hi");
                let outcome = proxy.run(request, answer, &Chunking::Bytes(11));
                assert_held(&outcome, what);
                let said = outcome.downstream.text().to_lowercase();
                let stops = match dialect.blocked() {
                    Some(word) => said.contains(&word.to_lowercase()),
                    None => !said.contains("now\""),
                };
                let there = if instead == "filter" {
                    stops
                } else {
                    said.contains(&instead.to_lowercase())
                };
                assert!(there, "{what}, {instead}: {said}");
            });
            assert_eq!(proxy.host.calls().get("proxy_close_stream"), None);
            proxy.assert_sound(instead);
        }
    }
}

/// A whole answer that the host does not gather to its end follows `on_unreadable`, and is counted.
#[test]
fn an_answer_that_is_longer_than_the_host_gathers_is_not_let_through_unseen() {
    for (more, word) in [(json!({}), "block"), (json!({"on_unreadable": "pass"}), "pass")] {
        let mut policy = redact();
        policy.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let proxy = gathering(policy, 4096);
        for dialect in talking() {
            for cut in [Chunking::Whole, Chunking::Bytes(1000)] {
                let answer = dialect.whole(&format!("{} sesame-opens", "w ".repeat(4000)));
                let sent = answer.chunks.concat();
                let outcome = proxy.run(dialect.request(false, "hi"), answer, &cut);
                let what = format!("{} {word} {cut:?}", dialect.name);
                if word == "pass" {
                    assert_eq!(outcome.violations, [], "{what}");
                    assert!(outcome.downstream.body() == sent, "{what}");
                    continue;
                }
                assert_held(&outcome, &what);
                let body: Value = serde_json::from_slice(&outcome.downstream.body()).unwrap();
                assert!(body.is_object(), "{what}: {body}");
            }
        }
        let name = format!("hemostat_unchecked_total;reason=host;action={word}");
        assert_eq!(proxy.host.counter(&name), 2 * talking().len() as u64);
        proxy.assert_sound(word);
    }
}

/// What is decided by a request's body is decided before anything of it leaves.
#[test]
fn what_a_request_says_is_redacted_blocked_or_replaced() {
    for (action, status) in
        [(json!({"redact": "[#]"}), 200), (json!("block"), 403), (json!({"fallback": "f"}), 200)]
    {
        let proxy = nginx(guard(&["input"], action.clone()));
        each(|dialect, stream, what| {
            let request = dialect.request(stream, "say sesame-opens").cut(Chunking::Bytes(7));
            let outcome = proxy.run(request, dialect.answer(stream, "fine"), &Chunking::Whole);
            let what = format!("{what} {action}");
            assert_held(&outcome, &what);
            assert_eq!(outcome.downstream.status(), Some(status), "{what}");
            let asked = outcome.upstream.headers.is_some();
            assert_eq!(asked, action.get("redact").is_some(), "{what}");
            assert!(!asked || outcome.upstream.text().contains("[#]"), "{what}");
        });
        proxy.assert_sound("input");
    }
}

#[test]
fn kills_limits_and_tools_hold() {
    let tool = json!({"type": "function", "function": {"name": "bad_one", "parameters": {}}});
    let proxy = nginx(json!({
        "failsafe": [{"id": "kill", "when": {"model": "bad"}, "do": {"fallback": "f"}}],
        "fallbacks": {"f": {"text": "CANNED"}},
        "limits": [{"id": "l", "when": {"model": "scarce"}, "allow": {"requests": 1, "every": "1h"}}],
        "tools": [{"id": "t", "match": ["bad_*"], "do": "deny"}]}));
    let to = |model: &str| json!({"model": model, "messages": [{"role": "user", "content": "hi"}]});
    let run = |body: Value| {
        let request = Request::post("/v1/chat/completions", body.to_string());
        let outcome = proxy.run(request, chat().whole("fine"), &Chunking::Whole);
        assert_held(&outcome, &body.to_string());
        outcome
    };
    assert!(run(to("bad")).downstream.text().contains("CANNED"));
    assert_eq!(run(to("scarce")).downstream.status(), Some(200));
    assert_eq!(run(to("scarce")).downstream.status(), Some(429));
    let mut with_tools = to("m");
    with_tools["tools"] = json!([tool]);
    let outcome = run(with_tools);
    assert!(outcome.upstream.ended && !outcome.upstream.text().contains("bad_one"));
    proxy.assert_sound("levers");
}

/// A model in the body is changed; one in the path has been read by the host, and nobody is told otherwise.
#[test]
fn a_model_is_changed_where_it_can_be() {
    let proxy =
        nginx(json!({"switch": [{"id": "s", "when": {"model": "m"}, "to": {"model": "new"}}]}));
    for dialect in told_by_path() {
        let outcome =
            proxy.run(dialect.request(false, "hi"), dialect.whole("fine"), &Chunking::Whole);
        assert_held(&outcome, dialect.name);
        let status = if ["gemini", "bedrock"].contains(&dialect.name) { 403 } else { 200 };
        assert_eq!(outcome.downstream.status(), Some(status), "{}", dialect.name);
        let sent: Value = serde_json::from_slice(&outcome.upstream.body()).unwrap_or_default();
        assert!(status == 403 || sent["model"] == "new", "{}: {sent}", dialect.name);
    }
    proxy.assert_sound("models");
}

/// A reply in place of an answer whose headers have come: this host would write a local reply before the upstream's body.
#[test]
fn an_answer_whose_headers_have_come_is_replaced() {
    let proxy = nginx(json!({
        "failsafe": [{"id": "down", "upstream": {"status": [503]}, "do": {"fallback": "f"}}],
        "fallbacks": {"f": {"text": "CANNED"}}}));
    each(|dialect, stream, what| {
        for body in ["", "upstream is down: sesame-opens"] {
            let mut answer = UpstreamAnswer::json(body);
            answer.headers.replace(":status", "503");
            let outcome = proxy.run(dialect.request(stream, "hi"), answer, &Chunking::Bytes(9));
            let what = format!("{what}, {} bytes", body.len());
            assert_held(&outcome, &what);
            assert_eq!(outcome.downstream.status(), Some(200), "{what}");
            assert!(outcome.downstream.text().contains("CANNED"), "{what}");
        }
    });
    proxy.assert_sound("replaced");
}

/// This host never shows the end of a body that is not there.
#[test]
fn a_request_without_a_body_is_decided_by_its_headers() {
    let proxy = nginx(guard(&["input", "output"], json!("block")));
    for path in ["/v1/models", "/v1/chat/completions", "/mcp", "/healthz"] {
        let outcome = proxy.run(Request::get(path), UpstreamAnswer::json("{}"), &Chunking::Whole);
        assert_held(&outcome, path);
        assert_eq!(outcome.downstream.status(), Some(200), "{path}: {}", outcome.downstream.text());
    }
    proxy.assert_sound("no body");
}

/// A header that is taken out of a request still leaves on this host: without its value.
#[test]
fn headers_that_nobody_may_send_leave_empty() {
    let proxy = nginx(redact());
    let request = chat().request(false, "hi").header("x-hemostat-upstream", "evil");
    let outcome = proxy.run(request, chat().whole("fine"), &Chunking::Whole);
    assert_held(&outcome, "header");
    assert_eq!(outcome.upstream.header("x-hemostat-upstream"), Some(""));
}

/// A reset would trap here: what is cut is swallowed instead, and the answer ends as upstream's does.
#[test]
fn a_cut_never_asks_for_a_reset() {
    for on_cut in ["cancel", "drain"] {
        let mut policy = guard(&["output"], json!({"fallback": "f"}));
        policy["on_cut"] = json!(on_cut);
        let proxy = nginx(policy);
        for dialect in in_pieces() {
            let answer = dialect.streamed(&["the ", "sesame", "-opens ", "is ", "loose"]);
            let outcome = proxy.run(dialect.request(true, "hi"), answer, &Chunking::AsGiven);
            let what = format!("{} {on_cut}: {}", dialect.name, outcome.downstream.text());
            assert_held(&outcome, &what);
            assert!(outcome.downstream.text().contains("CANNED"), "{what}");
            assert!(!outcome.downstream.text().contains("loose"), "{what}");
        }
        assert_eq!(proxy.host.calls().get("proxy_close_stream"), None);
        proxy.assert_sound(on_cut);
    }
}

/// The sample is taken as it stands.
#[test]
fn the_sample_for_nginx_is_taken() {
    let text = include_str!("../../../envoy/nginx/nginx.conf");
    let configuration =
        text.split_once("proxy_wasm hemostat '").unwrap().1.split_once("';").unwrap().0;
    let proxy = Proxy::with(Settings::of(HostKind::Generic), configuration);
    let outcome = proxy.run(
        chat().request(true, "hi"),
        chat().answer(true, "AKIAIOSFODNN7EXAMPLE"),
        &Chunking::AsGiven,
    );
    assert_held(&outcome, "sample");
    assert!(!outcome.downstream.text().contains("AKIA"), "{}", outcome.downstream.text());
}

/// What Envoy needs `allow_on_headers_stop_iteration` for is refused where the configuration does not say it.
#[test]
fn a_rule_that_needs_held_headers_is_refused_without_them() {
    let host = host_tests::Host::with(&crate::rig::module(), Settings::of(HostKind::Envoy));
    let worker = host.worker().unwrap();
    let policy = json!({"hemostat": 1, "failsafe": [{"id": "down", "upstream": {"status": [503]}, "do": {"fallback": "f"}}],
        "fallbacks": {"f": {"text": "no"}}});
    let unsaid = json!({"policy": policy}).to_string();
    let said = configuration(policy.clone());
    let verdict = worker.configure(&unsaid);
    if verdict.is_err() {
        let log: Vec<String> = host.log().into_iter().map(|line| line.text).collect();
        assert!(log.iter().any(|line| line.contains("hold_headers")), "{log:?}");
    }
    worker.configure(said).unwrap();
}
