//! Reads spans by walking protobuf generically, independently of the engine's writer. Fields are numbered as in the
//! `.proto` files of opentelemetry-proto.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// One field of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    Number(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(Vec<u8>),
}

impl Field {
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            other => panic!("bytes, not {other:?}"),
        }
    }
}

/// All fields of a message, in order.
///
/// # Panics
/// It is not a valid message.
pub fn fields(mut rest: &[u8]) -> Vec<(u64, Field)> {
    let mut all = Vec::new();
    let varint = |rest: &mut &[u8]| {
        let (mut value, mut shift) = (0u64, 0);
        loop {
            let byte = rest[0];
            *rest = &rest[1..];
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return value;
            }
            shift += 7;
        }
    };
    while !rest.is_empty() {
        let tag = varint(&mut rest);
        let field = match tag % 8 {
            0 => Field::Number(varint(&mut rest)),
            1 => {
                let (head, tail) = rest.split_at(8);
                rest = tail;
                Field::Fixed64(u64::from_le_bytes(head.try_into().unwrap()))
            }
            2 => {
                let len = varint(&mut rest) as usize;
                let (head, tail) = rest.split_at(len);
                rest = tail;
                Field::Bytes(head.to_vec())
            }
            5 => {
                let (head, tail) = rest.split_at(4);
                rest = tail;
                Field::Fixed32(u32::from_le_bytes(head.try_into().unwrap()))
            }
            wire => panic!("wire type {wire}"),
        };
        all.push((tag / 8, field));
    }
    all
}

/// A span, read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Span {
    pub trace: Vec<u8>,
    pub id: Vec<u8>,
    pub parent: Vec<u8>,
    pub name: String,
    pub start: u64,
    pub end: u64,
    pub flags: u32,
    pub failed: bool,
    pub attributes: BTreeMap<String, Value>,
}

pub fn span(bytes: &[u8]) -> Span {
    let mut span = Span::default();
    for (number, field) in fields(bytes) {
        match (number, field) {
            (1, field) => span.trace = field.bytes().to_vec(),
            (2, field) => span.id = field.bytes().to_vec(),
            (4, field) => span.parent = field.bytes().to_vec(),
            (5, field) => span.name = text(&field),
            (6, field) => assert_eq!(field, Field::Number(3)),
            (7, Field::Fixed64(ns)) => span.start = ns,
            (8, Field::Fixed64(ns)) => span.end = ns,
            (9, field) => {
                let (key, value) = key_value(field.bytes());
                assert_eq!(span.attributes.insert(key.clone(), value), None, "{key} stands twice");
            }
            (15, field) => span.failed = fields(field.bytes()) == [(3, Field::Number(2))],
            (16, Field::Fixed32(flags)) => span.flags = flags,
            other => panic!("no field of a span: {other:?}"),
        }
    }
    span
}

/// The attributes of the resource, and the spans of an export.
pub fn export(bytes: &[u8]) -> (BTreeMap<String, Value>, Vec<Span>) {
    let (mut resource, mut spans) = (BTreeMap::new(), Vec::new());
    for (number, field) in fields(bytes) {
        assert_eq!(number, 1);
        for (number, field) in fields(field.bytes()) {
            match number {
                1 => {
                    resource.extend(fields(field.bytes()).iter().map(|(_, f)| key_value(f.bytes())))
                }
                2 => {
                    let all = fields(field.bytes());
                    spans.extend(all.iter().filter(|(n, _)| *n == 2).map(|(_, f)| span(f.bytes())));
                }
                _ => panic!("field {number} of resource spans"),
            }
        }
    }
    (resource, spans)
}

fn text(field: &Field) -> String {
    String::from_utf8(field.bytes().to_vec()).unwrap()
}

fn key_value(bytes: &[u8]) -> (String, Value) {
    match fields(bytes).as_slice() {
        [(1, key), (2, value)] => (text(key), any(value.bytes())),
        other => panic!("no key and value: {other:?}"),
    }
}

fn any(bytes: &[u8]) -> Value {
    match fields(bytes).as_slice() {
        [(1, value)] => json!(text(value)),
        [(2, Field::Number(value))] => json!(*value == 1),
        [(3, Field::Number(value))] => json!(value),
        [(4, Field::Fixed64(bits))] => json!(f64::from_bits(*bits)),
        [(5, list)] => fields(list.bytes()).iter().map(|(_, item)| any(item.bytes())).collect(),
        other => panic!("no value: {other:?}"),
    }
}

impl Span {
    /// An attribute that holds JSON text.
    pub fn json(&self, key: &str) -> Value {
        self.attributes
            .get(key)
            .map_or(Value::Null, |value| serde_json::from_str(value.as_str().unwrap()).unwrap())
    }

    /// The contents of parts of this type, message by message.
    pub fn said(&self, key: &str, kind: &str) -> Vec<String> {
        let messages = self.json(key);
        let messages = messages.as_array().cloned().unwrap_or_default();
        let one = |message: &Value| -> String {
            let parts = message["parts"].as_array().unwrap().iter();
            let parts = parts.filter(|part| part["type"] == kind);
            parts.map(|part| part["content"].as_str().unwrap_or_default()).collect()
        };
        messages.iter().map(one).filter(|said| !said.is_empty()).collect()
    }
}
