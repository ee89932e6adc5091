//! Support for tests of limits: a proxy with one worker and its accounts, and answers to play.

use std::cell::RefCell;
use std::rc::Rc;

use hemostat_engine::base::callout::CalloutReply;
use hemostat_engine::exchange::{
    Effect, Exchange, HeaderEdit, RequestFacts, RequestVerdict, ResponseVerdict,
};
use hemostat_engine::fleet::FleetTable;
use hemostat_engine::ledger::{Book, MemoryStore, ReservationOutcome};
use hemostat_engine::policy::Program;
use hemostat_engine::policy::program::selector::Labels;
use serde_json::{Value, json};

use crate::program;
use crate::rls::Rls;

pub const S: u64 = 1_000_000_000;
pub const T0: u64 = 1_764_000_000 * S;

/// A proxy with one worker.
pub struct Proxy {
    pub program: Rc<Program>,
    pub store: Rc<MemoryStore>,
    pub book: Rc<Book>,
    /// The fleet's table and rate-limit service, if it is one of a fleet.
    pub fleet: Option<(Rc<FleetTable>, RefCell<Rls>)>,
}

/// A reply that the proxy itself gave to the caller.
#[derive(Debug)]
pub struct Refusal {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Refusal {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// A request that was passed on.
pub struct Asked {
    pub exchange: Exchange,
    pub edits: Vec<HeaderEdit>,
    pub body: String,
}

impl Proxy {
    pub fn new(policy: Value) -> Self {
        let store = Rc::new(MemoryStore::new(T0));
        let book = Rc::new(Book::new(Rc::clone(&store) as Rc<_>));
        Self { program: program(policy), store, book, fleet: None }
    }

    /// A proxy of a fleet: limits with `global` are also kept by a service.
    pub fn of_fleet(policy: Value) -> Self {
        let table = Rc::new(FleetTable::new(Rc::new(MemoryStore::new(T0))));
        Self { fleet: Some((table, RefCell::default())), ..Self::new(policy) }
    }

    /// Pushes another policy; the accounts stay.
    pub fn push(&mut self, policy: Value) {
        self.program = program(policy);
    }

    pub fn ask(
        &self,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Result<Asked, Refusal> {
        let mut exchange = Exchange::with_book(Rc::clone(&self.program), Rc::clone(&self.book));
        if let Some((table, _)) = &self.fleet {
            exchange.set_fleet(Rc::clone(table));
        }
        let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        let mut all = vec![pair(":method", "POST"), pair(":path", path), pair(":authority", "a")];
        all.extend(headers.iter().map(|(name, value)| pair(name, value)));
        let now_ns = hemostat_engine::ledger::Store::now_ns(&*self.store);
        let facts = RequestFacts { headers: all.into(), now_ns, ..RequestFacts::default() };
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
                RequestVerdict::Sniff { edits: more, .. } => {
                    edits.extend(more);
                    verdict = exchange.request_sniff(body.as_bytes(), true);
                }
                RequestVerdict::Peek { edits: more } => {
                    edits.extend(more);
                    exchange.request_chunk(body.as_bytes(), true);
                    return Ok(Asked { exchange, edits, body });
                }
                RequestVerdict::Ask(calls) => {
                    let (_, rls) = self.fleet.as_ref().unwrap();
                    let mut rls = rls.borrow_mut();
                    let mut answered = calls.iter().enumerate().map(|(number, call)| {
                        let answer = rls.answer(call);
                        exchange.callout_answered(number, CalloutReply::Message(&answer))
                    });
                    verdict = answered.find_map(|verdict| verdict).unwrap();
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

    pub fn chat(&self, body: Value) -> Result<Asked, Refusal> {
        self.ask("/v1/chat/completions", &body, &[])
    }

    /// What is left of a limit without `per`.
    pub fn left(&self, rule: usize) -> u64 {
        let limit = &self.program.limits.rules[rule];
        let labels = Labels::unread(&self.program.labels, None);
        let shadow = limit.rule.mode == hemostat_engine::policy::document::Mode::Shadow;
        let key = limit.account(&labels, shadow).unwrap();
        let charge =
            u64::from(limit.unit == hemostat_engine::policy::program::limit::LimitUnit::Concurrent);
        match self.book.reserve(&key, &limit.cap, charge, &[]).unwrap() {
            ReservationOutcome::Admitted { hold, standing, .. } => {
                if charge > 0 {
                    let _ = self.book.release(hold);
                }
                standing.left + charge
            }
            ReservationOutcome::Refused { standing, .. } => standing.left,
        }
    }
}

impl Asked {
    pub fn begin(&mut self, status: u16, content_type: &str, local: bool) -> ResponseVerdict {
        let headers = vec![
            (b":status".to_vec(), status.to_string().into_bytes()),
            (b"content-type".to_vec(), content_type.as_bytes().to_vec()),
        ];
        self.exchange.response_headers(&headers.into(), local, false, T0 + S)
    }

    /// Plays an answer, to its end if `end`; returns what the caller got.
    pub fn answer(&mut self, content_type: &str, bytes: &[u8], end: bool) -> Vec<u8> {
        let mut out = Vec::new();
        match self.begin(200, content_type, false) {
            ResponseVerdict::Stream { .. } => {
                for chunk in bytes.chunks(37) {
                    let verdict = self.exchange.response_chunk(chunk, false, T0 + S);
                    out.extend(verdict.leaving(chunk));
                }
                if end {
                    let verdict = self.exchange.response_chunk(b"", true, T0 + S);
                    out.extend(verdict.leaving(b""));
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

    pub fn finish(mut self) -> Vec<String> {
        self.exchange.finish(b"");
        let effects = self.exchange.effects();
        effects
            .into_iter()
            .filter_map(|effect| match effect {
                Effect::Count(name) => Some(name.into_owned()),
                _ => None,
            })
            .collect()
    }
}

pub const CAP: u64 = 10_000_000;

/// Four limits, in this order: on tokens, money, requests, and places in flight.
pub fn limits() -> Value {
    json!([
        {"id": "tokens", "allow": {"tokens": CAP, "every": "day"}},
        {"id": "money", "allow": {"usd": 1000, "every": "day"}},
        {"id": "calls", "allow": {"requests": 1000, "every": "day"}},
        {"id": "places", "allow": {"concurrent": 10}},
    ])
}

pub fn prices() -> Value {
    json!({"*": {"input": 1, "output": 10, "cached_input": 0.5, "cache_write": 1}})
}

pub fn proxy(more: Value) -> Proxy {
    let mut policy = json!({"limits": limits(), "prices": prices()});
    policy.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Proxy::new(policy)
}

pub fn hello(stream: bool) -> Value {
    json!({"model": "m", "stream": stream, "max_tokens": 1000,
           "messages": [{"role": "user", "content": "Say hello to everybody."}]})
}

/// The estimated input tokens of [`hello`].
pub fn hello_input() -> u64 {
    let proxy = proxy(json!({}));
    let asked = proxy.chat(hello(false)).unwrap();
    let reserved = CAP - proxy.left(0);
    drop(asked);
    reserved - 1000
}

pub const SSE: &str = "text/event-stream";

pub fn chunk(text: &str) -> String {
    let event = json!({"choices": [{"index": 0, "delta": {"content": text}}], "usage": null});
    format!("data: {event}\n\n")
}

pub fn finish_events(usage: bool) -> String {
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

pub fn words(n: usize) -> String {
    (0..n).map(|_| chunk("hello ")).collect()
}
