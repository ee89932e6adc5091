//! Requests: what the model is told outside of turns, and tools and models that are written as servers take them.

use super::super::matrix::WORD;
use crate::support::{Cut, Recording, program, run};
use serde_json::{Value, json};

fn ask(path: &str, request: &Value) -> Recording {
    Recording::made(path, request, "{}")
}

/// Places of a request that the model is told, though they are no turn.
#[test]
fn what_the_model_is_told_elsewhere_is_looked_at() {
    let predict = "/v1/projects/p/locations/l/publishers/google/models/m:predict";
    let cases = [
        (
            "/v1/chat/completions",
            json!({"model": "m", "messages": [], "data_sources": [{"type": "azure_search",
            "parameters": {"role_information": WORD}}]}),
        ),
        (
            "/v1/messages",
            json!({"model": "m", "max_tokens": 1, "messages": [],
            "context_management": {"edits": [{"type": "compact_20260112", "instructions": WORD}]}}),
        ),
        (
            "/v2/chat",
            json!({"model": "m", "messages": [], "documents": [{"data": {"status": WORD}}]}),
        ),
        (
            "/v2/chat",
            json!({"model": "m", "messages": [], "documents": [{"data": {"format": "x", "data": WORD}}]}),
        ),
        (
            "/v2/chat",
            json!({"model": "m", "messages": [{"role": "tool", "tool_call_id": "c", "content": [
            {"type": "document", "document": {"data": {"status": WORD}}}]}]}),
        ),
        ("/v1/embeddings", json!({"model": "m", "messages": [{"role": "user", "content": WORD}]})),
        (
            "/v1beta/models/m:embedContent",
            json!({"content": {"parts": [{"text": "x"}]}, "title": WORD}),
        ),
        (predict, json!({"instances": [{"prompt": "x"}], "parameters": {"negativePrompt": WORD}})),
    ];
    let rule = |action: Value| {
        program(
            json!({"guardrails": [{"id": "g", "scan": ["input"], "find": [WORD], "do": action}]}),
        )
    };
    for (path, request) in &cases {
        let seen = run(&rule(json!("block")), &ask(path, request), &Cut::Whole);
        assert_eq!(seen.status, 403, "{path} {request}");
        let seen = run(&rule(json!({"redact": "[X]"})), &ask(path, request), &Cut::Whole);
        let told = String::from_utf8(seen.upstream.unwrap()).unwrap();
        assert!(told.contains("[X]") && !told.contains(WORD), "{path} {told}");
    }
}

/// A call of each dialect, with the members of `more` at its root.
fn calls(more: &Value) -> Vec<(&'static str, Value)> {
    let turns = json!([{"role": "user", "content": "hi"}]);
    let calls = [
        ("/v1/chat/completions", json!({"model": "m", "messages": turns})),
        ("/serving-endpoints/m/invocations", json!({"messages": turns})),
        ("/v1/completions", json!({"model": "m", "prompt": "hi"})),
        ("/v1/responses", json!({"model": "m", "input": "hi"})),
        ("/v1/messages", json!({"model": "m", "max_tokens": 1, "messages": turns})),
        ("/v1beta/models/m:generateContent", json!({"contents": [{"parts": [{"text": "hi"}]}]})),
        ("/v1beta/interactions", json!({"model": "m", "input": "hi"})),
        ("/model/m/converse", json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}]})),
        ("/v2/chat", json!({"model": "m", "messages": turns})),
        ("/api/chat", json!({"model": "m", "messages": turns})),
        ("/api/generate", json!({"model": "m", "prompt": "hi"})),
        ("/v1/embeddings", json!({"model": "m", "input": "hi"})),
        ("/v1/images/generations", json!({"model": "m", "prompt": "hi"})),
    ];
    let with = |(path, mut call): (&'static str, Value)| {
        call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        (path, call)
    };
    calls.into_iter().map(with).collect()
}

/// Every member at the root may be told to the model, whoever invents it, but for those that are known not to be.
#[test]
fn what_stands_at_the_root_is_looked_at_in_every_dialect() {
    let schema = json!({"properties": {"a": {"description": WORD}}});
    let shown = [
        json!({"chat_template": WORD}),
        json!({"chat_template_kwargs": {"type": WORD}}),
        json!({"guided_json": {"properties": {WORD: {}}}}),
        json!({"guided_choice": ["a", WORD]}),
        json!({"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}}),
        json!({"plugins": [{"id": "web", "search_prompt": WORD}]}),
        json!({"extra_body": {"chat_template": WORD}}),
        json!({"additionalModelRequestFields": {"status": WORD}}),
        json!({"generationConfig": {"responseSchema": schema}}),
        json!({"user_location": {"approximate": {"city": WORD}}}),
        json!({"fallbacks": [{"model": "m", "messages": [{"role": "user", "content": WORD}]}]}),
        json!({"anything": {"deeper": [[{"object": WORD}]]}}),
    ];
    let silent = [
        json!({"user": WORD}),
        json!({"metadata": {"a": WORD}}),
        json!({"stop": [WORD]}),
        json!({"tools": [{"type": "function", "name": WORD, "description": WORD}]}),
        json!({"extra_body": {"metadata": {"a": WORD}}}),
    ];
    let rule = |part: &str, action: Value| {
        program(json!({"guardrails": [{"id": "g", "scan": [part], "find": [WORD], "do": action}]}))
    };
    let redact = rule("input", json!({"redact": "[X]"}));
    let mut wrong = Vec::new();
    for member in &shown {
        for (path, request) in calls(member) {
            for part in ["input", "system", "user", "last"] {
                let seen = run(&rule(part, json!("block")), &ask(path, &request), &Cut::Whole);
                if seen.status != 403 {
                    wrong.push(format!("{part} {path} {request}"));
                }
            }
            let seen = run(&redact, &ask(path, &request), &Cut::Whole);
            let told = String::from_utf8(seen.upstream.unwrap_or_default()).unwrap();
            let valid = serde_json::from_str::<Value>(&told).is_ok();
            if !valid || !told.contains("[X]") || told.contains(WORD) {
                wrong.push(format!("redact {path} {request}: {told}"));
            }
        }
    }
    for member in &silent {
        for (path, request) in calls(member) {
            let seen = run(&redact, &ask(path, &request), &Cut::Whole);
            let told: Value = serde_json::from_slice(&seen.upstream.unwrap_or_default()).unwrap();
            if told != request {
                wrong.push(format!("changed: {path} {request}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn tools_and_models_are_known_however_servers_take_them() {
    let deny = program(json!({"tools": [{"id": "t", "match": "rm", "do": "deny"}]}));
    let gemini = "/v1beta/models/m:generateContent";
    let own = json!({"name": "rm", "parameters": {}});
    let offered = [
        (gemini, json!({"contents": [], "tools": [{"functionDeclarations": own}]})),
        (gemini, json!({"contents": [], "tools": {"function_declarations": own}})),
        (
            gemini,
            json!({"contents": [], "tools": [{"function_declarations": own}, {"googleSearch": {}}]}),
        ),
        (
            "/v1/responses",
            json!({"model": "m", "input": "x", "tools": [{"type": "function", "function": own}]}),
        ),
        (
            "/v1/responses",
            json!({"model": "m", "input": "x", "tools": [{"type": "custom", "custom": own},
            {"type": "function", "name": "get"}]}),
        ),
    ];
    for (path, request) in &offered {
        let seen = run(&deny, &ask(path, request), &Cut::Whole);
        let told: Value = serde_json::from_slice(&seen.upstream.unwrap()).unwrap();
        assert!(!told.to_string().contains("\"rm\""), "{request}: {told}");
    }
    let kill =
        program(json!({"failsafe": [{"id": "k", "when": {"model": "killed"}, "do": "block"}]}));
    for list in ["fallbacks", "context_window_fallbacks", "content_policy_fallbacks"] {
        let request = json!({"model": "m", "messages": [], list: [{"m": ["killed"]}]});
        let seen = run(&kill, &ask("/v1/chat/completions", &request), &Cut::Whole);
        assert_eq!((seen.status, seen.upstream), (403, None), "{list}");
    }
}
