//! The recorded corpus through the module: what must not change does not, and what changes is what the engine says.

use host_tests::{Chunking, Outcome};
use serde_json::{Value, json};

use crate::native::text::{phrase, texts};
use crate::native::{self, Cut, Recording, recordings};
use crate::rig::{Proxy, assert_clean};

const CUTS: [Chunking; 4] =
    [Chunking::Whole, Chunking::Bytes(1), Chunking::Bytes(7), Chunking::Random(20_261_124)];

/// One byte a chunk is a callback a byte: these recordings are left to the other cuts.
const BYTEWISE: usize = 16 * 1024;

fn cuts(recording: &Recording) -> impl Iterator<Item = &'static Chunking> {
    let long = recording.response.len() > BYTEWISE;
    CUTS.iter().filter(move |cut| !(long && **cut == Chunking::Bytes(1)))
}

fn unchanged_under(policy: Value, holds_nothing: bool) -> Proxy {
    let proxy = Proxy::new(policy);
    for recording in recordings() {
        for cut in cuts(&recording) {
            let what = format!("{} {cut:?}", recording.name);
            let outcome = proxy.play(&recording, cut);
            assert_clean(&outcome, &what);
            assert!(outcome.upstream.body() == request_body(&recording), "{what}: the request");
            assert_eq!(outcome.downstream.status(), Some(recording.status), "{what}");
            assert!(outcome.downstream.body() == recording.response, "{what}: the answer");
            assert!(outcome.downstream.ended, "{what}");
            if holds_nothing {
                let came = cut.cut(std::slice::from_ref(&recording.response));
                let left = outcome.downstream.increments.iter().map(|part| &part.bytes);
                assert!(left.filter(|bytes| !bytes.is_empty()).eq(came.iter()), "{what}: held");
            }
        }
    }
    proxy.assert_sound("corpus");
    proxy
}

fn request_body(recording: &Recording) -> &[u8] {
    if recording.method == "GET" { b"" } else { &recording.request }
}

#[test]
fn the_empty_policy_changes_nothing() {
    unchanged_under(json!({}), true);
}

#[test]
fn a_policy_that_never_hits_changes_nothing() {
    let proxy = unchanged_under(
        json!({"guardrails": [
        {"id": "phrase", "scan": ["output", "tool_args", "input"],
         "find": ["zebra quartz xylophone [0-9]+", "e[^e]{1,5}zzqq"], "do": "redact"},
        {"id": "stop", "scan": ["output", "tool_args"], "find": ["the zzqq"], "do": "block"}]}),
        false,
    );
    assert_eq!(proxy.counted("hemostat_rule_hits_total"), 0);
}

#[test]
fn a_shadow_policy_that_always_hits_changes_nothing() {
    let proxy = unchanged_under(
        json!({"mode": "shadow", "guardrails": [
        {"id": "all", "scan": ["output", "tool_args", "input"], "find": ["[a-z]+"], "do": "block"}]}),
        true,
    );
    assert!(proxy.counted("hemostat_rule_hits_total;rule=all;action=shadow-block") > 500);
}

/// With what differs from run to run made the same: decision ids, and the time of canned answers.
fn stable(body: &[u8], decision: Option<&str>, seconds: u64) -> String {
    let mut text = String::from_utf8_lossy(body).into_owned();
    if let Some(decision) = decision {
        text = text.replace(decision, "DECISION");
    }
    for second in [seconds, seconds + 1] {
        text = text.replace(&second.to_string(), "TIME");
        // Ollama writes the time out (RFC 3339).
        text = text.replace(&hemostat_engine::base::time::format(second), "TIME");
    }
    text
}

/// What the module did to a recording is what the engine does to it natively, for every cut.
fn same_as_native(recording: &Recording, policy: &Value) -> Outcome {
    const NATIVE_SECONDS: u64 = 1_764_000_000;
    let program = native::program(policy.clone());
    let seen = native::run(&program, recording, &Cut::Whole);
    let expected = stable(&seen.body, seen.state("hemostat.decision"), NATIVE_SECONDS);
    let proxy = Proxy::new(policy.clone());
    let seconds = proxy.host.now().as_secs();
    let mut last = None;
    for cut in cuts(recording) {
        let what = format!("{} {cut:?} {policy}", recording.name);
        let outcome = proxy.play(recording, cut);
        assert_clean(&outcome, &what);
        let body = outcome.downstream.body();
        let got = stable(&body, outcome.property("hemostat.decision"), seconds);
        assert_eq!(got, expected, "{what}");
        assert_eq!(outcome.downstream.status(), Some(seen.status), "{what}");
        assert_eq!(
            outcome.property("hemostat.rule_hits"),
            seen.state("hemostat.rule_hits"),
            "{what}"
        );
        last = Some(outcome);
    }
    proxy.assert_sound(&recording.name);
    last.unwrap()
}

/// A pattern that matches this text and nothing else.
fn literal(text: &str) -> String {
    let escaped = |c: char| match c {
        c if c.is_ascii_alphanumeric() || c == ' ' || !c.is_ascii() => c.to_string(),
        c if c.is_ascii_control() => format!("\\x{:02x}", c as u32),
        c => format!("\\{c}"),
    };
    text.chars().map(escaped).collect()
}

/// Recordings in which there is something to find: a good part of each dialect's, streams and whole ones.
fn with_phrase() -> Vec<(Recording, String)> {
    let mut found: Vec<(Recording, String)> = recordings()
        .into_iter()
        .filter(|own| own.status == 200 && own.response.len() < 32 * 1024)
        .filter_map(|own| phrase(&texts(&own, &own.response)).map(|phrase| (own, phrase)))
        .collect();
    assert!(found.len() > 100, "{} recordings have text", found.len());
    let mut at = 0;
    found.retain(|_| {
        at += 1;
        at % 4 == 0
    });
    found
}

/// What the caller got as it reads: events of a model in binary messages stand there as base64.
fn read(recording: &Recording, outcome: &Outcome) -> String {
    if !recording.is_messages() {
        return outcome.downstream.text();
    }
    let events = native::text::events(recording, &outcome.downstream.body());
    events.iter().map(Value::to_string).collect()
}

#[test]
fn a_redaction_is_the_engines() {
    for (recording, phrase) in with_phrase() {
        let rule = json!({"id": "r", "scan": ["output"], "find": [literal(&phrase)], "do": {"redact": "[#]"}});
        let outcome = same_as_native(&recording, &json!({"guardrails": [rule]}));
        assert!(read(&recording, &outcome).contains("[#]"), "{}", recording.name);
    }
}

#[test]
fn a_fallback_is_the_engines() {
    for (recording, phrase) in with_phrase() {
        let rule = json!({"id": "r", "scan": ["output"], "find": [literal(&phrase)], "do": {"fallback": "f"}});
        let policy = json!({"guardrails": [rule], "fallbacks": {"f": {"text": "<<canned>>"}}});
        let outcome = same_as_native(&recording, &policy);
        assert!(read(&recording, &outcome).contains("<<canned>>"), "{}", recording.name);
    }
}

#[test]
fn a_block_is_the_engines() {
    for (recording, phrase) in with_phrase() {
        let rule = json!({"id": "r", "scan": ["output", "tool_args"], "find": [literal(&phrase)], "do": "block"});
        let outcome = same_as_native(&recording, &json!({"guardrails": [rule]}));
        assert_eq!(outcome.property("hemostat.rule_hits"), Some("r:block"), "{}", recording.name);
    }
}
