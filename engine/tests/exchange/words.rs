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

/// A Responses stream of one text, which is said five times: in pieces, then whole, and each time as `said` has it.
fn said_again(said: &[&str]) -> Vec<u8> {
    let mut body = Vec::new();
    let mut event = |kind: &str, rest: String| {
        let number = body.len();
        let head = format!(r#""type":"response.{kind}","sequence_number":{number}"#);
        body.extend(format!("event: response.{kind}\ndata: {{{head},{rest}}}\n\n").into_bytes());
    };
    let at = r#""item_id":"msg_1","output_index":0,"content_index":0"#;
    let part = |text: &str| format!(r#"{{"type":"output_text","annotations":[],"text":"{text}"}}"#);
    let item = |parts: String, status: &str| {
        format!(
            r#"{{"id":"msg_1","type":"message","status":"{status}","content":[{parts}],"role":"assistant"}}"#
        )
    };
    let response = |items: String, status: &str| {
        format!(
            r#""response":{{"id":"resp_1","object":"response","status":"{status}","model":"m","output":[{items}]}}"#
        )
    };
    event("created", response(String::new(), "in_progress"));
    event(
        "output_item.added",
        format!(r#""output_index":0,"item":{}"#, item(String::new(), "in_progress")),
    );
    event("content_part.added", format!(r#"{at},"part":{}"#, part("")));
    for piece in said[0].split_inclusive(' ') {
        event("output_text.delta", format!(r#"{at},"delta":"{piece}""#));
    }
    event("output_text.done", format!(r#"{at},"text":"{}""#, said[1]));
    event("content_part.done", format!(r#"{at},"part":{}"#, part(said[2])));
    event(
        "output_item.done",
        format!(r#""output_index":0,"item":{}"#, item(part(said[3]), "completed")),
    );
    event("completed", response(item(part(said[4]), "completed"), "completed"));
    body
}

/// Texts long enough to be remembered, and what would be if it were not found: the same but for its end, its beginning, an
/// escape.
const SAID: [&str; 6] = [
    "so far the quick brown fox has jumped over every lazy dog that came along, and is tired of it",
    "so far the quick brown fox has jumped over every lazy dog that came along, and is zq123456789xqz",
    "zq123456789xqz the quick brown fox has jumped over every lazy dog that came along, and is tire",
    r"so far the quick brown fox has jumped over every lazy dog that came along, and is \u007aq123456789xqz",
    "short zq123456789xqz",
    "another text, of which nothing is found by any rule: blue and green are colours, red is too, so is",
];

proptest! {
    #[test]
    fn a_text_that_comes_again_is_judged_as_if_it_were_new(
        which in proptest::collection::vec(0_usize..8, 5), policy in any::<usize>(), seed in any::<u64>(),
    ) {
        let all = programs();
        let program = &all[policy % all.len()];
        // Most of what is said is the same.
        let said: Vec<&str> = which.iter().map(|own| SAID[own % 8 % SAID.len()]).collect();
        let own = streams().iter().find(|own| own.dialect == "openai-responses").unwrap();
        let recording = Recording { response: said_again(&said), ..own.clone() };
        for cut in [Cut::Whole, Cut::Random(seed), Cut::Events] {
            assert_same(program, &recording, &cut);
        }
        let seen = run(&all[0], &recording, &Cut::Random(seed));
        let text = seen.text().replace(r"\u007a", "z");
        prop_assert!(!text.contains("zq123456789xqz"), "{text}");
    }

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
