//! Events that some readers read and others do not: the text before such an event and the text behind it are one text to
//! those who pass over it, and no word is cut in two by it.
//!
//! What leaves is read by a client that splits at line feeds alone, and goes on behind what its strict JSON reader refuses.

use super::matrix::{Stream, framed, places, policy, recording, streams, told};
use crate::support::{Cut, program, run};
use serde_json::{Value, json};

/// Stands for half of a surrogate pair where an event is made, since no value of `serde_json` has one.
const HIGH: &str = "\u{e000}";
const LOW: &str = "\u{e001}";

/// The beginning of a word in an event of a text, an event whose JSON is written otherwise, and what stands behind it.
fn around(
    stream: &Stream,
    template: &str,
    event: &Value,
    behind: &str,
    with: impl Fn(&str) -> String,
) -> Vec<u8> {
    let piece = |text: &str| serde_json::from_str::<Value>(&template.replace('@', text)).unwrap();
    let mut events = stream.open.clone();
    events.extend([piece("go zan"), event.clone(), piece(behind)]);
    events.extend(stream.close.clone());
    let body = String::from_utf8(framed(stream, &events)).unwrap();
    let own = event.to_string();
    assert_eq!(body.matches(&own).count(), 1, "{own}");
    let body = body.replace(&own, &with(&own));
    body.replace(HIGH, r"\ud83d").replace(LOW, r"\ude00").into_bytes()
}

fn assert_not_whole(stream: &Stream, name: &str, body: Vec<u8>) {
    for action in [json!({"redact": "[X]"}), json!("block"), json!({"fallback": "f"})] {
        let program = program(policy(action.clone()));
        let made = recording(stream, body.clone());
        let seen = run(&program, &made, &Cut::Whole);
        for (place, text) in told(&made, &seen) {
            assert!(
                !text.contains("zanzibar"),
                "{action} {} {name}: {place} says {text:?}\n{}",
                stream.path,
                seen.text()
            );
        }
        assert_eq!(run(&program, &made, &Cut::Every(3)).body, seen.body, "{name}: cut otherwise");
    }
}

/// Streams in the framings of text; binary messages have no lines, and tell sums of what they hold.
fn text_streams(content_type: &str) -> Vec<Stream> {
    let mut all = streams();
    all.retain(|stream| {
        let own = recording(stream, Vec::new());
        !own.is_messages() && !own.is_array() && own.content_type.contains(content_type)
    });
    assert!(!all.is_empty());
    all
}

#[test]
fn a_carriage_return_alone_cuts_no_word_in_two() {
    for stream in text_streams("event-stream") {
        for (place, template) in places(stream.dialect).into_iter().take(4) {
            let event = serde_json::from_str(&template.replace(['@', '#'], "x")).unwrap();
            for tail in
                ["\rzz", "\r{", "\rid: 5", "\r: c", "\rdata", "\r\rid: 5", "\r\r\r\rx", "\r\n\r: c"]
            {
                let with = |own: &str| format!("{own}{tail}");
                let body = around(&stream, template, &event, "zibar ok", with);
                assert_not_whole(&stream, &format!("{place} {tail:?}"), body);
            }
            for head in [": c\r", "id: 5\r", "x\r", "\r", "\r\r"] {
                let with = |own: &str| format!("{own}\n{head}data:");
                let body = around(&stream, template, &event, "zibar ok", with);
                assert_not_whole(&stream, &format!("{place} {head:?}"), body);
            }
        }
    }
}

#[test]
fn half_a_character_cuts_no_word_in_two() {
    for stream in text_streams("") {
        for (place, template) in places(stream.dialect) {
            for text in [
                format!("x{HIGH}"),
                format!("{LOW}x"),
                format!("x{HIGH}x"),
                HIGH.into(),
                "x".into(),
            ] {
                let filled = template.replace(['@', '#'], &text);
                let mut event: Value = serde_json::from_str(&filled).unwrap();
                let members = event.as_object_mut().unwrap();
                // Nothing of the text, but in the same event.
                members.insert("id".to_owned(), json!(format!("i{HIGH}")));
                assert_not_whole(
                    &stream,
                    &format!("{place} {text:?}"),
                    around(&stream, template, &event, "zibar ok", str::to_owned),
                );
            }
        }
    }
}

/// Some servers cut a text into UTF-16 code units, wherever a character stands.
#[test]
fn a_character_in_two_events_passes() {
    let mut harmless = policy(json!({"redact": "[X]"}));
    harmless["guardrails"][0]["find"] = json!(["timbuktu", "pack:pii"]);
    let program = program(harmless);
    for stream in text_streams("") {
        for (place, template) in places(stream.dialect) {
            let halves = format!("fine{HIGH}");
            let event = serde_json::from_str(&template.replace(['@', '#'], &halves)).unwrap();
            let next = format!("{LOW} ok");
            let body = around(&stream, template, &event, &next, str::to_owned);
            let made = recording(&stream, body.clone());
            let seen = run(&program, &made, &Cut::Whole);
            assert!(seen.body == body, "{} {place}: {}", stream.path, seen.text());
        }
    }
}

/// What leaves of a text before a match, with the ending, goes on with that text and with no other.
#[test]
fn what_leaves_before_a_match_stands_behind_no_other_text() {
    let mut found = Vec::new();
    for action in [json!("block"), json!({"fallback": "f"})] {
        let program = program(policy(action.clone()));
        for stream in streams() {
            // (Thoughts stand where the text does, and say so beside it: the reader here does not look.)
            let mut all = places(stream.dialect);
            all.retain(|(name, _)| *name != "thought");
            for (one, first) in all.iter().take(8) {
                for (other, second) in all.iter().filter(|(other, _)| other != one) {
                    let event = |template: &str, text: &str| {
                        let filled = template.replace(['@', '#'], text);
                        serde_json::from_str::<Value>(&filled).unwrap()
                    };
                    let mut events = stream.open.clone();
                    events.extend([event(first, "go zan"), event(second, "zibar zanzibar")]);
                    events.extend(stream.close.clone());
                    let made = recording(&stream, framed(&stream, &events));
                    let seen = run(&program, &made, &Cut::Whole);
                    for (place, text) in told(&made, &seen) {
                        let what = format!("{action} {} {one}, {other}", stream.path);
                        if text.contains("zanzi") {
                            found.push(format!("{what}: {place} says {text:?}"));
                        }
                    }
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
