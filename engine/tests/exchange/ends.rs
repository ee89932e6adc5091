//! Lever 5: every way a request can end, and what it is charged then (the table of docs/limits.md).

use crate::support::limits::*;
use crate::support::recordings;
use crate::support::rls::Request;
use hemostat_engine::exchange::{ResponseVerdict, StreamVerdict};
use serde_json::{Value, json};

/// A way a request can end: what it is called, how it is played, and the tokens it is charged.
struct End {
    name: &'static str,
    policy: Value,
    stream: bool,
    play: fn(&mut Asked),
    tokens: fn(u64) -> std::ops::RangeInclusive<u64>,
}

fn exactly(tokens: u64) -> std::ops::RangeInclusive<u64> {
    tokens..=tokens
}

fn ends() -> Vec<End> {
    let guard = |action: &str, cut: &str| json!({"on_cut": cut, "guardrails": [{"id": "g", "scan": "output", "find": "hello", "do": action}]});
    let failsafe = json!({
        "failsafe": [{"id": "f", "upstream": {"status": [500], "timeout": true}, "do": {"fallback": "sorry"}}],
        "fallbacks": {"sorry": {"text": "sorry"}}
    });
    let whole = |a: &mut Asked| {
        let body = json!({"choices": [{"message": {"content": "hello"}}],
                          "usage": {"prompt_tokens": 20, "completion_tokens": 300}});
        a.answer("application/json", body.to_string().as_bytes(), true);
    };
    let end = |name, policy, stream, play: fn(&mut Asked), tokens| End {
        name,
        policy,
        stream,
        play,
        tokens,
    };
    vec![
        end("a whole answer with usage", json!({}), false, whole, |_| exactly(320)),
        end(
            "a stream with usage",
            json!({}),
            true,
            |a| {
                a.answer(SSE, (words(100) + &finish_events(true)).as_bytes(), true);
            },
            |_| exactly(320),
        ),
        end(
            "a stream without usage",
            json!({}),
            true,
            |a| {
                a.answer(SSE, (words(100) + &finish_events(false)).as_bytes(), true);
            },
            |input| input + 80..=input + 180,
        ),
        end(
            "a whole answer without usage",
            json!({}),
            false,
            |a| {
                let text = "hello ".repeat(100);
                let body = json!({"choices": [{"message": {"content": text}}]});
                a.answer("application/json", body.to_string().as_bytes(), true);
            },
            |input| input + 80..=input + 180,
        ),
        end(
            "an answer without a body",
            json!({}),
            false,
            |a| {
                let headers = vec![(b":status".to_vec(), b"200".to_vec())];
                a.exchange.response_headers(&headers.into(), false, true, T0 + S);
            },
            exactly,
        ),
        end(
            "the caller hangs up in the middle of a whole answer",
            json!({}),
            false,
            |a| {
                a.answer("application/json", b"{\"choices\": [", false);
            },
            exactly,
        ),
        end(
            "a redirect",
            json!({}),
            false,
            |a| {
                a.begin(307, "text/plain", false);
            },
            |_| exactly(0),
        ),
        end(
            "no connection to upstream",
            json!({}),
            false,
            |a| {
                a.begin(503, "text/plain", true);
            },
            exactly,
        ),
        end(
            "a fallback in place of a time-out",
            failsafe.clone(),
            true,
            |a| {
                assert!(matches!(a.begin(504, "text/plain", true), ResponseVerdict::Reply(_)));
            },
            exactly,
        ),
        end(
            "an answer that the proxy makes in upstream's place",
            json!({}),
            false,
            |a| {
                a.begin(200, "application/json", true);
            },
            exactly,
        ),
        end("the caller hangs up before an answer", json!({}), false, |_| {}, exactly),
        end(
            "the caller hangs up in the middle",
            json!({}),
            true,
            |a| {
                a.answer(SSE, words(100).as_bytes(), false);
            },
            |input| input + 80..=input + 180,
        ),
        end(
            "the upstream breaks off in the middle",
            json!({}),
            true,
            |a| {
                a.answer(SSE, words(100).as_bytes(), true);
            },
            |input| input + 80..=input + 180,
        ),
        end(
            "the upstream fails",
            json!({}),
            false,
            |a| {
                a.begin(500, "application/json", false);
            },
            |_| exactly(0),
        ),
        end(
            "the upstream's own rate limit",
            json!({}),
            false,
            |a| {
                a.begin(429, "application/json", false);
            },
            |_| exactly(0),
        ),
        end(
            "the proxy's own time-out",
            json!({}),
            false,
            |a| {
                a.begin(504, "text/plain", true);
            },
            exactly,
        ),
        end(
            "a fallback in place of a failure",
            failsafe,
            false,
            |a| {
                let verdict = a.begin(500, "application/json", false);
                assert!(matches!(verdict, ResponseVerdict::Reply(_)));
            },
            |_| exactly(0),
        ),
        end(
            "a stream that a guardrail cuts, drained",
            guard("block", "drain"),
            true,
            |a| {
                let out = a.answer(SSE, (words(100) + &finish_events(true)).as_bytes(), true);
                assert!(String::from_utf8(out).unwrap().contains("content_filter"));
            },
            |_| exactly(320),
        ),
        end(
            "a stream that a guardrail cuts, cancelled",
            guard("block", "cancel"),
            true,
            |a| {
                a.begin(200, SSE, false);
                a.exchange.response_chunk(words(10).as_bytes(), false, T0 + S);
                let last = a.exchange.response_chunk(words(10).as_bytes(), false, T0 + S);
                assert_eq!(last, StreamVerdict::Reset);
            },
            |input| input + 15..=input + 40,
        ),
        end(
            "a whole answer that a guardrail blocks",
            guard("block", "drain"),
            false,
            whole,
            |_| exactly(320),
        ),
        end(
            "an answer that cannot be read",
            json!({}),
            false,
            |a| {
                let headers = vec![
                    (b":status".to_vec(), b"200".to_vec()),
                    (b"content-encoding".to_vec(), b"br".to_vec()),
                ];
                a.exchange.response_headers(&headers.into(), false, false, T0 + S);
            },
            |input| exactly(input + 1000),
        ),
        end(
            "an answer that the host does not give",
            json!({"on_unreadable": "pass"}),
            true,
            |a| {
                a.begin(200, SSE, false);
                a.exchange.response_chunk(words(10).as_bytes(), false, T0 + S);
                assert!(!a.exchange.host_failed());
            },
            |input| exactly(input + 1000),
        ),
        end(
            "an answer of no sense",
            json!({}),
            false,
            |a| {
                a.answer("application/json", b"<html>", true);
            },
            |input| exactly(input + 1000),
        ),
        end(
            "more than was reserved",
            json!({}),
            false,
            |a| {
                let body = json!({"usage": {"prompt_tokens": 20, "completion_tokens": 5000}});
                a.answer("application/json", body.to_string().as_bytes(), true);
            },
            |_| exactly(5020),
        ),
        end(
            "usage beyond belief",
            json!({}),
            false,
            |a| {
                let body =
                    json!({"usage": {"prompt_tokens": 1, "completion_tokens": 99_000_000_000_u64}});
                a.answer("application/json", body.to_string().as_bytes(), true);
            },
            |_| exactly(4_000_000),
        ),
        end(
            "usage that is less than a quarter of the text",
            json!({}),
            true,
            |a| {
                let low =
                    r#"data: {"choices":[],"usage":{"prompt_tokens":20,"completion_tokens":1}}"#;
                a.answer(SSE, format!("{}{low}\n\ndata: [DONE]\n\n", words(100)).as_bytes(), true);
            },
            |_| 100..=200,
        ),
    ]
}

#[test]
fn every_way_a_request_can_end_is_charged_once() {
    let input = hello_input();
    assert!((5..40).contains(&input), "{input}");
    for case in ends() {
        for mode in ["enforce", "shadow"] {
            let mut more = case.policy.clone();
            if mode == "shadow" {
                let mut limits = limits();
                limits.as_array_mut().unwrap().iter_mut().for_each(|l| l["mode"] = json!("shadow"));
                more["limits"] = limits;
            }
            let proxy = proxy(more);
            let mut asked = proxy.chat(hello(case.stream)).unwrap();
            assert_eq!(CAP - proxy.left(0), input + 1000, "{}: reserved", case.name);
            assert_eq!(proxy.left(3), 9, "{}", case.name);
            (case.play)(&mut asked);
            asked.exchange.finish(b"");
            let charged = CAP - proxy.left(0);
            assert!((case.tokens)(input).contains(&charged), "{} ({mode}): {charged}", case.name);
            assert_eq!(proxy.left(2), 999, "{}: a request is a request", case.name);
            assert_eq!(proxy.left(3), 10, "{}: its place is free", case.name);
            // However often it is told, it ends once.
            asked.exchange.finish(b"");
            assert_eq!(CAP - proxy.left(0), charged, "{}", case.name);
            let money = 1_000_000_000 - proxy.left(1);
            assert_eq!(money == 0, charged == 0, "{}: {money}", case.name);
        }
    }
}

/// A service that holds room for a request is told what the process's own accounts are charged, once, however it ends.
#[test]
fn every_way_a_request_can_end_is_committed_as_it_is_charged() {
    let global = json!({"domain": "llm", "cluster": "rls", "api": "limitador", "strict": true});
    let mut shared = limits();
    for limit in shared.as_array_mut().unwrap().iter_mut().take(3) {
        limit["global"] = global.clone();
    }
    for case in ends() {
        let mut policy = json!({"limits": shared, "prices": {"*": {"input": 200, "output": 2000}}});
        policy.as_object_mut().unwrap().extend(case.policy.as_object().unwrap().clone());
        let proxy = Proxy::of_fleet(policy);
        let (table, rls) = proxy.fleet.as_ref().unwrap();
        let mut asked = proxy.chat(hello(case.stream)).unwrap();
        (case.play)(&mut asked);
        asked.exchange.finish(b"");
        asked.exchange.finish(b"");
        let commits = table.commits(9);
        let told: Vec<Request> =
            commits.iter().map(|commit| Request::read(&commit.call())).collect();
        let of = |rule: &str| -> Vec<u64> {
            let own = told.iter().filter(|told| {
                told.account.windows(rule.len()).any(|part| part == rule.as_bytes())
            });
            own.map(|told| told.amount).collect()
        };
        let (tokens, money) = (CAP - proxy.left(0), 1_000_000_000 - proxy.left(1));
        let cents = if money == 1_000_000_000 { of("money") } else { vec![money / 10_000] };
        assert_eq!(of("tokens"), [tokens], "{}", case.name);
        assert_eq!(of("money"), cents, "{}", case.name);
        assert_eq!(of("calls"), [1], "{}", case.name);
        for commit in &commits {
            rls.borrow_mut().answer(&commit.call());
        }
        assert!(rls.borrow().held.is_empty(), "{}", case.name);
        assert_eq!(table.due(9), [], "{}: nothing is reported beside that", case.name);
    }
}

#[test]
fn money_is_what_the_tokens_cost() {
    let proxy = proxy(json!({}));
    let mut asked = proxy.chat(hello(true)).unwrap();
    asked.answer(SSE, (words(100) + &finish_events(true)).as_bytes(), true);
    // 10 fresh at 1, 10 cached at 0.5, 300 out at 10 micro-dollars.
    assert_eq!(1_000_000_000 - proxy.left(1), 10 + 5 + 3000);
}

/// The recorded answers of every dialect are charged what they say.
#[test]
fn recorded_usage_is_what_is_charged() {
    let mut charged = 0;
    for recording in recordings().iter().filter(|r| r.status == 200 && r.method == "POST") {
        let proxy = proxy(json!({"unpriced": "count_zero"}));
        let body: Value = serde_json::from_slice(&recording.request).unwrap();
        let Ok(mut asked) = proxy.ask(&recording.path, &body, &[]) else { continue };
        let out = asked.answer(&recording.content_type, &recording.response, true);
        let sent = body.to_string();
        let hides = asked.body != sent;
        if !hides {
            assert!(out == recording.response, "{}", recording.name);
        }
        let said = said(recording);
        let counts = asked.finish();
        if counts.iter().any(|name| name.starts_with("hemostat_usage")) {
            continue;
        }
        if let Some(said) = said {
            assert_eq!(CAP - proxy.left(0), said, "{}", recording.name);
            charged += 1;
        }
        assert_eq!(proxy.left(3), 10, "{}", recording.name);
    }
    assert!(charged > 150, "{charged} recordings say what they used");
}

/// Tokens by the answer's own word, read with another parser; `None`: it has none.
fn said(recording: &crate::support::Recording) -> Option<u64> {
    let text = String::from_utf8_lossy(&recording.response);
    // A file with several answers, one behind the other: no answer has two beginnings.
    if text.matches("event: message_start").count() > 1 {
        return None;
    }
    let events: Vec<Value> = if recording.is_stream() && !recording.is_array() {
        let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
        data.filter_map(|data| serde_json::from_str(data.trim()).ok()).collect()
    } else {
        match serde_json::from_str(&text).ok()? {
            Value::Array(all) => all,
            one => vec![one],
        }
    };
    let mut all = serde_json::Map::new();
    for event in &events {
        let places =
            ["/usage", "/message/usage", "/response/usage", "/usageMetadata", "/x_groq/usage"];
        for found in places.iter().filter_map(|place| event.pointer(place)) {
            all.extend(
                found.as_object().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())),
            );
        }
    }
    let n = |name: &str| all.get(name).and_then(Value::as_u64);
    match recording.dialect.as_str() {
        // Reasoning may stand beside the output, and in the total alone.
        "openai-chat" => Some(
            (n("prompt_tokens")? + n("completion_tokens")?).max(n("total_tokens").unwrap_or(0)),
        ),
        "openai-responses" => {
            Some((n("input_tokens")? + n("output_tokens")?).max(n("total_tokens").unwrap_or(0)))
        }
        "anthropic" => {
            // What ran beside the messages (compaction, an advisor) is not in the numbers at the top, and neither is a
            // model that declined before another answered in its place.
            let rounds = all.get("iterations").and_then(Value::as_array);
            let sum = |name: &str, messages: bool| -> u64 {
                let is = |round: &&Value| {
                    ["message", "fallback_message"].iter().any(|kind| round["type"] == *kind)
                };
                let own = rounds.into_iter().flatten().filter(|round| is(round) == messages);
                own.filter_map(|round| round[name].as_u64()).sum()
            };
            let count = |name: &str| n(name).unwrap_or(0).max(sum(name, true)) + sum(name, false);
            n("input_tokens")?;
            let names = [
                "input_tokens",
                "output_tokens",
                "cache_read_input_tokens",
                "cache_creation_input_tokens",
            ];
            Some(names.iter().map(|name| count(name)).sum())
        }
        _ => {
            let parts = ["toolUsePromptTokenCount", "candidatesTokenCount", "thoughtsTokenCount"];
            let rest: u64 = parts.iter().filter_map(|part| n(part)).sum();
            Some(n("promptTokenCount")? + rest)
        }
    }
}

/// Streams as each dialect tells its usage: at the end, at both ends, or growing with every event.
fn told() -> Vec<(&'static str, &'static str, Value, Vec<Value>)> {
    let text = "hello ".repeat(25);
    let responses = |usage: Value| json!({"type": "response.completed", "response": {"id": "r", "usage": usage}});
    let delta = json!({"type": "response.output_text.delta", "item_id": "i", "output_index": 0,
                       "content_index": 0, "delta": text});
    let block = json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}});
    let start = json!({"type": "message_start", "message": {"id": "m", "role": "assistant", "content": [],
        "model": "m", "usage": {"input_tokens": 20, "cache_read_input_tokens": 7, "output_tokens": 1}}});
    let part = |output: u64, thoughts: u64| {
        json!({"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": text}]}}],
               "usageMetadata": {"promptTokenCount": 27, "candidatesTokenCount": output,
                                 "thoughtsTokenCount": thoughts}})
    };
    let ask = |stream: bool| json!({"model": "m", "stream": stream, "max_tokens": 1000, "messages": [{"role": "user", "content": "hi"}]});
    vec![
        (
            "/v1/responses",
            "final",
            json!({"model": "m", "stream": true, "max_output_tokens": 1000, "input": "hi"}),
            vec![
                delta.clone(),
                delta.clone(),
                responses(json!({"input_tokens": 27, "output_tokens": 300,
                                 "output_tokens_details": {"reasoning_tokens": 200}})),
            ],
        ),
        (
            "/v1/messages",
            "both ends",
            ask(true),
            vec![
                start,
                block.clone(),
                block,
                json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 300}}),
                json!({"type": "message_stop"}),
            ],
        ),
        (
            "/v1beta/models/m:streamGenerateContent?alt=sse",
            "growing",
            json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}],
                   "generationConfig": {"maxOutputTokens": 1000}}),
            vec![part(30, 20), part(60, 150), part(90, 210)],
        ),
    ]
}

#[test]
fn usage_is_charged_however_a_dialect_tells_it_and_wherever_the_answer_ends() {
    for (path, name, body, events) in told() {
        for end in 0..=events.len() {
            let proxy = proxy(json!({}));
            let mut asked = proxy.ask(path, &body, &[]).unwrap();
            let reserved = CAP - proxy.left(0);
            let sent: String =
                events.iter().take(end).map(|event| format!("data: {event}\n\n")).collect();
            asked.answer(SSE, sent.as_bytes(), end == events.len());
            asked.exchange.finish(b"");
            let charged = CAP - proxy.left(0);
            if end == events.len() {
                assert_eq!(charged, 27 + 300, "{name}");
            } else {
                // Upstream's word so far, at least the text that was seen, and never the whole reservation.
                assert!(charged < reserved, "{name} after {end}: {charged} of {reserved}");
                let texts = sent.matches("hello hello").count().min(1) as u64;
                assert!(charged >= 20 * texts, "{name} after {end}: {charged}");
            }
            assert_eq!((proxy.left(2), proxy.left(3)), (999, 10), "{name} after {end}");
        }
    }
}

/// What was reserved is settled, whole and once, when the answer comes before the request has been sent.
#[test]
fn an_answer_that_overtakes_the_request_is_settled() {
    let proxy = proxy(json!({"mode": "shadow"}));
    let mut asked = proxy.chat(hello(false)).unwrap();
    asked.begin(413, "text/plain", true);
    asked.exchange.finish(b"");
    assert_eq!((proxy.left(2), proxy.left(3)), (999, 10));
}
