//! A proxy with the built module in it, small requests and answers of every dialect, and what went wrong.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use host_tests::{
    Chunking, Headers, Host, HostKind, LogLevel, Module, Outcome, PluginContext, Request, Settings,
    UpstreamAnswer, Worker, run_exchange,
};
use serde_json::{Value, json};

use crate::native::Recording;

/// Where the built module lies.
pub fn built_module() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/hemostat.wasm")
}

/// The built module.
pub fn module() -> Module {
    static MODULE: OnceLock<Module> = OnceLock::new();
    MODULE
        .get_or_init(|| {
            Module::load(built_module())
                .unwrap_or_else(|error| panic!("{error}; run `./just wasm` first"))
        })
        .clone()
}

/// Envoy as `envoy/standalone` sets it.
pub fn envoy() -> Settings {
    Settings { allow_on_headers_stop_iteration: true, ..Settings::default() }
}

/// A plugin configuration with this policy (without its `hemostat: 1`).
pub fn configuration(policy: Value) -> String {
    let mut policy = policy;
    policy["hemostat"] = json!(1);
    json!({"hold_headers": true, "policy": policy}).to_string()
}

/// One proxy with one worker and one configuration.
pub struct Proxy {
    pub host: Host,
    pub worker: Worker,
    pub plugin: PluginContext,
}

impl Proxy {
    pub fn new(policy: Value) -> Proxy {
        Proxy::with(envoy(), &configuration(policy))
    }

    /// A host that is not Envoy, told so.
    pub fn generic(policy: Value) -> Proxy {
        let mut policy = policy;
        policy["hemostat"] = json!(1);
        let configuration = json!({"host": "generic", "hold_headers": false, "policy": policy});
        Proxy::with(Settings::of(HostKind::Generic), &configuration.to_string())
    }

    pub fn with(settings: Settings, configuration: &str) -> Proxy {
        let host = Host::with(&module(), settings);
        let worker = host.worker().unwrap();
        let plugin = worker
            .configure(configuration)
            .unwrap_or_else(|refused| panic!("{refused}: {:?}", host.log()));
        Proxy { host, worker, plugin }
    }

    pub fn run(&self, request: Request, answer: UpstreamAnswer, cut: &Chunking) -> Outcome {
        run_exchange(&self.worker, &self.plugin, request, answer, cut)
    }

    /// Sends a recorded request and plays the recorded answer.
    pub fn play(&self, recording: &Recording, cut: &Chunking) -> Outcome {
        self.run(request_of(recording), answer_of(recording), cut)
    }

    /// The sum of all counters whose name begins so.
    pub fn counted(&self, prefix: &str) -> u64 {
        let metrics = self.host.metrics();
        metrics
            .keys()
            .filter(|name| name.starts_with(prefix))
            .map(|name| self.host.counter(name))
            .sum()
    }

    /// What the module logged at this level.
    pub fn logged(&self, level: LogLevel) -> Vec<String> {
        self.host
            .log()
            .into_iter()
            .filter(|line| line.level == level)
            .map(|line| line.text)
            .collect()
    }

    /// The VM lives and nobody panicked.
    pub fn assert_sound(&self, what: &str) {
        assert_eq!(self.worker.dead(), None, "{what}");
        assert_eq!(self.logged(LogLevel::Critical), Vec::<String>::new(), "{what}");
    }
}

/// Nothing trapped, and nothing that breaks a peer.
pub fn assert_clean(outcome: &Outcome, what: &str) {
    assert_eq!(outcome.trapped, None, "{what}");
    assert_eq!(outcome.violations, [], "{what}");
}

pub fn request_of(recording: &Recording) -> Request {
    match recording.method.as_str() {
        "GET" => Request::get(&recording.path),
        _ => Request::post(&recording.path, &recording.request),
    }
}

pub fn answer_of(recording: &Recording) -> UpstreamAnswer {
    let mut headers = Headers::from([(":status", recording.status.to_string().as_str())]);
    headers.add("content-type", &recording.content_type);
    if !recording.is_stream() {
        headers.add("content-length", recording.response.len().to_string());
    }
    UpstreamAnswer {
        headers,
        chunks: vec![recording.response.clone()],
        ..UpstreamAnswer::default()
    }
}

/// A small exchange of one dialect: its row in `testdata/dialects.json`.
#[derive(Debug, Clone, Copy)]
pub struct Dialect {
    pub name: &'static str,
    row: &'static testkit::dialects::Dialect,
}

impl From<&'static testkit::dialects::Dialect> for Dialect {
    fn from(row: &'static testkit::dialects::Dialect) -> Self {
        Dialect { name: row.name(), row }
    }
}

/// Every dialect.
pub fn dialects() -> Vec<Dialect> {
    testkit::dialects::dialects().map(Dialect::from).collect()
}

/// Those in which somebody talks.
pub fn talking() -> Vec<Dialect> {
    testkit::dialects::talking().map(Dialect::from).collect()
}

/// Those that the path of a request tells.
pub fn told_by_path() -> Vec<Dialect> {
    dialects().into_iter().filter(Dialect::has_own_paths).collect()
}

/// Those whose texts run over the events of a stream.
pub fn in_pieces() -> Vec<Dialect> {
    dialects().into_iter().filter(|dialect| dialect.row.comes_in_pieces()).collect()
}

/// The dialect of this name.
pub fn dialect(name: &str) -> Dialect {
    testkit::dialects::dialect(name).into()
}

/// The dialect that most callers speak.
pub fn chat() -> Dialect {
    dialect("openai-chat")
}

impl Dialect {
    pub fn path(&self, stream: bool) -> &'static str {
        self.row.path(stream)
    }

    /// Whether the path alone tells that a request is of this dialect.
    pub fn has_own_paths(&self) -> bool {
        self.row.has_own_paths()
    }

    /// What an answer that was blocked holds, if the dialect has a word for it.
    pub fn blocked(&self) -> Option<&'static str> {
        self.row.blocked()
    }

    /// The content type of a streamed answer.
    pub fn content_type(&self) -> &'static str {
        self.row.content_type()
    }

    /// What an ending that the proxy writes holds.
    pub fn ends(&self) -> &'static str {
        self.row.ends()
    }

    /// A question of the user's.
    pub fn request(&self, stream: bool, text: &str) -> Request {
        Request::post(self.path(stream), self.row.request(stream, text).to_string())
    }

    /// A whole answer.
    pub fn whole(&self, text: &str) -> UpstreamAnswer {
        UpstreamAnswer::json(self.row.whole(text).to_string())
    }

    /// A streamed answer, one chunk an event, one delta a piece.
    pub fn streamed(&self, pieces: &[&str]) -> UpstreamAnswer {
        self.events(self.row.streamed(pieces))
    }

    /// A streamed answer of these chunks.
    pub fn events<B: AsRef<[u8]>>(&self, chunks: impl IntoIterator<Item = B>) -> UpstreamAnswer {
        let mut answer = UpstreamAnswer::events(chunks);
        answer.headers.replace("content-type", self.row.content_type());
        answer
    }

    /// An answer that says `text`, streamed in pieces of 5 characters or whole.
    pub fn answer(&self, stream: bool, text: &str) -> UpstreamAnswer {
        if !stream {
            return self.whole(text);
        }
        let characters: Vec<char> = text.chars().collect();
        let pieces: Vec<String> =
            characters.chunks(5).map(|piece| piece.iter().collect()).collect();
        self.streamed(&pieces.iter().map(String::as_str).collect::<Vec<_>>())
    }
}
