//! Members that tell a call from other traffic, missing or written otherwise: a path that is a model's API's stays its, and
//! a rule that holds there holds whatever the body says.

use crate::support::{Cut, Recording, program, run};
use serde_json::{Value, json};

/// A call of each dialect: its path, its body, and the members without which its server would not take it.
fn calls() -> Vec<(&'static str, Value, Vec<&'static str>)> {
    let turns = json!([{"role": "user", "content": "hi"}]);
    let both = || json!({"model": "m", "messages": turns, "max_tokens": 1});
    let two = vec!["model", "messages"];
    vec![
        ("/v1/chat/completions", both(), two.clone()),
        ("/openai/deployments/m/chat/completions", both(), two.clone()),
        ("/serving-endpoints/m/invocations", both(), vec!["messages"]),
        ("/v1/completions", json!({"model": "m", "prompt": "hi"}), vec!["model", "prompt"]),
        ("/v1/responses", json!({"model": "m", "input": "hi"}), vec!["model", "input"]),
        ("/v1/responses/compact", json!({"model": "m", "input": []}), vec!["model", "input"]),
        ("/v1/messages", both(), vec!["model", "messages", "max_tokens"]),
        (
            "/v1beta/models/m:generateContent",
            json!({"contents": [{"parts": [{"text": "hi"}]}]}),
            vec!["contents"],
        ),
        ("/v1beta/interactions", json!({"model": "m", "input": "hi"}), vec!["model", "input"]),
        ("/model/m/converse", json!({"messages": turns}), vec!["messages"]),
        ("/model/anthropic.m/invoke", both(), two.clone()),
        ("/v2/chat", both(), two.clone()),
        ("/api/chat", both(), two.clone()),
        ("/api/generate", json!({"model": "m", "prompt": "hi"}), vec!["model", "prompt"]),
        ("/v1/embeddings", json!({"model": "m", "input": "hi"}), vec!["model", "input"]),
        ("/v1/images/generations", json!({"model": "m", "prompt": "hi"}), vec!["model", "prompt"]),
        ("/api/embed", json!({"model": "m", "input": "hi"}), vec!["model", "input"]),
        ("/message:send", json!({"message": {"parts": [{"text": "hi"}]}}), vec!["message"]),
    ]
}

/// The body with this member as somebody may have it.
fn otherwise(body: &Value, member: &str) -> Vec<Value> {
    let mut all = vec![body.clone()];
    all[0].as_object_mut().unwrap().remove(member);
    for value in [json!(null), json!(7), json!({}), json!([]), json!(""), json!(true)] {
        let mut other = body.clone();
        other[member] = value;
        all.push(other);
    }
    for name in [member.to_uppercase(), member[..1].to_uppercase() + &member[1..]] {
        let mut other = all[0].clone();
        other[name] = body[member].clone();
        all.push(other);
    }
    all
}

#[test]
fn a_kill_rule_holds_whatever_becomes_of_the_members_that_make_a_call() {
    // Applications have paths of these names: without the member it is one of theirs.
    let shared = |path: &str, member: &str| match member {
        "model" => ["/api/chat", "/api/generate"].contains(&path),
        "messages" => path.ends_with("/invocations"),
        _ => false,
    };
    let kill = program(json!({"failsafe": [{"id": "k", "do": {"fallback": "f"}}],
        "fallbacks": {"f": {"text": "CANNED"}}}));
    for (path, body, members) in calls() {
        for member in members {
            for (at, other) in otherwise(&body, member).into_iter().enumerate() {
                let seen = run(&kill, &Recording::made(path, &other, "{}"), &Cut::Whole);
                let passes = at == 0 && shared(path, member);
                assert_eq!(seen.upstream.is_some(), passes, "{path} {other}");
            }
        }
    }
}
