//! Every dialect × place of a text × how it is cut into events × lever: no word of a match leaves, wherever it stands.
//!
//! The places are written as a person would find them in traffic: those that the formats have, and those that no format
//! has (yet). What leaves is read by a reader of its own, which joins the strings at one place of successive events.

mod places;

use std::collections::BTreeMap;

use crate::support::dialects::{self, Dialect};
use crate::support::{Cut, Recording, Seen, program, run};
use hemostat_engine::dialect::{DialectId, dialect, recognise};
pub(super) use places::places;
use serde_json::{Value, json};

/// The forbidden word. No three of its letters in a row may leave.
pub(super) const WORD: &str = "zanzibar";

/// A dialect's streams: its row in `testdata/dialects.json`, and what begins and ends an answer.
pub(super) struct Stream {
    pub(super) dialect: &'static str,
    pub(super) path: &'static str,
    pub(super) open: Vec<Value>,
    pub(super) close: Vec<Value>,
    row: &'static Dialect,
}

pub(super) fn streams() -> Vec<Stream> {
    let rows = dialects::all().iter().filter(|row| row.comes_in_pieces());
    let stream = |row: &'static Dialect| Stream {
        dialect: row.name(),
        path: row.path(true),
        open: row.open(),
        // The text stands at another place in each case.
        close: row.close(""),
        row,
    };
    rows.map(stream).collect()
}

/// How `go zanzibar ok` is cut into events.
pub(super) fn pieces() -> Vec<Vec<&'static str>> {
    let letters: Vec<&str> =
        "go zanzibar ok".split("").filter(|letter| !letter.is_empty()).collect();
    vec![
        vec!["go zanzibar ok"],
        vec!["go zan", "zi", "bar ok"],
        vec!["go ", "zanz", "ibar", " ok"],
        vec!["go z", "anzibar ok"],
        letters,
    ]
}

pub(super) fn framed(stream: &Stream, events: &[Value]) -> Vec<u8> {
    stream.row.framed(events).concat()
}

pub(super) fn recording(stream: &Stream, response: Vec<u8>) -> Recording {
    stream.row.recording(true, &stream.row.request(true, "x"), response)
}

/// All strings of what left, those at one place of successive events joined.
pub(super) fn told(recording: &Recording, seen: &Seen) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let left = Recording { dialect: recording.dialect.clone(), ..recording.clone() };
    for event in crate::support::text::events(&left, &seen.body) {
        let kind = event["type"].as_str().unwrap_or_default().to_owned();
        strings(&event, &kind, &mut all);
    }
    all
}

fn strings(value: &Value, at: &str, all: &mut BTreeMap<String, String>) {
    let index = ["index", "output_index", "contentBlockIndex"];
    let own = index.iter().find_map(|name| value.get(name)).map(Value::to_string);
    let at = format!("{at}#{}", own.unwrap_or_default());
    match value {
        Value::String(text) => all.entry(at).or_default().push_str(text),
        Value::Array(items) => {
            for (position, item) in items.iter().enumerate() {
                strings(item, &format!("{at}/{position}"), all);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                strings(member, &format!("{at}/{name}"), all);
            }
        }
        _ => {}
    }
}

/// No three letters of the word in a row, anywhere.
fn assert_nothing_left(told: &BTreeMap<String, String>, what: &str) {
    for (place, text) in told {
        for at in 0..WORD.len() - 2 {
            assert!(!text.contains(&WORD[at..at + 3]), "{what}: {place} says {text:?}");
        }
    }
}

fn event(template: &str, piece: &str, so_far: &str) -> Value {
    serde_json::from_str(&template.replace('@', piece).replace('#', so_far)).unwrap()
}

/// An answer with the text at one place, in these pieces. `between`: other text comes between them.
fn made(stream: &Stream, template: &str, pieces: &[&str], between: bool) -> Recording {
    let places = places(stream.dialect);
    // Another item; where answers have but one, another place of it.
    let numbered = places[0].1.contains("ndex\":0");
    let other = places[usize::from(!numbered && template != places[1].1)].1;
    let mut events = stream.open.clone();
    let mut so_far = String::new();
    for piece in pieces {
        so_far.push_str(piece);
        events.push(event(template, piece, &so_far));
        if between {
            let other = other.replace("ndex\":0", "ndex\":7").replace("Index\":0", "Index\":7");
            events.push(event(&other, "~", "~"));
        }
    }
    events.extend(stream.close.clone());
    recording(stream, framed(stream, &events))
}

fn each(mut test: impl FnMut(&Stream, &str, &str, &[&str], bool)) {
    for stream in streams() {
        for (name, template) in places(stream.dialect) {
            for pieces in pieces() {
                for between in [false, true] {
                    test(&stream, name, template, &pieces, between);
                }
            }
        }
    }
}

pub(super) fn policy(action: Value) -> Value {
    json!({
        "guardrails": [{"id": "g", "scan": ["output", "tool_args"], "find": [WORD], "do": action}],
        "fallbacks": {"f": {"text": "CANNED"}},
    })
}

/// A dialect that is new has no place here until somebody writes it down.
#[test]
fn every_dialect_that_speaks_is_here() {
    let here: Vec<DialectId> = streams()
        .iter()
        .filter_map(|stream| Some(recognise("POST", stream.path)?.dialect))
        .collect();
    let speaks = |id: &&DialectId| dialect(**id).speaks() && **id != DialectId::Mcp;
    for id in DialectId::ALL.iter().filter(speaks) {
        assert!(here.contains(id), "{id:?} has no stream in the matrix");
    }
}

#[test]
fn a_redacted_word_leaves_nowhere() {
    let program = program(policy(json!({"redact": "[X]"})));
    each(|stream, name, template, pieces, between| {
        let what = format!("{} {name} {pieces:?} {between}", stream.path);
        let recording = made(stream, template, pieces, between);
        let seen = run(&program, &recording, &Cut::Whole);
        let told = told(&recording, &seen);
        assert_nothing_left(&told, &what);
        let wanted = told.values().any(|text| text.contains("go [X] ok"));
        assert!(wanted, "{what}: {told:?}");
        let again = run(&program, &recording, &Cut::Every(13));
        assert!(again.body == seen.body, "{what}: cut otherwise");
    });
}

#[test]
fn a_word_that_ends_an_answer_leaves_nowhere() {
    for action in [json!("block"), json!({"fallback": "f"})] {
        let program = program(policy(action.clone()));
        each(|stream, name, template, pieces, between| {
            let what = format!("{action} {} {name} {pieces:?} {between}", stream.path);
            let recording = made(stream, template, pieces, between);
            let seen = run(&program, &recording, &Cut::Whole);
            let told = told(&recording, &seen);
            assert_nothing_left(&told, &what);
            let canned = told.iter().filter(|(place, _)| !place.contains("completed"));
            let canned = canned.filter(|(place, _)| !place.contains("done"));
            let canned: usize = canned.map(|(_, text)| text.matches("CANNED").count()).sum();
            // Once for each choice that has begun.
            let wanted = usize::from(action != json!("block"));
            let choices = 1 + usize::from(between) + usize::from(name == "odd index");
            assert!((wanted..=wanted * choices).contains(&canned), "{what}: {told:?}");
            assert!(!seen.text().contains(" ok\""), "{what}");
        });
    }
}

#[test]
fn nothing_changes_where_no_rule_hits() {
    let mut harmless = policy(json!({"redact": "[X]"}));
    harmless["guardrails"][0]["find"] = json!(["timbuktu", "pack:pii"]);
    let program = program(harmless);
    each(|stream, name, template, pieces, between| {
        let recording = made(stream, template, pieces, between);
        let seen = run(&program, &recording, &Cut::Every(29));
        assert!(seen.body == recording.response, "{} {name} {pieces:?}", stream.path);
    });
}

/// Answers that come whole: the word at known, unknown, nested and repeated places.
#[test]
fn whole_answers_too() {
    let places = [
        "{\"a\":\"@\"}",
        "{\"a\":{\"b\":[{\"c\":\"@\"}]}}",
        "{\"a\":\"@\",\"b\":\"@\",\"a\":\"@\"}",
        "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"@\",\"foo\":{\"bar\":\"@\"}},\"text\":\"@\"}]}",
        "{\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"@\"},{\"type\":\"foo\",\"bar\":[\"@\"]}]}",
        "{\"output\":[{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"@\"}],\"foo\":\"@\"}]}",
        "{\"output\":{\"message\":{\"content\":[{\"text\":\"@\"},{\"foo\":{\"bar\":\"@\"}}]}}}",
        "{\"steps\":[{\"type\":\"model_output\",\"content\":[{\"type\":\"text\",\"text\":\"@\"}]},{\"type\":\"foo\",\"bar\":[\"@\"]}]}",
        "{\"task\":{\"id\":\"t\",\"status\":{\"state\":\"TASK_STATE_COMPLETED\",\"message\":{\"parts\":[{\"text\":\"@\"}]}},\"artifacts\":[{\"parts\":[{\"text\":\"@\"},{\"data\":{\"a\":\"@\"}}]}],\"history\":[{\"parts\":[{\"text\":\"@\"}]}]}}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"kind\":\"message\",\"parts\":[{\"kind\":\"text\",\"text\":\"@\"}]}}",
        "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"@\"},{\"foo\":[\"@\"]}]},\"note\":\"@\"}]}",
    ];
    for action in [json!({"redact": "[X]"}), json!("block"), json!({"fallback": "f"})] {
        let program = program(policy(action));
        for stream in streams() {
            for place in places {
                let mut recording =
                    recording(&stream, place.replace('@', "go zanzibar ok").into_bytes());
                recording.content_type = "application/json".to_owned();
                recording.path = recording.path.replace("streamGenerate", "generate");
                recording.path =
                    recording.path.replace("-stream", "").replace("-with-response", "");
                recording.request = String::from_utf8(recording.request)
                    .unwrap()
                    .replace("\"stream\":true", "\"stream\":false")
                    .into_bytes();
                let seen = run(&program, &recording, &Cut::Whole);
                assert!(!seen.text().contains(WORD), "{} {place}: {}", stream.path, seen.text());
            }
        }
    }
}

/// Arguments of a call as JSON text in pieces: a number, an escape and a pair of surrogates that are cut into three and
/// more wait whole, and what is changed is changed where it stands.
#[test]
fn units_of_arguments_that_are_cut_wait_whole() {
    let rules = json!({"guardrails": [{"id": "g", "scan": ["tool_args"], "do": {"redact": "[X]"},
        "find": ["4111111111111111", "zanzibar", "zan\u{e4}zibar", "x\\ny", "go \u{1f600} ok"]}]});
    let program = program(rules);
    let texts = [
        (r#"{"card":4111111111111111,"n":1}"#, json!({"card": "[X]", "n": 1})),
        (r#"{"zanzibar":1}"#, json!({"[X]": 1})),
        (r#"{"k":"a x\ny b"}"#, json!({"k": "a [X] b"})),
        (r#"{"k":"a zan\u00e4zibar b"}"#, json!({"k": "a [X] b"})),
        (r#"{"k":"\"go \ud83d\ude00 ok\""}"#, json!({"k": "\"[X]\""})),
        (r#"{"k":"zanzibar\n\\x"}"#, json!({"k": "[X]\n\\x"})),
    ];
    let cuts: [fn(&str) -> Vec<String>; 3] = [
        |text| text.chars().map(String::from).collect(),
        |text| text.as_bytes().chunks(2).map(|c| String::from_utf8_lossy(c).into_owned()).collect(),
        |text| text.as_bytes().chunks(3).map(|c| String::from_utf8_lossy(c).into_owned()).collect(),
    ];
    for stream in streams() {
        let piece = |text: &str| match stream.dialect {
            "openai-chat" => {
                json!({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "c1",
                "type": "function", "function": {"name": "get", "arguments": text}}]}}]})
            }
            "openai-responses" => {
                json!({"type": "response.function_call_arguments.delta", "output_index": 0,
                "item_id": "i", "delta": text})
            }
            "cohere" => json!({"type": "tool-call-delta", "index": 1,
                "delta": {"message": {"tool_calls": {"function": {"arguments": text}}}}}),
            "bedrock" => json!({"contentBlockIndex": 1, "delta": {"toolUse": {"input": text}}}),
            "gemini-interactions" => json!({"event_type": "step.delta", "index": 1,
                "delta": {"type": "arguments_delta", "arguments": text}}),
            _ => json!({"type": "content_block_delta", "index": 1,
                "delta": {"type": "input_json_delta", "partial_json": text}}),
        };
        let own =
            ["gemini", "ollama", "ollama-generate", "openai-completions", "a2a", "a2a-before"];
        if own.contains(&stream.dialect) {
            continue; // its arguments come whole, or it has no calls
        }
        for (text, wanted) in &texts {
            for cut in cuts {
                let mut events = stream.open.clone();
                events.extend(cut(text).iter().map(|text| piece(text)));
                events.extend(stream.close.clone());
                let recording = recording(&stream, framed(&stream, &events));
                let seen = run(&program, &recording, &Cut::Whole);
                let joined: String = told(&recording, &seen)
                    .into_iter()
                    .filter(|(place, _)| {
                        ["arguments", "partial_json", "input"].iter().any(|n| place.contains(n))
                            || place.contains("arguments.delta")
                    })
                    .filter(|(place, _)| {
                        !place.contains("/name")
                            && !place.ends_with("/type#")
                            && !place.contains("item_id")
                    })
                    .map(|(_, text)| text)
                    .collect();
                let joined = joined.replace("response.function_call_arguments.delta", "");
                let read: Value = serde_json::from_str(&joined)
                    .unwrap_or_else(|_| panic!("{} {text}: {joined}", stream.path));
                assert_eq!(read, *wanted, "{} {text}", stream.path);
            }
        }
    }
}
