//! Decoded text, and the way back to the bytes in which it was written.
//!
//! Rules look at text, but bytes are sent. [`Decoded`] is the text of one JSON string. Where something in it is changed,
//! [`TextMap`] leads back: a match in the text becomes the range of bytes that spell it, however they spell it (`\u0068`,
//! `\/`, surrogate pairs).

use std::ops::Range;

use super::find;
use super::json::{self, Escape};

/// The text of one JSON string. Reuse one for many strings: its buffer stays allocated.
#[derive(Debug, Default, Clone)]
pub struct Decoded {
    text: String,
}

impl Decoded {
    /// An empty text.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a string's content, between its quotes (RFC 8259 §7). Never fails: a lone surrogate, an invalid escape,
    /// and every maximal part of an invalid UTF-8 sequence become U+FFFD, as in [`json::decode`].
    pub fn read(&mut self, raw: &[u8]) {
        let mut text = std::mem::take(&mut self.text).into_bytes();
        text.clear();
        json::decode_into(raw, &mut text);
        // Nearly every text is valid, which is checked faster at once than part by part.
        self.text = match String::from_utf8(text) {
            Ok(text) => text,
            Err(broken) => String::from_utf8_lossy(broken.as_bytes()).into_owned(),
        };
    }

    /// Takes a text that is written otherwise.
    pub fn hold(&mut self, text: String) {
        self.text = text;
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Where each part of a text is written in some bytes: runs that are the same in both, and between them single
/// characters that are written differently.
#[derive(Debug, Default, Clone)]
pub struct TextMap {
    /// In order. Between two, text and bytes advance together. One with length zero is a place where the bytes continue
    /// elsewhere.
    units: Vec<Escape>,
}

impl TextMap {
    /// From the text of a string with this content ([`Decoded::read`]) to the content.
    #[must_use]
    pub fn of(raw: &[u8]) -> Self {
        let mut units = Vec::new();
        let (mut text, mut at) = (0, 0);
        for chunk in raw.utf8_chunks() {
            (text, at) = json::escapes(chunk.valid().as_bytes(), (text, at), &mut units);
            let broken = chunk.invalid().len();
            if broken > 0 {
                let replaced = char::REPLACEMENT_CHARACTER.len_utf8();
                units.push(Escape {
                    text,
                    raw: at,
                    text_len: replaced as u8,
                    raw_len: broken as u8,
                });
                (text, at) = (text + replaced, at + broken);
            }
        }
        Self { units }
    }

    pub(super) fn clear(&mut self) {
        self.units.clear();
    }

    /// Memory in bytes.
    pub(super) fn memory(&self) -> usize {
        self.units.capacity() * size_of::<Escape>()
    }

    /// The character at `text`, which has `text_len` bytes there, is written in `raw_len` bytes at `raw`.
    pub(super) fn push(&mut self, text: usize, text_len: usize, raw: usize, raw_len: usize) {
        // Both are lengths of one character's spelling: at most 12.
        let (text_len, raw_len) = (text_len as u8, raw_len as u8);
        self.units.push(Escape { text, raw, text_len, raw_len });
    }

    /// The bytes that spell this range of the text. A range that begins or ends inside a character is widened to it.
    #[must_use]
    pub fn raw_range(&self, text: Range<usize>) -> Range<usize> {
        // The last unit that begins at or before the range's start determines where the range begins; the last one that
        // begins before its end determines the end (one that begins there is not in the range).
        let start = self.units.partition_point(|unit| unit.text <= text.start);
        let start = match self.before(start) {
            Some(unit) if text.start < unit.text + usize::from(unit.text_len) => unit.raw,
            unit => beside(unit, text.start),
        };
        if text.end <= text.start {
            return start..start;
        }
        let end = self.units.partition_point(|unit| unit.text < text.end);
        let end = match self.before(end) {
            Some(unit) if text.end < unit.text + usize::from(unit.text_len) => {
                unit.raw + usize::from(unit.raw_len)
            }
            unit => beside(unit, text.end),
        };
        start..end.max(start)
    }

    fn before(&self, index: usize) -> Option<Escape> {
        self.units.get(index.checked_sub(1)?).copied()
    }
}

/// The position of `text` in the bytes, after this unit (or after the beginning) and before the next one.
fn beside(unit: Option<Escape>, text: usize) -> usize {
    let Some(unit) = unit else { return text };
    let after = text - unit.text - usize::from(unit.text_len);
    unit.raw + usize::from(unit.raw_len) + after
}

/// Writes `text` as the content of a JSON string: quotes, backslashes and control characters are escaped, everything
/// else is unchanged.
pub fn encode(text: &str, out: &mut Vec<u8>) {
    encode_bytes(text.as_bytes(), out);
}

/// [`encode`] for text that is already bytes.
pub(super) fn encode_bytes(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(offset) = find::string_stop_in(rest) {
        let Some((plain, [stop, after @ ..])) = rest.split_at_checked(offset) else { break };
        out.extend_from_slice(plain);
        match stop {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0C => out.extend_from_slice(b"\\f"),
            control => {
                let digit = |half: u8| if half < 10 { b'0' + half } else { b'a' + half - 10 };
                out.extend_from_slice(b"\\u00");
                out.extend([digit(control >> 4), digit(control & 15)]);
            }
        }
        rest = after;
    }
    out.extend_from_slice(rest);
}
