//! The record of every call: what access log and tracer are shown, whatever rules there are.

use serde_json::json;

use crate::support::{Caller, Cut, Recording, mcp_recordings, program, recordings, run, run_as};
use hemostat_engine::dialect::recognise;

/// A policy without a rule.
fn empty() -> serde_json::Value {
    json!({"hemostat": 1, "version": "empty", "labels": {
        "feature": [{"header": "x-feature"}], "key": [{"header": "authorization", "digest": true}]
    }})
}

#[test]
fn what_an_answer_says_of_itself_is_known_without_a_rule_for_every_cut() {
    let program = program(empty());
    let (mut seen, mut usage, mut ended) = (0, 0, 0);
    // What only its body tells of is looked at where a rule needs it.
    let told = |own: &Recording| recognise(&own.method, &own.path).is_some();
    for recording in recordings().into_iter().filter(told) {
        let whole = run(&program, &recording, &Cut::Whole);
        assert_eq!(whole.state("hemostat.decision").map(str::len), Some(16), "{}", recording.name);
        let known = |key| whole.state(key).is_some();
        if recording.status == 200 {
            seen += 1;
            usage += usize::from(known("gen_ai.usage.output_tokens"));
            ended += usize::from(known("gen_ai.response.finish_reasons"));
        }
        for cut in [Cut::Every(1), Cut::Every(37)] {
            let cut_up = run(&program, &recording, &cut);
            assert_eq!(cut_up.body, whole.body, "{}", recording.name);
            for key in [
                "gen_ai.response.id",
                "gen_ai.response.model",
                "gen_ai.response.finish_reasons",
                "gen_ai.usage.input_tokens",
                "gen_ai.usage.output_tokens",
            ] {
                assert_eq!(cut_up.state(key), whole.state(key), "{} {key}", recording.name);
            }
        }
    }
    assert!(seen > 100, "{seen}");
    // The others are errors, answers that broke off, and streams whose callers did not ask for usage.
    assert!(usage * 10 > seen * 7 && ended * 10 > seen * 7, "{usage} and {ended} of {seen}");
}

#[test]
fn what_is_seen_at_a_glance_is_what_a_limit_reads() {
    let (bare, metered) = (
        program(empty()),
        program(json!({"version": "metered", "limits": [
            {"id": "t", "allow": {"tokens": 900_000_000, "every": "1h"}}
        ]})),
    );
    let (mut compared, mut differ) = (0, Vec::new());
    for recording in recordings().iter().filter(|own| own.status == 200) {
        let glanced = run(&bare, recording, &Cut::Whole);
        let read = run(&metered, recording, &Cut::Whole);
        let text = String::from_utf8_lossy(&recording.response);
        // A file with several answers, one behind the other.
        if text.matches("event: message_start").count() > 1 {
            continue;
        }
        // What the meter does not believe, it counts.
        if read.counted("hemostat_usage_implausible_total") > 0 {
            continue;
        }
        for key in ["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"] {
            // Where an answer says nothing, the meter counts.
            if let (Some(glanced), Some(read)) = (glanced.state(key), read.state(key)) {
                compared += 1;
                if glanced != read {
                    differ.push(format!("{} {key} {glanced} {read}", recording.name));
                }
            }
        }
    }
    assert!(compared > 100, "{compared}");
    assert!(differ.is_empty(), "{differ:#?}");
}

#[test]
fn what_is_said_is_not_read_where_nobody_asks_and_the_record_is_the_same() {
    let output =
        json!({"id": "o", "scan": ["output"], "find": ["zq_nobody"], "do": {"redact": "[X]"}});
    let tenant = json!({"id": "t", "scan": ["input"], "when": {"tenant": "nobody"}, "find": ["zq_nobody"], "do": "block"});
    let mut recordings: Vec<_> =
        recordings().into_iter().map(|own| (own, Caller::default())).collect();
    recordings.extend(mcp_recordings());
    for rules in [json!([]), json!([output]), json!([output, tenant])] {
        let policy = |more: serde_json::Value| {
            let mut labels =
                json!({"tenant": [{"header": "x-tenant"}], "user": [{"json": "/user"}]});
            labels.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            program(json!({"hemostat": 1, "labels": labels, "guardrails": rules}))
        };
        // A label that may lie in what is said has all of it read; here it lies nowhere.
        let (outline, whole) =
            (policy(json!({})), policy(json!({"z": [{"json": "/messages/999/nobody"}]})));
        for (recording, caller) in &recordings {
            let outline = run_as(&outline, recording, &Cut::Every(61), caller);
            let whole = run_as(&whole, recording, &Cut::Every(61), caller);
            assert_eq!(outline, whole, "{} under {rules}", recording.name);
        }
    }
}
