//! Labels out of a part of a value: a pattern's group, JSON inside a text.

use std::rc::Rc;

use crate::support::program;
use hemostat_engine::exchange::{Exchange, RequestFacts, RequestVerdict};
use serde_json::{Value, json};

/// What a label of these sources is for a request with this body and these headers; `None`: it was refused.
fn label(sources: Value, headers: &[(&str, &str)], body: &Value) -> Option<String> {
    let policy = json!({"labels": {"x": sources},
        "failsafe": [{"id": "needs", "when": {"x": "never"}, "do": "block"}]});
    let mut exchange = Exchange::new(Rc::clone(&program(policy)));
    let own = [(":method", "POST"), (":path", "/v1/messages"), (":authority", "a")];
    let headers = own.iter().chain(headers).copied().collect();
    exchange.request_headers(RequestFacts { headers, ..RequestFacts::default() }, false);
    match exchange.request_body(Some(body.to_string().as_bytes())) {
        RequestVerdict::Pass { .. } => Some(
            exchange.labels().find(|(name, _)| *name == "x").map_or("", |(_, value)| value).into(),
        ),
        _ => None,
    }
}

fn body(user_id: Value) -> Value {
    json!({"model": "m", "max_tokens": 1, "messages": [], "metadata": {"user_id": user_id}})
}

/// The two ways in which one client has written its session.
#[test]
fn one_session_is_one_account_however_it_is_written() {
    let sources = json!([{"json": "/metadata/user_id/session_id", "json_text": true},
        {"json": "/metadata/user_id", "match": "_session_([0-9a-f-]+)$"}]);
    let as_json =
        json!({"device_id": "d", "account_uuid": "", "session_id": "a7f3-11"}).to_string();
    for user_id in [as_json.as_str(), "user_0a1b_account__session_a7f3-11"] {
        assert_eq!(label(sources.clone(), &[], &body(json!(user_id))).as_deref(), Some("a7f3-11"));
    }
    // What fits neither has no value, and what stands there as an object is pointed into as ever.
    assert_eq!(label(sources.clone(), &[], &body(json!("somebody"))).as_deref(), Some(""));
    let object = body(json!({"session_id": "s"}));
    assert_eq!(label(sources, &[], &object).as_deref(), Some("s"));
}

#[test]
fn no_match_is_no_value_and_the_next_source_is_asked() {
    let sources = json!([{"header": "x-agent", "match": "session=([0-9]+)"}, {"header": "x-user"}]);
    let of = |agent: &str| {
        label(sources.clone(), &[("x-agent", agent), ("x-user", "next")], &body(json!("u")))
    };
    assert_eq!(of("a session=12;").as_deref(), Some("12"));
    assert_eq!(of("a session=x").as_deref(), Some("next"));
    let long = format!("session=12{}", "x".repeat(5_000));
    assert_eq!(of(&long), None, "too long to be searched: unreadable");
}

#[test]
fn a_header_may_hold_json_and_a_part_may_be_a_digest() {
    let sources = json!([{"header": "x-meta", "json": "/a/0", "json_text": true}]);
    let of = |meta: &str| label(sources.clone(), &[("x-meta", meta)], &body(json!("u")));
    assert_eq!(of(r#"{"a":["v"]}"#).as_deref(), Some("v"));
    assert_eq!(of(r#"{"a":"[\"w\"]"}"#).as_deref(), Some("w"), "a text in a text");
    assert_eq!(of("{").as_deref(), Some(""));
    assert_eq!(of(r#"{"a":["v"],"a":[]}"#), None, "which of the two is upstream's choice");
    let digest = json!([{"header": "x-agent", "match": "key=(\\S+)", "digest": true}]);
    let value = label(digest, &[("x-agent", "key=sk-abc x")], &body(json!("u"))).unwrap();
    let whole = label(
        json!([{"header": "x-agent", "digest": true}]),
        &[("x-agent", "sk-abc")],
        &body(json!("u")),
    );
    assert_eq!(Some(value), whole);
}
