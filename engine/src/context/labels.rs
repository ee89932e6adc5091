//! Reads a request's labels: from its headers and properties at once, from its body once that has arrived.

use std::borrow::Cow;
use std::rc::Rc;

use super::facts::{self, RequestFacts};
use crate::policy::program::label::{Label, LabelId, LabelOrigin, LabelReader, LabelTable, digest};
use crate::policy::program::selector::Labels;
use crate::search::TooLong;
use crate::wire::json::{Doc, Duplicate, Kind, Value};

/// What the request line says.
#[derive(Debug, Clone, Copy)]
pub struct RequestLineLabels<'a> {
    /// `GET`, `POST` …
    pub method: &'a str,
    /// The authority, port included.
    pub authority: &'a str,
    /// The normalised path, without query.
    pub path: &'a str,
}

/// What one source yields.
enum LabelValue {
    Nothing,
    Text(Rc<str>, bool),
    Unreadable,
}

/// Reads the labels that come from headers and properties. A label that a body source may still provide stays
/// [`Label::Unknown`].
#[must_use]
pub fn from_headers(
    table: &LabelTable,
    facts: &RequestFacts,
    line: RequestLineLabels<'_>,
) -> Labels {
    Labels::read(table, facts.request_id.clone(), |id| match id {
        _ if !table.sources(id).is_empty() => label(table.sources(id), |read| match &read.from {
            LabelOrigin::Json(_) => None,
            _ => Some(from_facts(read, facts)),
        }),
        LabelId::METHOD => Label::value(line.method, true),
        LabelId::HOST => Label::value(&host(line.authority), false),
        LabelId::PATH => Label::value(line.path, false),
        _ => Label::Unknown,
    })
}

/// A request's body as the label readers see it.
#[derive(Debug, Clone, Copy)]
pub enum Body<'a> {
    /// There is no body: labels read from it are missing.
    Absent,
    /// The body cannot be read: labels read from it are unreadable.
    Unreadable,
    /// The body's values, and its bytes.
    Json(&'a Doc, &'a [u8]),
}

/// Reads the labels that come from the body.
pub fn from_body(labels: &mut Labels, table: &LabelTable, facts: &RequestFacts, body: Body<'_>) {
    for id in (0..table.len()).map(LabelId) {
        if *labels.get(id) == Label::Unknown && id != LabelId::MODEL && id != LabelId::DIALECT {
            labels.set(id, label(table.sources(id), |read| Some(from_source(read, facts, body))));
        }
    }
}

/// The first source that has a value wins. `read` returns `None` for a source that cannot be read yet. Where a label is
/// a digest and two of its sources have different values, the label is unreadable: which of two credentials counts is
/// upstream's choice, not ours.
fn label(sources: &[LabelReader], read: impl Fn(&LabelReader) -> Option<LabelValue>) -> Label {
    let mut winner: Option<(Rc<str>, bool, bool)> = None;
    for source in sources {
        match (read(source), &winner) {
            (None, None) => return Label::Unknown,
            (Some(LabelValue::Unreadable), None) => return Label::Unreadable,
            (Some(LabelValue::Text(text, trusted)), None) => {
                winner = Some((text, trusted, source.digest));
            }
            (Some(LabelValue::Text(text, _)), Some((first, _, true)))
                if source.digest && text != *first =>
            {
                return Label::Unreadable;
            }
            (Some(LabelValue::Unreadable), Some((_, _, true))) if source.digest => {
                return Label::Unreadable;
            }
            (None, Some((_, _, true))) if source.digest => return Label::Unknown,
            _ => {}
        }
    }
    match winner {
        Some((text, trusted, _)) => Label::value(&text, trusted),
        None => Label::value("", false),
    }
}

/// The source that a label's value was read from; `None` if no source has a value.
///
/// # Errors
/// The first source that may have a value cannot be read.
pub(crate) fn origin<'a>(
    sources: &'a [LabelReader],
    facts: &RequestFacts,
    body: Body<'_>,
) -> Result<Option<&'a LabelReader>, ()> {
    for source in sources {
        match from_source(source, facts, body) {
            LabelValue::Nothing => {}
            LabelValue::Text(..) => return Ok(Some(source)),
            LabelValue::Unreadable => return Err(()),
        }
    }
    Ok(None)
}

/// The value that a segment of a JSON pointer names (RFC 6901 §4), if it exists.
///
/// # Errors
/// The key occurs twice.
pub(crate) fn step<'a>(at: Value<'a>, segment: &str) -> Result<Option<Value<'a>>, Duplicate> {
    match at.kind() {
        Kind::Array => Ok(segment.parse().ok().and_then(|index| at.children().nth(index))),
        _ => at.unique(segment),
    }
}

fn from_source(read: &LabelReader, facts: &RequestFacts, body: Body<'_>) -> LabelValue {
    match (&read.from, body) {
        (LabelOrigin::Json(pointer), Body::Json(doc, bytes)) => {
            from_json(doc.root(bytes), pointer, read)
        }
        (LabelOrigin::Json(_), Body::Absent) => LabelValue::Nothing,
        (LabelOrigin::Json(_), Body::Unreadable) => LabelValue::Unreadable,
        _ => from_facts(read, facts),
    }
}

fn from_facts(read: &LabelReader, facts: &RequestFacts) -> LabelValue {
    let value = match &read.from {
        LabelOrigin::Header(name) => {
            let mut values = facts::values(&facts.headers, name);
            match (values.next(), values.next()) {
                (Some(_), Some(_)) => return LabelValue::Unreadable,
                (first, _) => first,
            }
        }
        LabelOrigin::Property(number) => facts.properties.get(*number).and_then(Option::as_deref),
        LabelOrigin::Json(_) => None,
    };
    if let (Some(part), Some(bytes @ [_, ..])) = (&read.part, value) {
        return match std::str::from_utf8(bytes) {
            Ok(text) if part.json_text => from_json_text(text, &part.pointer, read),
            Ok(text) => found(text, read),
            Err(_) => LabelValue::Unreadable,
        };
    }
    match value {
        None | Some([]) => LabelValue::Nothing,
        Some(bytes) if read.digest => LabelValue::Text(digest(bytes).into(), read.trusted),
        Some(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => LabelValue::Text(text.into(), read.trusted),
            Err(_) => LabelValue::Unreadable,
        },
    }
}

fn from_json(root: Value<'_>, pointer: &[String], read: &LabelReader) -> LabelValue {
    let into_text = read.part.as_ref().is_some_and(|part| part.json_text);
    let mut at = root;
    for (number, segment) in pointer.iter().enumerate() {
        if into_text && at.kind() == Kind::String {
            let text = at.as_str().unwrap_or_default();
            return from_json_text(&text, pointer.get(number..).unwrap_or_default(), read);
        }
        match step(at, segment) {
            Ok(Some(member)) => at = member,
            Ok(None) => return LabelValue::Nothing,
            Err(Duplicate) => return LabelValue::Unreadable,
        }
    }
    let text = match at.kind() {
        Kind::String => at.as_str().unwrap_or_default(),
        Kind::Number | Kind::Bool => String::from_utf8_lossy(at.raw()),
        Kind::Null => return LabelValue::Nothing,
        Kind::Array | Kind::Object => return LabelValue::Unreadable,
    };
    found(&text, read)
}

/// The value at this place in JSON text; text that is not JSON has none.
fn from_json_text(text: &str, pointer: &[String], read: &LabelReader) -> LabelValue {
    let mut doc = Doc::default();
    match doc.parse(text.as_bytes()) {
        Ok(()) => from_json(doc.root(text.as_bytes()), pointer, read),
        Err(_) => LabelValue::Nothing,
    }
}

/// A source's value, or the part of it that the reader extracts.
fn found(text: &str, read: &LabelReader) -> LabelValue {
    let text = match read.part.as_ref().and_then(|part| part.pattern.as_ref()) {
        None => text,
        Some(None) => return LabelValue::Nothing,
        Some(Some(pattern)) => match pattern.first_group(text) {
            Ok(group) => group.unwrap_or_default(),
            Err(TooLong) => return LabelValue::Unreadable,
        },
    };
    match text.is_empty() {
        true => LabelValue::Nothing,
        false if read.digest => LabelValue::Text(digest(text.as_bytes()).into(), read.trusted),
        false => LabelValue::Text(text.into(), read.trusted),
    }
}

/// The host of an authority: lower case, without port.
fn host(authority: &str) -> Cow<'_, str> {
    let bare = authority.trim_end_matches(|c: char| c.is_ascii_digit());
    let host = bare.strip_suffix(':').unwrap_or(authority);
    match host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => host.to_ascii_lowercase().into(),
        false => host.into(),
    }
}
