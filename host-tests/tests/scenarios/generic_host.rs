//! A host that is not Envoy: no resets, no pause at response headers, few properties.

use host_tests::{Chunking, HostKind, Settings};
use serde_json::{Value, json};

use crate::native::recordings;
use crate::rig::{DIALECTS, Proxy, configuration};

fn redact() -> Value {
    json!({"guardrails": [{"id": "r", "scan": ["output"], "find": ["sesame-[a-z]+"], "do": {"redact": "[#]"}}]})
}

#[test]
fn the_corpus_passes_unchanged() {
    for policy in [
        json!({}),
        json!({"mode": "shadow", "guardrails": [
        {"id": "all", "scan": ["output", "input"], "find": ["[a-z]+"], "do": "block"}]}),
        redact(),
    ] {
        let proxy = Proxy::generic(policy);
        for recording in recordings() {
            let outcome = proxy.play(&recording, &Chunking::Bytes(777));
            assert_eq!(outcome.trapped, None, "{}", recording.name);
            assert_eq!(outcome.violations, [], "{}", recording.name);
            assert!(outcome.downstream.body() == recording.response, "{}", recording.name);
        }
        proxy.assert_sound("corpus");
    }
}

#[test]
fn a_redaction_works_streamed_and_whole() {
    let proxy = Proxy::generic(redact());
    for dialect in DIALECTS {
        for stream in [false, true] {
            let answer = dialect.answer(stream, "say sesame-opens now");
            let outcome = proxy.run(dialect.request(stream, "hi"), answer, &Chunking::Bytes(11));
            let what = format!("{} stream={stream}: {}", dialect.name, outcome.downstream.text());
            assert_eq!(outcome.trapped, None, "{what}");
            assert_eq!(outcome.violations, [], "{what}");
            assert!(!outcome.downstream.text().contains("sesame"), "{what}");
            assert!(outcome.downstream.text().contains("[#]"), "{what}");
            assert!(outcome.downstream.ended, "{what}");
        }
    }
    proxy.assert_sound("redact");
}

/// A reset would trap here: what is cut is swallowed instead, and the answer ends as upstream's does.
#[test]
fn a_cut_never_asks_for_a_reset() {
    for on_cut in ["cancel", "drain"] {
        let proxy = Proxy::generic(json!({"on_cut": on_cut,
            "guardrails": [{"id": "r", "scan": ["output"], "find": ["secret"], "do": {"fallback": "f"}}],
            "fallbacks": {"f": {"text": "CANNED"}}}));
        for dialect in DIALECTS {
            let answer = dialect.streamed(&["the ", "sec", "ret ", "is ", "loose"]);
            let outcome = proxy.run(dialect.request(true, "hi"), answer, &Chunking::AsGiven);
            let what = format!("{} {on_cut}: {}", dialect.name, outcome.downstream.text());
            assert_eq!(outcome.trapped, None, "{what}");
            assert!(outcome.downstream.text().contains("CANNED"), "{what}");
            assert!(!outcome.downstream.text().contains("loose"), "{what}");
        }
        assert_eq!(proxy.host.calls().get("proxy_close_stream"), None);
        proxy.assert_sound(on_cut);
    }
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
