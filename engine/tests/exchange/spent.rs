//! `cut_when_spent` over whole exchanges: a stream ends when it passes its reservation and no more can be had, in every
//! dialect, at the same place however it was cut into chunks.

use std::rc::Rc;

use crate::support::{Cut, Recording, dialects, program, recordings};
use hemostat_engine::exchange::{
    Effect, Exchange, RequestFacts, RequestVerdict, ResponseVerdict, StreamVerdict,
};
use hemostat_engine::ledger::{Book, MemoryStore, ReservationOutcome};
use hemostat_engine::policy::Program;
use hemostat_engine::policy::program::selector::Labels;
use proptest::prelude::*;
use serde_json::{Value, json};

const S: u64 = 1_000_000_000;
const T0: u64 = 1_764_000_000 * S;

/// What one stream came to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Played {
    body: Vec<u8>,
    /// The stream was reset after this many bytes had left.
    reset_at: Option<usize>,
    counts: Vec<String>,
    charged: u64,
}

impl Played {
    fn counted(&self, name: &str) -> bool {
        self.counts.iter().any(|count| count == name)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

const CAP: u64 = 100_000_000;

/// A policy whose first limit counts tokens and may cut.
fn policy(more: Value) -> Value {
    let mut limit =
        json!({"id": "t", "allow": {"tokens": CAP, "every": "day"}, "cut_when_spent": true});
    let mut policy = json!({"default_max_output_tokens": 20, "on_unreadable": "pass"});
    for (key, value) in more.as_object().unwrap() {
        match key.as_str() {
            "limit" => limit.as_object_mut().unwrap().extend(value.as_object().unwrap().clone()),
            _ => policy[key] = value.clone(),
        }
    }
    policy["limits"] = json!([limit]);
    policy
}

fn left(program: &Program, book: &Book) -> u64 {
    let limit = &program.limits.rules[0];
    let labels = Labels::unread(&program.labels, None);
    let shadow = limit.rule.mode == hemostat_engine::policy::document::Mode::Shadow;
    match book.reserve(&limit.account(&labels, shadow).unwrap(), &limit.cap, 0, &[]).unwrap() {
        ReservationOutcome::Admitted { standing, .. }
        | ReservationOutcome::Refused { standing, .. } => standing.left,
    }
}

/// Plays a stream where only `room` tokens are left beyond the request's own reservation.
fn play(policy: &Value, recording: &Recording, room: u64, cut: &Cut) -> Option<Played> {
    let program = program(policy.clone());
    let store = Rc::new(MemoryStore::new(T0));
    let book = Rc::new(Book::new(Rc::clone(&store) as Rc<_>));
    let mut exchange = Exchange::with_book(Rc::clone(&program), Rc::clone(&book));
    let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    let headers = vec![
        pair(":method", "POST"),
        pair(":path", &recording.path),
        pair(":authority", "a"),
        pair("content-type", "application/json"),
    ];
    let facts = RequestFacts { headers: headers.into(), now_ns: T0, ..RequestFacts::default() };
    match exchange.request_headers(facts, false) {
        RequestVerdict::Peek { .. } => exchange.request_chunk(&recording.request, true),
        _ => {
            let verdict = exchange.request_body(Some(&recording.request));
            assert!(matches!(verdict, RequestVerdict::Pass { .. }), "{}", recording.name);
        }
    }
    let before = left(&program, &book);
    if before == program.limits.rules[0].cap.most() {
        return None;
    }
    // Somebody else takes all but the room.
    let limit = &program.limits.rules[0];
    let labels = Labels::unread(&program.labels, None);
    let shadow = limit.rule.mode == hemostat_engine::policy::document::Mode::Shadow;
    let key = limit.account(&labels, shadow).unwrap();
    let other = book.reserve(&key, &limit.cap, before.saturating_sub(room), &[]).unwrap();
    assert!(matches!(other, ReservationOutcome::Admitted { .. }));

    let headers = vec![pair(":status", "200"), pair("content-type", &recording.content_type)];
    let verdict = exchange.response_headers(&headers.into(), false, false, T0);
    let ResponseVerdict::Stream { .. } = verdict else { return None };
    let mut played = Played::default();
    for chunk in cut.chunks(&recording.response) {
        let verdict = exchange.response_chunk(chunk, false, T0);
        if verdict == StreamVerdict::Reset {
            played.reset_at = Some(played.body.len());
            break;
        }
        played.body.extend(verdict.leaving(chunk));
    }
    if played.reset_at.is_none() {
        let verdict = exchange.response_chunk(b"", true, T0);
        played.body.extend(verdict.leaving(b""));
    }
    exchange.finish(b"");
    played.counts = exchange
        .effects()
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Count(name) => Some(name.into_owned()),
            _ => None,
        })
        .collect();
    let others = before.saturating_sub(room);
    let all = program.limits.rules[0].cap.most();
    played.charged = all.saturating_sub(left(&program, &book)).saturating_sub(others);
    Some(played)
}

const HIT: &str = "hemostat_rule_hits_total;rule=t;action=cut";

/// A chat stream of so many words of one token each, as events.
fn chat(words: usize, choices: u32) -> Recording {
    let event = |event: Value| format!("data: {event}\n\n");
    let mut response = String::new();
    for n in 0..words {
        let index = n as u32 % choices;
        response += &event(
            json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": index, "delta": {"content": format!("word{n:03} ")}}]}),
        );
    }
    for index in 0..choices {
        response += &event(
            json!({"id": "c", "choices": [{"index": index, "delta": {}, "finish_reason": "stop"}]}),
        );
    }
    let request = json!({"model": "m", "stream": true, "max_tokens": 20, "n": choices,
        "messages": [{"role": "user", "content": "Count the words."}]});
    Recording {
        name: "words".to_owned(),
        dialect: "openai-chat".to_owned(),
        method: "POST".to_owned(),
        path: "/v1/chat/completions".to_owned(),
        status: 200,
        content_type: "text/event-stream".to_owned(),
        request: request.to_string().into_bytes(),
        response: (response + "data: [DONE]\n\n").into_bytes(),
    }
}

#[test]
fn a_stream_ends_where_its_reservation_does() {
    let played = play(&policy(json!({})), &chat(200, 1), 0, &Cut::Every(50)).unwrap();
    let text = played.text();
    assert!(text.contains("word000") && !text.contains("word100"), "{text}");
    assert!(text.contains(r#""finish_reason":"length""#), "{text}");
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    assert_eq!(played.reset_at, Some(played.body.len()), "one chunk later it is reset");
    assert!(played.counted(HIT), "{:?}", played.counts);
    // What was counted is charged, and it is hardly more than was reserved.
    let reserved = 20 + 30;
    assert!((20..=reserved).contains(&played.charged), "{}", played.charged);
}

#[test]
fn the_event_that_would_pass_the_reservation_does_not_leave() {
    let of = |words: usize| play(&policy(json!({})), &chat(words, 1), 0, &Cut::Whole).unwrap();
    let left = of(200).text().matches("word").count();
    assert!(left > 0);
    assert!(!of(left).counted(HIT), "{left} words are within it");
    assert!(of(left + 1).counted(HIT), "one more is not");
}

#[test]
fn it_goes_on_while_there_is_room() {
    let whole = play(&policy(json!({})), &chat(200, 1), CAP / 2, &Cut::Every(50)).unwrap();
    assert!(whole.text().contains("word199"));
    assert!(!whole.counted(HIT));
    assert_eq!(whole.reset_at, None);
    // With room for about half of it, it ends about there: the last of the room is used, too.
    let used = whole.charged;
    let half = play(&policy(json!({})), &chat(200, 1), used / 2, &Cut::Every(50)).unwrap();
    assert!(half.text().contains("word050") && !half.text().contains("word190"), "{}", half.text());
    assert!(half.counted(HIT));
    assert!(half.charged <= used / 2 + 60, "{} of {used}", half.charged);
}

#[test]
fn what_was_taken_more_and_not_used_is_given_back() {
    let long = play(&policy(json!({})), &chat(50, 1), CAP / 2, &Cut::Whole).unwrap();
    let plain = json!({"limit": {"cut_when_spent": false}});
    let without = play(&policy(plain), &chat(50, 1), CAP / 2, &Cut::Whole).unwrap();
    assert_eq!(long.charged, without.charged);
    assert_eq!(long.body, without.body);
}

#[test]
fn without_the_word_a_stream_runs_on_and_owes() {
    let plain = json!({"limit": {"cut_when_spent": false}});
    let played = play(&policy(plain), &chat(200, 1), 0, &Cut::Every(50)).unwrap();
    assert!(played.text().contains("word199"));
    assert!(played.counted("hemostat_limit_overrun_total;rule=t"));
}

#[test]
fn in_shadow_it_is_told_and_nothing_changes() {
    let shadow = policy(json!({"mode": "shadow"}));
    let recording = chat(200, 1);
    let played = play(&shadow, &recording, 0, &Cut::Every(50)).unwrap();
    assert_eq!(played.body, recording.response);
    assert_eq!(played.reset_at, None);
    assert!(
        played.counted("hemostat_rule_hits_total;rule=t;action=shadow-cut"),
        "{:?}",
        played.counts
    );
}

#[test]
fn money_runs_out_as_tokens_do() {
    let money = json!({"limit": {"allow": {"usd": 100, "every": "day"}},
                       "prices": {"*": {"input": 1, "output": 1000}}});
    let played = play(&policy(money), &chat(200, 1), 0, &Cut::Every(50)).unwrap();
    assert!(played.counted(HIT));
    assert!(!played.text().contains("word100"));
}

#[test]
fn every_choice_is_ended() {
    let played = play(&policy(json!({})), &chat(200, 3), 0, &Cut::Every(50)).unwrap();
    for index in 0..3 {
        let end =
            format!(r#""index":{index},"delta":{{}},"logprobs":null,"finish_reason":"length""#);
        assert!(played.text().contains(&end), "{}", played.text());
    }
}

#[test]
fn a_guardrail_before_the_end_wins() {
    let block =
        json!({"guardrails": [{"id": "g", "scan": "output", "find": "word002", "do": "block"}]});
    let played = play(&policy(block), &chat(200, 1), 0, &Cut::Whole).unwrap();
    assert!(played.text().contains("content_filter"));
    assert!(!played.counted(HIT), "{:?}", played.counts);
}

#[test]
fn what_a_guardrail_holds_at_the_end_is_judged_as_at_any_end() {
    // A partial match is alive in every word; it is no match when the answer ends, and what matched is redacted.
    let redact = json!({"guardrails": [
        {"id": "g", "scan": "output", "find": ["word00\\d (word\\d+ )*never", "word002"], "do": {"redact": "[R]"}}]});
    for cut in [Cut::Whole, Cut::Every(1), Cut::Every(70)] {
        let played = play(&policy(redact.clone()), &chat(200, 1), 0, &cut).unwrap();
        let text = played.text();
        assert!(text.contains("word000") && !text.contains("word002"), "{text}");
        assert!(text.contains(r#""finish_reason":"length""#), "{text}");
    }
}

fn streams() -> Vec<Recording> {
    recordings()
        .into_iter()
        .filter(|r| r.status == 200 && r.is_stream() && r.method == "POST")
        .collect()
}

/// Recorded streams of every dialect, with nothing beyond the reservation of 20 tokens.
#[test]
fn recorded_streams_end_in_their_dialect() {
    let mut ended = std::collections::BTreeMap::new();
    for recording in streams() {
        let mut recording = recording;
        without_maximum(&mut recording);
        let Some(played) = play(&policy(json!({})), &recording, 0, &Cut::Every(200)) else {
            continue;
        };
        if !played.counted(HIT) {
            assert!(played.reset_at.is_none(), "{}", recording.name);
            continue;
        }
        let said = |body: &[u8]| -> String {
            let events = crate::support::text::events(&recording, body);
            events.iter().map(|event| event.to_string()).collect()
        };
        let text = if recording.is_messages() { said(&played.body) } else { played.text() };
        let word = match recording.dialect.as_str() {
            "openai-chat" | "openai-completions" => r#""finish_reason":"length""#,
            "a2a" if text.contains("TASK_STATE") => r#""state":"TASK_STATE_FAILED""#,
            "a2a" => r#""state":"failed""#,
            "cohere" => r#""finish_reason":"MAX_TOKENS""#,
            "ollama" => r#""done_reason":"length""#,
            "gemini-interactions" => r#""status":"incomplete""#,
            "openai-responses" => r#""incomplete_details":{"reason":"max_output_tokens"}"#,
            "anthropic" | "bedrock-invoke" => r#""stop_reason":"max_tokens""#,
            "bedrock" => r#""stopReason":"max_tokens""#,
            _ => r#""finishReason":"MAX_TOKENS""#,
        };
        assert!(text.contains(word), "{}: {text}", recording.name);
        if recording.is_array() {
            serde_json::from_str::<Value>(&text).unwrap();
        }
        // What left before the end is what upstream sent.
        let same = played.body.iter().zip(&recording.response).take_while(|(a, b)| a == b).count();
        let rest = if recording.is_messages() {
            ""
        } else {
            &text[same.saturating_sub(200).min(text.len())..]
        };
        assert!(same > 0, "{}", recording.name);
        assert!(rest.contains(word) || recording.is_messages(), "{}", recording.name);
        *ended.entry(recording.dialect.clone()).or_insert(0) += 1;
    }
    // The recorded completions come to their end before.
    for dialect in dialects::talking().filter(|own| own.name() != "openai-completions") {
        assert!(ended.get(dialect.name()).is_some_and(|n| *n >= 2), "{ended:?}");
    }
}

/// Takes the request's own maximum out, so that the policy's small one holds.
fn without_maximum(recording: &mut Recording) {
    let Ok(mut body) = serde_json::from_slice::<Value>(&recording.request) else { return };
    if let Some(fields) = body.as_object_mut() {
        for name in [
            "max_tokens",
            "max_completion_tokens",
            "max_output_tokens",
            "generationConfig",
            "inferenceConfig",
        ] {
            fields.remove(name);
        }
    }
    recording.request = body.to_string().into_bytes();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Where it ends does not depend on the chunks. (What is charged does: upstream's last word may come with the chunk
    /// that is swallowed.)
    #[test]
    fn the_end_does_not_depend_on_the_chunks(
        which in any::<prop::sample::Index>(), room in 0_u64..60, seed in any::<u64>(), guarded in any::<bool>(),
    ) {
        let streams = streams();
        let mut recording = which.get(&streams).clone();
        without_maximum(&mut recording);
        let guard = json!([{"id": "g", "scan": "output", "find": "[a-z]+ the [a-z]+", "do": {"redact": "[R]"}}]);
        let policy = policy(if guarded { json!({"guardrails": guard}) } else { json!({}) });
        // The connection is reset one chunk later: how much is swallowed until then depends on the chunks.
        let whole = play(&policy, &recording, room, &Cut::Whole);
        let cut = play(&policy, &recording, room, &Cut::Random(seed));
        prop_assert_eq!(whole.is_some(), cut.is_some());
        if let (Some(whole), Some(cut)) = (whole, cut) {
            prop_assert_eq!(String::from_utf8_lossy(&whole.body), String::from_utf8_lossy(&cut.body));
            prop_assert_eq!(whole.counted(HIT), cut.counted(HIT));
        }
    }
}
