//! Lever 5 over whole exchanges: how a request can end, and what it is charged then.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a helper of a test may panic as the test itself may"
)]

mod support;

use std::rc::Rc;

use hemostat_engine::exchange::{
    Effect, Exchange, HeaderEdit, RequestFacts, RequestVerdict, ResponseVerdict,
};
use hemostat_engine::ledger::{Book, MemoryStore, Outcome};
use hemostat_engine::policy::Program;
use hemostat_engine::policy::program::selector::Labels;
use serde_json::{Value, json};
use support::{program, recordings};

const S: u64 = 1_000_000_000;
const T0: u64 = 1_764_000_000 * S;

/// A proxy with one worker.
struct Proxy {
    program: Rc<Program>,
    store: Rc<MemoryStore>,
    book: Rc<Book>,
}

/// What a caller got, if it got it from the proxy.
#[derive(Debug)]
struct Refusal {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Refusal {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// A request that went on.
struct Asked {
    exchange: Exchange,
    edits: Vec<HeaderEdit>,
    body: String,
}

impl Proxy {
    fn new(policy: Value) -> Self {
        let store = Rc::new(MemoryStore::new(T0));
        let book = Rc::new(Book::new(Rc::clone(&store) as Rc<_>));
        Self { program: program(policy), store, book }
    }

    /// The same accounts under another policy.
    fn push(&mut self, policy: Value) {
        self.program = program(policy);
    }

    fn ask(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Result<Asked, Refusal> {
        let mut exchange = Exchange::with_book(Rc::clone(&self.program), Rc::clone(&self.book));
        let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        let mut all = vec![pair(":method", "POST"), pair(":path", path), pair(":authority", "a")];
        all.extend(headers.iter().map(|(name, value)| pair(name, value)));
        let now_ns = hemostat_engine::ledger::Store::now_ns(&*self.store);
        let facts = RequestFacts { headers: all, now_ns, ..RequestFacts::default() };
        let body = body.to_string();
        let mut edits = Vec::new();
        let mut verdict = exchange.request_headers(facts, false);
        loop {
            match verdict {
                RequestVerdict::NeedBody { edits: more, .. } => {
                    edits.extend(more);
                    verdict = exchange.request_body(Some(body.as_bytes()));
                }
                RequestVerdict::Pass { edits: more, body: new } => {
                    edits.extend(more);
                    let body = new.map_or(body, |new| String::from_utf8(new).unwrap());
                    return Ok(Asked { exchange, edits, body });
                }
                RequestVerdict::Sniff { .. } => panic!("these requests say what they are"),
                RequestVerdict::Peek { edits: more } => {
                    edits.extend(more);
                    exchange.request_chunk(body.as_bytes(), true);
                    return Ok(Asked { exchange, edits, body });
                }
                RequestVerdict::Reply(reply) => {
                    exchange.finish(b"");
                    return Err(Refusal {
                        status: reply.status,
                        headers: reply
                            .headers
                            .into_iter()
                            .map(|(n, v)| (n.to_owned(), v))
                            .collect(),
                        body: String::from_utf8(reply.body).unwrap(),
                    });
                }
            }
        }
    }

    fn chat(&self, body: Value) -> Result<Asked, Refusal> {
        self.ask("/v1/chat/completions", &body, &[])
    }

    /// What is left of a limit without labels.
    fn left(&self, rule: usize) -> u64 {
        let limit = &self.program.limits.rules[rule];
        let labels = Labels::unread(&self.program.labels, Vec::new());
        let shadow = limit.rule.mode == hemostat_engine::policy::document::Mode::Shadow;
        let key = limit.key(&labels, shadow).unwrap();
        let charge =
            u64::from(limit.unit == hemostat_engine::policy::program::limit::Unit::Concurrent);
        match self.book.reserve(&key, &limit.cap, charge, &[]).unwrap() {
            Outcome::Admitted { hold, standing, .. } => {
                if charge > 0 {
                    let _ = self.book.release(hold);
                }
                standing.left + charge
            }
            Outcome::Refused { standing, .. } => standing.left,
        }
    }
}

impl Asked {
    fn begin(&mut self, status: u16, content_type: &str, local: bool) -> ResponseVerdict {
        let headers = vec![
            (b":status".to_vec(), status.to_string().into_bytes()),
            (b"content-type".to_vec(), content_type.as_bytes().to_vec()),
        ];
        self.exchange.response_headers(&headers, local, false, T0 + S)
    }

    /// Plays an answer to its end (or as far as `bytes` go); gives what the caller got.
    fn answer(&mut self, content_type: &str, bytes: &[u8], end: bool) -> Vec<u8> {
        let mut out = Vec::new();
        match self.begin(200, content_type, false) {
            ResponseVerdict::Stream { .. } => {
                for chunk in bytes.chunks(37) {
                    let verdict = self.exchange.response_chunk(chunk, false, T0 + S);
                    out.extend(verdict.bytes.unwrap_or_else(|| chunk.to_vec()));
                }
                if end {
                    let verdict = self.exchange.response_chunk(b"", true, T0 + S);
                    out.extend(verdict.bytes.unwrap_or_default());
                }
            }
            ResponseVerdict::Whole { .. } => {
                if end {
                    let verdict = self.exchange.response_body(Some(bytes), T0 + S);
                    out = verdict.body.unwrap_or_else(|| bytes.to_vec());
                }
            }
            ResponseVerdict::Untouched { .. } => out = bytes.to_vec(),
            ResponseVerdict::Reply(reply) => out = reply.body,
        }
        out
    }

    fn finish(mut self) -> Vec<String> {
        self.exchange.finish(b"");
        let effects = self.exchange.effects();
        effects
            .into_iter()
            .filter_map(|effect| match effect {
                Effect::Count(name) => Some(name),
                _ => None,
            })
            .collect()
    }
}

const CAP: u64 = 10_000_000;

/// A limit on tokens, one on money, one on requests, one on places; in this order.
fn limits() -> Value {
    json!([
        {"id": "tokens", "allow": {"tokens": CAP, "every": "day"}},
        {"id": "money", "allow": {"usd": 1000, "every": "day"}},
        {"id": "calls", "allow": {"requests": 1000, "every": "day"}},
        {"id": "places", "allow": {"concurrent": 10}},
    ])
}

fn prices() -> Value {
    json!({"*": {"input": 1, "output": 10, "cached_input": 0.5, "cache_write": 1}})
}

fn proxy(more: Value) -> Proxy {
    let mut policy = json!({"limits": limits(), "prices": prices()});
    policy.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Proxy::new(policy)
}

fn hello(stream: bool) -> Value {
    json!({"model": "m", "stream": stream, "max_tokens": 1000,
           "messages": [{"role": "user", "content": "Say hello to everybody."}]})
}

/// The estimate of [`hello`]'s input.
fn hello_input() -> u64 {
    let proxy = proxy(json!({}));
    let asked = proxy.chat(hello(false)).unwrap();
    let reserved = CAP - proxy.left(0);
    drop(asked);
    reserved - 1000
}

const SSE: &str = "text/event-stream";

fn chunk(text: &str) -> String {
    let event = json!({"choices": [{"index": 0, "delta": {"content": text}}], "usage": null});
    format!("data: {event}\n\n")
}

fn finish_events(usage: bool) -> String {
    let mut out = format!(
        "data: {}\n\n",
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    );
    if usage {
        let usage = json!({"prompt_tokens": 20, "completion_tokens": 300,
                           "prompt_tokens_details": {"cached_tokens": 10}});
        out += &format!("data: {}\n\n", json!({"choices": [], "usage": usage}));
    }
    out + "data: [DONE]\n\n"
}

fn words(n: usize) -> String {
    (0..n).map(|_| chunk("hello ")).collect()
}

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
                assert!(a.exchange.response_chunk(words(10).as_bytes(), false, T0 + S).reset);
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
                a.exchange.response_headers(&headers, false, false, T0 + S);
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
fn said(recording: &support::Recording) -> Option<u64> {
    let text = String::from_utf8_lossy(&recording.response);
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
        "openai-chat" => Some(n("prompt_tokens")? + n("completion_tokens")?),
        "openai-responses" => Some(n("input_tokens")? + n("output_tokens")?),
        "anthropic" => {
            let cached = n("cache_read_input_tokens").unwrap_or(0);
            let written = n("cache_creation_input_tokens").unwrap_or(0);
            Some(n("input_tokens")? + cached + written + n("output_tokens")?)
        }
        _ => {
            let parts = ["toolUsePromptTokenCount", "candidatesTokenCount", "thoughtsTokenCount"];
            let rest: u64 = parts.iter().filter_map(|part| n(part)).sum();
            Some(n("promptTokenCount")? + rest)
        }
    }
}

#[test]
fn usage_is_asked_for_and_its_event_taken_out() {
    let proxy = proxy(json!({}));
    let with = words(3) + &finish_events(true);
    let without = words(3) + &finish_events(false);
    for (options, sent) in [
        (None, json!({"include_usage": true})),
        (
            Some(json!({"include_obfuscation": false})),
            json!({"include_usage": true, "include_obfuscation": false}),
        ),
        (Some(json!({"include_usage": false})), json!({"include_usage": true})),
        (Some(Value::Null), json!({"include_usage": true})),
    ] {
        let mut body = hello(true);
        if let Some(options) = options {
            body["stream_options"] = options;
        }
        let mut asked = proxy.chat(body).unwrap();
        let upstream: Value = serde_json::from_str(&asked.body).unwrap();
        assert_eq!(upstream["stream_options"], sent);
        let out = asked.answer(SSE, with.as_bytes(), true);
        assert_eq!(String::from_utf8(out).unwrap(), without);
    }
    let mut body = hello(true);
    body["stream_options"] = json!({"include_usage": true});
    let mut asked = proxy.chat(body.clone()).unwrap();
    assert_eq!(asked.body, body.to_string(), "who asked for it gets it");
    assert_eq!(asked.answer(SSE, with.as_bytes(), true), with.as_bytes());
    // Not where nobody counts tokens.
    let requests =
        Proxy::new(json!({"limits": [{"id": "r", "allow": {"requests": 5, "every": "1m"}}]}));
    assert_eq!(requests.chat(hello(true)).unwrap().body, hello(true).to_string());
}

fn tokens(amount: u64) -> Value {
    json!([{"id": "t", "per": ["tenant"], "allow": {"tokens": amount, "every": "1m"}}])
}

fn tenant() -> Value {
    json!({"tenant": [{"header": "x-tenant"}]})
}

#[test]
fn retry_after_is_when_the_same_request_is_admitted() {
    let proxy = Proxy::new(json!({"labels": tenant(), "limits": [
        {"id": "a", "per": ["tenant"], "allow": {"requests": 2, "every": "1m"}},
        {"id": "b", "allow": {"requests": 3, "every": "1h"}},
    ]}));
    let ask = |tenant| proxy.ask("/v1/messages", &hello(false), &[("x-tenant", tenant)]);
    ask("x").unwrap();
    ask("x").unwrap();
    let refused = ask("x").err().unwrap();
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("30")));
    assert_eq!(refused.header("x-should-retry"), None);
    assert!(refused.body.contains("rate_limit_error") && refused.body.contains("per proxy"));
    proxy.store.set_now_ns(T0 + 30 * S - 1);
    assert!(ask("x").is_err());
    proxy.store.set_now_ns(T0 + 30 * S);
    ask("x").unwrap();
    // The other limit is the one to wait for now, and long.
    let refused = ask("y").err().unwrap();
    assert_eq!(refused.header("x-should-retry"), Some("false"));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    proxy.store.set_now_ns(T0 + (30 + wait) * S);
    ask("y").unwrap();
    assert!(ask("y").is_err());
}

#[test]
fn all_admit_together_or_none_is_charged() {
    let proxy = Proxy::new(json!({"limits": [
        {"id": "wide", "allow": {"requests": 100, "every": "1m"}},
        {"id": "places", "allow": {"concurrent": 50}},
        {"id": "narrow", "allow": {"requests": 1, "every": "1m"}},
    ]}));
    let first = proxy.chat(hello(false)).unwrap();
    for _ in 0..20 {
        assert_eq!(proxy.chat(hello(false)).err().unwrap().status, 429);
    }
    assert_eq!((proxy.left(0), proxy.left(1)), (99, 49));
    first.finish();
    assert_eq!(proxy.left(1), 50);
}

#[test]
fn what_is_above_the_whole_cap_is_told_both_numbers() {
    let proxy = Proxy::new(json!({"labels": tenant(), "limits": tokens(500)}));
    let refused = proxy.chat(hello(false)).err().unwrap();
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("retry-after"), None);
    assert_eq!(refused.header("x-should-retry"), Some("false"));
    let needs = hello_input() + 1000;
    assert!(refused.body.contains(&format!("{needs} tokens")), "{}", refused.body);
    assert!(refused.body.contains("500 tokens"), "{}", refused.body);
}

#[test]
fn what_is_above_the_whole_cap_is_told_so_whatever_else_the_limit_would_do() {
    let mut policy = json!({
        "limits": [{"id": "t", "allow": {"tokens": 500, "every": "day"}, "over": {"fallback": "rest"}}],
        "fallbacks": {"rest": {"text": "resting"}}
    });
    let ask = |policy: &Value, most: u64| {
        let mut body = hello(false);
        body["max_tokens"] = json!(most);
        let proxy = Proxy::new(policy.clone());
        proxy.chat(body.clone()).and_then(|_| proxy.chat(body)).err().unwrap()
    };
    let refused = ask(&policy, 1000);
    let needs = format!("{} tokens", hello_input() + 1000);
    assert_eq!((refused.status, refused.header("retry-after")), (429, None));
    assert_eq!(refused.header("x-should-retry"), Some("false"));
    assert_eq!(refused.header("x-hemostat-action"), Some("t:reject"));
    assert!(
        refused.body.contains("500 tokens") && refused.body.contains(&needs),
        "{}",
        refused.body
    );
    // What fits, but not now, gets the canned answer.
    assert_eq!(ask(&policy, 400).status, 200);
    // Another limit's fallback is no way around either, and the one that nobody can pass is named.
    policy["limits"] = json!([
        {"id": "r", "allow": {"requests": 1, "every": "day"}, "over": {"fallback": "rest"}},
        {"id": "t", "allow": {"tokens": 500, "every": "day"}},
    ]);
    let proxy = Proxy::new(policy.clone());
    let mut body = hello(false);
    body["max_tokens"] = json!(10);
    proxy.chat(body).unwrap();
    let refused = proxy.chat(hello(false)).err().unwrap();
    assert_eq!((refused.status, refused.header("x-hemostat-action")), (429, Some("t:reject")));
    // A cheaper model may fit where the dear one never does.
    policy["limits"] = json!([{"id": "m", "allow": {"usd": 0.005, "every": "day"}, "over": {"downgrade": "small"}}]);
    policy["prices"] =
        json!({"small": {"input": 0.1, "output": 1}, "*": {"input": 1, "output": 10}});
    let mut body = hello(false);
    body["max_tokens"] = json!(1000);
    assert!(Proxy::new(policy).chat(body).unwrap().body.contains("small"));
}

#[test]
fn balances_are_shown_only_to_whom_the_proxy_vouches_for() {
    let mut policy = json!({"labels": tenant(), "trusted_headers": ["x-tenant"], "limits": [
        {"id": "t", "per": ["tenant"], "allow": {"requests": 1, "every": "1m"}}]});
    let refused = |policy: &Value, path: &str| {
        let proxy = Proxy::new(policy.clone());
        let ask = || proxy.ask(path, &hello(false), &[("x-tenant", "a")]);
        ask().unwrap();
        ask().err().unwrap()
    };
    let openai = refused(&policy, "/v1/chat/completions");
    assert_eq!(openai.header("x-ratelimit-limit-requests"), Some("1"));
    assert_eq!(openai.header("x-ratelimit-remaining-requests"), Some("0"));
    assert_eq!(openai.header("x-ratelimit-reset-requests"), Some("1m0s"));
    let anthropic = refused(&policy, "/v1/messages");
    assert_eq!(anthropic.header("anthropic-ratelimit-requests-limit"), Some("1"));
    let gemini = refused(&policy, "/v1beta/models/g:generateContent");
    assert!(gemini.body.contains("RESOURCE_EXHAUSTED"));
    policy["trusted_headers"] = json!([]);
    let untrusted = refused(&policy, "/v1/chat/completions");
    assert_eq!(untrusted.header("x-ratelimit-limit-requests"), None);
}

#[test]
fn a_fallback_speaks_in_place_of_a_refusal() {
    let proxy = Proxy::new(json!({"limits": [{"id": "r", "allow": {"requests": 1, "every": "day"},
        "over": {"fallback": "rest"}}], "fallbacks": {"rest": {"text": "resting"}}}));
    proxy.chat(hello(false)).unwrap();
    let canned = proxy.chat(hello(false)).err().unwrap();
    assert_eq!(canned.status, 200);
    assert!(canned.body.contains("resting"));
    assert_eq!(canned.header("x-hemostat-action"), Some("r:fallback"));
}

#[test]
fn a_downgrade_asks_all_limits_once_more() {
    let policy = json!({"prices": {"big": {"input": 1, "output": 100}, "small*": {"input": 0.1, "output": 1}},
        "limits": [{"id": "m", "allow": {"usd": 0.15, "every": "1h"}, "over": {"downgrade": "small-1"}}]});
    let proxy = Proxy::new(policy.clone());
    let ask = || proxy.chat(json!({"model": "big", "max_tokens": 1000, "messages": []}));
    assert!(ask().unwrap().body.contains(r#""model":"big""#));
    let down = ask().unwrap();
    assert!(down.body.contains(r#""model":"small-1""#), "{}", down.body);
    let held = 150_000 - proxy.left(0);
    assert!((101_000..101_100).contains(&held), "{held}");
    // Until the small one is too dear as well.
    while ask().is_ok() {}
    assert_eq!(ask().err().unwrap().status, 429);
    // Where the path carries the model, the path is changed.
    let proxy = Proxy::new(json!({"limits": [{"id": "r", "per": ["model"],
        "allow": {"requests": 1, "every": "1h"}, "over": {"downgrade": "gemini-flash"}}]}));
    let ask = || {
        proxy.ask("/v1beta/models/gemini-pro:generateContent?x=1", &json!({"contents": []}), &[])
    };
    ask().unwrap();
    let path = "/v1beta/models/gemini-flash:generateContent?x=1".to_owned();
    assert!(ask().unwrap().edits.contains(&HeaderEdit::Set(":path".to_owned(), path)));
    assert_eq!(ask().err().unwrap().status, 429);
}

#[test]
fn the_default_maximum_is_written_where_the_policy_says_so() {
    let mut policy = json!({"limits": tokens(100_000), "labels": tenant(), "cap_output": true,
                            "default_max_output_tokens": 77});
    let body = |path, body: Value| {
        let proxy = Proxy::new(policy.clone());
        serde_json::from_str::<Value>(&proxy.ask(path, &body, &[]).unwrap().body).unwrap()
    };
    let chat = json!({"model": "m", "messages": []});
    assert_eq!(body("/v1/chat/completions", chat.clone())["max_completion_tokens"], 77);
    assert_eq!(body("/v1/responses", json!({"model": "m", "input": "x"}))["max_output_tokens"], 77);
    assert_eq!(body("/v1/messages", chat.clone())["max_tokens"], 77);
    let path = "/v1beta/models/g:generateContent";
    assert_eq!(body(path, json!({"contents": []}))["generationConfig"]["maxOutputTokens"], 77);
    let config = json!({"contents": [], "generationConfig": {"topK": 1}});
    assert_eq!(body(path, config)["generationConfig"], json!({"maxOutputTokens": 77, "topK": 1}));
    let named = json!({"model": "m", "messages": [], "max_tokens": 5});
    assert_eq!(body("/v1/chat/completions", named.clone()), named);
    policy["cap_output"] = json!(false);
    let proxy = Proxy::new(policy);
    assert_eq!(proxy.chat(chat.clone()).unwrap().body, chat.to_string());
}

#[test]
fn choices_are_reserved_for_each() {
    let one = proxy(json!({}));
    one.chat(hello(false)).unwrap();
    let many = proxy(json!({}));
    let mut body = hello(false);
    body["n"] = json!(5);
    many.chat(body).unwrap();
    assert_eq!(one.left(0) - many.left(0), 4000);
}

#[test]
fn nothing_without_a_price_passes_a_money_limit() {
    let mut policy = json!({"limits": [{"id": "m", "allow": {"usd": 5, "every": "1h"}}],
                            "prices": {"known": {"input": 1, "output": 1}}});
    let proxy = Proxy::new(policy.clone());
    let refused = proxy.chat(hello(false)).err().unwrap();
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("model `m` has no price"), "{}", refused.body);
    let asks = [
        json!({"model": "known", "messages": [], "service_tier": "priority"}),
        json!({"model": "known", "messages": [], "web_search_options": {}}),
        json!({"model": "known", "messages": [], "modalities": ["text", "audio"]}),
    ];
    for ask in &asks {
        assert_eq!(proxy.chat(ask.clone()).err().unwrap().status, 403, "{ask}");
    }
    proxy.chat(json!({"model": "known", "messages": []})).unwrap();
    policy["unpriced"] = json!("count_zero");
    let proxy = Proxy::new(policy);
    let counts = proxy.chat(hello(false)).unwrap().finish();
    assert!(counts.contains(&"hemostat_unpriced_total;action=count_zero".to_owned()));
}

#[test]
fn shadow_limits_refuse_nobody_and_count_apart() {
    let mut policy = json!({"mode": "shadow", "limits": [
        {"id": "r", "allow": {"requests": 1, "every": "day"}}]});
    let mut proxy = Proxy::new(policy.clone());
    for n in 0..3 {
        let asked = proxy.chat(hello(false)).unwrap();
        let counts = asked.finish();
        let over = "hemostat_rule_hits_total;rule=r;action=shadow-reject".to_owned();
        assert_eq!(counts.contains(&over), n > 0);
    }
    // What was counted in shadow is not charged once the limit acts.
    policy["mode"] = json!("enforce");
    proxy.push(policy);
    proxy.chat(hello(false)).unwrap();
    assert!(proxy.chat(hello(false)).is_err());
}

#[test]
fn counts_survive_a_policy_that_keeps_id_per_unit_and_window() {
    let policy = |amount: u64, every: &str, epoch: u64| json!({"limits": [{"id": "r", "allow": {"requests": amount, "every": every}, "epoch": epoch}]});
    let mut proxy = Proxy::new(policy(10, "day", 0));
    let asked: Vec<Asked> = (0..10).map(|_| proxy.chat(hello(false)).unwrap()).collect();
    proxy.push(policy(12, "day", 0));
    assert_eq!(proxy.left(0), 2);
    proxy.push(policy(12, "day", 1));
    assert_eq!(proxy.left(0), 12);
    proxy.push(policy(12, "month", 0));
    assert_eq!(proxy.left(0), 12);
    drop(asked);
}

#[test]
fn a_settlement_after_a_push_goes_to_the_account_it_was_taken_from() {
    let mut proxy = proxy(json!({}));
    let mut asked = proxy.chat(hello(true)).unwrap();
    proxy.push(
        json!({"limits": [{"id": "other", "allow": {"tokens": 5, "every": "day"}}, limits()[0]]}),
    );
    asked.answer(SSE, (words(100) + &finish_events(true)).as_bytes(), true);
    assert_eq!(CAP - proxy.left(1), 320);
    assert_eq!(proxy.left(0), 5);
}

#[test]
fn long_streams_keep_their_places() {
    let proxy = Proxy::new(json!({"limits": [{"id": "p", "allow": {"concurrent": 1}}]}));
    let asked = proxy.chat(hello(true)).unwrap();
    for minute in 1..10 {
        proxy.store.set_now_ns(T0 + minute * 60 * S);
        assert_eq!(proxy.book.renew_all(), 0);
        assert_eq!(proxy.chat(hello(true)).err().unwrap().header("retry-after"), Some("1"));
    }
    // A worker that is gone renews nothing.
    proxy.store.set_now_ns(T0 + 13 * 60 * S);
    let other = proxy.chat(hello(true)).unwrap();
    assert!(asked.finish().is_empty() || proxy.left(0) == 0);
    assert_eq!(proxy.left(0), 0);
    other.finish();
    assert_eq!(proxy.left(0), 1);
}

#[test]
fn accounts_that_cannot_be_had_let_nothing_through() {
    let proxy = proxy(json!({}));
    proxy.store.fail(true);
    let refused = proxy.chat(hello(false)).err().unwrap();
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    proxy.store.fail(false);
    proxy.store.lose(hemostat_engine::limits::LEDGER_RETRIES);
    assert_eq!(proxy.chat(hello(false)).err().unwrap().status, 429);
    proxy.chat(hello(false)).unwrap();
}

#[test]
fn what_cannot_be_read_is_refused_under_a_limit_on_tokens_and_counted_under_one_on_requests() {
    let requests =
        Proxy::new(json!({"limits": [{"id": "r", "allow": {"requests": 1, "every": "day"}}]}));
    let twice = json!("not an object");
    requests.chat(twice.clone()).unwrap();
    assert_eq!(requests.chat(twice.clone()).err().unwrap().status, 429);
    let proxy = proxy(json!({}));
    assert_eq!(proxy.chat(twice).err().unwrap().status, 403);
    let background = json!({"model": "m", "input": "x", "background": true});
    assert_eq!(proxy.ask("/v1/responses", &background, &[]).err().unwrap().status, 403);
    let wrong = json!({"model": "m", "messages": [], "max_tokens": "many"});
    assert_eq!(proxy.chat(wrong).err().unwrap().status, 403);
}

#[test]
fn a_guardrail_that_refuses_costs_nothing() {
    let proxy = proxy(
        json!({"guardrails": [{"id": "g", "scan": "input", "find": "hello", "do": "block"}]}),
    );
    assert_eq!(proxy.chat(hello(false)).err().unwrap().status, 403);
    assert_eq!((proxy.left(0), proxy.left(2), proxy.left(3)), (CAP, 1000, 10));
}

#[test]
fn warnings_are_told_once() {
    let proxy =
        Proxy::new(json!({"limits": [{"id": "r", "allow": {"requests": 10, "every": "day"},
                                              "warn_at": [0.8, 0.5]}]}));
    let warned: Vec<String> = (0..10)
        .flat_map(|_| proxy.chat(hello(false)).unwrap().finish())
        .filter(|name| name.contains("warnings"))
        .collect();
    let name = |percent| format!("hemostat_limit_warnings_total;rule=r;percent={percent}");
    assert_eq!(warned, [name(50), name(80)]);
}

/// A policy whose other levers act on the answer as well.
fn beside_others() -> Proxy {
    proxy(json!({
        "tools": [{"id": "no-shell", "match": "shell", "do": "deny"}],
        "guardrails": [{"id": "secret", "scan": "output", "find": "sesame", "do": "redact"}],
    }))
}

fn call_events(name: &str) -> String {
    let delta = |delta: Value| {
        format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta}], "usage": null}))
    };
    let call = json!({"index": 0, "id": "call_1", "type": "function",
                      "function": {"name": name, "arguments": ""}});
    let arguments = json!({"index": 0, "function": {"arguments": "{\"a\":1}"}});
    delta(json!({"tool_calls": [call]})) + &delta(json!({"tool_calls": [arguments]}))
}

#[test]
fn a_request_without_its_denied_tools_is_asked_for_usage_too() {
    let proxy = beside_others();
    let mut body = hello(true);
    let tool = |name: &str| json!({"type": "function", "function": {"name": name}});
    body["tools"] = json!([tool("shell"), tool("weather")]);
    let asked = proxy.chat(body).unwrap();
    let upstream: Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(upstream["tools"], json!([tool("weather")]));
    assert_eq!(upstream["stream_options"], json!({"include_usage": true}));
    let length = HeaderEdit::Set("content-length".to_owned(), asked.body.len().to_string());
    assert!(asked.edits.contains(&length));
}

#[test]
fn usage_is_taken_out_of_answers_that_other_levers_change() {
    let proxy = beside_others();
    let events = chunk("open sesame ") + &call_events("shell") + &finish_events(true);
    let mut asked = proxy.chat(hello(true)).unwrap();
    let out = String::from_utf8(asked.answer(SSE, events.as_bytes(), true)).unwrap();
    assert!(!out.contains("sesame") && !out.contains("arguments"), "{out}");
    assert!(!out.contains("prompt_tokens"), "{out}");
    assert!(out.ends_with("data: [DONE]\n\n"), "{out}");
    asked.finish();
    assert_eq!(proxy.left(0), CAP - 320, "what upstream said, whatever left");
}

#[test]
fn an_event_that_nobody_can_read_passes_where_only_limits_look() {
    let events = chunk("hello ") + "data: {no json\n\n" + &finish_events(false);
    let mut asked = proxy(json!({})).chat(hello(true)).unwrap();
    let out = asked.answer(SSE, events.as_bytes(), true);
    assert_eq!(String::from_utf8(out).unwrap(), events);
}

#[test]
fn an_answer_that_only_tools_rules_look_at_is_still_judged() {
    let proxy = Proxy::new(json!({
        "limits": [{"id": "r", "allow": {"requests": 5, "every": "1m"}}],
        "tools": [{"id": "no-shell", "match": "shell", "do": "deny"}],
    }));
    let events = call_events("shell") + &finish_events(false);
    let mut asked = proxy.chat(hello(true)).unwrap();
    let out = String::from_utf8(asked.answer(SSE, events.as_bytes(), true)).unwrap();
    assert!(!out.contains("arguments"), "{out}");
}
