//! `running: cut`: a policy that comes into force ends streams under way, as their dialect ends, whoever looked at them
//! before.

use std::rc::Rc;

use crate::support::{Recording, dialects, program, recordings};
use hemostat_engine::exchange::{
    Effect, Exchange, RequestFacts, RequestVerdict, ResponseVerdict, StreamVerdict,
};
use hemostat_engine::lever::running::StreamStop;
use hemostat_engine::policy::Program;
use serde_json::{Value, json};

const S: u64 = 1_000_000_000;
const T0: u64 = 1_764_000_000 * S;
const KIND: &str = "A colleague takes over.";

fn streams() -> Vec<Recording> {
    let fits = |r: &Recording| r.status == 200 && r.is_stream() && r.method == "POST";
    recordings().into_iter().filter(|r| fits(r) && r.response.len() < 40_000).collect()
}

/// A policy that kills everything, streams under way too.
fn kill(more: Value) -> Rc<Program> {
    let mut rule = json!({"id": "kill", "do": {"fallback": "kind"}, "running": "cut"});
    rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    program(json!({"failsafe": [rule], "fallbacks": {"kind": {"text": KIND}}}))
}

/// An exchange whose answer has begun to pass.
fn begun(program: &Rc<Program>, recording: &Recording, headers: &[(&str, &str)]) -> Exchange {
    let mut exchange = Exchange::new(Rc::clone(program));
    let own = [
        (":method", "POST"),
        (":path", recording.path.as_str()),
        (":authority", "a"),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
    ];
    let all = own.iter().chain(headers).copied().collect();
    let facts = RequestFacts { headers: all, now_ns: T0, ..RequestFacts::default() };
    match exchange.request_headers(facts, false) {
        RequestVerdict::Peek { .. } => exchange.request_chunk(&recording.request, true),
        RequestVerdict::NeedBody { .. } => {
            let verdict = exchange.request_body(Some(&recording.request));
            assert!(matches!(verdict, RequestVerdict::Pass { .. }), "{}", recording.name);
        }
        verdict => assert!(matches!(verdict, RequestVerdict::Pass { .. }), "{verdict:?}"),
    }
    let headers = [(":status", "200"), ("content-type", recording.content_type.as_str())];
    let headers = headers.into_iter().collect();
    let verdict = exchange.response_headers(&headers, false, false, T0);
    assert!(matches!(verdict, ResponseVerdict::Stream { .. }), "{}: {verdict:?}", recording.name);
    exchange
}

fn stop_by(exchange: &Exchange, newer: &Program) -> Option<StreamStop> {
    exchange.running().expect("it passes as a stream").stopped_by(newer, T0 / S)
}

/// What the caller of a stream gets that is ended after these bytes; the rest comes in pieces of this size.
fn ended_at(old: &Rc<Program>, recording: &Recording, at: usize, size: usize) -> Vec<u8> {
    let mut exchange = begun(old, recording, &[]);
    let mut got = Vec::new();
    let (before, after) = recording.response.split_at(at);
    for chunk in before.chunks(size) {
        got.extend(exchange.response_chunk(chunk, false, T0).leaving(chunk));
    }
    let stop = stop_by(&exchange, &kill(json!({}))).expect("the rule holds for everybody");
    exchange.stop(stop);
    for chunk in after.chunks(size) {
        got.extend(exchange.response_chunk(chunk, false, T0).leaving(chunk));
    }
    got.extend(exchange.response_chunk(b"", true, T0).leaving(b""));
    exchange.finish(b"");
    let hit = "hemostat_rule_hits_total;rule=kill;action=fallback";
    let counts = exchange.effects();
    assert!(counts.contains(&Effect::Count(hit.into())), "{counts:?}");
    got
}

fn nobody() -> Rc<Program> {
    program(json!({}))
}

/// A policy that holds every frame until it was judged, and changes none.
fn guards() -> Rc<Program> {
    program(json!({"on_unreadable": "pass", "tools": [{"match": "no-such-tool", "do": "deny"}],
        "guardrails": [{"id": "g", "scan": ["output", "tool_args"], "find": "\u{2603}never", "do": "block"}]}))
}

fn watches() -> Rc<Program> {
    program(json!({"mode": "shadow",
        "guardrails": [{"id": "g", "scan": ["output"], "find": "\u{2603}never", "do": "block"}]}))
}

/// Ends of events that lie in the stream.
fn boundaries(recording: &Recording) -> Vec<usize> {
    let body = &recording.response;
    (1..body.len()).filter(|at| body[..*at].ends_with(b"\n\n")).collect()
}

/// An answer that nobody held ends as one does that was held from its beginning: at the end of the event that was
/// under way, whatever of it had left.
#[test]
fn a_stream_that_only_passed_ends_as_one_that_was_held() {
    let mut tried = 0;
    for recording in streams().iter().filter(|r| r.content_type.starts_with("text/event-stream")) {
        let ends = boundaries(recording);
        if recording.response.contains(&b'\r') || ends.len() < 4 {
            continue;
        }
        for end in [ends[0], ends[ends.len() / 3], ends[ends.len() / 2], ends[ends.len() - 2]] {
            let held = ended_at(&guards(), recording, end, usize::MAX);
            assert!(held.starts_with(&recording.response[..end]), "{}", recording.name);
            assert!(held.len() > end, "{}: nothing ends it", recording.name);
            for (at, size) in [(end, usize::MAX), (end, 7), (end - 1, 3), (end - 9, 2)] {
                for old in [nobody(), watches()] {
                    let passed = ended_at(&old, recording, at, size);
                    let text = String::from_utf8_lossy(&passed);
                    let held = String::from_utf8_lossy(&held);
                    assert_eq!(text, held, "{} at {at} of {end}", recording.name);
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 400, "{tried}");
}

#[test]
fn every_dialect_ends_in_its_own_words() {
    let mut ended = std::collections::BTreeMap::new();
    for recording in streams() {
        let at = recording.response.len() / 3;
        for old in [nobody(), guards(), watches()] {
            let got = ended_at(&old, &recording, at, 100);
            let events = crate::support::text::events(&recording, &got);
            let text: String = events.iter().map(Value::to_string).collect();
            let ends = |name| dialects::dialect(name).ended();
            let end = match recording.dialect.as_str() {
                // A message is all that there is of its answer; a task comes to a state.
                "a2a" if recording.name.contains("-message-") => KIND,
                "a2a" if !String::from_utf8_lossy(&recording.response).contains("TASK_STATE_") => {
                    ends("a2a-before")
                }
                dialect => ends(dialect),
            };
            if !text.contains(KIND) {
                // Its own end had passed: nothing follows it.
                continue;
            }
            assert!(text.contains(end), "{}: {text}", recording.name);
            *ended.entry(recording.dialect.clone()).or_insert(0) += 1;
        }
    }
    for dialect in dialects::talking() {
        assert!(ended.get(dialect.name()).is_some_and(|n| *n >= 3), "{ended:?}");
    }
}

/// The same whether what has passed is kept as bytes or, where there is no room for so many, as what it said.
#[test]
fn a_long_stream_is_ended_as_a_short_one() {
    let word = |n: usize| {
        let text = format!("word{n:06} {}", "x".repeat(400));
        format!(
            "data: {}\n\n",
            json!({"id": "c", "object": "chat.completion.chunk", "created": 1,
            "model": "m", "choices": [{"index": 0, "delta": {"content": text}}]})
        )
    };
    let request = json!({"model": "m", "stream": true, "messages": []}).to_string().into_bytes();
    let long: Vec<u8> = (0..2_000).flat_map(|n| word(n).into_bytes()).collect();
    let recording = Recording {
        name: "long".to_owned(),
        dialect: "openai-chat".to_owned(),
        method: "POST".to_owned(),
        path: "/v1/chat/completions".to_owned(),
        status: 200,
        content_type: "text/event-stream".to_owned(),
        request,
        response: long,
    };
    let at = recording.response.len() - 100;
    let got = ended_at(&nobody(), &recording, at, 3_000);
    assert!(got.starts_with(&recording.response), "the last event is whole");
    let held = ended_at(&guards(), &recording, recording.response.len() - 1, 3_000);
    let last = word(0).len();
    assert!(got[recording.response.len()..] == held[recording.response.len() - last..]);
    assert!(got.ends_with(b"data: [DONE]\n\n"));
}

#[test]
fn a_stream_that_has_ended_is_left_alone() {
    for recording in streams() {
        let mut exchange = begun(&nobody(), &recording, &[]);
        let chunk = recording.response.as_slice();
        assert_eq!(exchange.response_chunk(chunk, false, T0), StreamVerdict::Unchanged);
        let stop = stop_by(&exchange, &kill(json!({}))).unwrap();
        exchange.stop(stop);
        let last = exchange.response_chunk(b"", true, T0);
        assert!(last.leaving(b"").is_empty(), "{}", recording.name);
    }
}

#[test]
fn whom_it_holds_for_is_what_the_caller_asked() {
    let recording = streams().into_iter().find(|r| r.dialect == "openai-chat").unwrap();
    let labels = json!({"feature": [{"header": "x-feature"}], "user": [{"json": "/user"}]});
    let newer = |when: Value, more: Value| {
        let mut policy = json!({"labels": labels, "failsafe": [
            {"id": "kill", "when": when, "do": "block", "running": "cut"}]});
        policy.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        program(policy)
    };
    let same = program(json!({"labels": labels, "rollback": [
        {"id": "r", "set": {"model": "other", "headers": {"x-feature": "changed"}}}]}));
    for old in [nobody(), same] {
        let exchange = begun(&old, &recording, &[("x-feature", "checkout")]);
        let stops = |when: Value, more: Value| {
            stop_by(&exchange, &newer(when, more)).map(|stop| stop.is_shadow())
        };
        assert_eq!(stops(json!({"feature": "checkout"}), json!({})), Some(false));
        assert_eq!(stops(json!({"feature": "changed"}), json!({})), None);
        assert_eq!(stops(json!({"feature": "!checkout"}), json!({})), None);
        assert_eq!(stops(json!({"model": "other"}), json!({})), None);
        assert_eq!(stops(json!({"dialect": "openai-chat"}), json!({})), Some(false));
        assert_eq!(stops(json!({"dialect": "anthropic"}), json!({})), None);
        let shadow = json!({"mode": "shadow"});
        assert_eq!(stops(json!({"feature": "checkout"}), shadow), Some(true));
        let over = json!({"until": "2020-01-01T00:00:00Z"});
        assert_eq!(stops(over, json!({})), None);
    }
    // A label that the old policy did not read from the body cannot be known any more: the policy says what then.
    let exchange = begun(&nobody(), &recording, &[]);
    let by_user = json!({"user": "mallory"});
    assert!(stop_by(&exchange, &newer(by_user.clone(), json!({}))).is_some());
    let pass = json!({"on_unreadable": "pass"});
    assert!(stop_by(&exchange, &newer(by_user, pass)).is_none());
}

#[test]
fn without_the_word_streams_end_under_the_policy_that_they_began_with() {
    let recording = streams().remove(0);
    let exchange = begun(&nobody(), &recording, &[]);
    let newer = program(json!({"failsafe": [{"id": "kill", "do": "block"}]}));
    assert!(stop_by(&exchange, &newer).is_none());
    let newer = program(json!({"failsafe": [{"id": "kill", "do": "block", "running": "finish"}]}));
    assert!(stop_by(&exchange, &newer).is_none());
}

#[test]
fn a_call_of_a_tool_that_runs_gets_its_answer() {
    let call = |old: Value| {
        let request = json!({"jsonrpc": "2.0", "id": "a\n1", "method": "tools/call",
            "params": {"name": "slow", "arguments": {}}});
        let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress",
            "params": {"progressToken": 1, "progress": 1, "message": "half"}});
        let event = format!("event: message\ndata: {progress}\n\n");
        let recording = Recording {
            name: "slow tool".to_owned(),
            dialect: "mcp".to_owned(),
            method: "POST".to_owned(),
            path: "/mcp".to_owned(),
            status: 200,
            content_type: "text/event-stream".to_owned(),
            request: request.to_string().into_bytes(),
            response: event.repeat(3).into_bytes(),
        };
        let got = ended_at(&program(old), &recording, event.len() + 20, 50);
        let got = String::from_utf8(got).unwrap();
        let own =
            got.strip_prefix(&event.repeat(2)).unwrap_or_else(|| got.strip_prefix(&event).unwrap());
        let data = own.trim_end().rsplit_once("data: ").unwrap().1;
        let answer: Value = serde_json::from_str(data).unwrap();
        assert_eq!(answer["id"], "a\n1");
        assert_eq!(answer["result"]["isError"], true);
        assert_eq!(answer["result"]["content"][0]["text"], KIND);
    };
    call(json!({}));
    call(json!({"tools": [{"match": "other", "do": "deny"}]}));
}
