//! Endings after every prefix of every recorded stream, checked by validators that know nothing of the code: what a
//! caller holds in the end is one well-formed answer.

mod responses;

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{Fixture, answer, fixtures, payloads, pieces, read, said, send, talking};
use hemostat_engine::dialect::{Call, DialectId, Ending, EndingHow, Item, ValueShape};
use hemostat_engine::wire::frame::Framing;
use serde_json::Value;

const SAID: &str = "Blocked \"by\" policy.\n\u{1F6E1}";

fn hows() -> Vec<EndingHow> {
    let canned = |refusal| EndingHow::Canned { text: SAID.to_owned(), json: None, refusal };
    vec![canned(false), canned(true), EndingHow::Blocked, EndingHow::Spent]
}

/// A caller's view of a stream: the frames sent, then the ending, read back by the small reader.
fn ended(
    fixture: &Fixture,
    call: &Call,
    prefix: usize,
    how: &EndingHow,
    with_before: bool,
) -> (String, Vec<u8>) {
    let frames = fixture.payloads();
    let mut answer = answer(call, fixture.framing);
    let mut sent = String::new();
    if fixture.framing == Framing::JsonArray && prefix > 0 {
        sent.push('[');
    }
    for (at, payload) in frames[..prefix].iter().enumerate() {
        read(&mut *answer, payload);
        send(&mut *answer, payload);
        sent.push_str(&frame(fixture, payload, at));
    }
    let before = match frames.get(prefix) {
        Some(next) if with_before => {
            let items = read(&mut *answer, next);
            let text = |(item, _): &&(Item, String)| {
                matches!(item, Item::Text { shape: ValueShape::Text, .. })
            };
            pieces(&items.iter().filter(text).cloned().collect::<Vec<_>>())
        }
        _ => Vec::new(),
    };
    let ending = Ending { before, how: how.clone(), decision: "d1".to_owned(), now: 1_760_000_000 };
    (sent, answer.ending(&ending).written(fixture.framing))
}

fn frame(fixture: &Fixture, payload: &str, at: usize) -> String {
    match (fixture.dialect, fixture.framing) {
        (_, Framing::JsonArray) => format!("{}{payload}", if at > 0 { ",\r\n" } else { "" }),
        (DialectId::Gemini, _) => format!("data: {payload}\r\n\r\n"),
        (DialectId::Anthropic | DialectId::OpenaiResponses, _) => {
            let event: Value = serde_json::from_str(payload).unwrap();
            format!("event: {}\ndata: {payload}\n\n", event["type"].as_str().unwrap())
        }
        _ => format!("data: {payload}\n\n"),
    }
}

/// For every prefix of every stream of a dialect.
fn for_every_prefix(
    id: DialectId,
    choices: u32,
    check: impl Fn(&str, usize, &[Value], &[Value], &EndingHow),
) {
    let mut checked = 0;
    for fixture in fixtures(id).iter().filter(|f| f.framing != Framing::Json && f.is_one_answer()) {
        let frames = fixture.payloads().len();
        for prefix in 0..=frames {
            // All of a long stream's middle looks alike.
            if prefix > 14 && prefix + 6 < frames && prefix % 41 != 0 {
                continue;
            }
            for (at, how) in hows().into_iter().enumerate() {
                if prefix > 6 && prefix % 4 != at {
                    continue;
                }
                let call = Call { choices, include_usage: prefix % 2 == 0, ..fixture.call() };
                let (sent, ending) = ended(fixture, &call, prefix, &how, prefix % 3 == 0);
                if id == DialectId::Bedrock {
                    let frames = fixture.payloads();
                    let value = |payload: &String| serde_json::from_str(payload).unwrap();
                    let before: Vec<Value> = frames[..prefix].iter().map(value).collect();
                    check(&fixture.name, prefix, &before, &said(id, &ending), &how);
                    checked += 1;
                    continue;
                }
                let text = String::from_utf8(ending).unwrap();
                if fixture.framing == Framing::JsonArray {
                    let whole = payloads(format!("{sent}{text}").as_bytes(), Framing::JsonArray);
                    let values: Vec<Value> =
                        whole.iter().map(|p| serde_json::from_str(p).unwrap()).collect();
                    let (before, after) = values.split_at(prefix);
                    check(&fixture.name, prefix, before, after, &how);
                } else {
                    assert!(
                        text.is_empty() || text.ends_with("\n\n") || text.ends_with("\r\n\r\n")
                    );
                    names_match(&text);
                    let read = |text: &str| -> Vec<Value> {
                        let payloads = payloads(text.as_bytes(), Framing::Sse);
                        let value = |p: &String| {
                            serde_json::from_str(p).unwrap_or(Value::String(p.clone()))
                        };
                        payloads.iter().map(value).collect()
                    };
                    check(&fixture.name, prefix, &read(&sent), &read(&text), &how);
                }
                checked += 1;
            }
        }
    }
    assert!(checked > 300, "{id:?}: {checked}");
}

/// The `event:` line is the payload's `type`.
fn names_match(text: &str) {
    for event in text.split("\n\n").filter(|event| event.starts_with("event: ")) {
        let (name, data) = event.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(name.strip_prefix("event: "), data["type"].as_str());
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[test]
fn chat_streams_end_well() {
    for choices in [1, 2] {
        for_every_prefix(DialectId::OpenaiChat, choices, |name, prefix, before, after, how| {
            let place = format!("{name} after {prefix}, {how:?}");
            if before.last().is_some_and(|last| last == "[DONE]") {
                assert!(after.is_empty(), "{place}");
                return;
            }
            let (done, after) = after.split_last().unwrap();
            assert_eq!(done, "[DONE]", "{place}");
            let heads: BTreeSet<_> = before
                .iter()
                .chain(after)
                .filter(|c| c["id"].as_str().is_some_and(|id| !id.is_empty()))
                .map(|c| c["id"].as_str().unwrap())
                .collect();
            // Error bodies in a stream have no id.
            assert!(heads.len() == 1, "{place}: {heads:?}");
            let mut role: BTreeSet<u64> = BTreeSet::new();
            let mut finished: BTreeMap<u64, String> = BTreeMap::new();
            let mut text: BTreeMap<u64, String> = BTreeMap::new();
            for (at, chunk) in before.iter().chain(after).enumerate() {
                if at >= before.len() {
                    assert_eq!(chunk["object"], "chat.completion.chunk", "{place}");
                    assert!(chunk["created"].is_u64() && chunk["model"].is_string(), "{place}");
                }
                for choice in list(&chunk["choices"]) {
                    let index = choice["index"].as_u64().unwrap_or(0);
                    let ours = at >= before.len();
                    if ours {
                        assert!(
                            !finished.contains_key(&index),
                            "{place}: goes on after its finish"
                        );
                    }
                    if choice["delta"]["role"].is_string() {
                        role.insert(index);
                    }
                    let delta = &choice["delta"];
                    if ours && delta.as_object().is_some_and(|d| !d.is_empty()) {
                        assert!(
                            role.contains(&index)
                                || before.iter().any(|c| !list(&c["choices"]).is_empty()),
                            "{place}: no role"
                        );
                    }
                    for field in ["content", "refusal"] {
                        text.entry(index)
                            .or_default()
                            .push_str(delta[field].as_str().unwrap_or(""));
                    }
                    if let Some(reason) = choice["finish_reason"].as_str() {
                        finished.insert(index, reason.to_owned());
                    }
                }
            }
            let finished_before = before
                .iter()
                .any(|c| list(&c["choices"]).iter().any(|c| c["finish_reason"].is_string()));
            for index in 0..u64::from(choices) {
                assert!(finished.contains_key(&index), "{place}: choice {index} is open");
                if !finished_before {
                    match how {
                        EndingHow::Blocked => {
                            assert_eq!(finished[&index], "content_filter", "{place}")
                        }
                        EndingHow::Spent => assert_eq!(finished[&index], "length", "{place}"),
                        EndingHow::Canned { .. } => {
                            assert_eq!(finished[&index], "stop", "{place}");
                            assert!(text[&index].ends_with(SAID), "{place}");
                        }
                    }
                }
            }
            let usage = before.iter().chain(after).filter(|c| c["usage"].is_object()).count();
            if prefix % 2 == 0 {
                assert!(usage >= 1, "{place}: no usage");
            }
        });
    }
}

#[test]
fn anthropic_streams_end_well() {
    for_every_prefix(DialectId::Anthropic, 1, |name, prefix, before, after, how| {
        let place = format!("{name} after {prefix}, {how:?}");
        let over = |event: &Value| event["type"] == "message_stop" || event["type"] == "error";
        if before.iter().any(over) {
            assert!(after.is_empty(), "{place}");
            return;
        }
        let (mut open, mut highest) = (None, None);
        let (mut started, mut stopped, mut stop) = (0, 0, 0);
        let mut text = String::new();
        for event in before.iter().chain(after) {
            let index = event["index"].as_u64();
            assert!(stop == 0, "{place}: goes on");
            match event["type"].as_str().unwrap() {
                "message_start" => {
                    started += 1;
                    assert!(
                        event["message"]["id"].is_string() && event["message"]["usage"].is_object()
                    );
                }
                "content_block_start" => {
                    assert!(started == 1 && stopped == 0 && open.is_none(), "{place}");
                    assert!(index > highest, "{place}: index {index:?} after {highest:?}");
                    (open, highest) = (index, index);
                    text = event["content_block"]["text"].as_str().unwrap_or("").to_owned();
                }
                "content_block_delta" => {
                    assert!(open.is_some() && open == index, "{place}");
                    text.push_str(event["delta"]["text"].as_str().unwrap_or(""));
                }
                "content_block_stop" => {
                    assert!(open.is_some() && open == index, "{place}");
                    open = None;
                }
                "message_delta" => {
                    assert!(open.is_none(), "{place}: a block is open");
                    stopped += 1;
                    assert!(
                        event["delta"]["stop_reason"].is_string()
                            && event["usage"]["output_tokens"].is_u64()
                    );
                }
                "message_stop" => stop += 1,
                _ => {}
            }
        }
        assert_eq!((started, stopped, stop), (1, 1, 1), "{place}");
        let ours = after.iter().find(|event| event["type"] == "message_delta");
        if let Some(event) = ours {
            let reason = &event["delta"]["stop_reason"];
            match how {
                EndingHow::Canned { refusal: false, .. } => {
                    assert_eq!(reason, "end_turn", "{place}")
                }
                EndingHow::Spent => assert_eq!(reason, "max_tokens", "{place}"),
                _ => assert_eq!(reason, "refusal", "{place}"),
            }
            if matches!(how, EndingHow::Canned { .. }) {
                assert!(text.ends_with(SAID), "{place}: {text}");
                assert!(text == SAID || text.ends_with(&format!("\n\n{SAID}")), "{place}: {text}");
            }
        }
    });
}

#[test]
fn bedrock_streams_end_well() {
    for_every_prefix(DialectId::Bedrock, 1, |name, prefix, before, after, how| {
        let place = format!("{name} after {prefix}, {how:?}");
        if before.iter().any(|event| event["usage"].is_object()) {
            assert!(after.is_empty(), "{place}");
            return;
        }
        let (mut open, mut highest) = (None, None);
        let (mut started, mut stopped, mut usage) = (0, 0, 0);
        let mut text = String::new();
        for (at, event) in before.iter().chain(after).enumerate() {
            let index = event["contentBlockIndex"].as_u64();
            assert!(usage == 0, "{place}: goes on");
            if event["role"] == "assistant" {
                started += 1;
            } else if event["stopReason"].is_string() {
                // A recording may leave a last block open.
                assert!(open.is_none() || at < before.len(), "{place}: a block is open");
                (open, stopped) = (None, stopped + 1);
            } else if event["usage"].is_object() {
                assert!(event["metrics"]["latencyMs"].is_u64(), "{place}");
                usage += 1;
            } else if event["delta"].is_object() || event["start"].is_object() {
                assert!(started == 1 && stopped == 0, "{place}");
                if open != index {
                    assert!(open.is_none(), "{place}: {open:?} is open");
                    assert!(index > highest, "{place}: index {index:?} after {highest:?}");
                    (open, highest) = (index, index);
                    text.clear();
                }
                text.push_str(event["delta"]["text"].as_str().unwrap_or(""));
            } else {
                assert!(open.is_some() && open == index, "{place}");
                open = None;
            }
        }
        assert_eq!((started, stopped, usage), (1, 1, 1), "{place}");
        if let Some(stop) = after.iter().find(|event| event["stopReason"].is_string()) {
            match how {
                EndingHow::Canned { refusal: false, .. } => {
                    assert_eq!(stop["stopReason"], "end_turn", "{place}");
                }
                EndingHow::Spent => assert_eq!(stop["stopReason"], "max_tokens", "{place}"),
                _ => assert_eq!(stop["stopReason"], "content_filtered", "{place}"),
            }
            if matches!(how, EndingHow::Canned { .. }) {
                assert!(text == SAID || text.ends_with(&format!("\n\n{SAID}")), "{place}: {text}");
            }
        }
    });
}

#[test]
fn gemini_streams_end_well() {
    for choices in [1, 2] {
        for_every_prefix(DialectId::Gemini, choices, |name, prefix, before, after, how| {
            let place = format!("{name} after {prefix}, {how:?}");
            assert_eq!(after.len(), 1, "{place}");
            let event = &after[0];
            let candidates = |event: &Value| -> BTreeSet<u64> {
                list(&event["candidates"])
                    .iter()
                    .map(|c| c["index"].as_u64().unwrap_or(0))
                    .collect()
            };
            let mut all: BTreeSet<u64> = (0..u64::from(choices)).collect();
            all.extend(before.iter().flat_map(candidates));
            assert_eq!(candidates(event), all, "{place}");
            for candidate in list(&event["candidates"]) {
                assert_eq!(candidate["content"]["role"], "model");
                let last =
                    list(&candidate["content"]["parts"]).last().and_then(|p| p["text"].as_str());
                match how {
                    EndingHow::Canned { refusal, .. } => {
                        assert_eq!(
                            candidate["finishReason"],
                            if *refusal { "SAFETY" } else { "STOP" }
                        );
                        assert!(last.unwrap().ends_with(SAID), "{place}");
                    }
                    EndingHow::Blocked => assert_eq!(candidate["finishReason"], "SAFETY"),
                    EndingHow::Spent => assert_eq!(candidate["finishReason"], "MAX_TOKENS"),
                }
            }
            let ids: BTreeSet<_> =
                before.iter().chain(after).filter_map(|e| e["responseId"].as_str()).collect();
            let upstream =
                before.iter().filter_map(|e| e["responseId"].as_str()).collect::<BTreeSet<_>>();
            assert!(ids.len() == upstream.len().max(1), "{place}: {ids:?}");
        });
    }
}

#[test]
fn an_ending_comes_once() {
    for id in talking() {
        let stream = |fixture: &Fixture| fixture.framing != Framing::Json;
        let fixture = fixtures(id).into_iter().find(stream).unwrap();
        let mut answer = answer(&fixture.call(), fixture.framing);
        let ending =
            Ending { before: Vec::new(), how: hows().remove(0), decision: "d".to_owned(), now: 0 };
        assert!(!answer.ending(&ending).is_empty());
        assert!(answer.ending(&ending).is_empty(), "{id:?}");
    }
}
