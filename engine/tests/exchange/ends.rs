//! Lever 5: every way a request can end, and what it is charged then (the table of docs/limits.md).

use crate::support::limits::*;
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

/// What was reserved is settled, whole and once, when the answer comes before the request has been sent.
#[test]
fn an_answer_that_overtakes_the_request_is_settled() {
    let proxy = proxy(json!({"mode": "shadow"}));
    let mut asked = proxy.chat(hello(false)).unwrap();
    asked.begin(413, "text/plain", true);
    asked.exchange.finish(b"");
    assert_eq!((proxy.left(2), proxy.left(3)), (999, 10));
}
