//! Drives one exchange of the engine as the filter does, and records what everybody around it saw.

use std::rc::Rc;

use hemostat_engine::base::callout::CalloutReply;
use hemostat_engine::exchange::{
    Effect, Exchange, HeaderEdit, RequestFacts, RequestVerdict, ResponseVerdict, StreamVerdict,
};
use hemostat_engine::grant::used::GrantSlots;
use hemostat_engine::ledger::{Book, MemoryStore};
use hemostat_engine::policy::Program;

use crate::{Cut, Recording};

/// What the caller, upstream and operators saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The body that upstream received; `None`: it was not asked.
    pub upstream: Option<Vec<u8>>,
    pub upstream_edits: Vec<HeaderEdit>,
    pub status: u16,
    pub body: Vec<u8>,
    /// The number of bytes that had left after each chunk.
    pub after_chunk: Vec<usize>,
    pub reset: bool,
    pub headers: Vec<(String, String)>,
    pub effects: Vec<Effect>,
}

impl Seen {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn counts(&self) -> Vec<&str> {
        self.effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Count(name) => Some(&**name),
                _ => None,
            })
            .collect()
    }

    pub fn counted(&self, name: &str) -> usize {
        self.counts().iter().filter(|own| **own == name).count()
    }

    pub fn state(&self, key: &str) -> Option<&str> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::State(own, value) if *own == key => Some(&**value),
            _ => None,
        })
    }
}

/// A caller, for tests that add headers.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    pub headers: Vec<(&'static str, String)>,
    /// The memory of used grants; `None`: there is none.
    pub slots: Option<Rc<dyn GrantSlots>>,
    /// The accounts that its exchanges charge; `None`: each exchange has its own.
    pub accounts: Option<Rc<MemoryStore>>,
}

/// Sends a recorded request through the policy and plays the recorded answer, cut in this way.
pub fn run(program: &Rc<Program>, recording: &Recording, cut: &Cut) -> Seen {
    run_as(program, recording, cut, &Caller::default())
}

pub fn run_as(program: &Rc<Program>, recording: &Recording, cut: &Cut, caller: &Caller) -> Seen {
    drive(program, recording, cut, caller, false)
}

/// Like [`run`], but no event is recognised by its bytes: each is parsed and read.
pub fn run_every_frame(program: &Rc<Program>, recording: &Recording, cut: &Cut) -> Seen {
    drive(program, recording, cut, &Caller::default(), true)
}

fn drive(
    program: &Rc<Program>,
    recording: &Recording,
    cut: &Cut,
    caller: &Caller,
    every_frame: bool,
) -> Seen {
    let own = || Rc::new(MemoryStore::new(1_764_000_000_000_000_000));
    let store = caller.accounts.clone().unwrap_or_else(own);
    let mut exchange = Exchange::with_book(Rc::clone(program), Rc::new(Book::new(store)));
    if let Some(slots) = &caller.slots {
        exchange.set_grant_slots(Rc::clone(slots));
    }
    if every_frame {
        exchange.read_every_frame();
    }
    let mut seen = Seen::default();
    let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    let mut headers = vec![
        pair(":method", &recording.method),
        pair(":path", &recording.path),
        pair(":authority", "api.example.com"),
        pair("content-type", "application/json"),
    ];
    let said = |name: &[u8]| caller.headers.iter().any(|(own, _)| own.as_bytes() == name);
    headers.retain(|(name, _)| !said(name));
    headers.extend(caller.headers.iter().map(|(name, value)| pair(name, value)));
    let facts = RequestFacts {
        headers: headers.into(),
        properties: vec![None; program.properties().len()],
        request_id: Some(b"req-1"[..].into()),
        now_ns: 1_764_000_000_000_000_000,
        nonce: 7,
    };
    let no_body = recording.method == "GET";
    let mut verdict = exchange.request_headers(facts, no_body);
    let mut body = recording.request.clone();
    loop {
        match verdict {
            RequestVerdict::Pass { edits, body: new } => {
                seen.upstream_edits.extend(edits);
                seen.upstream = Some(new.unwrap_or(std::mem::take(&mut body)));
                break;
            }
            RequestVerdict::Peek { edits } => {
                seen.upstream_edits.extend(edits);
                for chunk in cut.chunks(&body) {
                    exchange.request_chunk(chunk, false);
                }
                exchange.request_chunk(b"", true);
                seen.upstream = Some(std::mem::take(&mut body));
                break;
            }
            RequestVerdict::Sniff { edits, .. } => {
                seen.upstream_edits.extend(edits);
                verdict = sniff(&mut exchange, &body, cut);
            }
            RequestVerdict::NeedBody { edits, .. } => {
                seen.upstream_edits.extend(edits);
                verdict = exchange.request_body(Some(&body));
            }
            // There is no service here to answer.
            RequestVerdict::Ask(callouts) => {
                let unsent = |number| exchange.callout_answered(number, CalloutReply::NotSent);
                let decided = (0..callouts.len()).filter_map(unsent).last();
                verdict = decided.expect("the last answer decides");
            }
            RequestVerdict::Reply(reply) => {
                seen.status = reply.status;
                seen.headers =
                    reply.headers.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
                seen.body = reply.body;
                exchange.finish(b"");
                seen.effects = exchange.effects();
                return seen;
            }
        }
    }
    answer(&mut exchange, recording, cut, &mut seen);
    exchange.finish(b"");
    seen.effects = exchange.effects();
    seen
}

/// Feeds the body until the engine knows what it is.
fn sniff(exchange: &mut Exchange, body: &[u8], cut: &Cut) -> RequestVerdict {
    for chunk in cut.chunks(body) {
        let verdict = exchange.request_sniff(chunk, false);
        if !matches!(verdict, RequestVerdict::Sniff { .. }) {
            return verdict;
        }
    }
    exchange.request_sniff(b"", true)
}

fn answer(exchange: &mut Exchange, recording: &Recording, cut: &Cut, seen: &mut Seen) {
    const NOW: u64 = 1_764_000_001_000_000_000;
    let headers = vec![
        (b":status".to_vec(), recording.status.to_string().into_bytes()),
        (b"content-type".to_vec(), recording.content_type.clone().into_bytes()),
    ];
    seen.status = recording.status;
    let set = |seen: &mut Seen, edits: Vec<HeaderEdit>| {
        for edit in edits {
            if let HeaderEdit::Set(name, value) = edit {
                seen.headers.push((name, value));
            }
        }
    };
    match exchange.response_headers(&headers.into(), false, false, NOW) {
        ResponseVerdict::Untouched { edits } => {
            set(seen, edits);
            seen.body = recording.response.clone();
        }
        ResponseVerdict::Stream { edits } => {
            set(seen, edits);
            let chunks = cut.chunks(&recording.response);
            for chunk in &chunks {
                let verdict = exchange.response_chunk(chunk, false, NOW);
                seen.reset |= verdict == StreamVerdict::Reset;
                if seen.reset {
                    return;
                }
                seen.body.extend(verdict.leaving(chunk));
                seen.after_chunk.push(seen.body.len());
            }
            let verdict = exchange.response_chunk(b"", true, NOW);
            seen.body.extend(verdict.leaving(b""));
        }
        ResponseVerdict::Whole { edits, .. } => {
            set(seen, edits);
            let verdict = exchange.response_body(Some(&recording.response), NOW);
            set(seen, verdict.edits);
            seen.body = verdict.body.unwrap_or_else(|| recording.response.clone());
        }
        ResponseVerdict::Reply(reply) => {
            seen.status = reply.status;
            seen.body = reply.body;
            seen.headers =
                reply.headers.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
        }
    }
}
