//! Which request lines are calls, and whose.

use super::path::Target;
use super::{CallKind, DialectId, Recognised};
use crate::wire::frame::Framing;

/// Tells from the request line what a request is; `None`: other traffic. `path` comes as the proxy has it, query
/// included; it is normalised here (dot segments, double and trailing slashes, percent-encoding, path parameters).
///
/// The base path is free: compatible servers and gateways put theirs anywhere, so the end of the path decides.
#[must_use]
pub fn recognise(method: &str, path: &str) -> Option<Recognised> {
    of_target(method, &Target::parse(path))
}

/// The same with the path as [`super::normalise`] has it: both read the request line once.
#[must_use]
pub fn read_line(method: &str, path: &str) -> (Option<Recognised>, String) {
    let target = Target::parse(path);
    (of_target(method, &target), target.normalised())
}

fn of_target(method: &str, target: &Target) -> Option<Recognised> {
    if method.eq_ignore_ascii_case("POST") {
        openai_chat(target)
            .or_else(|| openai_responses(target))
            .or_else(|| anthropic(target))
            .or_else(|| by_verb(target))
            .or_else(|| bedrock(target))
            .or_else(|| batch(target))
    } else if method.eq_ignore_ascii_case("GET") {
        stored(target)
    } else {
        None
    }
}

fn call(dialect: DialectId, model: Option<String>) -> Recognised {
    Recognised {
        dialect,
        kind: CallKind::Generate,
        model,
        stream: false,
        json_stream: Framing::Json,
    }
}

/// Azure: `…/deployments/{deployment}/` and then `depth` segments.
fn deployment(target: &Target, depth: usize) -> Option<String> {
    target.is(depth + 1, "deployments").then(|| target.nth_last(depth).to_owned())
}

fn openai_chat(target: &Target) -> Option<Recognised> {
    (target.is(0, "completions") && target.is(1, "chat"))
        .then(|| call(DialectId::OpenaiChat, deployment(target, 2)))
}

fn openai_responses(target: &Target) -> Option<Recognised> {
    target.is(0, "responses").then(|| call(DialectId::OpenaiResponses, deployment(target, 1)))
}

/// `…/messages`, but not a thread's messages (OpenAI Assistants), which generate nothing.
fn anthropic(target: &Target) -> Option<Recognised> {
    (target.is(0, "messages") && !target.is(2, "threads")).then(|| call(DialectId::Anthropic, None))
}

/// Google's custom methods: `{model}:verb`.
fn by_verb(target: &Target) -> Option<Recognised> {
    let (name, verb) = target.nth_last(0).rsplit_once(':')?;
    let is = |word: &str| verb.eq_ignore_ascii_case(word);
    let named = |dialect| call(dialect, Some(name.to_owned()));
    if is("generateContent") {
        return Some(named(DialectId::Gemini));
    }
    if is("batchGenerateContent") {
        return Some(Recognised { kind: CallKind::Batch, ..named(DialectId::Gemini) });
    }
    if is("streamGenerateContent") {
        let sse = |value: &str| value == "sse" || value.starts_with("sse;");
        let sse = target.query_has("alt", sse) || target.query_has("$alt", sse);
        let json_stream = if sse { Framing::Sse } else { Framing::JsonArray };
        return Some(Recognised { stream: true, json_stream, ..named(DialectId::Gemini) });
    }
    let claude = target.is(1, "models")
        && target.is(2, "anthropic")
        && target.is(3, "publishers")
        && name != "count-tokens";
    match () {
        () if claude && is("rawPredict") => Some(named(DialectId::Anthropic)),
        () if claude && is("streamRawPredict") => {
            Some(Recognised { stream: true, ..named(DialectId::Anthropic) })
        }
        () => None,
    }
}

/// AWS Bedrock: `…/model/{model}/{operation}`. A model may be an ARN, whose slashes are encoded in the path.
fn bedrock(target: &Target) -> Option<Recognised> {
    let is = |word: &str| target.is(0, word);
    let (dialect, stream) = match () {
        () if is("converse") => (DialectId::Bedrock, false),
        () if is("converse-stream") => (DialectId::Bedrock, true),
        () if is("invoke") => (DialectId::BedrockInvoke, false),
        () if is("invoke-with-response-stream") => (DialectId::BedrockInvoke, true),
        // Both sides speak at once, in messages: recognised so that a rule can refuse what it cannot read.
        () if is("invoke-with-bidirectional-stream") => (DialectId::BedrockInvoke, true),
        () => return None,
    };
    let (_, before) = target.segments.split_last()?;
    let (_, head) = before.split_last()?;
    let at = head.iter().rposition(|segment| segment.eq_ignore_ascii_case("model"))?;
    let model = before.get(at + 1..)?.join("/");
    let json_stream = if stream { Framing::EventStream } else { Framing::Json };
    Some(Recognised { stream, json_stream, ..call(dialect, Some(model)) })
}

/// `…/batches` (OpenAI, whose file of requests is uploaded before), `…/messages/batches` (Anthropic) and
/// `…/async-invoke` (Bedrock).
fn batch(target: &Target) -> Option<Recognised> {
    let dialect = match () {
        // Its answer is put into a bucket.
        () if target.is(0, "async-invoke") => DialectId::BedrockInvoke,
        () if !target.is(0, "batches") => return None,
        () if target.is(1, "messages") => DialectId::Anthropic,
        () if versioned(target, 1) => DialectId::OpenaiChat,
        () => return None,
    };
    Some(Recognised { kind: CallKind::Batch, ..call(dialect, None) })
}

/// GETs that return an answer generated before. An application's own `…/responses/12` is not one: the id or what
/// stands before `responses` must say that this is the API.
fn stored(target: &Target) -> Option<Recognised> {
    let id = target.nth_last(0);
    let dialect = if target.is(1, "responses") && (id.starts_with("resp") || versioned(target, 2)) {
        DialectId::OpenaiResponses
    } else if target.is(1, "completions") && target.is(2, "chat") {
        DialectId::OpenaiChat
    } else {
        return None;
    };
    let stream = target.query_has("stream", |value| {
        value.eq_ignore_ascii_case("true") || value == "1" || value.is_empty()
    });
    Some(Recognised { kind: CallKind::StoredAnswer, stream, ..call(dialect, None) })
}

/// `v1`, `v1beta`, `openai`.
fn versioned(target: &Target, n: usize) -> bool {
    let mut letters = target.nth_last(n).chars();
    let v = letters.next().is_some_and(|c| c.eq_ignore_ascii_case(&'v'));
    (v && letters.next().is_some_and(|c| c.is_ascii_digit())) || target.is(n, "openai")
}
