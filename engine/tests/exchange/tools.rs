//! Lever 4 on answers, over the recorded corpus: every dialect, streamed and whole, every cut.

use std::rc::Rc;

use crate::support::calls::{Call, calls, stops};
use crate::support::text::{events, texts};
use crate::support::{Caller, Cut, Recording, program, program_under, recordings, run, run_as};
use hemostat_engine::dsse::SecretKey;
use hemostat_engine::exchange::Effect;
use hemostat_engine::grant::used::LocalSlots;
use hemostat_engine::grant::{Grant, GrantTarget, LIFE_S};
use serde_json::{Value, json};

/// When the tests' exchanges happen.
const NOW: u64 = 1_764_000_000;

fn cuts() -> [Cut; 4] {
    [Cut::Every(1), Cut::Every(7), Cut::Random(1), Cut::Random(99)]
}

/// Recorded answers with calls.
fn with_calls() -> Vec<(Recording, Vec<Call>)> {
    let all = recordings().into_iter().filter(|own| own.status == 200);
    let all = all.map(|recording| {
        let calls = calls(&recording, &recording.response);
        (recording, calls)
    });
    all.filter(|(_, calls)| !calls.is_empty()).collect()
}

/// Strings of a call that say something.
fn leaves(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::String(text) if text.len() >= 6 => out.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, out)),
        Value::Object(members) => members.values().for_each(|value| leaves(value, out)),
        _ => {}
    }
}

/// All strings of the answer but the echo of the request.
fn shown(recording: &Recording, body: &[u8]) -> String {
    let mut out = String::new();
    for mut event in events(recording, body) {
        // Definitions of tools that a search found: no call, and nothing that a call asks for.
        if event["item"]["type"] == "tool_search_output" {
            continue;
        }
        for list in ["/response/output", "/output"] {
            if let Some(Value::Array(items)) = event.pointer_mut(list) {
                items.retain(|item| item["type"] != "tool_search_output");
            }
        }
        for holder in ["response", ""] {
            let object = if holder.is_empty() { Some(&mut event) } else { event.get_mut(holder) };
            if let Some(Value::Object(members)) = object {
                for echo in ["tools", "tool_choice", "instructions", "metadata", "usage", "prompt"]
                {
                    members.remove(echo);
                }
            }
        }
        out.push_str(&event.to_string());
        out.push('\n');
    }
    out
}

#[test]
fn under_deny_all_nothing_of_a_call_leaves() {
    let program = program(json!({"tools": [{"id": "all", "match": "*", "do": "deny"}]}));
    let mut seen_dialects = std::collections::BTreeMap::new();
    for (recording, before) in with_calls() {
        let name = format!("{}/{}", recording.dialect, recording.name);
        let seen = run(&program, &recording, &Cut::Whole);
        assert_eq!(seen.status, 200, "{name}");
        assert_eq!(calls(&recording, &seen.body), [], "{name}\n{}", seen.text());
        let mut out = shown(&recording, &seen.body);
        assert!(out.contains("was stopped by policy"), "{name}\n{out}");
        for call in &before {
            // The one place where a name may stand.
            out = out.replace(&format!("Tool call `{}`", call.name), "");
        }
        for built_in in
            ["web_search", "code_interpreter", "file_search", "image_generation", "code_execution"]
        {
            out = out.replace(&format!("Tool call `{built_in}`"), "");
        }
        let original = texts(&recording, &recording.response);
        let after = texts(&recording, &seen.body);
        for (channel, text) in &original {
            let left = after.get(channel).map(String::as_str).unwrap_or_default();
            // What is said for a call stands in paragraphs of its own, maybe between those of the text.
            for paragraph in text.split("\n\n") {
                assert!(left.contains(paragraph), "{name} {channel}: {paragraph:?} in {left:?}");
            }
        }
        for call in &before {
            let mut secrets = Vec::new();
            leaves(&call.args, &mut secrets);
            for secret in secrets {
                let quoted = json!(secret).to_string();
                let quoted = quoted.trim_matches('"');
                let elsewhere = original.values().any(|text| text.contains(&secret))
                    || out.matches(quoted).count() > 0 && said_elsewhere(&recording, &secret);
                assert!(elsewhere || !out.contains(quoted), "{name}: {secret:?} left in\n{out}");
            }
        }
        for event in events(&recording, &seen.body) {
            let text = event.to_string();
            for word in [
                "\"tool_calls\":[{",
                "\"type\":\"tool_use\"",
                "functionCall",
                "function_call_arguments",
            ] {
                assert!(!text.contains(word), "{name}: {word} in {text}");
            }
        }
        for stop in stops(&recording, &seen.body) {
            assert!(
                !["tool_calls", "function_call", "tool_use"].contains(&stop.as_str()),
                "{name}"
            );
        }
        for cut in cuts() {
            let cut_seen = run(&program, &recording, &cut);
            assert!(cut_seen.body == seen.body, "{name} {cut:?}");
        }
        *seen_dialects
            .entry(format!("{} {}", recording.dialect, recording.is_stream()))
            .or_insert(0) += 1;
    }
    println!("{seen_dialects:?}");
    assert_eq!(seen_dialects.len(), 16, "{seen_dialects:?}");
}

/// The smallest recordings of each kind, cut once at every byte: there is no place at which a cut opens a call.
#[test]
fn no_single_cut_lets_a_call_out() {
    let program = program(json!({"tools": [{"id": "all", "match": "*", "do": "deny"}]}));
    let mut kinds: std::collections::BTreeMap<_, Vec<Recording>> = Default::default();
    for (recording, _) in with_calls() {
        kinds
            .entry((recording.dialect.clone(), recording.is_stream()))
            .or_default()
            .push(recording);
    }
    assert_eq!(kinds.len(), 16);
    for (kind, mut of_kind) in kinds {
        of_kind.sort_by_key(|recording| recording.response.len());
        for recording in of_kind.iter().take(2) {
            let whole = run(&program, recording, &Cut::Whole).body;
            let all = recording.response.len();
            // Of a long answer, as many places as a short one has, over all of it.
            for at in (0..=all).step_by(all / 2000 + 1) {
                let seen = run(&program, recording, &Cut::At(at));
                assert!(seen.body == whole, "{kind:?} {} cut at {at}", recording.name);
            }
        }
    }
}

/// Reasoning often repeats what a call asks for, and results of provider-run tools do.
fn said_elsewhere(recording: &Recording, secret: &str) -> bool {
    let mut joined = String::new();
    for event in events(recording, &recording.response) {
        for choice in event["choices"].as_array().into_iter().flatten() {
            for part in ["delta", "message"] {
                for field in ["reasoning", "reasoning_content", "content"] {
                    joined.push_str(choice[part][field].as_str().unwrap_or_default());
                }
            }
        }
        joined.push_str(event["delta"]["thinking"].as_str().unwrap_or_default());
        joined.push_str(event["delta"].as_str().unwrap_or_default());
        for part in event["candidates"][0]["content"]["parts"].as_array().into_iter().flatten() {
            joined.push_str(part["text"].as_str().unwrap_or_default());
        }
        for list in [&event["content"], &event["output"]] {
            for block in list.as_array().into_iter().flatten() {
                if !block["type"].as_str().unwrap_or_default().ends_with("tool_use")
                    && block["name"].is_null()
                {
                    joined.push_str(&block.to_string());
                }
            }
        }
        if event["content_block"]["name"].is_null() {
            joined.push_str(&event["content_block"].to_string());
        }
        joined.push_str(&event["candidates"][0]["groundingMetadata"].to_string());
    }
    joined.contains(secret)
}

#[test]
fn of_several_calls_only_the_stopped_ones_go() {
    let mut tried = 0;
    for (recording, before) in with_calls() {
        let names: std::collections::BTreeSet<&str> =
            before.iter().filter(|call| call.client).map(|call| call.name.as_str()).collect();
        if names.len() < 2 {
            continue;
        }
        for denied in &names {
            let program = program(json!({"tools": [{"match": [denied], "do": "deny"}]}));
            let seen = run(&program, &recording, &Cut::Whole);
            let left: Vec<Call> =
                before.iter().filter(|call| call.name != **denied).cloned().collect();
            assert_eq!(calls(&recording, &seen.body), left, "{} without {denied}", recording.name);
            for cut in cuts() {
                assert!(
                    run(&program, &recording, &cut).body == seen.body,
                    "{} {cut:?}",
                    recording.name
                );
            }
            let before = stops(&recording, &recording.response);
            assert_eq!(stops(&recording, &seen.body), before, "{}: calls are left", recording.name);
            indexes(&recording, &seen.body);
            tried += 1;
        }
    }
    assert!(tried >= 20, "{tried}");
}

/// Indexes are those that clients count on.
fn indexes(recording: &Recording, body: &[u8]) {
    let mut next_call = 0;
    let mut sequence = None;
    for event in events(recording, body) {
        for choice in event["choices"].as_array().into_iter().flatten() {
            for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
                let index = call["index"].as_u64().unwrap_or(0);
                if call["id"].is_string() && recording.is_stream() && index >= next_call {
                    assert_eq!(index, next_call, "{}: {event}", recording.name);
                    next_call += 1;
                }
            }
        }
        if let Some(number) = event["sequence_number"].as_u64() {
            assert!(sequence.is_none_or(|last| number == last + 1), "{}: {number}", recording.name);
            sequence = Some(number);
        }
    }
}

#[test]
fn where_no_call_is_stopped_no_byte_changes() {
    let policies = [
        json!({"tools": [{"match": ["zz_*", "!?*"], "do": "deny"}]}),
        json!({"tools": [{"match": "*", "when_args": {"/zz_no_such_argument": {"eq": 1}}, "do": "approve"}]}),
        json!({"mode": "shadow", "tools": [{"match": "*", "do": "deny"}]}),
    ];
    for policy in policies {
        let program = program(policy);
        for recording in recordings() {
            let text = String::from_utf8_lossy(&recording.response);
            if recording.name.contains("incomplete_mid_tool_call") || text.contains("partialArgs") {
                // Half of the arguments, or pieces of single ones: a condition on them cannot be told, and counts against the call.
                continue;
            }
            for cut in [Cut::Whole, Cut::Every(7), Cut::Random(3)] {
                let seen = run(&program, &recording, &cut);
                assert!(seen.body == recording.response, "{} {cut:?}", recording.name);
                assert_eq!(seen.upstream.as_ref(), Some(&recording.request), "{}", recording.name);
            }
        }
    }
}

fn secret() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

fn approving(policy: Value) -> Rc<hemostat_engine::policy::Program> {
    let key = json!({"oncall": {"key": secret().public().to_base64(), "may": ["approve"]}});
    program_under(json!({"trust": {"keys": key}, "scope": "test"}), policy)
}

fn grant(what: GrantTarget, nonce: &str) -> String {
    let grant = Grant {
        scope: Some("test".to_owned()),
        what,
        tenant: None,
        issued_at: NOW,
        expires: NOW + LIFE_S,
        nonce: nonce.to_owned(),
    };
    grant.sign(&secret(), "oncall")
}

/// The approval ids that an answer names.
fn ids(body: &str) -> Vec<String> {
    let mut ids: Vec<String> = body
        .split("needs approval: ")
        .skip(1)
        .map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect())
        .collect();
    ids.sort();
    ids.dedup();
    ids
}

#[test]
fn a_call_that_needs_approval_waits_for_its_grant() {
    let program = approving(json!({"tools": [{"id": "ask", "match": "*", "do": "approve"}]}));
    let mut through = 0;
    for (recording, before) in with_calls() {
        let seen = run(&program, &recording, &Cut::Every(7));
        assert_eq!(calls(&recording, &seen.body), [], "{}", recording.name);
        let ids = ids(&seen.text());
        if ids.is_empty() || ids.len() > 8 || ids.len() != before.len() {
            continue;
        }
        let grants: Vec<String> =
            ids.iter().map(|id| grant(GrantTarget::Call(id.clone()), &recording.name)).collect();
        let caller = Caller {
            headers: vec![("x-hemostat-approval", grants.join(", "))],
            slots: Some(Rc::new(LocalSlots::default())),
            ..Caller::default()
        };
        let granted = run_as(&program, &recording, &Cut::Every(7), &caller);
        assert!(granted.body == recording.response, "{}: {}", recording.name, granted.text());
        let again = run_as(&program, &recording, &Cut::Whole, &caller);
        assert_eq!(calls(&recording, &again.body), [], "{}: once only", recording.name);
        assert!(again.text().contains("the grant was used before"), "{}", recording.name);
        through += 1;
    }
    assert!(through > 80, "{through}");
}

/// The calls that events tell of.
fn told(policy: Value, arguments: &str) -> Vec<hemostat_engine::event::PendingCall> {
    let program = approving(policy);
    let call = json!({"id": "c", "type": "function", "function": {"name": "refund", "arguments": arguments}});
    let response = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": null, "tool_calls": [call]}}]});
    let recording =
        Recording::made("/v1/chat/completions", r#"{"model":"m","messages":[]}"#, &response);
    let seen = run(&program, &recording, &Cut::Whole);
    let events = seen.effects.into_iter().filter_map(|effect| match effect {
        Effect::Event(event) => event.call.map(|call| *call),
        _ => None,
    });
    events.collect()
}

#[test]
fn arguments_are_told_only_where_capture_says_so_and_after_redaction() {
    let tools = json!([{"id": "ask", "match": "*", "do": "approve"}]);
    let guards =
        json!([{"id": "mail", "scan": ["output"], "find": ["[a-z]+@[a-z]+"], "do": "block"}]);
    let arguments = r#"{"b":"\u0061nn@home","a":1.0,"c":["x",{"d":"y"}]}"#;
    let [call] = told(json!({"tools": tools}), arguments).try_into().unwrap();
    assert_eq!((call.tool.as_str(), call.arguments), ("refund", None));
    let captured = |policy: Value, arguments| {
        let [call] = told(policy, arguments).try_into().unwrap();
        call.arguments
    };
    let all = captured(json!({"tools": tools, "capture": true}), arguments);
    assert_eq!(all.unwrap(), r#"{"a":1,"b":"ann@home","c":["x",{"d":"y"}]}"#);
    let with = json!({"tools": tools, "capture": ["tool_args"], "guardrails": guards});
    let redacted = captured(with.clone(), arguments);
    assert_eq!(redacted.unwrap(), r#"{"a":1,"b":"[REDACTED]","c":["x",{"d":"y"}]}"#);
    assert_eq!(captured(with, r#"{"ann@home":1}"#), None);
}
