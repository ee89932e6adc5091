//! Limits that a fleet shares, over whole exchanges: the service's word, questions before a request, and what is owed.

mod reserve;

use std::rc::Rc;

use crate::support::program;
use hemostat_engine::base::callout::{Callout, CalloutReply};
use hemostat_engine::exchange::{Effect, Exchange, HeaderEdit, RequestFacts, RequestVerdict};
use hemostat_engine::fleet::{FleetTable, UsageReport};
use hemostat_engine::ledger::{Book, MemoryStore, Store};
use hemostat_engine::policy::Program;
use serde_json::{Value, json};

const MS: u64 = 1_000_000;
const S: u64 = 1000 * MS;
const T0: u64 = 1_764_000_000 * S;

const OK: &[u8] = &[8, 1];
const OVER: &[u8] = &[8, 2];

/// A proxy with one worker.
struct Proxy {
    program: Rc<Program>,
    stores: [Rc<MemoryStore>; 2],
    book: Rc<Book>,
    table: Rc<FleetTable>,
}

/// How far a request came.
struct Sent {
    exchange: Exchange,
    edits: Vec<HeaderEdit>,
    /// Status and body of the proxy's own answer.
    reply: Option<(u16, String)>,
    asks: Vec<Callout>,
    passed: bool,
    body: String,
}

impl Sent {
    fn apply(&mut self, verdict: RequestVerdict) {
        match verdict {
            RequestVerdict::Pass { edits, body } => {
                self.edits.extend(edits);
                self.passed = true;
                if let Some(body) = body {
                    self.body = String::from_utf8(body).unwrap();
                }
            }
            RequestVerdict::Reply(reply) => {
                self.reply = Some((reply.status, String::from_utf8(reply.body).unwrap()));
            }
            RequestVerdict::Ask(calls) => self.asks = calls,
            RequestVerdict::NeedBody { edits, .. } => {
                self.edits.extend(edits);
                let body = self.body.clone();
                let verdict = self.exchange.request_body(Some(body.as_bytes()));
                self.apply(verdict);
            }
            RequestVerdict::Peek { .. } | RequestVerdict::Sniff { .. } => {
                panic!("the limits here are enforced")
            }
        }
    }

    fn answer(&mut self, call: usize, answer: CalloutReply<'_>) {
        if let Some(verdict) = self.exchange.callout_answered(call, answer) {
            self.apply(verdict);
        }
    }

    fn status(&self) -> u16 {
        match (&self.reply, self.passed) {
            (Some((status, _)), _) => *status,
            (None, true) => 200,
            (None, false) => 0,
        }
    }

    fn counts(&mut self) -> Vec<String> {
        let name = |effect| match effect {
            Effect::Count(name) if name.contains("_global_") => Some(name.into_owned()),
            _ => None,
        };
        self.exchange.effects().into_iter().filter_map(name).collect()
    }
}

impl Proxy {
    fn new(policy: Value) -> Self {
        let stores = [Rc::new(MemoryStore::new(T0)), Rc::new(MemoryStore::new(T0))];
        let book = Rc::new(Book::new(Rc::clone(&stores[0]) as Rc<_>));
        let table = Rc::new(FleetTable::new(Rc::clone(&stores[1]) as Rc<_>));
        Self { program: program(policy), stores, book, table }
    }

    fn wait(&self, ms: u64) {
        let now = self.stores[0].now_ns() + ms * MS;
        self.stores.iter().for_each(|store| store.set_now_ns(now));
    }

    fn send(&self, tenant: &str, body: Value) -> Sent {
        self.send_to("/v1/chat/completions", tenant, body)
    }

    fn send_to(&self, path: &str, tenant: &str, body: Value) -> Sent {
        let mcp = [
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", "tools/call"),
            ("mcp-name", "refund"),
        ];
        self.send_with(path, tenant, if path == "/mcp" { &mcp } else { &[] }, body)
    }

    fn send_with(&self, path: &str, tenant: &str, more: &[(&str, &str)], body: Value) -> Sent {
        let mut exchange = Exchange::with_book(Rc::clone(&self.program), Rc::clone(&self.book));
        exchange.set_fleet(Rc::clone(&self.table));
        let own = [(":method", "POST"), (":path", path), ("x-tenant", tenant)];
        let headers: Vec<_> = own
            .iter()
            .chain(more)
            .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
            .collect();
        let facts = RequestFacts {
            headers: headers.into(),
            now_ns: self.stores[0].now_ns(),
            ..RequestFacts::default()
        };
        let verdict = exchange.request_headers(facts, false);
        let mut sent = Sent {
            exchange,
            edits: Vec::new(),
            reply: None,
            asks: Vec::new(),
            passed: false,
            body: body.to_string(),
        };
        sent.apply(verdict);
        sent
    }

    fn chat(&self, tenant: &str) -> Sent {
        let turn = json!([{"role": "user", "content": "Hi"}]);
        self.send(tenant, json!({"model": "m", "max_tokens": 100, "messages": turn}))
    }

    /// The model's answer, which used so many tokens.
    fn end(&self, sent: Sent, input: u64, output: u64) {
        let usage = json!({"prompt_tokens": input, "completion_tokens": output});
        let message = json!({"role": "assistant", "content": "Hello"});
        let body = json!({"id": "c", "object": "chat.completion", "usage": usage,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]});
        self.answered(sent, &body);
    }

    /// This answer.
    fn answered(&self, mut sent: Sent, body: &Value) {
        let headers = vec![
            (b":status".to_vec(), b"200".to_vec()),
            (b"content-type".to_vec(), b"application/json".to_vec()),
        ];
        let now = self.stores[0].now_ns();
        sent.exchange.response_headers(&headers.into(), false, false, now);
        sent.exchange.response_body(Some(body.to_string().as_bytes()), now);
        sent.exchange.finish(b"");
    }

    fn round(&self) -> Vec<UsageReport> {
        self.table.due(64)
    }

    /// What is due is charged, and the service says this of it. Gives what was charged, in the service's unit.
    fn exchange(&self, word: &[u8]) -> u32 {
        let mut hits = 0;
        for parcel in self.round() {
            let text = parcel.call().message;
            hits += text.iter().rev().take(1).map(|byte| u32::from(*byte)).sum::<u32>();
            assert_eq!(self.table.answered(parcel, CalloutReply::Message(word)), None);
        }
        hits
    }
}

fn global(more: Value) -> Value {
    let mut global = json!({"domain": "llm", "cluster": "rls", "api": "envoy"});
    global.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    global
}

fn policy(allow: Value, more: Value) -> Value {
    json!({"labels": {"tenant": [{"header": "x-tenant"}]}, "prices": {"*": {"input": 1, "output": 10}},
        "limits": [{"id": "l", "per": ["tenant"], "allow": allow, "global": global(more)}]})
}

#[test]
fn what_was_used_is_owed_and_the_service_has_the_last_word() {
    let proxy = Proxy::new(policy(json!({"tokens": 1000, "every": "day"}), json!({})));
    proxy.end(proxy.chat("a"), 30, 20);
    assert_eq!(proxy.exchange(OVER), 50);
    let mut refused = proxy.chat("a");
    assert_eq!(refused.status(), 429);
    let (_, body) = refused.reply.clone().unwrap();
    assert!(body.contains("over the fleet"), "{body}");
    assert_eq!(refused.counts(), ["hemostat_global_decisions_total;rule=l;action=over"]);
    // Others are not over, and what was refused is owed by nobody.
    let other = proxy.chat("b");
    assert_eq!(other.status(), 200);
    proxy.end(other, 3, 4);
    refused.exchange.finish(b"");
    proxy.wait(500);
    let mut due = proxy.round();
    due.sort_by_key(|parcel| parcel.call().message.len());
    assert_eq!(due.len(), 2, "a question for the one who was refused, a charge for the other");
    for parcel in due {
        assert_eq!(proxy.table.answered(parcel, CalloutReply::Message(OK)), None);
    }
    assert_eq!(proxy.chat("a").status(), 200, "the service says otherwise");
}

#[test]
fn a_descriptor_names_rule_and_labels() {
    let proxy = Proxy::new(policy(json!({"requests": 10, "every": "1m"}), json!({})));
    let sent = proxy.chat("a");
    let [parcel] = proxy.round().try_into().unwrap();
    let call = parcel.call();
    let wanted = b"\x0a\x03llm\x12\x21\x0a\x0a\x0a\x05limit\x12\x01l\x0a\x0b\x0a\x06tenant\x12\x01a\x1a\x02\x08\x01\x18\x01";
    let wanted = wanted.to_vec();
    // The descriptor's own length is counted, not typed.
    let (head, rest) = (call.message.get(..5).unwrap(), call.message.get(7..).unwrap());
    assert_eq!((head, rest), (wanted.get(..5).unwrap(), wanted.get(7..).unwrap()));
    assert_eq!(
        (call.service, call.method),
        ("envoy.service.ratelimit.v3.RateLimitService", "ShouldRateLimit")
    );
    assert_eq!(call.target, "\n\u{5}\n\u{3}rls");
    drop(sent);
}

#[test]
fn requests_are_owed_when_they_leave_and_refused_ones_never() {
    let mut two = policy(json!({"requests": 10, "every": "day"}), json!({}));
    two["limits"]
        .as_array_mut()
        .unwrap()
        .push(json!({"id": "second", "per": ["tenant"], "allow": {"requests": 1, "every": "day"}}));
    let proxy = Proxy::new(two);
    let first = proxy.chat("a");
    assert_eq!(first.status(), 200);
    assert_eq!(proxy.chat("a").status(), 429);
    assert_eq!(proxy.exchange(OK), 1);
    proxy.end(first, 1, 1);
    proxy.wait(1000);
    assert_eq!(proxy.exchange(OK), 0, "once");
}

/// MCP: a server may ask its caller for more, and the call goes on with what it was told.
#[test]
fn a_call_of_several_rounds_is_owed_once() {
    for unit in ["requests", "calls"] {
        let proxy = Proxy::new(policy(json!({unit: 10, "every": "day"}), json!({})));
        for kind in ["input_required", "input_required", "complete"] {
            let call = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call",
                "params": {"name": "refund", "arguments": {},
                    "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}});
            let sent = proxy.send_to("/mcp", "a", call);
            assert_eq!(sent.status(), 200, "{unit}");
            let result = json!({"resultType": kind, "content": [], "inputRequests": {}});
            proxy.answered(sent, &json!({"jsonrpc": "2.0", "id": 7, "result": result}));
        }
        assert_eq!(proxy.exchange(OK), 1, "{unit}");
    }
}

#[test]
fn money_is_owed_in_cents() {
    let proxy = Proxy::new(policy(json!({"usd": 5, "every": "day"}), json!({})));
    // 1,000 tokens out are one cent; half of one is carried on.
    proxy.end(proxy.chat("a"), 0, 1500);
    assert_eq!(proxy.exchange(OK), 1);
    proxy.end(proxy.chat("a"), 0, 500);
    proxy.wait(500);
    assert_eq!(proxy.exchange(OK), 1);
}

#[test]
fn a_strict_limit_asks_first_and_charges_at_the_end() {
    let proxy =
        Proxy::new(policy(json!({"tokens": 1000, "every": "day"}), json!({"strict": true})));
    let mut sent = proxy.chat("a");
    assert_eq!((sent.status(), sent.asks.len()), (0, 1));
    assert!(sent.asks[0].timeout_ms <= 1000);
    sent.answer(0, CalloutReply::Message(OK));
    assert_eq!(sent.status(), 200);
    // The same answer once more, and one to a call that nobody made, change nothing.
    sent.answer(0, CalloutReply::Message(OVER));
    sent.answer(7, CalloutReply::Message(OVER));
    assert_eq!(sent.status(), 200);
    proxy.end(sent, 30, 20);
    assert_eq!(proxy.exchange(OK), 50);

    let mut over = proxy.chat("a");
    over.answer(0, CalloutReply::Message(OVER));
    assert_eq!(over.status(), 429);
    over.exchange.finish(b"");
    proxy.wait(500);
    assert_eq!(proxy.exchange(OK), 0, "what was refused is owed by nobody");
}

#[test]
fn a_caller_that_hangs_up_while_it_waits_is_charged_nothing() {
    let proxy = Proxy::new(policy(json!({"requests": 1, "every": "day"}), json!({"strict": true})));
    let mut sent = proxy.chat("a");
    sent.exchange.finish(b"");
    sent.answer(0, CalloutReply::Message(OK));
    assert!(!sent.passed);
    assert!(proxy.round().is_empty());
    let mut next = proxy.chat("a");
    next.answer(0, CalloutReply::Message(OK));
    assert_eq!(next.status(), 200, "its place was given back");
}

#[test]
fn a_strict_refusal_may_change_the_model_and_asks_again() {
    let mut policy = policy(json!({"requests": 5, "every": "day"}), json!({"strict": true}));
    policy["limits"][0]["per"] = json!(["tenant", "model"]);
    policy["limits"][0]["over"] = json!({"downgrade": "small"});
    let proxy = Proxy::new(policy);
    let mut sent = proxy.chat("a");
    sent.answer(0, CalloutReply::Message(OVER));
    assert_eq!(sent.status(), 0);
    assert!(String::from_utf8_lossy(&sent.asks[0].message).contains("small"));
    sent.answer(0, CalloutReply::Message(OK));
    assert_eq!(sent.status(), 200);
    assert!(sent.body.contains(r#""model":"small""#), "{}", sent.body);
    let mut twice = proxy.chat("a");
    twice.answer(0, CalloutReply::Message(OVER));
    twice.answer(0, CalloutReply::Message(OVER));
    assert_eq!(twice.status(), 429);
}

#[test]
fn silence_is_decided_as_the_limit_says() {
    for strict in [false, true] {
        for (word, within, above) in [("local", 200, 429), ("open", 200, 200), ("closed", 429, 429)]
        {
            let more = json!({"strict": strict, "on_error": word});
            let proxy = Proxy::new(policy(json!({"requests": 2, "every": "day"}), more));
            // The service fails, and goes on failing.
            let mut first = proxy.chat("a");
            if strict {
                first.answer(0, CalloutReply::Status(14));
                let wanted = if word == "closed" { 429 } else { 200 };
                assert_eq!(first.status(), wanted, "{word}");
            } else {
                for parcel in proxy.round() {
                    assert_eq!(proxy.table.answered(parcel, CalloutReply::Status(14)), None);
                }
            }
            proxy.wait(1000);
            let mut second = proxy.chat("a");
            assert!(second.asks.is_empty(), "{word}: nobody waits for a service that is silent");
            let what = format!("{word} strict={strict} {:?}", second.reply);
            assert_eq!(second.status(), within, "{what}");
            assert_eq!(
                second.counts(),
                [format!("hemostat_global_decisions_total;rule=l;action={word}")],
                "{what}"
            );
            proxy.chat("a");
            assert_eq!(proxy.chat("a").status(), above, "{what}");
            // It is back, and is heard at the next turn.
            proxy.wait(500);
            let probes = proxy.round();
            assert_eq!(probes.len(), 1, "{what}");
            for parcel in probes {
                assert_eq!(proxy.table.answered(parcel, CalloutReply::Message(OK)), None);
            }
            let mut back = proxy.chat("b");
            back.answer(0, CalloutReply::Message(OK));
            assert_eq!(back.status(), 200, "{what}");
            assert_eq!(back.counts(), Vec::<String>::new());
        }
    }
}

#[test]
fn what_passes_an_open_limit_during_an_outage_is_owed_whole() {
    let proxy =
        Proxy::new(policy(json!({"tokens": 1000, "every": "day"}), json!({"on_error": "open"})));
    proxy.end(proxy.chat("a"), 10, 20);
    for parcel in proxy.round() {
        assert_eq!(proxy.table.answered(parcel, CalloutReply::Status(14)), None);
    }
    proxy.wait(1000);
    proxy.end(proxy.chat("a"), 10, 50);
    // A stream is asked what it uses, as ever.
    let turn = json!([{"role": "user", "content": "Hi"}]);
    let asked = json!({"model": "m", "max_tokens": 9, "stream": true, "messages": turn});
    let mut streamed = proxy.send("b", asked);
    assert!(streamed.body.contains("include_usage"), "{}", streamed.body);
    streamed.exchange.host_failed();
    for parcel in proxy.round() {
        assert_eq!(proxy.table.answered(parcel, CalloutReply::Message(OK)), None);
    }
    proxy.wait(1000);
    assert_eq!(proxy.exchange(OK), 90);
}

#[test]
fn closed_says_why() {
    let proxy = Proxy::new(policy(
        json!({"requests": 2, "every": "day"}),
        json!({"strict": true, "on_error": "closed"}),
    ));
    let mut sent = proxy.chat("a");
    sent.answer(0, CalloutReply::Status(4));
    let (status, body) = sent.reply.clone().unwrap();
    assert_eq!(status, 429);
    assert!(body.contains("does not answer"), "{body}");
}

#[test]
fn a_limit_in_shadow_tells_nobody() {
    let mut shadow = policy(json!({"requests": 1, "every": "day"}), json!({"strict": true}));
    shadow["limits"][0]["mode"] = json!("shadow");
    shadow["limits"]
        .as_array_mut()
        .unwrap()
        .push(json!({"id": "other", "allow": {"requests": 9, "every": "day"}}));
    let proxy = Proxy::new(shadow);
    for _ in 0..3 {
        let sent = proxy.chat("a");
        assert_eq!((sent.status(), sent.asks.len()), (200, 0));
    }
    assert!(proxy.round().is_empty());
}
