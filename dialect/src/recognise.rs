//! Which request lines are calls: the questions that dialects ask of a line, and the lines of dialects that share some.

use super::call::{CallKind, Recognised};
use super::id::DialectId;
use super::path::RequestTarget;
use crate::wire::frame::Framing;

/// A request line: a POST or a GET.
#[derive(Debug, Clone, Copy)]
pub struct RequestLine<'a> {
    /// A POST; if false, a GET.
    pub(super) post: bool,
    pub(super) target: &'a RequestTarget<'a>,
}

impl RequestLine<'_> {
    /// True for a POST whose path ends in these segments.
    pub(super) fn posts(&self, end: &[&str]) -> bool {
        self.post && self.ends_with(end)
    }

    fn ends_with(&self, end: &[&str]) -> bool {
        end.iter().rev().enumerate().all(|(at, word)| self.target.is(at, word))
    }

    /// The name and the verb of a POST to one of Google's custom methods: `{model}:verb`.
    pub(super) fn verb(&self) -> Option<(&str, &str)> {
        let last = self.target.nth_last(0);
        let colon = last.bytes().rposition(|byte| byte == b':').filter(|_| self.post)?;
        Some((last.get(..colon)?, last.get(colon + 1..)?))
    }

    /// The model before the last `depth` segments (`…/deployments/{model}/` of Azure and of LiteLLM, whose models may
    /// contain a slash, and `…/engines/{model}/`).
    pub(super) fn deployment(&self, depth: usize) -> Option<String> {
        let before = self.target.segments().len().checked_sub(depth)?;
        let behind = |name: &str| self.target.last_is(before, name).map(|at| at + 1);
        let deployment = behind("deployments");
        let from = deployment.or_else(|| behind("engines"))?;
        let mut head: Vec<&str> = self.target.segments().take(before).collect();
        let last = head.last().copied().unwrap_or_default();
        if deployment.is_none() && is_version(last) {
            // `…/engines/llama.cpp/v1/`: the runtime of the models, not one of them.
            return None;
        }
        // Azure's earlier path, which has a word after the name.
        if head.len() > from + 1 && last.eq_ignore_ascii_case("extensions") {
            head.pop();
        }
        let model = head.get(from..).unwrap_or_default().join("/");
        (!model.is_empty()).then_some(model)
    }
}

/// A call that asks for a whole answer.
pub(super) fn call(dialect: DialectId, model: Option<String>) -> Recognised {
    Recognised {
        dialect,
        kind: CallKind::Generate,
        model,
        stream: false,
        json_stream: Framing::Json,
        envelope: None,
    }
}

/// `…/chat/completions`, OpenAI's batches (whose file of requests is uploaded before), and stored answers: a single
/// one, a list of them, its messages, and xAI's deferred ones.
pub(super) fn openai_chat(line: &RequestLine<'_>) -> Option<Recognised> {
    let target = line.target;
    let own = |kind| Some(Recognised { kind, ..call(DialectId::OpenaiChat, None) });
    if line.post {
        if line.posts(&["chat", "completions"]) {
            return Some(call(DialectId::OpenaiChat, line.deployment(2)));
        }
        let batch = target.is(0, "batches") && !target.is(1, "messages") && versioned(target, 1);
        return if batch { own(CallKind::Batch) } else { None };
    }
    let chat = |n| target.is(n, "completions") && target.is(n + 1, "chat");
    match () {
        () if chat(1) || (target.is(1, "deferred-completion") && target.is(2, "chat")) => {
            streamed(line, own(CallKind::StoredAnswer))
        }
        () if chat(0) || (target.is(0, "messages") && chat(2)) => own(CallKind::StoredList),
        () => None,
    }
}

/// `…/responses`, its `compact`, and stored answers. An application's own `…/responses/12` is not one: the id, or the
/// segment before `responses`, must show that this is the API.
pub(super) fn openai_responses(line: &RequestLine<'_>) -> Option<Recognised> {
    let target = line.target;
    let own = |deployment| Some(call(DialectId::OpenaiResponses, deployment));
    if line.post {
        return match () {
            () if target.is(0, "responses") => own(line.deployment(1)),
            () if line.posts(&["responses", "compact"]) => own(line.deployment(2)),
            () => None,
        };
    }
    let stored = |kind| own(None).map(|own| Recognised { kind, ..own });
    let id = |n: usize, word: &str| target.nth_last(n).starts_with(word);
    match () {
        () if target.is(1, "responses") && (id(0, "resp") || versioned(target, 2)) => {
            streamed(line, stored(CallKind::StoredAnswer))
        }
        () if target.is(0, "items") && target.is(2, "conversations") && id(1, "conv") => {
            stored(CallKind::StoredList)
        }
        () if target.is(0, "input_items") && target.is(2, "responses") => {
            stored(CallKind::StoredList)
        }
        () => None,
    }
}

/// A stored answer may be requested as a stream.
pub(super) fn streamed(line: &RequestLine<'_>, stored: Option<Recognised>) -> Option<Recognised> {
    let stream = line.target.query_has("stream", |value| {
        value.eq_ignore_ascii_case("true") || value == "1" || value.is_empty()
    });
    stored.map(|stored| Recognised { stream, ..stored })
}

/// `…/messages`, but not a thread's messages (OpenAI Assistants), which generate nothing; Vertex's publisher models; batches.
pub(super) fn anthropic(line: &RequestLine<'_>) -> Option<Recognised> {
    let target = line.target;
    let own = |model| call(DialectId::Anthropic, model);
    if !line.post {
        return None;
    }
    if target.is(0, "messages") && !target.is(2, "threads") {
        return Some(own(None));
    }
    if line.posts(&["messages", "batches"]) {
        return Some(Recognised { kind: CallKind::Batch, ..own(None) });
    }
    let (name, verb) = line.verb()?;
    let claude = target.is(1, "models")
        && target.is(2, "anthropic")
        && target.is(3, "publishers")
        && name != "count-tokens";
    let is = |word: &str| claude && verb.eq_ignore_ascii_case(word);
    match () {
        () if is("rawPredict") => Some(own(Some(name.to_owned()))),
        () if is("streamRawPredict") => {
            Some(Recognised { stream: true, ..own(Some(name.to_owned())) })
        }
        () => None,
    }
}

/// `{model}:generateContent` and similar.
pub(super) fn gemini(line: &RequestLine<'_>) -> Option<Recognised> {
    let (name, verb) = line.verb()?;
    let is = |word: &str| verb.eq_ignore_ascii_case(word);
    let own = call(DialectId::Gemini, Some(name.to_owned()));
    match () {
        () if is("generateContent") => Some(own),
        () if is("batchGenerateContent") => Some(Recognised { kind: CallKind::Batch, ..own }),
        () if is("streamGenerateContent") => {
            let sse = |value: &str| value == "sse" || value.starts_with("sse;");
            let target = line.target;
            let sse = target.query_has("alt", sse) || target.query_has("$alt", sse);
            let json_stream = if sse { Framing::Sse } else { Framing::JsonArray };
            Some(Recognised { stream: true, json_stream, ..own })
        }
        () => None,
    }
}

/// AWS Bedrock: `…/model/{model}/{operation}`. A model may be an ARN, whose slashes are encoded in the path.
pub(super) fn bedrock(line: &RequestLine<'_>) -> Option<Recognised> {
    let target = line.target;
    let is = |word: &str| line.post && target.is(0, word);
    let (dialect, stream) = match () {
        () if is("converse") => (DialectId::Bedrock, false),
        () if is("converse-stream") => (DialectId::Bedrock, true),
        () if is("invoke") => (DialectId::BedrockInvoke, false),
        () if is("invoke-with-response-stream") => (DialectId::BedrockInvoke, true),
        // Both sides stream at once: recognised so that a rule can refuse what it cannot read.
        () if is("invoke-with-bidirectional-stream") => (DialectId::BedrockInvoke, true),
        // Its answer is stored in a bucket.
        () if is("async-invoke") => {
            let own = call(DialectId::BedrockInvoke, None);
            return Some(Recognised { kind: CallKind::Batch, ..own });
        }
        () => return None,
    };
    let before = target.segments().len().checked_sub(1)?;
    let at = target.last_is(before.checked_sub(1)?, "model")?;
    let model = target.segments().take(before).skip(at + 1).collect::<Vec<_>>().join("/");
    let json_stream = if stream { Framing::EventStream } else { Framing::Json };
    Some(Recognised { stream, json_stream, ..call(dialect, Some(model)) })
}

/// `v1`, `v1beta`, `openai`.
pub(super) fn versioned(target: &RequestTarget<'_>, n: usize) -> bool {
    is_version(target.nth_last(n)) || target.is(n, "openai")
}

fn is_version(segment: &str) -> bool {
    let mut letters = segment.chars();
    let v = letters.next().is_some_and(|c| c.eq_ignore_ascii_case(&'v'));
    v && letters.next().is_some_and(|c| c.is_ascii_digit())
}
