//! Spans as OTLP defines them, in protobuf: `opentelemetry/proto/trace/v1/trace.proto` of opentelemetry-proto 1.x.

use super::trace::Trace;
use crate::base::decimal::double;
use crate::base::protobuf::{bytes, fixed32, fixed64, number};

/// `SPAN_KIND_CLIENT`: the kind that the GenAI conventions give to a call of a model.
const CLIENT: u64 = 3;
/// `STATUS_CODE_ERROR`
const ERROR: u64 = 2;
/// `SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK | SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK`: the parent belongs to another process.
const REMOTE: u32 = 0x300;

/// An attribute's value.
#[derive(Debug, Clone, PartialEq)]
pub enum AttributeValue<'a> {
    /// Text.
    Text(&'a str),
    /// An integer.
    Number(u64),
    /// A floating-point number.
    Real(f64),
    /// A boolean.
    Bool(bool),
    /// A list of texts.
    List(Vec<&'a str>),
}

/// A value of the record with the type that the conventions give it; a value that does not parse as that type stays
/// text.
#[must_use]
pub fn attribute<'a>(key: &str, text: &'a str) -> AttributeValue<'a> {
    let typed = match key {
        "gen_ai.usage.input_tokens"
        | "gen_ai.usage.output_tokens"
        | "gen_ai.usage.cache_read.input_tokens"
        | "gen_ai.usage.reasoning.output_tokens"
        | "hemostat.policy_serial"
        | "http.response.status_code" => text.parse().ok().map(AttributeValue::Number),
        "hemostat.cost_usd" | "hemostat.held_seconds" | "gen_ai.response.time_to_first_chunk" => {
            double(text).map(AttributeValue::Real)
        }
        "hemostat.stream" => Some(AttributeValue::Bool(text == "true")),
        "gen_ai.response.finish_reasons" | "hemostat.rule_hits" | "hemostat.unchecked" => {
            Some(AttributeValue::List(text.split(',').collect()))
        }
        _ => None,
    };
    typed.unwrap_or(AttributeValue::Text(text))
}

/// A span that is being encoded.
#[derive(Debug)]
pub struct SpanWriter(Vec<u8>);

impl SpanWriter {
    /// Begins a span with this name; times are Unix nanoseconds.
    #[must_use]
    pub fn new(name: &str, trace: &Trace, start_ns: u64, end_ns: u64) -> Self {
        let mut out = Vec::new();
        bytes(1, &trace.trace, &mut out);
        bytes(2, &trace.span, &mut out);
        if let Some(parent) = &trace.parent {
            bytes(4, parent, &mut out);
        }
        bytes(5, name.as_bytes(), &mut out);
        number(6, CLIENT, &mut out);
        fixed64(7, start_ns, &mut out);
        fixed64(8, end_ns.max(start_ns), &mut out);
        let remote = if trace.parent.is_some() { REMOTE } else { 0 };
        fixed32(16, u32::from(trace.flags) | remote, &mut out);
        Self(out)
    }

    /// Adds an attribute. A name must not be added twice.
    pub fn attribute(&mut self, key: &str, value: &AttributeValue<'_>) {
        bytes(9, &key_value(key, value), &mut self.0);
    }

    /// Marks the span as ended in an error.
    pub fn failed(&mut self) {
        let mut status = Vec::new();
        number(3, ERROR, &mut status);
        bytes(15, &status, &mut self.0);
    }

    /// The encoded span.
    #[must_use]
    pub fn end(self) -> Vec<u8> {
        self.0
    }
}

fn key_value(key: &str, value: &AttributeValue<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    bytes(1, key.as_bytes(), &mut out);
    bytes(2, &any_value(value), &mut out);
    out
}

fn any_value(value: &AttributeValue<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    match value {
        AttributeValue::Text(text) => bytes(1, text.as_bytes(), &mut out),
        AttributeValue::Bool(value) => number(2, u64::from(*value), &mut out),
        AttributeValue::Number(value) => number(3, *value, &mut out),
        AttributeValue::Real(value) => fixed64(4, value.to_bits(), &mut out),
        AttributeValue::List(items) => {
            let mut list = Vec::new();
            for item in items {
                bytes(1, &any_value(&AttributeValue::Text(item)), &mut list);
            }
            bytes(5, &list, &mut out);
        }
    }
    out
}

/// An `ExportTraceServiceRequest` with these spans of one proxy.
#[must_use]
pub fn export<'s>(scope: &str, spans: impl Iterator<Item = &'s [u8]>) -> Vec<u8> {
    let mut resource = Vec::new();
    for (key, value) in [
        ("service.name", "hemostat"),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("hemostat.scope", scope),
    ] {
        if !value.is_empty() {
            bytes(1, &key_value(key, &AttributeValue::Text(value)), &mut resource);
        }
    }
    let mut library = Vec::new();
    bytes(1, b"hemostat", &mut library);
    bytes(2, env!("CARGO_PKG_VERSION").as_bytes(), &mut library);
    let mut scope_spans = Vec::new();
    bytes(1, &library, &mut scope_spans);
    for span in spans {
        bytes(2, span, &mut scope_spans);
    }
    let mut resource_spans = Vec::new();
    bytes(1, &resource, &mut resource_spans);
    bytes(2, &scope_spans, &mut resource_spans);
    let mut out = Vec::new();
    bytes(1, &resource_spans, &mut out);
    out
}
