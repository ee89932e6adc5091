//! A proxy with the built module in it, small requests and answers of every dialect, and what went wrong.

use std::path::Path;
use std::sync::OnceLock;

use host_tests::{
    Chunking, Headers, Host, HostKind, LogLevel, Module, Outcome, PluginContext, Request, Settings,
    UpstreamAnswer, Worker, run_exchange,
};
use serde_json::{Value, json};

use crate::native::Recording;

/// The built module.
pub fn module() -> Module {
    static MODULE: OnceLock<Module> = OnceLock::new();
    MODULE
        .get_or_init(|| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/hemostat.wasm");
            Module::load(path).unwrap_or_else(|error| panic!("{error}; run `./just wasm` first"))
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

/// A small exchange of one dialect.
#[derive(Debug, Clone, Copy)]
pub struct Dialect {
    pub name: &'static str,
    /// The paths of a whole and of a streamed answer.
    paths: [&'static str; 2],
}

pub const DIALECTS: [Dialect; 4] = [
    Dialect { name: "openai-chat", paths: ["/v1/chat/completions"; 2] },
    Dialect { name: "openai-responses", paths: ["/v1/responses"; 2] },
    Dialect { name: "anthropic", paths: ["/v1/messages"; 2] },
    Dialect {
        name: "gemini",
        paths: [
            "/v1beta/models/gemini-2.5-pro:generateContent",
            "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
        ],
    },
];

impl Dialect {
    pub fn path(&self, stream: bool) -> &'static str {
        self.paths[usize::from(stream)]
    }

    /// A question of the user's.
    pub fn request(&self, stream: bool, text: &str) -> Request {
        let turn = json!([{"role": "user", "content": text}]);
        let body = match self.name {
            "openai-chat" => json!({"model": "m", "stream": stream, "messages": turn}),
            "openai-responses" => json!({"model": "m", "stream": stream, "input": turn}),
            "anthropic" => {
                json!({"model": "m", "max_tokens": 99, "stream": stream, "messages": turn})
            }
            _ => json!({"contents": [{"role": "user", "parts": [{"text": text}]}]}),
        };
        Request::post(self.path(stream), body.to_string())
    }

    /// A whole answer.
    pub fn whole(&self, text: &str) -> UpstreamAnswer {
        let body = match self.name {
            "openai-chat" => {
                json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m",
                "choices": [{"index": 0, "finish_reason": "stop",
                             "message": {"role": "assistant", "content": text}}]})
            }
            "openai-responses" => {
                json!({"id": "r", "object": "response", "created_at": 1, "model": "m",
                "status": "completed",
                "output": [{"type": "message", "id": "i", "role": "assistant", "status": "completed",
                            "content": [{"type": "output_text", "text": text, "annotations": []}]}]})
            }
            "anthropic" => json!({"id": "a", "type": "message", "role": "assistant", "model": "m",
                "content": [{"type": "text", "text": text}], "stop_reason": "end_turn",
                "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1}}),
            _ => json!({"candidates": [{"index": 0, "finishReason": "STOP",
                "content": {"role": "model", "parts": [{"text": text}]}}]}),
        };
        UpstreamAnswer::json(body.to_string())
    }

    /// A streamed answer, one chunk an event, one delta a piece.
    pub fn streamed(&self, pieces: &[&str]) -> UpstreamAnswer {
        let named =
            |event: Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
        let data = |event: Value| format!("data: {event}\n\n");
        let mut events = Vec::new();
        match self.name {
            "openai-chat" => {
                let chunk = |choice: Value| {
                    data(json!({"id": "c", "object": "chat.completion.chunk",
                    "created": 1, "model": "m", "choices": [choice]}))
                };
                events.push(chunk(
                    json!({"index": 0, "delta": {"role": "assistant", "content": ""}}),
                ));
                events.extend(
                    pieces
                        .iter()
                        .map(|piece| chunk(json!({"index": 0, "delta": {"content": piece}}))),
                );
                events.push(chunk(json!({"index": 0, "delta": {}, "finish_reason": "stop"})));
                events.push("data: [DONE]\n\n".to_owned());
            }
            "openai-responses" => {
                let text = pieces.concat();
                let part = json!({"type": "output_text", "text": text, "annotations": []});
                let item = json!({"type": "message", "id": "i", "role": "assistant",
                    "status": "completed", "content": [part]});
                let at = |kind: &str, more: Value| {
                    let mut event = json!({"type": kind, "item_id": "i", "output_index": 0, "content_index": 0});
                    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                    named(event)
                };
                events.push(named(json!({"type": "response.created", "response":
                    {"id": "r", "object": "response", "created_at": 1, "model": "m", "status": "in_progress", "output": []}})));
                events.push(named(json!({"type": "response.output_item.added", "output_index": 0, "item":
                    {"type": "message", "id": "i", "role": "assistant", "status": "in_progress", "content": []}})));
                events.push(at(
                    "response.content_part.added",
                    json!({"part": {"type": "output_text", "text": "", "annotations": []}}),
                ));
                events.extend(
                    pieces
                        .iter()
                        .map(|piece| at("response.output_text.delta", json!({"delta": piece}))),
                );
                events.push(at("response.output_text.done", json!({"text": text})));
                events.push(at("response.content_part.done", json!({"part": part})));
                events.push(named(
                    json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
                ));
                events.push(named(json!({"type": "response.completed", "response":
                    {"id": "r", "object": "response", "created_at": 1, "model": "m", "status": "completed", "output": [item]}})));
            }
            "anthropic" => {
                events.push(named(
                    json!({"type": "message_start", "message": {"id": "a", "type": "message",
                    "role": "assistant", "model": "m", "content": [], "stop_reason": null,
                    "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1}}}),
                ));
                events.push(named(json!({"type": "content_block_start", "index": 0,
                    "content_block": {"type": "text", "text": ""}})));
                events.extend(pieces.iter().map(|piece| {
                    named(json!({"type": "content_block_delta", "index": 0,
                    "delta": {"type": "text_delta", "text": piece}}))
                }));
                events.push(named(json!({"type": "content_block_stop", "index": 0})));
                events.push(named(
                    json!({"type": "message_delta", "delta": {"stop_reason": "end_turn",
                    "stop_sequence": null}, "usage": {"output_tokens": 9}}),
                ));
                events.push(named(json!({"type": "message_stop"})));
            }
            _ => {
                let chunk = |text: &str, more: Value| {
                    let mut candidate = json!({"index": 0, "content": {"role": "model", "parts": [{"text": text}]}});
                    candidate.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                    data(json!({"candidates": [candidate], "modelVersion": "m"}))
                };
                let (last, others) = pieces.split_last().unwrap();
                events.extend(others.iter().map(|piece| chunk(piece, json!({}))));
                events.push(chunk(last, json!({"finishReason": "STOP"})));
            }
        }
        UpstreamAnswer::events(events)
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
