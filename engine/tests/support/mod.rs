//! What the exchange's tests share: policies, the recorded corpus, and a driver that cuts an answer anywhere.
#![allow(dead_code, missing_docs, reason = "every test binary uses a part of it")]

pub mod calls;
pub mod limits;
pub mod messages;
pub mod otlp;
pub mod text;

use std::path::{Path, PathBuf};
use std::rc::Rc;

use hemostat_engine::exchange::{
    Effect, Exchange, HeaderEdit, RequestFacts, RequestVerdict, ResponseVerdict, StreamVerdict,
};
use hemostat_engine::grant::used::Slots;
use hemostat_engine::ledger::{Book, MemoryStore};
use hemostat_engine::policy::Program;
use hemostat_engine::policy::config::Config;
use serde_json::{Value, json};

/// Compiles an inline policy (without its `hemostat: 1`) under `hold_headers: true`.
pub fn program(policy: Value) -> Rc<Program> {
    program_under(json!({}), policy)
}

/// The same with other fields of the configuration.
pub fn program_under(config: Value, policy: Value) -> Rc<Program> {
    let (mut config, mut policy) = (config, policy);
    policy["hemostat"] = json!(1);
    config["policy"] = policy;
    config["hold_headers"] = json!(true);
    let config = config.to_string();
    let (config, _) = Config::parse(config.as_bytes()).unwrap_or_else(|found| {
        panic!("{}", found.iter().map(|d| d.to_string()).collect::<String>())
    });
    Rc::new(Program::compile(&config).unwrap())
}

/// One recorded exchange.
#[derive(Debug, Clone)]
pub struct Recording {
    pub name: String,
    pub dialect: String,
    pub method: String,
    pub path: String,
    pub status: u16,
    pub content_type: String,
    pub request: Vec<u8>,
    pub response: Vec<u8>,
}

impl Recording {
    /// A call in JSON that a test makes, and its answer.
    pub fn made(path: &str, request: impl ToString, response: impl ToString) -> Self {
        Self {
            name: path.to_owned(),
            dialect: "openai-chat".to_owned(),
            method: "POST".to_owned(),
            path: path.to_owned(),
            status: 200,
            content_type: "application/json".to_owned(),
            request: request.to_string().into_bytes(),
            response: response.to_string().into_bytes(),
        }
    }

    pub fn is_stream(&self) -> bool {
        self.content_type.starts_with("text/event-stream")
            || self.content_type == "application/x-ndjson"
            || self.is_array()
            || self.is_messages()
    }

    /// Binary messages.
    pub fn is_messages(&self) -> bool {
        self.content_type == "application/vnd.amazon.eventstream"
    }

    /// A Gemini stream as a JSON array.
    pub fn is_array(&self) -> bool {
        self.path.contains(":streamGenerateContent") && !self.path.contains("alt=sse")
    }
}

/// The dialects that speak and of which there are recordings, each a folder of them.
pub const RECORDED: [&str; 10] = [
    "openai-chat",
    "openai-responses",
    "anthropic",
    "gemini",
    "bedrock",
    "openai-completions",
    "ollama",
    "cohere",
    "gemini-interactions",
    "a2a",
];

/// All recorded exchanges of the dialects, in the order of their names, and some of Anthropic's as Bedrock's InvokeModel
/// has them.
pub fn recordings() -> Vec<Recording> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/recorded");
    let mut all = Vec::new();
    for dialect in RECORDED {
        let mut metas: Vec<PathBuf> = std::fs::read_dir(root.join(dialect))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.to_string_lossy().ends_with(".meta.json"))
            .collect();
        metas.sort();
        all.extend(metas.iter().filter_map(|meta| recording(dialect, meta)));
    }
    assert!(all.len() > 200, "the corpus is there");
    let invoked: Vec<Recording> = all.iter().filter_map(invoked).step_by(4).collect();
    all.extend(invoked);
    all
}

/// Recorded MCP exchanges, each with the headers of its request.
pub fn mcp_recordings() -> Vec<(Recording, Caller)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/recorded/mcp");
    let mut metas: Vec<PathBuf> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".meta.json"))
        .collect();
    metas.sort();
    let all = metas.iter().filter_map(|meta| {
        let recording = recording("mcp", meta)?;
        let meta: Value = serde_json::from_slice(&std::fs::read(meta).unwrap()).unwrap();
        let headers = meta["request_headers"].as_object().unwrap().iter();
        let headers = headers
            .map(|(name, value)| (&*name.clone().leak(), value.as_str().unwrap().to_owned()))
            .collect();
        Some((recording, Caller { headers, ..Caller::default() }))
    });
    all.collect()
}

/// The same model behind Bedrock: what it says, in a `chunk` each; the request without what the path says.
pub fn invoked(recording: &Recording) -> Option<Recording> {
    if recording.dialect != "anthropic"
        || recording.status != 200
        || recording.response.len() > 60_000
    {
        return None;
    }
    let mut request: Value = serde_json::from_slice(&recording.request).ok()?;
    for field in ["model", "stream"] {
        request.as_object_mut()?.remove(field);
    }
    request["anthropic_version"] = json!("bedrock-2023-05-31");
    let stream = recording.is_stream();
    let response = match stream {
        true => {
            let events = text::events(recording, &recording.response);
            let messages = events.iter().map(|event| messages::chunk(&event.to_string()));
            messages.collect::<Vec<_>>().concat()
        }
        false => recording.response.clone(),
    };
    let verb = if stream { "invoke-with-response-stream" } else { "invoke" };
    let kind = if stream { "application/vnd.amazon.eventstream" } else { "application/json" };
    Some(Recording {
        name: format!("invoked--{}", recording.name),
        dialect: "bedrock-invoke".to_owned(),
        method: "POST".to_owned(),
        path: format!("/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/{verb}"),
        status: 200,
        content_type: kind.to_owned(),
        request: request.to_string().into_bytes(),
        response,
    })
}

fn recording(dialect: &str, meta: &Path) -> Option<Recording> {
    let name = meta.to_string_lossy().replace(".meta.json", "");
    let read = |ending: &str| std::fs::read(format!("{name}{ending}")).ok();
    let kinds = [
        (".response.sse", "text/event-stream; charset=utf-8"),
        (".response.eventstream", "application/vnd.amazon.eventstream"),
        (".response.ndjson", "application/x-ndjson"),
        (".response.json", "application/json"),
    ];
    let (response, content_type) =
        kinds.iter().find_map(|(ending, kind)| Some((read(ending)?, *kind)))?;
    let meta: Value = serde_json::from_slice(&std::fs::read(meta).unwrap()).unwrap();
    let text = |key: &str| meta[key].as_str().unwrap_or_default().to_owned();
    let query = text("query");
    let path = match query.is_empty() {
        true => text("path"),
        false => format!("{}?{query}", text("path")),
    };
    Some(Recording {
        name: name.rsplit('/').next().unwrap().to_owned(),
        dialect: dialect.to_owned(),
        method: text("method"),
        path,
        status: meta["status"].as_u64().unwrap_or(200) as u16,
        content_type: content_type.to_owned(),
        request: read(".request.json").unwrap_or_else(|| b"{}".to_vec()),
        response,
    })
}

/// How an answer's bytes are cut into chunks.
#[derive(Debug, Clone)]
pub enum Cut {
    Whole,
    Every(usize),
    At(usize),
    Random(u64),
    /// Server-sent events, each by itself.
    Events,
}

impl Cut {
    pub fn chunks<'a>(&self, bytes: &'a [u8]) -> Vec<&'a [u8]> {
        match *self {
            Cut::Events => events(bytes),
            Cut::Whole => vec![bytes],
            Cut::Every(size) => bytes.chunks(size).collect(),
            Cut::At(at) => {
                // A request's body may be shorter than the answer that is cut.
                let (before, after) = bytes.split_at(at.min(bytes.len()));
                vec![before, after]
            }
            Cut::Random(seed) => {
                let (mut seed, mut rest, mut chunks) = (seed | 1, bytes, Vec::new());
                while !rest.is_empty() {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let size = (1 + (seed >> 33) as usize % 40).min(rest.len());
                    chunks.push(&rest[..size]);
                    rest = &rest[size..];
                }
                chunks
            }
        }
    }
}

/// The events of a body, each with its blank line.
pub fn events(body: &[u8]) -> Vec<&[u8]> {
    let mut rest = body;
    let mut events = Vec::new();
    while !rest.is_empty() {
        let end =
            |gap: &[u8]| rest.windows(gap.len()).position(|w| w == gap).map(|at| at + gap.len());
        let end = [end(b"\n\n"), end(b"\r\n\r\n")].into_iter().flatten().min();
        let (event, after) = rest.split_at(end.unwrap_or(rest.len()));
        events.push(event);
        rest = after;
    }
    events
}

/// What callers, upstream and operators saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The body that upstream got; `None`: it was never asked.
    pub upstream: Option<Vec<u8>>,
    pub upstream_edits: Vec<HeaderEdit>,
    pub status: u16,
    pub body: Vec<u8>,
    /// Bytes that had left after each chunk.
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
                Effect::Count(name) => Some(name.as_str()),
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
    /// The memory of used grants.
    pub slots: Option<Rc<dyn Slots>>,
    /// The accounts that its exchanges charge; `None`: each has its own.
    pub accounts: Option<Rc<MemoryStore>>,
}

/// Sends a recorded request through the policy and plays the recorded answer, cut as said.
pub fn run(program: &Rc<Program>, recording: &Recording, cut: &Cut) -> Seen {
    run_as(program, recording, cut, &Caller::default())
}

pub fn run_as(program: &Rc<Program>, recording: &Recording, cut: &Cut, caller: &Caller) -> Seen {
    drive(program, recording, cut, caller, false)
}

/// The same, but no frame of the answer is known by its bytes: each is parsed and read.
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
            RequestVerdict::Ask(_) => panic!("no limit here is strict"),
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

/// Shows a body until it is known what it is.
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
