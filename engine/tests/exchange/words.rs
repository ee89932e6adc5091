//! Events that are known by their bytes and say one word more: what becomes of an exchange is what becomes of it where
//! every frame is parsed, read and queued.
//!
//! All recorded streams under policies that find something in them, in each event by itself, in long chunks and cut at
//! random; streams made of recorded events with other words in them. `PROPTEST_CASES` makes it long.

use std::rc::Rc;

use hemostat_engine::dialect::recognise;
use hemostat_engine::policy::Program;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::repeats::{content, streams, varied};
use crate::support::{Cut, Recording, events, program, recordings, run, run_every_frame};

fn assert_same(program: &Rc<Program>, recording: &Recording, cut: &Cut) {
    let known = run(program, recording, cut);
    let read = run_every_frame(program, recording, cut);
    assert_eq!(known, read, "{} {cut:?}\n{}\n{}", recording.name, known.text(), read.text());
}

/// Guards of every kind. Words that are in most texts, and patterns that live across events.
fn policies() -> Vec<Value> {
    let guard = |id: &str, scan: &[&str], find: &[&str], what: Value| json!({"id": id, "scan": scan, "find": find, "do": what});
    let common = ["pack:secrets", r"zq\d{9}xqz"];
    let one = |guards: Vec<Value>| json!({"version": "v", "guardrails": guards});
    let fallback = json!({"fallback": "canned"});
    let mut stops =
        one(vec![guard("f", &["output"], &[r"\b(because|however|weather|result)\b"], fallback)]);
    stops["fallbacks"] = json!({"canned": {"text": "no"}});
    let mut tools = one(vec![guard("g", &["output", "tool_args"], &common, json!("redact"))]);
    tools["tools"] = json!([{"id": "t", "match": ["get_*"], "do": "deny"}]);
    let mut metered = one(vec![guard("g", &["output"], &[r"\bthe\b"], json!("redact"))]);
    metered["limits"] = json!([{"id": "t", "allow": {"tokens": 900_000_000, "every": "1h"}}]);
    let mut shadow = guard("s", &["output"], &[r"\b(the|is|a)\b"], json!("redact"));
    shadow["mode"] = json!("shadow");
    vec![
        one(vec![guard("g", &["output"], &common, json!("redact"))]),
        one(vec![guard(
            "g",
            &["output"],
            &[r"\bthe [a-z]+ [a-z]+", r"[a-z]+[.,!]"],
            json!("redact"),
        )]),
        one(vec![
            guard("e", &["output"], &["pack:pii"], json!("redact")),
            guard("b", &["output", "tool_args"], &[r"(?i)\bsan francisco\b"], json!("block")),
        ]),
        one(vec![shadow]),
        stops,
        tools,
        metered,
    ]
}

thread_local! {
    static PROGRAMS: Vec<Rc<Program>> = policies().into_iter().map(program).collect();
}

fn programs() -> Vec<Rc<Program>> {
    PROGRAMS.with(Clone::clone)
}

#[test]
fn recordings_come_to_the_same() {
    for program in programs() {
        for recording in streams() {
            for cut in [Cut::Events, Cut::Whole, Cut::Every(1000), Cut::Random(13)] {
                assert_same(&program, recording, &cut);
            }
        }
    }
}

#[test]
fn answers_that_are_no_event_streams_come_to_the_same() {
    let fits = |own: &Recording| {
        !own.content_type.starts_with("text/event-stream")
            && own.response.len() < 20_000
            && recognise(&own.method, &own.path).is_some()
    };
    let all: Vec<Recording> = recordings().into_iter().filter(fits).collect();
    assert!(all.iter().any(|own| own.content_type.contains("eventstream")), "{}", all.len());
    for program in programs() {
        for recording in &all {
            for cut in [Cut::Whole, Cut::Every(300), Cut::Random(17)] {
                assert_same(&program, recording, &cut);
            }
        }
    }
}

proptest! {
    #[test]
    fn events_in_any_order_come_to_the_same(
        which in any::<usize>(), policy in any::<usize>(), seed in any::<u64>(),
        order in proptest::collection::vec((any::<usize>(), 1_usize..5, proptest::collection::vec(content(), 5), any::<u8>()), 1..14),
    ) {
        let all = programs();
        let program = &all[policy % all.len()];
        let all = streams();
        let mut recording = all[which % all.len()].clone();
        let own = recording.response.clone();
        let known = events(&own);
        let mut body = Vec::new();
        for (at, times, texts, digits) in order {
            for time in 0..times {
                let event = known[at % known.len()];
                body.extend(if time == 0 { event.to_vec() } else { varied(event, &texts, digits) });
            }
        }
        recording.response = body;
        for cut in [Cut::Whole, Cut::Random(seed), Cut::Events] {
            assert_same(program, &recording, &cut);
        }
    }
}
