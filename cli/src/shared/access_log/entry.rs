//! One line of an access log.

use std::borrow::Cow;

use hemostat_engine::base::time;
use hemostat_engine::wire::json::{Doc, Kind, Value};

/// The fields that are read from a line, apart from its labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Field {
    Time,
    PolicyVersion,
    Serial,
    Decision,
    Rules,
    Unchecked,
    Dialect,
    Stream,
    Operation,
    Model,
    Served,
    Sent,
    ResponseId,
    Finish,
    Input,
    Cached,
    Output,
    Reasoning,
    Cost,
    FirstChunk,
    Held,
    Status,
    Duration,
    Upstream,
    Method,
    Path,
    Host,
    Trace,
}

const FIELDS: usize = Field::Trace as usize + 1;

/// The prefix of a label's key.
const LABEL: &[u8] = b"hemostat.label.";

/// The number of labels read from one line: the maximum that a policy may have.
const LABELS: usize = 32;

impl Field {
    /// The field of a key: the names of the record, and the short names that earlier access logs used.
    fn of(key: &[u8]) -> Option<Self> {
        Some(match key {
            b"time" | b"start_time" => Self::Time,
            b"hemostat.policy_version" | b"policy" => Self::PolicyVersion,
            b"hemostat.policy_serial" | b"serial" => Self::Serial,
            b"hemostat.decision" | b"decision" => Self::Decision,
            b"hemostat.rule_hits" | b"rules" => Self::Rules,
            b"hemostat.unchecked" | b"unchecked" => Self::Unchecked,
            b"hemostat.dialect" | b"dialect" => Self::Dialect,
            b"hemostat.stream" | b"stream" => Self::Stream,
            b"gen_ai.operation.name" => Self::Operation,
            b"gen_ai.request.model" | b"model_asked" => Self::Model,
            b"gen_ai.response.model" | b"model_served" => Self::Served,
            b"hemostat.sent_model" | b"model_sent" => Self::Sent,
            b"gen_ai.response.id" => Self::ResponseId,
            b"gen_ai.response.finish_reasons" => Self::Finish,
            b"gen_ai.usage.input_tokens" => Self::Input,
            b"gen_ai.usage.cache_read.input_tokens" => Self::Cached,
            b"gen_ai.usage.output_tokens" => Self::Output,
            b"gen_ai.usage.reasoning.output_tokens" => Self::Reasoning,
            b"hemostat.cost_usd" => Self::Cost,
            b"gen_ai.response.time_to_first_chunk" => Self::FirstChunk,
            b"hemostat.held_seconds" => Self::Held,
            b"status" | b"http.response.status_code" => Self::Status,
            b"duration_ms" | b"duration" => Self::Duration,
            b"upstream" | b"upstream_cluster" => Self::Upstream,
            b"method" | b"http.request.method" => Self::Method,
            b"path" | b"url.path" => Self::Path,
            b"host" | b"server.address" => Self::Host,
            b"trace_id" | b"traceparent" => Self::Trace,
            _ => return None,
        })
    }
}

/// Why a line is not an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoEntry {
    NotJson,
    NoTime,
    Doubled,
}

/// A line that has a time.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    /// Unix milliseconds.
    pub(crate) at_ms: u64,
    fields: [Option<Value<'a>>; FIELDS],
    /// Name and value, as the caller sent it.
    pub(crate) labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// The line itself, trimmed.
    pub(crate) raw: &'a [u8],
}

impl<'a> Entry<'a> {
    /// Parses a line; `doc` is reused for the next one.
    pub(super) fn parse(doc: &'a mut Doc, line: &'a [u8]) -> Result<Self, NoEntry> {
        doc.parse(line).map_err(|_| NoEntry::NotJson)?;
        let root = doc.root(line);
        if root.kind() != Kind::Object {
            return Err(NoEntry::NotJson);
        }
        let mut fields: [Option<Value<'a>>; FIELDS] = [None; FIELDS];
        let mut labels: Vec<(Cow<'a, str>, Cow<'a, str>)> = Vec::new();
        for child in root.children() {
            let key = child.key();
            if let Some(field) = Field::of(key) {
                let Some(slot) = fields.get_mut(field as usize) else { continue };
                match slot {
                    // The long name is ours; the short one beside it belongs to another program.
                    Some(known) if known.raw_key().len() > child.raw_key().len() => {}
                    Some(known) if known.key() == key => {
                        if known.raw() != child.raw() {
                            return Err(NoEntry::Doubled);
                        }
                    }
                    _ => *slot = Some(child),
                }
            } else if let Some(name) = key.strip_prefix(LABEL)
                && let Some(value) = text(&child)
                && labels.len() < LABELS
            {
                let name: Cow<'a, str> = String::from_utf8_lossy(name).into_owned().into();
                match labels.iter().find(|(known, _)| *known == name) {
                    Some((_, known)) if *known != value => return Err(NoEntry::Doubled),
                    Some(_) => {}
                    None => labels.push((name, value)),
                }
            }
        }
        let mut entry = Self { at_ms: 0, fields, labels, raw: line.trim_ascii() };
        entry.at_ms =
            entry.text(Field::Time).and_then(|at| milliseconds(&at)).ok_or(NoEntry::NoTime)?;
        Ok(entry)
    }

    /// True for a call of a model. Of other traffic a proxy records hardly more than that it happened.
    pub(crate) fn is_call(&self) -> bool {
        let said = |field| self.text(field).is_some();
        [Field::Dialect, Field::Model, Field::Served, Field::Rules].into_iter().any(said)
            || !self.labels.is_empty()
    }

    /// A field as text; `null`, an empty text and `-` count as missing.
    pub(crate) fn text(&self, field: Field) -> Option<Cow<'a, str>> {
        self.fields.get(field as usize).copied().flatten().as_ref().and_then(text)
    }

    /// A field as a whole number, written as a number or as text.
    pub(crate) fn whole(&self, field: Field) -> Option<u64> {
        let text = self.text(field)?;
        text.parse().ok().or_else(|| {
            let number: f64 = text.parse().ok()?;
            (number.is_finite() && (0.0..1e15).contains(&number)).then_some(number as u64)
        })
    }

    /// An amount of money, or seconds, in millionths.
    pub(crate) fn micro(&self, field: Field) -> Option<u64> {
        let number: f64 = self.text(field)?.parse().ok()?;
        // More than a billion is not a real value, and must not overflow a sum.
        (number.is_finite() && (0.0..1e9).contains(&number))
            .then_some((number * 1e6).round() as u64)
    }

    /// What rules did, each as `RULE:ACTION`.
    pub(crate) fn hits(&self) -> Vec<String> {
        let all = self.text(Field::Rules).unwrap_or_default();
        all.split(',').map(str::trim).filter(|hit| hit.contains(':')).map(str::to_owned).collect()
    }

    /// The values of a field that has several: `a,b`, or a list.
    pub(crate) fn several(&self, field: Field) -> Vec<String> {
        let all = self.text(field).unwrap_or_default();
        let bare = all.trim_matches(|c| matches!(c, '[' | ']'));
        let words = bare.split(',').map(|word| word.trim().trim_matches('"'));
        words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    /// A label of the policy.
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_ref())
    }
}

fn text<'a>(value: &Value<'a>) -> Option<Cow<'a, str>> {
    let text = match value.kind() {
        Kind::Null => return None,
        Kind::String => value.as_str()?,
        _ => String::from_utf8_lossy(value.raw()),
    };
    (!text.is_empty() && text != "-").then_some(text)
}

/// Unix milliseconds of RFC 3339, with or without a fraction, or of Unix seconds.
pub(crate) fn milliseconds(text: &str) -> Option<u64> {
    if let Ok(seconds) = time::parse(text) {
        let fraction = text.split_once('.').map_or("", |(_, rest)| rest);
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).take(3);
        let (millis, count) = digits
            .fold((0, 0), |(sum, count), digit| (sum * 10 + u64::from(digit - b'0'), count + 1));
        let scale = [0, 100, 10, 1].get(count).copied().unwrap_or(1);
        return seconds.checked_mul(1000).map(|ms| ms + millis * scale);
    }
    let seconds: f64 = text.parse().ok()?;
    (1e8..1e11).contains(&seconds).then_some((seconds * 1000.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(line: &str, judge: impl FnOnce(Result<Entry<'_>, NoEntry>)) {
        let mut doc = Doc::default();
        judge(Entry::parse(&mut doc, line.as_bytes()));
    }

    #[test]
    fn reads_the_record_and_the_logs_of_before() {
        entry(
            r#"{"time":"2026-11-24T03:12:00.5Z","hemostat.rule_hits":"a:block,b:redact","rules":"x:tag","gen_ai.usage.input_tokens":"12","hemostat.cost_usd":0.0125,"hemostat.label.feature":"checkout","gen_ai.response.finish_reasons":["stop"],"status":200,"foreign":{"a":[1]}}"#,
            |read| {
                let entry = read.unwrap();
                assert_eq!(entry.at_ms, 1_795_489_920_500);
                assert_eq!(entry.hits(), ["a:block", "b:redact"]);
                assert_eq!(entry.whole(Field::Input), Some(12));
                assert_eq!(entry.micro(Field::Cost), Some(12_500));
                assert_eq!(entry.label("feature"), Some("checkout"));
                assert_eq!(entry.several(Field::Finish), ["stop"]);
                assert!(entry.is_call());
            },
        );
        entry(r#"{"time":"2026-11-24T03:12:00Z","rules":null,"status":200}"#, |read| {
            assert!(!read.unwrap().is_call());
        });
    }

    #[test]
    fn a_forged_field_is_not_believed() {
        let twice = r#"{"time":"2026-11-24T03:12:00Z","rules":"a:block","rules":""}"#;
        entry(twice, |read| assert_eq!(read.unwrap_err(), NoEntry::Doubled));
        let escaped = r#"{"time":"2026-11-24T03:12:00Z","rules":"a:block","rul\u0065s":"b:block"}"#;
        entry(escaped, |read| assert_eq!(read.unwrap_err(), NoEntry::Doubled));
        let label = r#"{"time":"2026-11-24T03:12:00Z","hemostat.label.tenant":"a","hemostat.label.tenant":"b"}"#;
        entry(label, |read| assert_eq!(read.unwrap_err(), NoEntry::Doubled));
        entry(r#"[1]"#, |read| assert_eq!(read.unwrap_err(), NoEntry::NotJson));
        entry(r#"{"time":"soon"}"#, |read| assert_eq!(read.unwrap_err(), NoEntry::NoTime));
    }
}
