//! Canonical JSON (RFC 8785): one spelling for each value, so that a digest identifies the value.
//!
//! A value without a single meaning has no canonical form: a key that occurs twice, text that is not Unicode, or a
//! number that a double does not represent exactly as written (`9007199254740993`, `1e400`), which two readers may take
//! for two numbers.

mod number;

use std::fmt;

use crate::base::json_text::escape;
use crate::wire::json::{Doc, Kind, Value};

/// Why a value has no canonical form. Contains nothing of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JcsError {
    /// It is not JSON, or too large.
    NotJson,
    /// A key occurs twice in an object.
    Duplicate,
    /// A number that a double does not represent as it is written.
    Number,
    /// A string that is not Unicode.
    Text,
}

impl fmt::Display for JcsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotJson => "it is not JSON",
            Self::Duplicate => "a key stands twice",
            Self::Number => "a number is not what a double holds",
            Self::Text => "a string is not Unicode",
        })
    }
}

/// The canonical form of a JSON text.
///
/// # Errors
/// Why it has none.
pub fn canonical_text(json: &[u8]) -> Result<String, JcsError> {
    let mut doc = Doc::default();
    doc.parse(json).map_err(|_| JcsError::NotJson)?;
    let mut out = String::new();
    write(&doc.root(json), &mut out)?;
    Ok(out)
}

/// An open container: what remains to be written of it, last first, and its closing bracket.
struct OpenContainer<'a> {
    rest: Vec<(Option<String>, Value<'a>)>,
    first: bool,
    close: char,
}

/// Appends the canonical form of a value.
///
/// # Errors
/// Why it has none; the contents of `out` are then unspecified.
pub fn write(value: &Value<'_>, out: &mut String) -> Result<(), JcsError> {
    let mut stack: Vec<OpenContainer<'_>> = Vec::new();
    let mut next = Some(*value);
    loop {
        if let Some(value) = next.take() {
            match value.kind() {
                Kind::Object | Kind::Array => stack.push(open(&value, out)?),
                _ => scalar(&value, out)?,
            }
        }
        let Some(container) = stack.last_mut() else { return Ok(()) };
        match container.rest.pop() {
            None => {
                out.push(container.close);
                stack.pop();
            }
            Some((key, child)) => {
                if !std::mem::take(&mut container.first) {
                    out.push(',');
                }
                if let Some(key) = key {
                    string(&key, out);
                    out.push(':');
                }
                next = Some(child);
            }
        }
    }
}

/// The children of a container in the order they are written: members sorted by the UTF-16 units of their keys
/// (§3.2.3).
fn open<'a>(value: &Value<'a>, out: &mut String) -> Result<OpenContainer<'a>, JcsError> {
    let object = value.kind() == Kind::Object;
    out.push(if object { '{' } else { '[' });
    let mut rest = Vec::new();
    for child in value.children() {
        let key = object.then(|| key_of(&child)).transpose()?;
        rest.push((key, child));
    }
    if object {
        rest.sort_by(|(a, _), (b, _)| {
            a.as_deref()
                .unwrap_or_default()
                .encode_utf16()
                .cmp(b.as_deref().unwrap_or_default().encode_utf16())
        });
        if rest.windows(2).any(|pair| matches!(pair, [(a, _), (b, _)] if a == b)) {
            return Err(JcsError::Duplicate);
        }
    }
    rest.reverse();
    Ok(OpenContainer { rest, first: true, close: if object { '}' } else { ']' } })
}

fn key_of(child: &Value<'_>) -> Result<String, JcsError> {
    unicode(crate::wire::json::decode(child.raw_key()))
}

/// Decoding replaces what is not Unicode by U+FFFD. Text that contains U+FFFD itself has no canonical form either,
/// since the two could not be told apart.
fn unicode(text: String) -> Result<String, JcsError> {
    if text.contains(char::REPLACEMENT_CHARACTER) { Err(JcsError::Text) } else { Ok(text) }
}

fn scalar(value: &Value<'_>, out: &mut String) -> Result<(), JcsError> {
    match value.kind() {
        Kind::String => {
            let text = value.as_str().unwrap_or_default().into_owned();
            string(&unicode(text)?, out);
        }
        Kind::Number => {
            let raw = std::str::from_utf8(value.raw()).map_err(|_| JcsError::Number)?;
            out.push_str(&number::canonical(raw).ok_or(JcsError::Number)?);
        }
        _ => out.push_str(&String::from_utf8_lossy(value.raw())),
    }
    Ok(())
}

/// §3.2.2.2: only what must be escaped is escaped; two more control characters have short forms.
fn string(text: &str, out: &mut String) {
    const SHORT: [char; 2] = ['\u{8}', '\u{c}'];
    out.push('"');
    for piece in text.split_inclusive(SHORT) {
        let plain = piece.strip_suffix(SHORT);
        escape(plain.unwrap_or(piece), |_| false, out);
        if plain.is_some() {
            out.push_str(if piece.ends_with('\u{8}') { "\\b" } else { "\\f" });
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests;
