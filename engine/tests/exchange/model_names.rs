//! A kill of a model holds for every way of writing it: its spellings in every dialect, and every place of a request at
//! which some server looks for a model.

use crate::support::{Cut, Recording, Seen, program, run};
use serde_json::{Value, json};

fn ask(path: &str, request: &Value, glob: Value) -> Seen {
    let recording = Recording::made(path, request, "{}");
    let kill = json!({"failsafe": [{"id": "k", "when": {"model": glob}, "do": "block"}]});
    run(&program(kill), &recording, &Cut::Whole)
}

fn is_killed(path: &str, request: &Value, glob: Value) -> bool {
    ask(path, request, glob).upstream.is_none()
}

/// A call of each dialect to this model.
fn calls(model: &str) -> Vec<(String, Value)> {
    let segment = model.replace('/', "%2F").replace(':', "%3A");
    let messages = json!([{"role": "user", "content": "hi"}]);
    let in_body = |path: &str, mut call: Value| {
        call["model"] = json!(model);
        (path.to_owned(), call)
    };
    let mut calls = vec![
        in_body("/v1/chat/completions", json!({"messages": messages})),
        in_body("/v1/completions", json!({"prompt": "hi"})),
        in_body("/v1/responses", json!({"input": "hi"})),
        in_body("/v1/messages", json!({"max_tokens": 9, "messages": messages})),
        in_body("/v1beta/interactions", json!({"input": "hi"})),
        in_body("/v2/chat", json!({"messages": messages})),
        in_body("/api/chat", json!({"messages": messages})),
        in_body("/api/generate", json!({"prompt": "hi"})),
        in_body("/api/embed", json!({"input": "hi"})),
        in_body("/v1/embeddings", json!({"input": "hi"})),
        in_body("/v1/images/generations", json!({"prompt": "hi"})),
        (format!("/openai/deployments/{segment}/chat/completions"), json!({"messages": messages})),
        (format!("/engines/{segment}/chat/completions"), json!({"messages": messages})),
        (format!("/model/{segment}/converse"), json!({"messages": []})),
        (format!("/model/{segment}/invoke"), json!({"anthropic_version": "x", "messages": []})),
    ];
    if !model.contains('/') {
        let path = format!("/serving-endpoints/{segment}/invocations");
        calls.push((path, json!({"messages": messages})));
        let vertex = format!("/v1/projects/p/locations/l/publishers/anthropic/models/{segment}");
        calls.push((vertex + ":rawPredict", json!({"messages": []})));
    }
    if !model.contains(':') {
        let path = |verb: &str| format!("/v1beta/models/{segment}:{verb}");
        calls.push((path("generateContent"), json!({"contents": []})));
        calls.push((path("embedContent"), json!({"content": {}})));
    }
    calls
}

/// Routers take lists in one text, and lists in lists.
#[test]
fn a_kill_holds_for_each_model_of_a_list_in_one_text() {
    let turns = json!([{"role": "user", "content": "hi"}]);
    for (more, killed) in [
        (json!({"model": "a,killed-1"}), true),
        (json!({"model": "killed-1 , a"}), true),
        (json!({"models": ["a", "b, killed-1"]}), true),
        (json!({"fallbacks": [["a", "killed-1"]]}), true),
        (json!({"model": "a,b-killed-1"}), false),
    ] {
        let mut request = json!({"model": "m", "messages": turns});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(
            is_killed("/v1/chat/completions", &request, json!("killed-*")),
            killed,
            "{more}"
        );
    }
}

#[test]
fn a_kill_holds_for_every_spelling_in_every_dialect() {
    let spellings = [
        ("gemini-2.5-pro", "models/gemini-2.5-pro"),
        ("gemini-2.5-pro", "publishers/google/models/gemini-2.5-pro"),
        ("gemini-2.5-*", "projects/p/locations/l/publishers/google/models/gemini-2.5-pro"),
        ("models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("gpt-4.1", "openai/gpt-4.1"),
        ("openai/gpt-4.1", "openrouter/openai/gpt-4.1:free"),
        ("gpt-4.1", "openai/gpt-4.1:online"),
        ("claude-*", "us.anthropic.claude-haiku-4-5-20251001-v1:0"),
        ("anthropic.claude-*", "global.anthropic.claude-haiku-4-5-20251001-v1:0"),
        (
            "claude-haiku-4-5-20251001",
            "arn:aws:bedrock:us-east-1:1:inference-profile/eu.anthropic.claude-haiku-4-5-20251001-v1:0",
        ),
        ("claude-haiku-4-5-20251001", "vertex_ai/claude-haiku-4-5@20251001"),
    ];
    let mut tried = 0;
    let mut passed = Vec::new();
    for (glob, model) in spellings {
        for (path, call) in calls(model) {
            tried += 1;
            if !is_killed(&path, &call, json!(glob)) {
                passed.push(format!("{glob}: {path} {call}"));
            }
        }
    }
    assert!(
        passed.is_empty() && tried > 140,
        "{} of {tried}:\n{}",
        passed.len(),
        passed.join("\n")
    );
}

#[test]
fn no_other_model_is_killed() {
    for (glob, model) in [
        ("gpt-4.1", "gpt-4.1-mini"),
        ("gpt-4.1", "openai/gpt-4.1-mini:free"),
        ("gpt-4o", "gpt-4o-2024-08-06"),
        ("gpt-4o", "ft:gpt-4o:acme::abc"),
        ("openai/gpt-4.1", "azure/gpt-4.1"),
        ("llama3", "llama3:8b"),
        ("us.anthropic.claude-x", "eu.anthropic.claude-x"),
    ] {
        for (path, call) in calls(model) {
            assert!(!is_killed(&path, &call, json!(glob)), "{glob}: {path} {call}");
        }
    }
    // What a list leaves out, it leaves out however it is written.
    for model in ["gpt-4.1-mini", "openai/gpt-4.1-mini", "openai/gpt-4.1-mini:free"] {
        let call = json!({"model": model, "messages": []});
        assert!(!is_killed("/v1/chat/completions", &call, json!(["gpt-*", "!gpt-4.1-mini"])));
        assert!(is_killed("/v1/chat/completions", &call, json!(["gpt-*", "!gpt-4.1"])));
    }
}

#[test]
fn a_kill_holds_wherever_a_server_looks_for_a_model() {
    let chat = "/v1/chat/completions";
    let places = [
        (chat, json!({"extra_body": {"model": "killed"}})),
        (chat, json!({"extra_body": {"fallbacks": ["killed"]}})),
        (chat, json!({"draft_model": "killed"})),
        (chat, json!({"deployment_id": "killed"})),
        (chat, json!({"providerOptions": {"gateway": {"models": ["killed"]}}})),
        (chat, json!({"plugins": [{"id": "auto-router", "allowed_models": ["maker/killed"]}]})),
        (chat, json!({"plugins": [{"id": "fusion", "model": "killed"}]})),
        (chat, json!({"router_settings_override": {"fallbacks": [{"m": ["killed"]}]}})),
        ("/v1/chat/completions?model=killed", json!({})),
        ("/v1/responses?api-version=1&model=maker%2Fkilled", json!({"input": "hi"})),
        ("/openai/deployments/azure/killed/chat/completions", json!({})),
        ("/openai/deployments/killed/extensions/chat/completions", json!({})),
        ("/openai/deployments/m/chat/completions", json!({"model": "killed"})),
        ("/serving-endpoints/m/invocations", json!({"model": "killed"})),
    ];
    for (path, place) in places {
        let mut call = json!({"model": "m", "messages": []});
        call.as_object_mut().unwrap().extend(place.as_object().unwrap().clone());
        assert!(is_killed(path, &call, json!("killed")), "{path} {call}");
        assert!(!is_killed(path, &call, json!("kill")), "{path} {call}");
    }
    // Words of the caller's are no models.
    for place in [
        json!({"metadata": {"model": "killed"}}),
        json!({"messages": [{"role": "user", "content": "hi", "model": "killed"}]}),
        json!({"response_format": {"type": "json_schema", "json_schema": {"schema": {"model": "killed"}}}}),
    ] {
        let mut call = json!({"model": "m", "messages": []});
        call.as_object_mut().unwrap().extend(place.as_object().unwrap().clone());
        assert!(!is_killed(chat, &call, json!("killed")), "{call}");
    }
}

#[test]
fn a_price_holds_for_every_spelling() {
    let policy = json!({"unpriced": "reject", "prices": {"gpt-5*": {"input": 1, "output": 1}},
        "limits": [{"id": "l", "per": ["tenant"], "allow": {"usd": 1, "every": "day"}}],
        "labels": {"tenant": [{"header": "x-tenant"}]}});
    for (model, status) in [
        ("gpt-5", 200),
        ("openai/gpt-5", 200),
        ("openrouter/openai/gpt-5:nitro", 200),
        ("gpt-6", 403),
    ] {
        let request = json!({"model": model, "messages": []});
        let recording = Recording::made("/v1/chat/completions", &request, "{}");
        let seen = run(&program(policy.clone()), &recording, &Cut::Whole);
        assert_eq!(seen.status, status, "{model}: {}", seen.text());
    }
}
