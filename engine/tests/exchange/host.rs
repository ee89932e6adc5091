//! What becomes of an exchange when the host fails a call, by how far it is.

use std::rc::Rc;

use hemostat_engine::answer::HoldReason;
use hemostat_engine::exchange::{
    Effect, Exchange, Now, RequestFacts, RequestVerdict, ResponseVerdict, StreamVerdict,
};
use serde_json::{Value, json};

const NOW: u64 = 1_764_000_000_000_000_000;

fn pair(name: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
    (name.as_bytes().to_vec(), value.as_bytes().to_vec())
}

/// A chat request, its body read.
fn asked(policy: Value) -> (Exchange, RequestVerdict) {
    let mut exchange = Exchange::new(Rc::clone(&crate::support::program(policy)));
    let headers = vec![pair(":method", "POST"), pair(":path", "/v1/chat/completions")];
    let facts = RequestFacts { headers: headers.into(), now_ns: NOW, ..RequestFacts::default() };
    exchange.request_headers(facts, false);
    let verdict = exchange
        .request_body(Some(br#"{"model":"m","messages":[{"role":"user","content":"a secret"}]}"#));
    (exchange, verdict)
}

fn guard(scan: &str, more: Value) -> Value {
    let mut policy = json!({"guardrails": [
        {"id": "r", "scan": [scan], "find": ["secret"], "do": {"redact": "[#]"}}]});
    policy.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    policy
}

#[test]
fn an_answer_of_the_proxys_that_cannot_be_sent_lets_nothing_through() {
    for more in [json!({}), json!({"on_unreadable": "pass"})] {
        let mut policy = json!({"failsafe": [{"id": "kill", "do": {"fallback": "f"}}],
            "fallbacks": {"f": {"text": "no"}}});
        policy.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (mut exchange, verdict) = asked(policy);
        assert!(matches!(verdict, RequestVerdict::Reply(_)));
        assert!(exchange.host_failed());
    }
}

#[test]
fn a_redaction_that_cannot_be_put_lets_nothing_through() {
    for more in [json!({}), json!({"on_unreadable": "pass"})] {
        let (mut exchange, verdict) = asked(guard("input", more.clone()));
        assert!(matches!(verdict, RequestVerdict::Pass { body: Some(_), .. }));
        assert!(exchange.host_failed(), "request {more}");

        let (mut exchange, _) = asked(guard("output", more.clone()));
        let headers = vec![pair(":status", "200"), pair("content-type", "application/json")];
        exchange.response_headers(&headers.into(), false, false, NOW);
        let body = br#"{"choices":[{"index":0,"message":{"content":"the secret"}}]}"#;
        assert!(exchange.response_body(Some(body), NOW).body.is_some());
        assert!(exchange.host_failed(), "whole answer {more}");

        let (mut exchange, _) = asked(guard("output", more.clone()));
        let headers = vec![pair(":status", "200"), pair("content-type", "text/event-stream")];
        let verdict = exchange.response_headers(&headers.into(), false, false, NOW);
        assert!(matches!(verdict, ResponseVerdict::Stream { .. }));
        let chunk =
            b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"the secret\"}}]}\n\n";
        assert_ne!(exchange.response_chunk(chunk, true, NOW), StreamVerdict::Unchanged);
        assert!(exchange.host_failed(), "last chunk {more}");
    }
}

#[test]
fn what_no_rule_needs_passes() {
    let (mut exchange, _) = asked(json!({}));
    assert!(!exchange.host_failed());
    let (mut exchange, _) = asked(guard("input", json!({"mode": "shadow"})));
    assert!(!exchange.host_failed());
}

/// Shadow holds no byte: half an event and half a document leave when they come.
#[test]
fn watching_rules_hold_nothing() {
    for content_type in ["text/event-stream", "application/json"] {
        let (mut exchange, _) = asked(guard("output", json!({"mode": "shadow"})));
        let headers = vec![pair(":status", "200"), pair("content-type", content_type)];
        exchange.response_headers(&headers.into(), false, false, NOW);
        let answer = format!(
            "data: {}\n\n",
            r#"{"choices":[{"index":0,"message":{"content":"a secret"}}]}"#
        );
        let body = answer.strip_prefix("data: ").filter(|_| content_type != "text/event-stream");
        let (a, b) = body.unwrap_or(&answer).split_at(30);
        assert_eq!(
            exchange.response_chunk(a.as_bytes(), false, NOW),
            StreamVerdict::Unchanged,
            "{content_type}"
        );
        assert_eq!(
            exchange.response_chunk(b.as_bytes(), true, NOW),
            StreamVerdict::Unchanged,
            "{content_type}"
        );
        exchange.finish(b"");
        let counted = format!("{:?}", exchange.effects());
        assert!(counted.contains("rule=r;action=shadow-redact"), "{content_type}: {counted}");
    }
}

/// A body that is called an event stream and is none: callers that asked for no stream read it all the same.
#[test]
fn a_document_called_an_event_stream_is_scanned() {
    let document = r#"{"choices":[{"index":0,"message":{"content":"the secret"}}]}"#;
    for body in [
        document.to_owned(),
        format!("\n {document}"),
        format!("{document}\n\n"),
        format!("[{document}]"),
    ] {
        let (mut exchange, _) = asked(guard("output", json!({})));
        let headers = vec![pair(":status", "200"), pair("content-type", "text/event-stream")];
        exchange.response_headers(&headers.into(), false, false, NOW);
        let verdict = exchange.response_chunk(body.as_bytes(), true, NOW);
        let out = String::from_utf8(verdict.leaving(body.as_bytes()).to_vec()).unwrap();
        assert!(!out.contains("secret"), "{body:?}: {out}");
    }
}

/// What makes an event wait is told, and counted once an exchange.
#[test]
fn an_event_that_waits_says_why() {
    let (mut exchange, _) = asked(guard("output", json!({})));
    let headers = vec![pair(":status", "200"), pair("content-type", "text/event-stream")];
    exchange.response_headers(&headers.into(), false, false, NOW);
    exchange.effects();
    let event = |text: &str| {
        format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
    };
    let one = event("a sec");
    for _ in 0..3 {
        assert_eq!(exchange.waits_for(), None);
        let verdict = exchange.response_chunk(one.as_bytes(), false, NOW);
        assert_eq!(verdict, StreamVerdict::Replace(Vec::new()));
        let from = exchange.waits_for();
        assert!(
            matches!(from, Some(HoldReason::PartialMatch { text: Some(_), from }) if from % 9 == 2),
            "{from:?}"
        );
        assert_eq!(exchange.held_bytes(), one.len());
        let two = event("ond ");
        let verdict = exchange.response_chunk(two.as_bytes(), false, NOW);
        assert_eq!(verdict, StreamVerdict::Replace(format!("{one}{two}").into_bytes()));
    }
    let held = |effect: &Effect| matches!(effect, Effect::Count(name) if name == "hemostat_held_total;reason=partial_match");
    assert_eq!(exchange.effects().iter().filter(|effect| held(effect)).count(), 1);
}

/// The example with which `answer` opens.
#[test]
fn a_match_over_two_events_is_held_and_replaced_where_it_begins() {
    let rule =
        json!({"id": "cats", "scan": ["output"], "find": ["ca[rt]+s?"], "do": {"redact": "[X]"}});
    let (mut exchange, _) = asked(json!({"guardrails": [rule]}));
    let headers = vec![pair(":status", "200"), pair("content-type", "text/event-stream")];
    exchange.response_headers(&headers.into(), false, false, NOW);
    let event = |text: &str| {
        format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
    };
    let steps = [
        ("a ca", Some(2), String::new()),
        ("t, c", Some(7), event("a [X]")),
        ("ow.", None, event(", c") + &event("ow.")),
    ];
    for (text, live_from, leaves) in steps {
        let verdict = exchange.response_chunk(event(text).as_bytes(), false, NOW);
        assert_eq!(verdict, StreamVerdict::Replace(leaves.into_bytes()), "{text}");
        let from = match exchange.waits_for() {
            Some(HoldReason::PartialMatch { from, .. }) => Some(from),
            other => other.map(|_| u64::MAX),
        };
        assert_eq!(from, live_from, "{text}");
    }
}

/// The time is asked for where a rule needs it, and an answer that passes needs none.
#[test]
fn an_answer_that_passes_asks_for_no_time() {
    fn never() -> u64 {
        panic!("nothing here depends on time")
    }
    let (mut exchange, _) = asked(guard("output", json!({})));
    let headers = vec![pair(":status", "200"), pair("content-type", "text/event-stream")];
    exchange.response_headers(&headers.into(), false, false, NOW);
    let chunk = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n";
    // How long the first chunk took is told; nobody asks when the others came.
    exchange.response_chunk(chunk, false, NOW);
    assert_eq!(exchange.response_chunk(chunk, false, Now::Ask(never)), StreamVerdict::Unchanged);
    assert_eq!(exchange.response_chunk(b"", true, Now::Ask(never)), StreamVerdict::Unchanged);
}
