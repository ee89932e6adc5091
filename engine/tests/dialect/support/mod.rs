//! The recorded corpus and small, independent readers of it: nothing here uses the code under test to read.
#![allow(dead_code, reason = "every test file uses a part of this")]

use testkit::Recording;
pub use testkit::messages;

use std::path::PathBuf;

use hemostat_engine::dialect::{
    Answer, Call, CallKind, DialectId, Item, Recognised, TextKey, ValueShape, dialect, recognise,
};
use hemostat_engine::wire::frame::Framing;
use hemostat_engine::wire::json::Doc;
use serde_json::Value;

/// The dialects in which somebody talks: the rows of `testdata/dialects.json`.
pub fn talking() -> impl Iterator<Item = DialectId> {
    testkit::dialects::talking().map(|row| id_at(row.path(true)).unwrap())
}

/// Whose a request at this path is.
pub fn id_at(path: &str) -> Option<DialectId> {
    recognise("POST", path).map(|recognised| recognised.dialect)
}

/// One recorded exchange.
pub struct Fixture {
    pub name: String,
    pub dialect: DialectId,
    pub framing: Framing,
    pub meta: Value,
    pub request: Option<Vec<u8>>,
    pub response: Vec<u8>,
}

pub fn testdata() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../testdata")
}

pub fn fixtures(id: DialectId) -> Vec<Fixture> {
    let folder = id.name();
    let index = std::fs::read_to_string(testdata().join("recorded/INDEX.tsv")).unwrap();
    let mut found = Vec::new();
    for row in index.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        if columns[5] != folder {
            continue;
        }
        let base = testdata().join("recorded").join(columns[0]);
        let read = |end: &str| std::fs::read(format!("{}.{end}", base.display())).ok();
        let framing = match columns[10] {
            "json" => Framing::Json,
            "json-array" => Framing::JsonArray,
            "eventstream" => Framing::EventStream,
            "ndjson" => Framing::NdJson,
            _ => Framing::Sse,
        };
        let end = match framing {
            Framing::Sse => "response.sse",
            Framing::EventStream => "response.eventstream",
            Framing::NdJson => "response.ndjson",
            Framing::Json | Framing::JsonArray => "response.json",
        };
        let Some(response) = read(end) else { continue };
        let meta: Value = serde_json::from_slice(&read("meta.json").unwrap()).unwrap();
        found.push(Fixture {
            name: columns[0].to_owned(),
            // One folder may hold what was asked through several doors.
            dialect: meta["path"].as_str().and_then(id_at).unwrap_or(id),
            framing,
            meta,
            request: read("request.json"),
            response,
        });
    }
    assert!(!found.is_empty(), "{folder} has no recordings");
    found
}

impl Fixture {
    /// The payloads of its frames; `[DONE]` is one.
    pub fn payloads(&self) -> Vec<String> {
        payloads(&self.response, self.framing)
    }

    /// False where a recording holds several streams one after another.
    pub fn is_one_answer(&self) -> bool {
        let begins = |payload: &String| {
            payload.contains(r#""type":"response.created""#)
                || payload.contains(r#""type":"message_start""#)
        };
        self.payloads().iter().filter(|payload| begins(payload)).count() <= 1
    }

    pub fn call(&self) -> Call {
        call(self.dialect, self.framing)
    }

    /// The same for readers of recordings.
    pub fn recording(&self) -> Recording {
        let content_type = match self.framing {
            Framing::Sse => "text/event-stream",
            Framing::EventStream => "application/vnd.amazon.eventstream",
            Framing::NdJson => "application/x-ndjson",
            Framing::Json | Framing::JsonArray => "application/json",
        };
        Recording {
            dialect: self.dialect.name().to_owned(),
            content_type: content_type.to_owned(),
            response: self.response.clone(),
            ..Recording::made("", "", "")
        }
    }
}

/// The events of what the proxy says itself in a stream, `[DONE]` as a string.
pub fn said(id: DialectId, bytes: &[u8]) -> Vec<Value> {
    if id == DialectId::Bedrock {
        return messages::messages(bytes).iter().map(messages::Message::event).collect();
    }
    let parse = |p: &String| serde_json::from_str(p).unwrap_or(Value::String(p.clone()));
    payloads(bytes, Framing::Sse).iter().map(parse).collect()
}

/// A small reader of the framings.
pub fn payloads(bytes: &[u8], framing: Framing) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    match framing {
        Framing::Json => vec![text],
        Framing::NdJson => text.lines().map(str::to_owned).collect(),
        Framing::EventStream => {
            let all = messages::messages(bytes);
            all.into_iter().map(|m| String::from_utf8(m.payload).unwrap()).collect()
        }
        Framing::JsonArray => {
            let list: Vec<Value> = serde_json::from_str(&text).unwrap();
            list.iter().map(|element| element.to_string()).collect()
        }
        Framing::Sse => {
            let text = text.replace("\r\n", "\n");
            let events = text.split("\n\n").map(|event| {
                let data = event.split('\n').filter_map(|line| line.strip_prefix("data:"));
                data.map(|d| d.strip_prefix(' ').unwrap_or(d)).collect::<Vec<_>>().join("\n")
            });
            events.filter(|data| !data.is_empty()).collect()
        }
    }
}

pub fn call(id: DialectId, framing: Framing) -> Call {
    let stream = framing != Framing::Json;
    let recognised = Recognised {
        dialect: id,
        kind: CallKind::Generate,
        model: None,
        stream,
        json_stream: framing,
        envelope: None,
    };
    Call { model: "asked-model".to_owned(), ..Call::without_body(recognised) }
}

/// A frame as the code under test reads it: its items with the text of each.
pub fn read(answer: &mut dyn Answer, payload: &str) -> Vec<(Item, String)> {
    let mut doc = Doc::default();
    let mut items = Vec::new();
    if doc.parse(payload.as_bytes()).is_err() {
        answer.read_other(payload.as_bytes(), &mut items);
        return items.into_iter().map(|item| (item, String::new())).collect();
    }
    answer.read(&doc, payload.as_bytes(), &mut items);
    with_texts(&doc, payload, items)
}

pub fn with_texts(doc: &Doc, payload: &str, items: Vec<Item>) -> Vec<(Item, String)> {
    let text = |item: &Item| match item {
        Item::Text { node, shape, .. } => {
            let value = doc.value(payload.as_bytes(), *node).unwrap();
            match shape {
                ValueShape::Key => String::from_utf8(value.raw_key().to_vec()).unwrap(),
                ValueShape::Number => String::from_utf8(value.raw().to_vec()).unwrap(),
                _ => value.as_str().expect("a text is a string").into_owned(),
            }
        }
        _ => String::new(),
    };
    items.into_iter().map(|item| (item, text(&item))).collect()
}

pub fn send(answer: &mut dyn Answer, payload: &str) {
    let mut doc = Doc::default();
    if doc.parse(payload.as_bytes()).is_ok() {
        answer.sent(&doc, payload.as_bytes());
    } else {
        answer.sent_other(payload.as_bytes());
    }
}

pub fn answer(call: &Call, framing: Framing) -> Box<dyn Answer> {
    dialect(call.recognised.dialect).answer(call, framing)
}

/// The pieces of running text that a frame carries, by running text.
pub fn pieces(items: &[(Item, String)]) -> Vec<(TextKey, String)> {
    let piece = |(item, text): &(Item, String)| match item {
        Item::Text { shape: ValueShape::Text | ValueShape::Json, text: Some(key), .. } => {
            Some((*key, text.clone()))
        }
        _ => None,
    };
    items.iter().filter_map(piece).collect()
}

/// Every string of a value with the path of keys that leads to it (`[]` for items of arrays).
pub fn strings(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => found.push((path.to_owned(), text.clone())),
        Value::Array(items) => {
            for item in items {
                strings(item, &format!("{path}[]"), found);
            }
        }
        Value::Object(fields) => {
            for (name, item) in fields {
                strings(item, &format!("{path}.{name}"), found);
            }
        }
        _ => {}
    }
}
