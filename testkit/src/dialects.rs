//! The list of dialects, `testdata/dialects.json`: a small exchange of each, as a caller and a provider write it. A dialect
//! that has its row here meets every test that goes over all dialects, in the engine and in the built module.
//!
//! | member | what |
//! |---|---|
//! | `name` | the folder of its recordings, by which the readers of [`crate::text`] and [`crate::calls`] know it |
//! | `variant` | another door of a dialect that has a row of its own: met where events are made, and nowhere else |
//! | `like` | the row that says what this one leaves out |
//! | `paths` | of a call with a whole answer, and with a streamed one |
//! | `own_paths` | `true`: no other dialect has these paths. At other paths the body says whose it is, and one that cannot be read is no call |
//! | `request`, `whole` | bodies; `@` stands for the text |
//! | `open`, `piece`, `close` | events of a stream: `@` is a piece of the text, `#` all of it. Without a `piece`, all comes in the end |
//! | `framing`, `done` | how events are framed ([`Dialect::framed`]), and whether `data: [DONE]` follows them |
//! | `ends` | what an ending that the proxy writes holds |
//! | `blocked` | what an answer that was blocked holds; missing: it says no more than that it ends |
//! | `ended` | what the events of a stream hold that has come to its end, whatever the reason; missing: nobody talks |
//! | `call` | what an event holds that brings a piece of a call's arguments; missing: its models call no tools |

use std::path::Path;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::{Recording, messages};

/// A dialect: one row of the list.
#[derive(Debug, Clone)]
pub struct Dialect {
    row: Value,
}

/// All rows, variants among them.
pub fn all() -> &'static [Dialect] {
    static ALL: OnceLock<Vec<Dialect>> = OnceLock::new();
    ALL.get_or_init(|| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/dialects.json");
        let rows: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let mut all: Vec<Dialect> = Vec::new();
        for row in rows {
            let like = all.iter().find(|own| row["like"] == own.name());
            let mut whole = like.map_or(json!({}), |own| own.row.clone());
            whole.as_object_mut().unwrap().extend(row.as_object().unwrap().clone());
            all.push(Dialect { row: whole });
        }
        all
    })
}

/// All dialects, without variants.
pub fn dialects() -> impl Iterator<Item = &'static Dialect> {
    all().iter().filter(|own| own.row["variant"] != true)
}

/// The dialects in which a model or an agent talks. Results of MCP servers are not a model's output, and refusals reach
/// their callers as errors of the protocol.
pub fn talking() -> impl Iterator<Item = &'static Dialect> {
    dialects().filter(|own| own.name() != "mcp")
}

/// The row with this name, if there is one.
pub fn find(name: &str) -> Option<&'static Dialect> {
    all().iter().find(|own| own.name() == name)
}

/// The dialect with this name.
///
/// # Panics
/// No row has it.
pub fn dialect(name: &str) -> &'static Dialect {
    find(name).unwrap_or_else(|| panic!("no dialect {name}"))
}

impl Dialect {
    pub fn name(&self) -> &str {
        self.text("name")
    }

    pub fn path(&self, stream: bool) -> &str {
        self.row["paths"][usize::from(stream)].as_str().unwrap()
    }

    /// Whether the path alone tells that a request is of this dialect.
    pub fn has_own_paths(&self) -> bool {
        self.row["own_paths"] == true
    }

    /// What an answer that was blocked holds, if the dialect has a word for it.
    pub fn blocked(&self) -> Option<&str> {
        self.row["blocked"].as_str()
    }

    /// What the events of a stream hold that has come to its end.
    ///
    /// # Panics
    /// The row does not say.
    pub fn ended(&self) -> &str {
        let said = self.row["ended"].as_str();
        said.unwrap_or_else(|| panic!("nobody says how {} ends", self.name()))
    }

    /// A text that is found in every ending written by the proxy.
    pub fn ends(&self) -> &str {
        self.text("ends")
    }

    /// False if the text of a streamed answer arrives in a single event, as an MCP server's result does.
    pub fn comes_in_pieces(&self) -> bool {
        self.row["piece"].is_object()
    }

    /// JSON pointers to the text: in an event, and in a whole answer.
    pub fn text_pointers(&self) -> Vec<String> {
        [self.text_pointer(), pointer(&self.row["whole"])].into_iter().flatten().collect()
    }

    /// Whether its models can call tools.
    pub fn has_calls(&self) -> bool {
        self.row["call"].is_string()
    }

    /// The JSON pointer to a piece of text in an event.
    pub fn text_pointer(&self) -> Option<String> {
        pointer(&self.row["piece"])
    }

    /// What an event (JSON bytes) contains: a piece of text, a piece of a call's arguments, or neither.
    pub fn brings(&self, event: &[u8]) -> Brings {
        let has = |needle: &str| event.windows(needle.len()).any(|w| w == needle.as_bytes());
        let pointer = self.text_pointer().unwrap_or_default();
        let (_, member) = pointer.rsplit_once('/').unwrap_or_default();
        let filled = |gap: &str| {
            let begin = format!("\"{member}\":{gap}\"");
            has(&begin) && !has(&format!("{begin}\""))
        };
        match self.row["call"].as_str() {
            Some(call) if has(call) => Brings::Call,
            _ if filled("") || filled(" ") => Brings::Text,
            _ => Brings::Other,
        }
    }

    /// The content type of a streamed answer.
    pub fn content_type(&self) -> &'static str {
        match self.text("framing") {
            "array" => "application/json",
            "lines" => "application/x-ndjson",
            "messages" | "chunks" => "application/vnd.amazon.eventstream",
            _ => "text/event-stream",
        }
    }

    /// A request with this text from the user.
    pub fn request(&self, stream: bool, text: &str) -> Value {
        let mut request = filled(&self.row["request"], text, text);
        if request.get("stream").is_some() {
            request["stream"] = json!(stream);
        }
        request
    }

    /// A whole answer with this text.
    pub fn whole(&self, text: &str) -> Value {
        filled(&self.row["whole"], text, text)
    }

    /// The events before those with text.
    pub fn open(&self) -> Vec<Value> {
        self.row["open"].as_array().cloned().unwrap_or_default()
    }

    /// The events after those with text, given the whole text.
    pub fn close(&self, text: &str) -> Vec<Value> {
        let close = self.row["close"].as_array().unwrap();
        close.iter().map(|event| filled(event, "", text)).collect()
    }

    /// A streamed answer with its text in these pieces: one framed event per element.
    pub fn streamed(&self, pieces: &[&str]) -> Vec<Vec<u8>> {
        let (mut events, mut text) = (self.open(), String::new());
        for piece in pieces {
            text.push_str(piece);
            if self.comes_in_pieces() {
                events.push(filled(&self.row["piece"], piece, &text));
            }
        }
        events.extend(self.close(&text));
        self.framed(&events)
    }

    /// Frames each event; concatenated, they are the stream.
    pub fn framed(&self, events: &[Value]) -> Vec<Vec<u8>> {
        let last = events.len().saturating_sub(1);
        let framed = |(at, event): (usize, &Value)| match self.text("framing") {
            "array" => {
                let (open, close) =
                    (if at == 0 { "[" } else { "\n,\r\n" }, if at == last { "\n]\n" } else { "" });
                format!("{open}{event}{close}").into_bytes()
            }
            "lines" => format!("{event}\n").into_bytes(),
            "messages" => messages::message(converse(event), event.to_string().as_bytes()),
            "chunks" => messages::chunk(&event.to_string()),
            "rpc" => {
                let event = json!({"jsonrpc": "2.0", "id": 1, "result": event});
                format!("data: {event}\n\n").into_bytes()
            }
            "named" => {
                let name = ["type", "event_type"].iter().find_map(|key| event[key].as_str());
                let name = name.map(|name| format!("event: {name}\n")).unwrap_or_default();
                format!("{name}data: {event}\n\n").into_bytes()
            }
            _ => format!("data: {event}\n\n").into_bytes(),
        };
        let mut all: Vec<Vec<u8>> = events.iter().enumerate().map(framed).collect();
        if self.row["done"] == true {
            all.push(b"data: [DONE]\n\n".to_vec());
        }
        all
    }

    /// An exchange with this request and answer.
    pub fn recording(&self, stream: bool, request: &Value, response: Vec<u8>) -> Recording {
        Recording {
            dialect: self.name().to_owned(),
            content_type: if stream { self.content_type() } else { "application/json" }.to_owned(),
            request: request.to_string().into_bytes(),
            response,
            ..Recording::made(self.path(stream), "", "")
        }
    }

    fn text(&self, member: &str) -> &str {
        self.row[member].as_str().unwrap_or_default()
    }
}

/// What an event contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brings {
    Text,
    Call,
    Other,
}

/// The JSON pointer to `@` in a value.
fn pointer(value: &Value) -> Option<String> {
    let at =
        |name: &dyn std::fmt::Display, inner| pointer(inner).map(|rest| format!("/{name}{rest}"));
    match value {
        Value::String(own) if own == "@" => Some(String::new()),
        Value::Array(items) => items.iter().enumerate().find_map(|(n, item)| at(&n, item)),
        Value::Object(members) => members.iter().find_map(|(name, member)| at(name, member)),
        _ => None,
    }
}

/// Bedrock's name for an event.
fn converse(event: &Value) -> &'static str {
    match event {
        event if event.get("role").is_some() => "messageStart",
        event if event.get("delta").is_some() => "contentBlockDelta",
        event if event.get("start").is_some() => "contentBlockStart",
        event if event.get("stopReason").is_some() => "messageStop",
        event if event.get("contentBlockIndex").is_some() => "contentBlockStop",
        _ => "metadata",
    }
}

/// Fills a template: the piece replaces `@`, and the whole text replaces `#`.
fn filled(value: &Value, piece: &str, text: &str) -> Value {
    match value {
        Value::String(own) if own == "@" => json!(piece),
        Value::String(own) if own == "#" => json!(text),
        Value::Array(items) => items.iter().map(|item| filled(item, piece, text)).collect(),
        Value::Object(members) => {
            let members = members.iter();
            members.map(|(name, member)| (name.clone(), filled(member, piece, text))).collect()
        }
        other => other.clone(),
    }
}
