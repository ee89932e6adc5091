//! Upstream's answer in a case, and the text that an answer shows its reader.

use hemostat_engine::dialect::{Call, CannedAnswer, DialectId, dialect, recognise};
use hemostat_engine::wire::eventstream;
use hemostat_engine::wire::frame::{Framing, Piece};
use hemostat_engine::wire::framer::Framer;
use serde_json::{Value, json};

use crate::shared::error::{Error, Result, not_json};

const MESSAGES: &str = "application/vnd.amazon.eventstream";

/// Bedrock's `InvokeModel` answers as the model's own API does.
const ANTHROPIC: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"fine"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}"#;

/// The default answer, by dialect.
const FINE: [(DialectId, &str); 6] = [
    (
        DialectId::OpenaiChat,
        r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"fine"},"finish_reason":"stop"}]}"#,
    ),
    (
        DialectId::OpenaiResponses,
        r#"{"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"m","output":[{"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"fine","annotations":[]}]}]}"#,
    ),
    (DialectId::Anthropic, ANTHROPIC),
    (DialectId::BedrockInvoke, ANTHROPIC),
    (
        DialectId::Gemini,
        r#"{"candidates":[{"index":0,"content":{"role":"model","parts":[{"text":"fine"}]},"finishReason":"STOP"}],"modelVersion":"m"}"#,
    ),
    (
        DialectId::Bedrock,
        r#"{"output":{"message":{"role":"assistant","content":[{"text":"fine"}]}},"stopReason":"end_turn","usage":{"inputTokens":1,"outputTokens":1,"totalTokens":2},"metrics":{"latencyMs":1}}"#,
    ),
];

/// The answer of a case that gives none; other traffic gets a few words.
pub(super) fn fine(method: &str, path: &str, body: Option<&Value>) -> String {
    if let Some(asked) = body.filter(|body| body.get("jsonrpc").is_some()) {
        let result = json!({"content": [{"type": "text", "text": "fine"}], "isError": false});
        return json!({"jsonrpc": "2.0", "id": asked.get("id"), "result": result}).to_string();
    }
    let Some(found) = recognise(method, path) else { return "fine".to_owned() };
    if let Some((_, answer)) = FINE.iter().find(|(own, _)| *own == found.dialect) {
        return (*answer).to_owned();
    }
    // The other dialects' answers are made by the proxy's own writer.
    let dialect = dialect(found.dialect);
    let canned = CannedAnswer {
        text: "fine".to_owned(),
        decision: "1".to_owned(),
        ..CannedAnswer::default()
    };
    match dialect.speaks() {
        true => {
            let reply = dialect.canned(&Call::without_body(found), &canned);
            String::from_utf8_lossy(&reply.body).into_owned()
        }
        false => "{}".to_owned(),
    }
}

/// The content type and the bytes of a streamed answer.
pub(super) fn stream(method: &str, path: &str, list: &Value) -> Result<(&'static str, Vec<u8>)> {
    let list = list.as_array().ok_or_else(|| Error::failed("`stream` is a list of events"))?;
    let framing = recognise(method, path);
    match framing.filter(|found| found.json_stream == Framing::EventStream) {
        None => Ok(("text/event-stream", events(list).into_bytes())),
        Some(found) => {
            let mut out = Vec::new();
            for event in list {
                match found.dialect {
                    DialectId::BedrockInvoke => {
                        eventstream::chunk(event.to_string().as_bytes(), &mut out)
                    }
                    _ => message(event, &mut out)?,
                }
            }
            Ok((MESSAGES, out))
        }
    }
}

/// Writes a message of `ConverseStream`, given as AWS's SDKs show it: a map from its type to its content.
fn message(event: &Value, out: &mut Vec<u8>) -> Result<()> {
    let mut members = event.as_object().into_iter().flatten();
    let (Some((kind, content)), None) = (members.next(), members.next()) else {
        return Err(Error::failed(
            "stream: an event of `converse-stream` is a map of its type, such as `messageStop`, to its content",
        ));
    };
    match kind.ends_with("Exception") {
        true => eventstream::exception(kind, &content.to_string(), out),
        false => eventstream::event(kind, &content.to_string(), out),
    }
    Ok(())
}

/// Writes server-sent events. A map is written as JSON, with an `event:` line in dialects that name events by `type`; a
/// text is written as it is (`[DONE]`).
fn events(list: &[Value]) -> String {
    let event = |event: &Value| match (event, event.get("type").and_then(Value::as_str)) {
        (Value::String(text), _) => format!("data: {text}\n\n"),
        (_, Some(kind)) => format!("event: {kind}\ndata: {event}\n\n"),
        (_, None) => format!("data: {event}\n\n"),
    };
    list.iter().map(event).collect()
}

/// True for the content type of binary messages.
pub(crate) fn is_messages(kind: &str) -> bool {
    kind.starts_with(MESSAGES)
}

/// The pieces of a body of binary messages.
fn pieces(body: &[u8]) -> Vec<Piece<'static>> {
    let (mut framer, mut pieces) = (Framer::new(Framing::EventStream), Vec::new());
    framer.feed(body, &mut pieces);
    framer.finish(&mut pieces);
    pieces
}

/// Reads binary messages into the form that [`stream`] takes.
///
/// # Errors
/// A message is truncated or damaged, or its content is not JSON.
pub(crate) fn written(body: &[u8]) -> Result<Vec<Value>> {
    let event = |piece: &Piece| {
        let whole = match piece {
            Piece::Frame(frame) if !frame.truncated => frame,
            _ => return Err(Error::failed("a message of the answer is cut or damaged")),
        };
        let content = whole.payload_bytes();
        let content: Value = serde_json::from_slice(&content)
            .map_err(|error| Error::failed(format!("a message's content: {}", not_json(&error))))?;
        let is_wrapped = whole.message.as_ref().is_some_and(|message| message.inner.is_some());
        if is_wrapped {
            return Ok(content);
        }
        let kind = String::from_utf8_lossy(whole.event_name().unwrap_or_default()).into_owned();
        Ok(json!({ kind: content }))
    };
    pieces(body).iter().map(event).collect()
}

/// A body for reading: binary messages become server-sent events with the same contents.
pub(crate) fn readable(kind: Option<&str>, body: &[u8]) -> String {
    if !kind.is_some_and(is_messages) {
        return String::from_utf8_lossy(body).into_owned();
    }
    let content = |piece: &Piece| match piece {
        Piece::Frame(frame) => frame.payload_bytes().into_owned(),
        other => other.raw().to_vec(),
    };
    let line = |piece: &Piece| format!("data: {}\n\n", String::from_utf8_lossy(&content(piece)));
    pieces(body).iter().map(line).collect()
}

/// The text that a stream shows its reader: the pieces of its events, joined.
pub(crate) fn told(body: &str) -> String {
    const PIECES: [&str; 6] = [
        "/choices/0/delta/content",
        "/delta/text",
        "/delta",
        "/candidates/0/content/parts/0/text",
        "/delta/partial_json",
        "/delta/toolUse/input",
    ];
    let data = body.lines().filter_map(|line| line.strip_prefix("data:"));
    let events = data.filter_map(|data| serde_json::from_str::<Value>(data.trim()).ok());
    let piece = |event: Value| {
        let found = PIECES.iter().find_map(|at| event.pointer(at).and_then(Value::as_str));
        found.map(str::to_owned)
    };
    events.filter_map(piece).collect()
}
