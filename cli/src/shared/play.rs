//! Plays an exchange through a policy without a proxy: does what the filter does, with bytes that are already there.

use std::rc::Rc;

use hemostat_engine::exchange::{
    Effect, Exchange, HeaderEdit, RequestFacts, RequestVerdict, ResponseVerdict, StreamVerdict,
};
use hemostat_engine::ledger::{Book, MemoryStore};
use hemostat_engine::policy::Program;

/// A request, and upstream's answer to it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traffic {
    pub(crate) method: String,
    pub(crate) host: String,
    /// With its query.
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    /// Host properties by their path, for labels that read them.
    pub(crate) properties: Vec<(Vec<String>, String)>,
    pub(crate) request: Vec<u8>,
    pub(crate) status: u16,
    pub(crate) answer_headers: Vec<(String, String)>,
    pub(crate) answer: Vec<u8>,
    /// When (Unix nanoseconds).
    pub(crate) at_ns: u64,
}

/// How the bytes of an answer arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    Whole,
    Every(usize),
}

/// What the caller, upstream and the operator saw.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// The body that upstream received; `None`: it was not asked.
    pub(crate) upstream: Option<Vec<u8>>,
    /// The changes to the request's headers.
    pub(crate) upstream_edits: Vec<HeaderEdit>,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The filter broke the answer off.
    pub(crate) reset: bool,
    /// The counters that were incremented.
    pub(crate) counts: Vec<String>,
    /// `RULE:ACTION,…`, including shadow and `tag`.
    pub(crate) hits: String,
    /// The dialect, or `other`.
    pub(crate) dialect: String,
    /// The policy's labels and their values.
    pub(crate) labels: Vec<(String, String)>,
}

impl Seen {
    /// A header that the caller received.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// What each rule did: (rule, action).
    pub(crate) fn actions(&self) -> impl Iterator<Item = (&str, &str)> {
        self.hits.split(',').filter_map(|hit| hit.rsplit_once(':'))
    }
}

/// A policy, and the accounts of its limits.
#[derive(Debug)]
pub(crate) struct Player {
    program: Rc<Program>,
    store: Rc<MemoryStore>,
    book: Rc<Book>,
    played: u64,
}

impl Player {
    /// A policy whose accounts are at their start.
    pub(crate) fn new(program: Rc<Program>, at_ns: u64) -> Self {
        let store = Rc::new(MemoryStore::new(at_ns));
        let book = Rc::new(Book::new(Rc::clone(&store) as Rc<_>));
        Self { program, store, book, played: 0 }
    }

    /// Sends a request through the policy, and the answer back.
    pub(crate) fn play(&mut self, traffic: &Traffic, cut: Cut) -> Seen {
        self.played += 1;
        self.store.set_now_ns(traffic.at_ns);
        let mut exchange = Exchange::with_book(Rc::clone(&self.program), Rc::clone(&self.book));
        let mut seen = Seen::default();
        let mut effects = Vec::new();
        if request(&mut exchange, &self.facts(traffic), traffic, &mut seen) {
            answer(&mut exchange, traffic, cut, &mut seen, &mut effects);
        }
        exchange.finish(b"");
        effects.extend(exchange.effects());
        seen.labels =
            exchange.labels().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        for effect in effects {
            match effect {
                Effect::Count(name) => seen.counts.push(name.into_owned()),
                Effect::State(key, value) => match &*key {
                    "hemostat.rule_hits" => seen.hits = value.into_owned(),
                    "hemostat.dialect" => seen.dialect = value.into_owned(),
                    _ => {}
                },
                _ => {}
            }
        }
        seen
    }

    fn facts(&self, traffic: &Traffic) -> RequestFacts {
        let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        let mut headers = vec![
            pair(":method", &traffic.method),
            pair(":path", &traffic.path),
            pair(":authority", &traffic.host),
        ];
        let given = |name: &str| traffic.headers.iter().any(|(own, _)| own == name);
        if !given("content-type") && !traffic.request.is_empty() {
            headers.push(pair("content-type", "application/json"));
        }
        headers.extend(traffic.headers.iter().map(|(name, value)| pair(name, value)));
        let property = |path: &Vec<String>| {
            let found = traffic.properties.iter().find(|(own, _)| own == path);
            found.map(|(_, value)| value.as_bytes().to_vec())
        };
        // Each request has an id of its own, so that `percent` takes its share of them.
        let request_id = Some(format!("replay-{}", self.played).into_bytes().into());
        RequestFacts {
            headers: headers.into(),
            properties: self.program.properties().iter().map(property).collect(),
            request_id,
            now_ns: traffic.at_ns,
            nonce: self.played,
        }
    }
}

/// Plays the request; true if the model is asked.
fn request(
    exchange: &mut Exchange,
    facts: &RequestFacts,
    traffic: &Traffic,
    seen: &mut Seen,
) -> bool {
    let mut verdict = exchange.request_headers(facts.clone(), traffic.request.is_empty());
    // The engine asks to sniff and for the body once each. The bound keeps a fault of the engine from looping for ever.
    for _ in 0..3 {
        match verdict {
            RequestVerdict::Sniff { edits, .. } => {
                seen.upstream_edits.extend(edits);
                verdict = exchange.request_sniff(&traffic.request, true);
            }
            RequestVerdict::Pass { edits, body } => {
                seen.upstream_edits.extend(edits);
                seen.upstream = Some(body.unwrap_or_else(|| traffic.request.clone()));
                return true;
            }
            RequestVerdict::Peek { edits } => {
                seen.upstream_edits.extend(edits);
                exchange.request_chunk(&traffic.request, true);
                seen.upstream = Some(traffic.request.clone());
                return true;
            }
            RequestVerdict::NeedBody { edits, .. } => {
                seen.upstream_edits.extend(edits);
                verdict = exchange.request_body(Some(&traffic.request));
            }
            // There is no rate-limit service here: `global` limits count locally, and never ask.
            RequestVerdict::Ask(_) => return false,
            RequestVerdict::Reply(reply) => {
                replied(seen, reply);
                return false;
            }
        }
    }
    false
}

fn replied(seen: &mut Seen, reply: hemostat_engine::dialect::Reply) {
    seen.status = reply.status;
    seen.headers =
        reply.headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    seen.body = reply.body;
}

fn answer(
    exchange: &mut Exchange,
    traffic: &Traffic,
    cut: Cut,
    seen: &mut Seen,
    effects: &mut Vec<Effect>,
) {
    let now_ns = traffic.at_ns;
    let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    let mut headers = vec![pair(":status", &traffic.status.to_string())];
    headers.extend(traffic.answer_headers.iter().map(|(name, value)| pair(name, value)));
    seen.status = traffic.status;
    seen.headers.clone_from(&traffic.answer_headers);
    match exchange.response_headers(&headers.into(), false, traffic.answer.is_empty(), now_ns) {
        ResponseVerdict::Untouched { edits } => {
            edit(&mut seen.headers, edits);
            seen.body.clone_from(&traffic.answer);
        }
        ResponseVerdict::Stream { edits } => {
            edit(&mut seen.headers, edits);
            let size = match cut {
                Cut::Whole => traffic.answer.len().max(1),
                Cut::Every(size) => size.max(1),
            };
            for chunk in traffic.answer.chunks(size) {
                let verdict = exchange.response_chunk(chunk, false, now_ns);
                effects.extend(exchange.effects());
                if verdict == StreamVerdict::Reset {
                    seen.reset = true;
                    return;
                }
                seen.body.extend(verdict.leaving(chunk));
            }
            let verdict = exchange.response_chunk(b"", true, now_ns);
            seen.reset = verdict == StreamVerdict::Reset;
            seen.body.extend(verdict.leaving(b""));
        }
        ResponseVerdict::Whole { edits, .. } => {
            edit(&mut seen.headers, edits);
            let verdict = exchange.response_body(Some(&traffic.answer), now_ns);
            edit(&mut seen.headers, verdict.edits);
            seen.body = verdict.body.unwrap_or_else(|| traffic.answer.clone());
        }
        ResponseVerdict::Reply(reply) => replied(seen, reply),
    }
}

fn edit(headers: &mut Vec<(String, String)>, edits: Vec<HeaderEdit>) {
    for edit in edits {
        let (HeaderEdit::Remove(name) | HeaderEdit::Set(name, _)) = &edit;
        headers.retain(|(own, _)| own != name);
        if let HeaderEdit::Set(name, value) = edit {
            headers.push((name, value));
        }
    }
}
