//! The stream guarantees of POLICY, over the recorded corpus: for every dialect, streamed and whole, for every cut.

use crate::support::text::{events, phrase, texts};
use crate::support::{Cut, Recording, program, recordings, run};
use serde_json::json;

/// A pattern that matches this text and nothing else.
fn literal(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            c if c.is_ascii_alphanumeric() || !c.is_ascii() => c.to_string(),
            c if c.is_ascii_control() => format!("\\x{:02x}", c as u32),
            c => format!("\\{c}"),
        })
        .collect::<String>()
        .replace("\\ ", " ")
}

fn cuts() -> [Cut; 5] {
    [Cut::Whole, Cut::Every(1), Cut::Every(7), Cut::Random(1), Cut::Random(99)]
}

#[test]
fn unchanged_means_unchanged() {
    let policies = [
        json!({}),
        json!({"guardrails": [
            {"id": "never", "scan": ["output", "tool_args", "input"],
             "find": ["zzqq[0-9]{3}never", "e[^e]{1,5}zzqq"], "do": "redact"},
            {"id": "stop", "scan": ["output", "tool_args"], "find": ["the zzqq"], "do": "block"}]}),
        json!({"mode": "shadow", "guardrails": [
            {"id": "all", "scan": ["output", "tool_args", "input"], "find": ["[a-z]+"], "do": "block"}]}),
    ];
    for policy in policies {
        let program = program(policy);
        for recording in recordings() {
            for cut in cuts() {
                let seen = run(&program, &recording, &cut);
                assert_eq!(seen.upstream.as_ref(), Some(&recording.request), "{}", recording.name);
                assert_eq!(seen.status, recording.status, "{}", recording.name);
                assert!(seen.body == recording.response, "{} {cut:?}", recording.name);
            }
        }
    }
}

/// The text as it should be: the phrase replaced wherever the pattern finds it, text by text.
fn expected(recording: &Recording, phrase: &str) -> Vec<(String, String)> {
    texts(recording, &recording.response)
        .into_iter()
        .map(|(channel, text)| (channel, text.replace(phrase, "[#]")))
        .collect()
}

#[test]
fn a_redaction_is_exact_and_the_same_for_every_cut() {
    let mut redacted = 0;
    for recording in recordings().iter().filter(|own| own.status == 200) {
        let Some(phrase) = phrase(&texts(recording, &recording.response)) else { continue };
        let rule = json!({"id": "r", "scan": ["output"], "find": [literal(&phrase)],
                          "do": {"redact": "[#]"}});
        let program = program(json!({"guardrails": [rule]}));
        let whole = run(&program, recording, &Cut::Whole);
        let got: Vec<_> = texts(recording, &whole.body).into_iter().collect();
        assert_eq!(got, expected(recording, &phrase), "{} {phrase:?}", recording.name);
        assert_eq!(whole.counted("hemostat_rule_hits_total;rule=r;action=redact"), 1);
        for event in events(recording, &whole.body) {
            for text in strings_outside_the_echo(&event) {
                assert!(!text.contains(&phrase), "{}: {phrase:?} in {text:?}", recording.name);
            }
        }
        for cut in cuts() {
            let seen = run(&program, recording, &cut);
            assert!(seen.body == whole.body, "{} {cut:?}", recording.name);
        }
        redacted += 1;
    }
    assert!(redacted > 100, "{redacted} recordings have text");
}

/// Every string of an event but the echo of the request and tool calls.
fn strings_outside_the_echo(event: &serde_json::Value) -> Vec<String> {
    const OUTSIDE: [&str; 16] = [
        "instructions",
        "tools",
        "tool_calls",
        "arguments",
        "args",
        "input",
        "partial_json",
        "metadata",
        "prompt",
        "tool_choice",
        "id",
        "type",
        "model",
        "role",
        "status",
        "obfuscation",
    ];
    let mut out = Vec::new();
    let mut stack = vec![event];
    while let Some(value) = stack.pop() {
        match value {
            serde_json::Value::String(text) => out.push(text.clone()),
            serde_json::Value::Array(items) => stack.extend(items),
            serde_json::Value::Object(members) => {
                stack.extend(
                    members.iter().filter(|(k, _)| !OUTSIDE.contains(&k.as_str())).map(|(_, v)| v),
                );
            }
            _ => {}
        }
    }
    out
}

#[test]
fn a_fallback_lets_nothing_of_the_phrase_leave() {
    for recording in recordings().iter().filter(|own| own.status == 200) {
        let original = texts(recording, &recording.response);
        let Some(phrase) = phrase(&original) else { continue };
        let program = program(json!({
            "guardrails": [{"id": "r", "scan": ["output"], "find": [literal(&phrase)],
                            "do": {"fallback": "sorry"}}],
            "fallbacks": {"sorry": {"text": "<<fallback>>"}}}));
        let whole = run(&program, recording, &Cut::Whole);
        let got = texts(recording, &whole.body);
        for (channel, text) in &got {
            assert!(!text.contains(&phrase), "{} {phrase:?} {text:?}", recording.name);
            // The match's first characters must not leave either: what stands before the fallback is what stood
            // before the phrase, no more.
            if recording.is_stream()
                && let Some(before) = text.split("<<fallback>>").next()
                && let Some(full) = original.get(channel)
            {
                let allowed = full.find(&phrase).map_or(full.as_str(), |at| &full[..at]);
                assert!(
                    allowed.starts_with(before.trim_end_matches('\n')),
                    "{}: {before:?} is not within {allowed:?}",
                    recording.name
                );
            }
        }
        let all = got.values().any(|text| text.contains("<<fallback>>"))
            || whole.text().contains("<<fallback>>");
        assert!(all, "{}: the caller is told: {}", recording.name, whole.text());
        for cut in cuts() {
            let seen = run(&program, recording, &cut);
            assert!(seen.body == whole.body, "{} {cut:?}", recording.name);
        }
    }
}

#[test]
fn every_single_cut_gives_the_same_answer() {
    for recording in recordings().iter().filter(|own| own.is_stream() && own.response.len() < 6000)
    {
        let Some(phrase) = phrase(&texts(recording, &recording.response)) else { continue };
        for action in [json!({"redact": "[#]"}), json!("block")] {
            let rule =
                json!({"id": "r", "scan": ["output"], "find": [literal(&phrase)], "do": action});
            let program = program(json!({"guardrails": [rule]}));
            let whole = run(&program, recording, &Cut::Whole);
            for at in 0..recording.response.len() {
                let seen = run(&program, recording, &Cut::At(at));
                assert!(seen.body == whole.body, "{} cut at {at}", recording.name);
            }
        }
    }
}
