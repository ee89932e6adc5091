//! Answers that the proxy makes: kill switches, refusals, and canned answers for an upstream that fails.

use host_tests::{Chunking, Headers, Outcome, UpstreamAnswer};
use serde_json::{Value, json};

use crate::native::Recording;
use crate::native::text::texts;
use crate::rig::{Dialect, Proxy, assert_clean, chat, dialect, talking, told_by_path};

const TEXT: &str = "I am \"sorry\" — é 🛡️\nlater";

/// The texts of an answer, as a person would see them.
fn said(dialect: Dialect, stream: bool, outcome: &Outcome) -> String {
    let recording = Recording {
        name: String::new(),
        dialect: dialect.name.to_owned(),
        method: "POST".to_owned(),
        path: dialect.path(stream).to_owned(),
        status: 200,
        content_type: outcome.downstream.header("content-type").unwrap_or_default().to_owned(),
        request: Vec::new(),
        response: Vec::new(),
    };
    texts(&recording, &outcome.downstream.body()).into_values().collect()
}

/// Status, content type and body are as the dialect's own would be.
fn assert_answers(dialect: Dialect, stream: bool, outcome: &Outcome) {
    let what = format!("{} stream={stream}: {}", dialect.name, outcome.downstream.text());
    assert_clean(outcome, &what);
    assert_eq!(outcome.downstream.status(), Some(200), "{what}");
    let content_type = outcome.downstream.header("content-type").unwrap_or_default();
    let expected = if stream { dialect.content_type() } else { "application/json" };
    assert!(content_type.starts_with(expected), "{content_type} {what}");
    assert_eq!(said(dialect, stream, outcome), TEXT, "{what}");
    let text = outcome.downstream.text();
    let last = if stream { dialect.ends() } else { "}" };
    assert!(text.contains(last), "{what}");
}

#[test]
fn a_kill_switch_never_asks_upstream_and_speaks_the_dialect() {
    let proxy = Proxy::new(json!({
        "version": "v9",
        "labels": {"feature": [{"header": "x-feature"}]},
        "failsafe": [{"id": "kill", "when": {"feature": "checkout"}, "do": {"fallback": "f"}}],
        "fallbacks": {"f": {"text": TEXT, "handoff": true}}}));
    for dialect in talking() {
        for stream in [false, true] {
            let request = || dialect.request(stream, "hello").cut(Chunking::Bytes(9));
            let killed = proxy.run(
                request().header("x-feature", "checkout"),
                dialect.answer(stream, "never"),
                &Chunking::AsGiven,
            );
            assert_answers(dialect, stream, &killed);
            assert_eq!(killed.upstream.headers, None, "{}", dialect.name);
            assert_eq!(killed.downstream.header("x-hemostat-action"), Some("kill:fallback"));
            assert_eq!(killed.downstream.header("x-hemostat-policy"), Some("v9"));
            assert_eq!(killed.downstream.header("x-hemostat-handoff"), Some("true"));
            let decision = killed.downstream.header("x-hemostat-decision").unwrap();
            assert_eq!(killed.property("hemostat.decision"), Some(decision));
            let other = proxy.run(
                request().header("x-feature", "chat"),
                dialect.answer(stream, "hello"),
                &Chunking::AsGiven,
            );
            assert_eq!(said(dialect, stream, &other), "hello");
        }
    }
    assert_eq!(
        proxy.host.counter("hemostat_rule_hits_total;rule=kill;action=fallback"),
        2 * talking().len() as u64
    );
    assert_eq!(proxy.host.counter("hemostat_handoffs_total"), 2 * talking().len() as u64);
    proxy.assert_sound("kill switch");
}

#[test]
fn a_request_without_a_body_is_killed_too() {
    let proxy = Proxy::new(json!({
        "failsafe": [{"id": "kill", "do": {"fallback": "f"}}], "fallbacks": {"f": {"text": TEXT}}}));
    for dialect in told_by_path() {
        let mut request = dialect.request(false, "");
        request.body.clear();
        request.headers.remove("content-length");
        let outcome = proxy.run(request, dialect.whole("never"), &Chunking::Whole);
        assert_eq!(outcome.upstream.headers, None, "{}", dialect.name);
        assert_clean(&outcome, dialect.name);
        assert_eq!(outcome.downstream.status(), Some(200), "{}", dialect.name);
    }
}

#[test]
fn a_blocked_request_names_rule_and_place_but_no_text() {
    let proxy = Proxy::new(json!({"guardrails": [
        {"id": "jailbreak", "scan": ["input"], "find": ["open[ ]sesame"], "do": "block"}]}));
    for dialect in talking() {
        for stream in [false, true] {
            let request = dialect.request(stream, "please open sesame now").cut(Chunking::Bytes(5));
            let outcome = proxy.run(request, dialect.answer(stream, "never"), &Chunking::AsGiven);
            assert_clean(&outcome, dialect.name);
            assert_eq!(outcome.upstream.headers, None);
            assert_eq!(outcome.downstream.status(), Some(403));
            let body: Value = serde_json::from_slice(&outcome.downstream.body()).unwrap();
            assert!(body.is_object(), "{}: {body}", dialect.name);
            let message = outcome.downstream.text();
            assert!(message.contains("jailbreak") && message.contains('/'), "{message}");
            assert!(!outcome.downstream.text().contains("sesame"));
        }
    }
}

fn failing() -> Proxy {
    Proxy::new(json!({
        "failsafe": [{"id": "down", "upstream": {"status": [500, 502, 503, 504, 529], "timeout": true}, "do": {"fallback": "f"}}],
        "fallbacks": {"f": {"text": TEXT}}}))
}

#[test]
fn an_upstream_that_fails_is_answered_for() {
    let proxy = failing();
    for dialect in talking() {
        for stream in [false, true] {
            for status in ["500", "502", "503", "504", "529"] {
                let mut answer = UpstreamAnswer::json(r#"{"error":{"message":"overloaded"}}"#);
                answer.headers.replace(":status", status);
                let outcome = proxy.run(dialect.request(stream, "hi"), answer, &Chunking::Bytes(3));
                assert_answers(dialect, stream, &outcome);
                assert_eq!(outcome.property("http.response.status_code"), Some(status));
            }
        }
    }
    // What the rule does not name passes.
    let mut answer = UpstreamAnswer::json("{}");
    answer.headers.replace(":status", "429");
    let outcome = proxy.run(chat().request(false, "hi"), answer, &Chunking::Whole);
    assert_eq!(
        (outcome.downstream.status(), outcome.downstream.text().as_str()),
        (Some(429), "{}")
    );
    proxy.assert_sound("upstream fails");
}

/// The proxy's own words for an upstream that does not answer (504), and for one that breaks off before its headers.
#[test]
fn a_timeout_and_a_broken_connection_are_answered_for() {
    let proxy = failing();
    for dialect in talking() {
        for stream in [false, true] {
            for broken in [false, true] {
                let mut exchange = proxy.worker.exchange(&proxy.plugin);
                let request = dialect.request(stream, "hi");
                exchange.request_headers(request.headers, false).request_data(request.body, true);
                if broken {
                    exchange.upstream_reset();
                } else {
                    exchange.set_property(&["response", "code_details"], "response_timeout");
                    exchange.response_headers(
                        [(":status", "504"), ("content-type", "text/plain")],
                        false,
                    );
                    exchange.response_data("upstream request timeout", true);
                }
                let outcome = exchange.finish();
                assert_answers(dialect, stream, &outcome);
            }
        }
    }
}

/// An upstream that breaks off after its headers cannot be mended, and is counted.
#[test]
fn an_upstream_that_breaks_off_later_is_counted() {
    let proxy = failing();
    let guarded = Proxy::new(
        json!({"guardrails": [{"id": "r", "scan": ["output"], "find": ["zzz"], "do": "redact"}]}),
    );
    for proxy in [&proxy, &guarded] {
        let mut exchange = proxy.worker.exchange(&proxy.plugin);
        let request = chat().request(true, "hi");
        exchange.request_headers(request.headers, false).request_data(request.body, true);
        exchange
            .response_headers([(":status", "200"), ("content-type", "text/event-stream")], false);
        exchange.response_data("data: {}\n\n", false).upstream_reset();
        let outcome = exchange.finish();
        assert!(outcome.downstream.reset);
        assert_eq!(outcome.trapped, None);
    }
    assert_eq!(guarded.host.counter("hemostat_broken_upstream_total"), 1);
}

/// A request that comes with trailers in place of an end.
#[test]
fn trailers_end_a_request_and_an_answer() {
    let proxy = Proxy::new(
        json!({"guardrails": [{"id": "r", "scan": ["output", "input"], "find": ["secret"], "do": {"redact": "[#]"}}]}),
    );
    for stream in [false, true] {
        let dialect = dialect("anthropic");
        let request = dialect.request(stream, "a secret");
        let mut exchange = proxy.worker.exchange(&proxy.plugin);
        exchange
            .request_headers(request.headers, false)
            .request_data(request.body, false)
            .request_trailers([("t", "1")]);
        let mut answer = dialect.answer(stream, "the secret is out");
        answer.trailers = Some(Headers::from([("t", "2")]));
        exchange.response_headers(answer.headers, false);
        for chunk in answer.chunks {
            exchange.response_data(chunk, false);
        }
        exchange.response_trailers([("t", "2")]);
        let outcome = exchange.finish();
        assert_clean(&outcome, "trailers");
        assert!(outcome.upstream.text().contains("a [#]"), "{}", outcome.upstream.text());
        assert_eq!(said(dialect, stream, &outcome), "the [#] is out");
        assert_eq!(outcome.downstream.trailers, Some([("t", "2")].into()));
    }
}
