//! `host: generic`: what does not hold on such a host is named when the configuration is checked, not found out in traffic.

use hemostat_engine::policy::config::Config;
use serde_json::{Value, json};

/// `(code, message)` of what is found in this policy under `host: generic`.
fn found(policy: &Value) -> Vec<(String, String)> {
    let mut policy = policy.clone();
    policy["hemostat"] = json!(1);
    let configuration = json!({"host": "generic", "hold_headers": true, "policy": policy});
    let found = match Config::parse(configuration.to_string().as_bytes()) {
        Ok((_, warnings)) => warnings,
        Err(found) => found,
    };
    // What else there is to be said of a policy is not about its host.
    let own = found.iter().filter(|one| ["generic-host", "no-grpc"].contains(&one.code));
    own.map(|one| (one.code.to_owned(), one.message.clone())).collect()
}

#[test]
fn what_does_not_hold_is_named() {
    let kill = |more: Value| {
        let mut rule = json!({"id": "kill", "when": {"feature": "a"}, "do": {"fallback": "f"}});
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"failsafe": [rule], "fallbacks": {"f": {"text": "no"}},
            "labels": {"feature": [{"header": "x-feature"}]}})
    };
    let guard = |scan: &str, more: Value| {
        let mut policy =
            json!({"guardrails": [{"id": "g", "scan": [scan], "find": ["x"], "do": "redact"}]});
        policy.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        policy
    };
    let fleet = json!({"limits": [{"id": "l", "allow": {"requests": 9, "every": "1m"},
        "global": {"domain": "d", "cluster": "c", "api": "limitador"}}]});
    let cases = [
        (fleet, Some(("no-grpc", "`l`"))),
        (kill(json!({"running": "cut"})), Some(("generic-host", "`kill`"))),
        (kill(json!({"running": "cut", "mode": "disabled"})), None),
        (kill(json!({})), None),
        (
            json!({"switch": [{"id": "s", "when": {"model": "a"}, "to": {"model": "b"}}]}),
            Some(("generic-host", "`s`")),
        ),
        (json!({"on_cut": "cancel"}), Some(("generic-host", "`on_cut: cancel`"))),
        (guard("output", json!({"on_unreadable": "pass"})), Some(("generic-host", "`g`"))),
        (guard("tool_args", json!({"on_unreadable": "pass"})), Some(("generic-host", "`g`"))),
        (guard("output", json!({"on_unreadable": "pass", "mode": "shadow"})), None),
        (guard("output", json!({})), None),
        (guard("input", json!({"on_unreadable": "pass"})), None),
    ];
    for (policy, expected) in cases {
        let found = found(&policy);
        let named = |(code, name): (&str, &str)| {
            found.len() == 1 && found[0].0 == code && found[0].1.contains(name)
        };
        assert!(expected.map_or(found.is_empty(), named), "{policy}: {found:?}");
    }
}
