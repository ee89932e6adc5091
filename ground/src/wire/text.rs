//! Decoded text with a mapping back to the bytes in which it was written.
//!
//! Rules look at text, but bytes are sent. [`Decoded`] is the text of one JSON string with a map back: a match in the
//! text becomes the range of bytes that spell it, however they spell it (`\u0068`, `\/`, surrogate pairs).

use std::ops::Range;

use super::{find, json};

/// The text of one JSON string. Reuse one for many strings: its buffers stay allocated.
#[derive(Debug, Default, Clone)]
pub struct Decoded {
    text: String,
    map: TextMap,
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
        // Nearly every text is valid, which is checked faster at once than part by part.
        if let Ok(valid) = std::str::from_utf8(raw) {
            return self.read_str(valid);
        }
        self.text.clear();
        self.map.clear();
        let mut at = 0;
        for chunk in raw.utf8_chunks() {
            let valid = chunk.valid();
            self.read_valid(raw, at, valid);
            at += valid.len();
            let broken = chunk.invalid().len();
            if broken > 0 {
                self.map.push(self.text.len(), 3, at, broken);
                self.text.push(char::REPLACEMENT_CHARACTER);
            }
            at += broken;
        }
    }

    /// [`Decoded::read`] of a content that is known to be UTF-8.
    pub fn read_str(&mut self, raw: &str) {
        self.text.clear();
        self.map.clear();
        self.read_valid(raw.as_bytes(), 0, raw);
    }

    /// Takes a text without a mapping back to bytes.
    pub fn hold(&mut self, text: String) {
        self.map.clear();
        self.text = text;
    }

    /// Reads `valid`, which is `raw` from `at`.
    fn read_valid(&mut self, raw: &[u8], at: usize, valid: &str) {
        let mut rest = valid;
        while let Some(offset) = find::backslash(rest.as_bytes()) {
            let (plain, escape) = rest.split_at_checked(offset).unwrap_or((rest, ""));
            self.text.push_str(plain);
            let position = at + valid.len() - escape.len();
            let (c, used) = json::unescape(raw.get(position..).unwrap_or_default());
            self.map.push(self.text.len(), c.len_utf8(), position, used);
            self.text.push(c);
            rest = escape.get(used..).unwrap_or_default();
        }
        self.text.push_str(rest);
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The bytes of the content that spell this range of the text. A range that begins or ends inside a character is
    /// widened to it.
    #[must_use]
    pub fn raw_range(&self, text: Range<usize>) -> Range<usize> {
        self.map.raw_range(text)
    }
}

/// Where each part of a text is written in some bytes: runs that are the same in both, and between them single
/// characters that are written differently.
#[derive(Debug, Default, Clone)]
pub(super) struct TextMap {
    /// In order. Between two, text and bytes advance together.
    units: Vec<WrittenUnit>,
}

/// One character that is written differently; or, with length zero, a place where the bytes continue elsewhere.
#[derive(Debug, Clone, Copy)]
struct WrittenUnit {
    text: usize,
    raw: usize,
    text_len: u8,
    raw_len: u8,
}

impl TextMap {
    pub(super) fn clear(&mut self) {
        self.units.clear();
    }

    /// Memory in bytes.
    pub(super) fn memory(&self) -> usize {
        self.units.capacity() * size_of::<WrittenUnit>()
    }

    /// The character at `text`, which has `text_len` bytes there, is written in `raw_len` bytes at `raw`.
    pub(super) fn push(&mut self, text: usize, text_len: usize, raw: usize, raw_len: usize) {
        // Both are lengths of one character's spelling: at most 12.
        let (text_len, raw_len) = (text_len as u8, raw_len as u8);
        self.units.push(WrittenUnit { text, raw, text_len, raw_len });
    }

    pub(super) fn raw_range(&self, text: Range<usize>) -> Range<usize> {
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

    fn before(&self, index: usize) -> Option<WrittenUnit> {
        self.units.get(index.checked_sub(1)?).copied()
    }
}

/// The position of `text` in the bytes, after this unit (or after the beginning) and before the next one.
fn beside(unit: Option<WrittenUnit>, text: usize) -> usize {
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
