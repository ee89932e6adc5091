//! Shapes that servers were seen to send, by the kind of server: a word that stands in them leaves nowhere, however it is
//! cut into events. The reader here is lazier than clients are: it joins all strings under one name, whatever item they
//! are of.

mod odd;
mod requests;
mod shapes;

use std::collections::BTreeMap;

use super::matrix::{Stream, WORD, framed, policy, recording, streams};
use crate::support::{Cut, Recording, Seen, program, run};
use serde_json::{Value, json};
use shapes::shapes;

/// `go zanzibar ok` in pieces: every place that lies in the word, once, and every letter.
fn pieces() -> Vec<Vec<&'static str>> {
    const ALL: &str = "go zanzibar ok";
    let mut cuts: Vec<Vec<&str>> = vec![vec![ALL]];
    cuts.extend((4..11).map(|at| vec![&ALL[..at], &ALL[at..]]));
    cuts.extend([5, 8].map(|at| vec![&ALL[..at], &ALL[at..at + 2], &ALL[at + 2..]]));
    cuts.push(ALL.split("").filter(|letter| !letter.is_empty()).collect());
    cuts
}

fn events(template: &str, pieces: &[&str]) -> Vec<Value> {
    let (before, template) = template.split_once(">>>").unwrap_or(("", template));
    let turns: Vec<&str> = template.split("|||").collect();
    let event = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"));
    let piece = |(at, piece): (usize, &&str)| {
        let bytes: Vec<String> = piece.bytes().map(|byte| byte.to_string()).collect();
        let token =
            |c: char| json!({"token": c, "bytes": [c as u8], "top_logprobs": [{"token": c}]});
        let tokens: Vec<String> = piece.chars().map(|c| token(c).to_string()).collect();
        let text = turns[at % turns.len()]
            .replace('@', piece)
            .replace("[B]", &format!("[{}]", bytes.join(",")))
            .replace("TOKENS", &tokens.join(","))
            .replace("iN", &format!("i{at}"))
            .replace("cN", &format!("c{at}"));
        event(&text)
    };
    let before = (!before.is_empty()).then(|| event(before));
    before.into_iter().chain(pieces.iter().enumerate().map(piece)).collect()
}

/// All strings under one name, in their order, and the keys of objects. Lists of numbers are bytes.
fn told(recording: &Recording, seen: &Seen) -> BTreeMap<String, String> {
    fn strings(name: &str, value: &Value, all: &mut BTreeMap<String, String>) {
        match value {
            Value::String(text) => all.entry(name.to_owned()).or_default().push_str(text),
            Value::Array(items) => {
                let bytes: Option<Vec<u8>> =
                    items.iter().map(|n| n.as_u64().and_then(|n| u8::try_from(n).ok())).collect();
                if let Some(bytes) = bytes.filter(|_| name == "bytes") {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    all.entry("bytes".to_owned()).or_default().push_str(&text);
                } else {
                    items.iter().for_each(|item| strings(name, item, all));
                }
            }
            Value::Object(members) => {
                for (key, member) in members {
                    all.entry(format!("{name}/keys")).or_default().push_str(key);
                    strings(key, member, all);
                }
            }
            _ => {}
        }
    }
    let mut all = BTreeMap::new();
    let found = crate::support::text::events(recording, &seen.body);
    found.iter().for_each(|event| strings("", event, &mut all));
    all
}

fn left(recording: &Recording, seen: &Seen) -> Option<String> {
    let told = told(recording, seen);
    let bad = |text: &str| (0..WORD.len() - 2).any(|at| text.contains(&WORD[at..at + 3]));
    told.into_iter().find(|(_, text)| bad(text)).map(|(name, text)| format!("{name}: {text:?}"))
}

fn stream_of(stream: &Stream, template: &str, pieces: &[&str]) -> Recording {
    let mut all = stream.open.clone();
    all.extend(events(template, pieces));
    all.extend(stream.close.clone());
    recording(stream, framed(stream, &all))
}

#[test]
fn a_word_leaves_in_none_of_the_shapes_that_servers_send() {
    let mut failed = Vec::new();
    let mut tried = 0;
    for action in [json!({"redact": "[X]"}), json!("block"), json!({"fallback": "f"})] {
        let program = program(policy(action.clone()));
        for stream in streams() {
            for (name, template) in shapes(stream.dialect) {
                tried += 1;
                let cuts = if name.starts_with("whole:") { 1 } else { usize::MAX };
                let leak = pieces().into_iter().take(cuts).find_map(|pieces| {
                    let recording = stream_of(&stream, template, &pieces);
                    let seen = run(&program, &recording, &Cut::Whole);
                    Some(format!("{pieces:?} {}", left(&recording, &seen)?))
                });
                if let Some(leak) = leak {
                    failed.push(format!("{action} {} {name}: {leak}", stream.path));
                }
            }
        }
    }
    assert!(failed.is_empty(), "{} of {tried}:\n{}", failed.len(), failed.join("\n"));
}

/// Answers that come whole: by dialect, what is said in it besides its text.
#[test]
fn whole_answers_leave_it_in_no_repeat() {
    const TOKENS: [&str; 4] = ["go", " zan", "zibar", " ok"];
    let token = |text: &&str| {
        let own = json!({"token": text, "bytes": text.as_bytes()});
        json!({"token": text, "bytes": text.as_bytes(), "top_logprobs": [own]})
    };
    let tokens: Vec<Value> = TOKENS.iter().map(token).collect();
    let prompt: Vec<Value> =
        TOKENS.iter().map(|text| json!({"1": {"decoded_token": text, "rank": 1}})).collect();
    let named: Vec<Value> = TOKENS.iter().map(|text| json!({"text": text})).collect();
    let alternatives: Vec<Value> = TOKENS.iter().map(|text| json!({*text: -0.1})).collect();
    let word = format!("go {WORD} ok");
    let cases = [
        (
            "openai-chat",
            json!({"choices": [{"index": 0, "message": {"content": word, "logprobs": {"content": tokens}}}]}),
        ),
        (
            "openai-chat",
            json!({"choices": [{"index": 0, "message": {"content": "."}}], "logprobs": tokens}),
        ),
        (
            "openai-chat",
            json!({"choices": [{"index": 0, "message": {"content": "."}}], "prompt_logprobs": prompt}),
        ),
        (
            "openai-chat",
            json!({"choices": [{"index": 0, "message": {"content": "."},
            "logprobs": {"tokens": TOKENS, "top_logprobs": alternatives}}]}),
        ),
        (
            "openai-chat",
            json!({"choices": [{"index": 0, "message": {"content": "."},
            "logprobs": {"top_logprobs": [{WORD: -0.1}]}}]}),
        ),
        (
            "openai-responses",
            json!({"object": "response", "output": [{"type": "message", "content": [
            {"type": "output_text", "text": ".", "logprobs": tokens}]}]}),
        ),
        (
            "openai-responses",
            json!({"object": "response", "output": [{"type": "file_search_call",
            "results": [{"attributes": {"status": word}}, {"attributes": {WORD: 1}}]}]}),
        ),
        (
            "openai-completions",
            json!({"choices": [{"index": 0, "text": ".", "prompt_logprobs": prompt}]}),
        ),
        ("ollama", json!({"message": {"content": word}, "logprobs": tokens, "done": true})),
        ("ollama-generate", json!({"response": ".", "logprobs": tokens, "done": true})),
        (
            "cohere",
            json!({"message": {"content": [{"type": "text", "text": "."}]}, "logprobs": named}),
        ),
        (
            "cohere",
            json!({"message": {"content": [{"type": "text", "text": ".", "citations": [
            {"sources": [{"type": "tool", "tool_output": {"status": word, WORD: 1}}]}]}]}}),
        ),
        (
            "bedrock",
            json!({"output": {"message": {"content": [{"text": "."}]}},
            "additionalModelResponseFields": {"type": word, WORD: 1}}),
        ),
    ];
    for action in [json!({"redact": "[X]"}), json!("block"), json!({"fallback": "f"})] {
        let program = program(policy(action.clone()));
        for (dialect, answer) in &cases {
            let stream = streams().into_iter().find(|stream| stream.dialect == *dialect).unwrap();
            let mut made = recording(&stream, answer.to_string().into_bytes());
            made.content_type = "application/json".to_owned();
            made.path = made.path.replace("-stream", "");
            let request = String::from_utf8(made.request).unwrap();
            made.request = request.replace("\"stream\":true", "\"stream\":false").into_bytes();
            let seen = run(&program, &made, &Cut::Whole);
            assert_eq!(left(&made, &seen), None, "{action} {dialect} {answer}: {}", seen.text());
        }
    }
}

/// Some servers make up an id of a call for each of its pieces.
#[test]
fn a_call_whose_id_changes_is_one_call() {
    let chunk = |id: &str, name: &str, arguments: &str| {
        let call = json!({"index": 0, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
        json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": null}]})
    };
    let stream = streams().into_iter().find(|stream| stream.dialect == "openai-chat").unwrap();
    let mut events = stream.open.clone();
    events.extend([chunk("a", "rm", "{\"x\""), chunk("b", "", ":1"), chunk("c", "", "}")]);
    events.extend([chunk("d", "get", "{\"y\""), chunk("e", "", ":2}")]);
    events.extend(stream.close.clone());
    let recording = recording(&stream, framed(&stream, &events));
    let deny = program(json!({"tools": [{"id": "t", "match": "rm", "do": "deny"}]}));
    let seen = run(&deny, &recording, &Cut::Whole);
    let text = seen.text();
    assert!(
        !text.contains("\"rm\"") && !text.contains("\\\"x") && !text.contains("\":1\""),
        "{text}"
    );
    assert!(text.contains("get") && text.contains(":2}"), "{text}");
    assert_eq!(run(&deny, &recording, &Cut::Every(7)).text(), text);
}
