//! Recorded exchanges, altered at random, under policies of every kind: what must hold of any request and any answer,
//! however it is cut.
//!
//! Without a fuzzer and on a stable compiler. `HEMOSTAT_FUZZ_SECONDS` says how long (12 by default), and
//! `HEMOSTAT_FUZZ_SEED` where it begins; a failure names the seed of its case, with which that case comes first.

use std::rc::Rc;
use std::time::{Duration, Instant};

use hemostat_engine::policy::Program;
use serde_json::{Value, json};

use crate::support::{
    Caller, Cut, Recording, Seen, mcp_recordings, program, recordings, run_as, text,
};

#[path = "../../../fuzz/src/lib.rs"]
#[allow(dead_code, reason = "what concerns readers alone is run in their room")]
mod bodies;

/// What the rules look for, and what no recording says.
const WORD: &str = "zanzibar";

/// The methods of the recorded calls over JSON-RPC, as they are written there.
const A2A_METHODS: [&str; 6] = [
    r#""method":"SendMessage""#,
    r#""method":"SendStreamingMessage""#,
    r#""method":"GetTask""#,
    r#""method":"message/send""#,
    r#""method":"message/stream""#,
    r#""method":"tasks/get""#,
];

/// Numbers that look random and are the same everywhere (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

/// Pieces that mean something to a reader.
const TOKENS: [&str; 46] = [
    "zan",
    "zibar",
    "zanzibar",
    "\\u007aanzi",
    "z\\u0061n",
    "\\ud83d",
    "\\",
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\n\n",
    "\r\n\r\n",
    "\n",
    "\r",
    "data: ",
    "data:",
    "event: x\n",
    ": c\n\n",
    "data: [DONE]\n\n",
    "null",
    "1e9",
    "-0.0",
    "\"index\":1",
    "\"index\":\"0\"",
    "\"index\":0,",
    "\"finish_reason\":\"stop\"",
    "\"type\":\"text\"",
    "\"content\":\"zan\"",
    "\"text\":\"zibar\"",
    "\"delta\":",
    "\"choices\":[]",
    "\"arguments\":\"{\\\"a\\\":\\\"zan\"",
    "\"tool_calls\":[{\"index\":0}]",
    "\"role\":\"assistant\"",
    "\"usage\":{\"total_tokens\":99}",
    "\"id\":\"x\"",
    "data: {\"zz\":\"zan\"}\n\n",
    "data: {\"zz\":\"zibar\"}\n\n",
    "\u{feff}",
    "\u{2028}",
    "é",
    "\0",
];

/// Alters some bytes: a few places for most, many for some.
fn mutate(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let times = match random.below(8) {
        0 => 0,
        1..6 => 1 + random.below(4),
        _ => 8 + random.below(24),
    };
    for _ in 0..times {
        let at = random.below(bytes.len() + 1);
        let end = (at + random.below(60)).min(bytes.len());
        match random.below(10) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            2 if at < bytes.len() => bytes[at] = random.next() as u8,
            3 => {
                let from = random.below(other.len() + 1);
                let to = (from + random.below(400)).min(other.len());
                bytes.splice(at..at, other[from..to].to_vec());
            }
            4 => swap_events(bytes, random),
            5..8 => say(bytes, random),
            _ => drop(bytes.splice(at..at, random.of(&TOKENS).bytes())),
        }
    }
}

/// Puts a piece of the word into a string that says something.
fn say(bytes: &mut Vec<u8>, random: &mut Random) {
    let keys: [&[u8]; 6] = [
        b"content\":\"",
        b"text\":\"",
        b"delta\":\"",
        b"arguments\":\"",
        b"thinking\":\"",
        b"partial_json\":\"",
    ];
    let key = *random.of(&keys);
    let places: Vec<usize> = bytes
        .windows(key.len())
        .enumerate()
        .filter(|(_, here)| *here == key)
        .map(|(at, _)| at + key.len())
        .collect();
    if places.is_empty() {
        return;
    }
    // In two neighbours of one, or in one.
    let first = random.below(places.len());
    let (head, tail) = WORD.split_at(random.below(WORD.len() + 1));
    if let Some(next) = places.get(first + 1) {
        bytes.splice(*next..*next, tail.bytes());
        if let Some(end) = bytes[places[first]..].iter().position(|byte| *byte == b'"') {
            let end = places[first] + end;
            bytes.splice(end..end, head.bytes());
        }
    } else {
        bytes.splice(places[first]..places[first], WORD.bytes());
    }
}

fn swap_events(bytes: &mut [u8], random: &mut Random) {
    let ends: Vec<usize> = bytes
        .windows(2)
        .enumerate()
        .filter(|(_, two)| *two == b"\n\n")
        .map(|(at, _)| at + 2)
        .collect();
    if ends.len() < 3 {
        return;
    }
    let at = random.below(ends.len() - 2);
    let (one, two, three) = (ends[at], ends[at + 1], ends[at + 2]);
    bytes[one..three].rotate_left(two - one);
}

/// A policy, and what holds of everything under it.
struct Under {
    name: &'static str,
    policy: Value,
    program: Rc<Program>,
    /// Nothing that it looks for is ever there, and what cannot be read passes: not a byte changes.
    exact: bool,
    /// The word does not leave.
    hides: bool,
}

fn policies() -> Vec<Under> {
    let under = |name, policy: Value, exact, hides| {
        let program = program(policy.clone());
        Under { name, policy, program, exact, hides }
    };
    let never = "nobody says [0-9]{9} this";
    let everywhere = json!(["output", "input", "tool_args"]);
    let rule = |find: &str, action: Value| json!({"id": "r", "scan": everywhere.clone(), "find": [find], "do": action});
    vec![
        under("empty", json!({}), true, false),
        under(
            "no hit",
            json!({"on_unreadable": "pass", "on_hold_limit": "release", "guardrails": [rule(never, json!("redact"))]}),
            true,
            false,
        ),
        under(
            "watches",
            json!({"mode": "shadow", "guardrails": [rule(WORD, json!("block"))], "tools": [{"match": "*", "do": "deny"}]}),
            true,
            false,
        ),
        under(
            "redacts",
            json!({"guardrails": [rule(WORD, json!({"redact": "[X]"}))]}),
            false,
            true,
        ),
        under(
            "redacts to nothing",
            json!({"guardrails": [rule("zan(zi)?bar", json!({"redact": ""}))]}),
            false,
            false,
        ),
        under("blocks", json!({"guardrails": [rule(WORD, json!("block"))]}), false, true),
        under(
            "says else",
            json!({"guardrails": [rule(WORD, json!({"fallback": "f"}))], "fallbacks": {"f": {"text": "no"}}}),
            false,
            true,
        ),
        under(
            "denies tools",
            json!({"tools": [{"match": ["get_*", "*e*"], "do": "deny"}], "guardrails": [rule(WORD, json!({"redact": "[X]"}))]}),
            false,
            true,
        ),
        under(
            "asks for leave",
            json!({"tools": [{"match": "*", "do": "approve"}], "guardrails": [rule(WORD, json!("block"))]}),
            false,
            true,
        ),
        under(
            "counts",
            json!({"prices": {"*": {"input": 1, "output": 1}}, "limits": [{"id": "l", "per": ["model"], "allow": {"tokens": 400, "every": "1m"}, "cut_when_spent": true}],
            "guardrails": [rule(WORD, json!({"redact": "[X]"}))]}),
            false,
            true,
        ),
    ]
}

fn check(recording: &Recording, caller: &Caller, under: &Under, cut: &Cut) -> Result<(), String> {
    let whole = run_as(&under.program, recording, &Cut::Whole, caller);
    let cut_up = run_as(&under.program, recording, cut, caller);
    let same = |what: &str, fits: bool| if fits { Ok(()) } else { Err(what.to_owned()) };
    let shown = |seen: &Seen| seen.text();
    if whole.body != cut_up.body {
        return Err(format!("cuts matter:\n{}\n---\n{}", shown(&whole), shown(&cut_up)));
    }
    same("cuts matter to the request", whole.upstream == cut_up.upstream)?;
    same("cuts matter to the status", whole.status == cut_up.status)?;
    if under.exact {
        same("the request changed", whole.upstream.as_deref() == Some(&recording.request))?;
        // Half an event at a broken end is no client's to read, and may hold anything.
        let broken = whole.counted("hemostat_broken_upstream_total") > 0;
        let exact = whole.body == recording.response
            || (broken && recording.response.starts_with(&whole.body));
        if !exact {
            return Err(format!("the answer changed:\n{}", shown(&whole)));
        }
    }
    let governed = caller.headers.is_empty() && is_still_a_call(recording);
    if under.hides && whole.upstream.is_some() && governed {
        for (channel, said) in text::texts(recording, &whole.body) {
            if without_notices(&said).contains(WORD) {
                return Err(format!("{channel} says {said:?}:\n{}", shown(&whole)));
            }
        }
    }
    Ok(())
}

/// Whether a request is still the call that was recorded. Most paths say so by themselves. Some are anybody's, and there a
/// body that no server takes for such a call is other traffic, which passes untouched: what is no object, what has none of the
/// members that make it a call, and JSON-RPC without a method of the dialect.
fn is_still_a_call(recording: &Recording) -> bool {
    let says = |member: &str| {
        recording.request.trim_ascii_start().starts_with(b"{")
            && recording.request.windows(member.len()).any(|bytes| bytes == member.as_bytes())
    };
    // Broken JSON is such a call where its first member says so: further in, the same letters may be part of a string.
    let names = |member: &str| {
        let request = recording.request.trim_ascii_start();
        let first = request.strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
        says(member)
            && (serde_json::from_slice::<serde_json::Value>(request).is_ok()
                || first.is_some_and(|first| first.starts_with(member.as_bytes())))
    };
    match recording.dialect.as_str() {
        "cohere" => says(r#""model""#) || says(r#""messages""#),
        "ollama" => says(r#""model""#),
        "a2a" if !recording.path.contains(':') => A2A_METHODS.into_iter().any(names),
        _ => true,
    }
}

/// What an answer says besides that calls were stopped or wait for leave: that is told with a tool's name, which is no text
/// that rules look at.
fn without_notices(said: &str) -> String {
    let mut pieces = said.split("Tool call `");
    let first = pieces.next().unwrap_or_default().to_owned();
    let behind = |piece: &'_ str| match piece.split_once('`') {
        Some((_, rest))
            if rest.starts_with(" was stopped by policy")
                || rest.starts_with(" needs approval: ") =>
        {
            rest.to_owned()
        }
        _ => piece.to_owned(),
    };
    pieces.map(behind).fold(first, |all, piece| all + &piece)
}

/// All that it takes to play a finding again by hand.
fn told(recording: &Recording, caller: &Caller, under: &Under, cut: &Cut) -> String {
    let Recording { name, method, path, content_type, .. } = recording;
    format!(
        "=== {name} under `{}`, {cut:?}, headers {:?}\n{}\n=== {method} {path}\n{}\n=== {content_type}\n{}\n",
        under.name,
        caller.headers,
        under.policy,
        recording.request.escape_ascii(),
        recording.response.escape_ascii()
    )
}

fn from_env(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn whatever_is_sent_holds_what_is_promised() {
    let (seconds, first) =
        (from_env("HEMOSTAT_FUZZ_SECONDS", 12), from_env("HEMOSTAT_FUZZ_SEED", 1));
    let policies = policies();
    let plain = |recording: Recording| (recording, Caller::default());
    let mut corpus: Vec<(Recording, Caller)> =
        recordings().into_iter().map(plain).chain(mcp_recordings()).collect();
    corpus.retain(|(recording, _)| {
        // What was made by hand is altered elsewhere, place by place.
        recording.dialect != "gemini-interactions"
            && recording.response.len() < 16_384
            && recording.request.len() < 16_384
    });
    let until = Instant::now() + Duration::from_secs(seconds);
    let (mut seed, mut found) = (first, Vec::new());
    while Instant::now() < until && found.len() < 8 {
        let mut random = Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let (original, caller) = random.of(&corpus);
        let other = &random.of(&corpus).0;
        let mut recording = original.clone();
        mutate(&mut recording.response, &other.response, &mut random);
        if random.below(3) == 0 {
            mutate(&mut recording.request, &other.request, &mut random);
        }
        let under = random.of(&policies);
        let cut = if random.below(4) == 0 {
            Cut::Every(1 + random.below(3))
        } else {
            Cut::Random(random.next())
        };
        if let Err(what) = check(&recording, caller, under, &cut) {
            found.push(format!("seed {seed}: {what}\n{}", told(&recording, caller, under, &cut)));
        }
        seed += 1;
    }
    println!("{} exchanges, each whole and cut", seed - first);
    assert!(found.is_empty(), "{} found:\n{}", found.len(), found.join("\n\n"));
}

/// A grant as it is written.
const GRANT: &[u8] = br#"{"scope":"s","approval":"ap_X","tenant":"t","issued_at":"2026-11-27T10:00:00Z","expires":"2026-11-27T10:15:00Z","nonce":"n"}"#;

/// Every reader by itself, on altered bytes of what it reads.
#[test]
fn whatever_readers_are_given_is_read_or_refused() {
    let (seconds, first) =
        (from_env("HEMOSTAT_FUZZ_SECONDS", 6), from_env("HEMOSTAT_FUZZ_SEED", 1));
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata");
    let read = |folder: &str| {
        let files =
            std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = files.filter(|path| path.is_file()).collect();
        files.sort();
        files.into_iter().map(|path| std::fs::read(path).unwrap()).collect::<Vec<_>>()
    };
    let releases = read("releases");
    let mcp = mcp_recordings();
    let traffic: Vec<Vec<u8>> =
        recordings().into_iter().map(|own| own.response).filter(|body| body.len() < 8192).collect();
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut seed = first;
    while Instant::now() < until {
        let mut random = Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        println!("seed {seed}");
        let (mut bytes, other) = (random.of(&traffic).clone(), random.of(&traffic).clone());
        mutate(&mut bytes, &other, &mut random);
        let choices = [random.next() as u8, random.next() as u8];
        let chosen = [&choices[..], &bytes].concat();
        bodies::frames(&chosen);
        bodies::inner(&chosen[1..]);
        bodies::messages(&chosen);
        bodies::json(&bytes);
        bodies::exchange(&chosen);
        bodies::eventstream(&chosen);
        let (mcp, _) = random.of(&mcp);
        let mut bytes = [mcp.request.as_slice(), b"\0", mcp.response.as_slice()].concat();
        mutate(&mut bytes, &other, &mut random);
        bodies::mcp(&[&choices[..], &bytes].concat());
        let mut bytes = GRANT.to_vec();
        mutate(&mut bytes, &other, &mut random);
        bodies::grants(&[&choices[..], &[random.next() as u8], &bytes].concat());
        let mut bytes = random.of(&releases).clone();
        mutate(&mut bytes, &other, &mut random);
        bodies::envelopes(&bytes);
        bodies::policy(&bytes);
        seed += 1;
    }
}
