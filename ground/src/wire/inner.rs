//! JSON text that arrives in pieces inside JSON strings: tool arguments (OpenAI `arguments`, Anthropic
//! `partial_json`).
//!
//! The pieces may be cut anywhere, even in the middle of an escape, a surrogate pair or a number. Each piece is fed as
//! the decoded text of its outer string; the results are the inner texts (keys, strings, numbers), decoded once more,
//! each with a number of its own and a mapping back to the arguments' text.
//!
//! **The mapping back** uses offsets in all of the arguments' text so far, not in one piece, because a character or a
//! number may span several pieces: a change puts its replacement where the range begins and deletes the rest from the
//! later pieces. For the earlier ones to be still there, a piece is [`Inner::pending`] if it ends inside an escape, a
//! surrogate pair or a number: its event must be held until the next piece has been fed.
//!
//! **Text that is not JSON** is scanned too: from the first byte that violates the grammar, everything is one text of
//! kind [`InnerKind::Plain`], as it is. The same holds for arguments that begin with neither a bracket nor a quote
//! (custom tools). Deviations from the grammar that clients accept are accepted here: trailing commas, control
//! characters and unknown escapes in strings, `NaN` and `Infinity`, several documents in a row.

use std::ops::Range;

use super::text::{TextMap, encode_bytes};
use super::{find, json};
use crate::limits;

/// The kind of an inner text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InnerKind {
    /// The key of an object's member.
    Key,
    /// A string.
    String,
    /// A number. It is whole, in one [`InnerEvent::Text`]; if any of it is changed, all of it becomes a string.
    Number,
    /// Text that is not JSON, as it is.
    Plain,
}

/// What a piece of the arguments contains, in order. `n` numbers the inner texts from 0; no two are open at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InnerEvent {
    /// An inner text begins.
    Begin {
        /// Its number.
        n: u32,
        /// Its kind.
        kind: InnerKind,
    },
    /// An inner text continues.
    Text {
        /// Its number.
        n: u32,
        /// The text, as a range for [`Inner::text`].
        text: Range<usize>,
    },
    /// An inner text is complete.
    End {
        /// Its number.
        n: u32,
    },
}

/// The contents of one piece. Reuse one for many, or keep it with the piece's event while that is held.
#[derive(Debug, Default, Clone)]
pub struct Inner {
    events: Vec<InnerEvent>,
    text: String,
    map: TextMap,
    /// Where the map's offsets begin in the arguments' text.
    origin: u64,
    pending: Option<u64>,
}

impl Inner {
    /// The contents of the piece, in order.
    #[must_use]
    pub fn events(&self) -> &[InnerEvent] {
        &self.events
    }

    /// The decoded text of an [`InnerEvent::Text`], or of a part of it.
    #[must_use]
    pub fn text(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    /// Where that text is written: bytes of the arguments' (outer-decoded) text from its beginning. The span can begin
    /// before this piece if an earlier piece was pending.
    #[must_use]
    pub fn span(&self, range: Range<usize>) -> Range<u64> {
        let raw = self.map.raw_range(range);
        self.origin + raw.start as u64..self.origin + raw.end as u64
    }

    /// The offset in the arguments' text of something incomplete that must be seen as a whole: every event with a piece
    /// of it is held until it is complete.
    #[must_use]
    pub fn pending(&self) -> Option<u64> {
        self.pending
    }

    /// Approximate memory in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of::<Self>()
            + self.events.capacity() * size_of::<InnerEvent>()
            + self.text.capacity()
            + self.map.memory()
    }

    fn begin(&mut self, n: u32, kind: InnerKind) {
        self.events.push(InnerEvent::Begin { n, kind });
    }

    /// Starts or continues the text event of `n`; what is pushed next is written at `position`.
    fn place(&mut self, n: u32, position: u64) -> usize {
        let raw = position.saturating_sub(self.origin) as usize;
        if !matches!(self.events.last(), Some(InnerEvent::Text { .. })) {
            self.map.push(self.text.len(), 0, raw, 0);
            self.events.push(InnerEvent::Text { n, text: self.text.len()..self.text.len() });
        }
        raw
    }

    fn extend(&mut self) {
        let end = self.text.len();
        if let Some(InnerEvent::Text { text, .. }) = self.events.last_mut() {
            text.end = end;
        }
    }

    fn push_str(&mut self, n: u32, position: u64, text: &str) {
        if text.is_empty() {
            return;
        }
        self.place(n, position);
        self.text.push_str(text);
        self.extend();
    }

    fn push_unit(&mut self, n: u32, position: u64, c: char, raw_len: usize) {
        let raw = self.place(n, position);
        self.map.push(self.text.len(), c.len_utf8(), raw, raw_len);
        self.text.push(c);
        self.extend();
    }
}

/// What is expected next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum ExpectedNext {
    /// A document.
    #[default]
    Top,
    /// A value.
    Value,
    /// A key.
    Key,
    /// A colon.
    Colon,
    /// A comma.
    Comma,
    /// The rest of a string.
    String { key: bool },
    /// The rest of a number or a word.
    Bare,
    /// Anything: it is not JSON.
    Plain,
}

/// Reads the arguments of one tool call, piece by piece.
#[derive(Debug, Default)]
pub struct InnerJson {
    state: ExpectedNext,
    /// The open containers, innermost last: true for objects.
    open: Vec<bool>,
    /// Bytes of the arguments' text fed.
    fed: u64,
    /// The number of the text that is open, or was last, plus one.
    count: u32,
    /// What cannot be decided yet: an escape, half a pair, a number, a word.
    unit: String,
    /// Its position.
    unit_at: u64,
}

impl InnerJson {
    /// A reader for new arguments.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes of the arguments' text fed so far: where the next piece begins.
    #[must_use]
    pub fn fed(&self) -> u64 {
        self.fed
    }

    /// True if something in the arguments has begun and is incomplete: they are not over, whatever upstream says.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        let of_a_value = matches!(self.state, ExpectedNext::String { .. } | ExpectedNext::Bare);
        of_a_value || !self.open.is_empty()
    }

    /// Reads the next piece, as decoded from its outer string; `out` is overwritten.
    pub fn feed(&mut self, piece: &str, out: &mut Inner) {
        self.start(out);
        let mut rest = piece;
        while let Some(&byte) = rest.as_bytes().first() {
            let position = self.fed + (piece.len() - rest.len()) as u64;
            let used = match self.state {
                ExpectedNext::String { key } => self.string(rest, position, key, out),
                ExpectedNext::Bare => self.bare(rest, out),
                ExpectedNext::Plain => {
                    out.push_str(self.current(), position, rest);
                    rest.len()
                }
                _ => self.structure(byte, position, out),
            };
            rest = rest.get(used..).unwrap_or_default();
        }
        self.fed += piece.len() as u64;
        out.pending = (!self.unit.is_empty()).then_some(self.unit_at);
    }

    /// The arguments are complete: everything open ends. Afterwards the reader is as new.
    pub fn finish(&mut self, out: &mut Inner) {
        self.start(out);
        if self.state == ExpectedNext::Bare {
            self.end_bare(out);
        }
        while !self.unit.is_empty() {
            self.give_first(out);
        }
        if matches!(self.state, ExpectedNext::String { .. } | ExpectedNext::Plain) {
            out.events.push(InnerEvent::End { n: self.current() });
        }
        *self = Self::default();
    }

    fn start(&self, out: &mut Inner) {
        out.events.clear();
        out.text.clear();
        out.map.clear();
        out.origin = if self.unit.is_empty() { self.fed } else { self.unit_at };
        out.pending = None;
    }

    fn current(&self) -> u32 {
        self.count.wrapping_sub(1)
    }

    fn begin(&mut self, kind: InnerKind, out: &mut Inner) {
        out.begin(self.count, kind);
        self.count = self.count.wrapping_add(1);
    }

    /// Reads a byte outside of strings, numbers and words. Returns how many bytes it took: none if it belongs to what
    /// has begun.
    fn structure(&mut self, byte: u8, position: u64, out: &mut Inner) -> usize {
        match (self.state, byte) {
            (_, b' ' | b'\t' | b'\n' | b'\r') => {}
            (ExpectedNext::Top | ExpectedNext::Value, b'"') => self.begin_string(false, out),
            (ExpectedNext::Key, b'"') => self.begin_string(true, out),
            (ExpectedNext::Top | ExpectedNext::Value, b'{' | b'[')
                if self.open.len() < limits::JSON_DEPTH =>
            {
                self.open.push(byte == b'{');
                self.state = self.due();
            }
            (ExpectedNext::Value, b'-' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z') => {
                self.unit_at = position;
                self.state = ExpectedNext::Bare;
                return 0;
            }
            (ExpectedNext::Colon, b':') => self.state = ExpectedNext::Value,
            (ExpectedNext::Comma, b',') => self.state = self.due(),
            (ExpectedNext::Value | ExpectedNext::Key | ExpectedNext::Comma, b'}' | b']')
                if self.open.last() == Some(&(byte == b'}')) =>
            {
                self.open.pop();
                self.state = self.after_value();
            }
            _ => {
                self.plain(out);
                return 0;
            }
        }
        1
    }

    /// What is expected in the innermost container.
    fn due(&self) -> ExpectedNext {
        if self.open.last() == Some(&true) { ExpectedNext::Key } else { ExpectedNext::Value }
    }

    fn after_value(&self) -> ExpectedNext {
        if self.open.is_empty() { ExpectedNext::Top } else { ExpectedNext::Comma }
    }

    fn begin_string(&mut self, key: bool, out: &mut Inner) {
        self.begin(if key { InnerKind::Key } else { InnerKind::String }, out);
        self.state = ExpectedNext::String { key };
    }

    /// From here on it is not JSON; what has been waiting is text.
    fn plain(&mut self, out: &mut Inner) {
        self.begin(InnerKind::Plain, out);
        self.state = ExpectedNext::Plain;
        out.push_str(self.current(), self.unit_at, &self.unit);
        self.unit.clear();
    }

    /// Continues in a string.
    fn string(&mut self, rest: &str, position: u64, key: bool, out: &mut Inner) -> usize {
        if !self.unit.is_empty() {
            let c = rest.chars().next().unwrap_or_default();
            if !self.extends(c) {
                self.give_first(out);
                return 0;
            }
            self.unit.push(c);
            self.give_complete(out);
            return c.len_utf8();
        }
        match find::string_stop_in(rest.as_bytes()) {
            Some(0) if rest.starts_with('"') => {
                out.events.push(InnerEvent::End { n: self.current() });
                self.state = if key { ExpectedNext::Colon } else { self.after_value() };
                1
            }
            Some(0) if rest.starts_with('\\') => {
                // Nearly every escape is of one letter, and whole.
                if rest.as_bytes().get(1).is_some_and(|c| c.is_ascii() && *c != b'u') {
                    let (c, used) = json::unescape(rest.as_bytes());
                    out.push_unit(self.current(), position, c, used);
                    return used;
                }
                self.unit.push('\\');
                self.unit_at = position;
                1
            }
            stop => {
                // A control character stands for itself.
                let end = stop.map_or(rest.len(), |stop| stop.max(1));
                out.push_str(self.current(), position, rest.get(..end).unwrap_or_default());
                end
            }
        }
    }

    /// True if the waiting escape continues with this character.
    fn extends(&self, c: char) -> bool {
        match self.unit.len() {
            1 => c.is_ascii(),
            6 => c == '\\',
            7 => c == 'u',
            _ => c.is_ascii_hexdigit(),
        }
    }

    /// Returns the waiting escape if it is complete. The first half of a pair is not: the second may follow.
    fn give_complete(&mut self, out: &mut Inner) {
        loop {
            let complete = match self.unit.len() {
                2 => !self.unit.ends_with('u'),
                6 => !is_high_surrogate(&self.unit),
                length => length == 12,
            };
            if !complete {
                return;
            }
            self.give_first(out);
        }
    }

    /// Returns the first character of the waiting escape, valid or not; the rest keeps waiting if it is an escape too.
    fn give_first(&mut self, out: &mut Inner) {
        let (c, used) = json::unescape(self.unit.as_bytes());
        out.push_unit(self.current(), self.unit_at, c, used);
        self.unit.drain(..used.min(self.unit.len()));
        self.unit_at += used as u64;
        if !self.unit.starts_with('\\') {
            out.push_str(self.current(), self.unit_at, &self.unit);
            self.unit.clear();
        }
    }

    /// Continues in a number or a word.
    fn bare(&mut self, rest: &str, out: &mut Inner) -> usize {
        let goes_on = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        let room = (limits::INNER_NUMBER_BYTES + 1).saturating_sub(self.unit.len());
        let used = rest.find(|c| !goes_on(c)).unwrap_or(rest.len()).min(room);
        self.unit.push_str(rest.get(..used).unwrap_or_default());
        if self.unit.len() > limits::INNER_NUMBER_BYTES {
            self.plain(out);
        } else if used < rest.len() {
            self.end_bare(out);
        }
        used
    }

    fn end_bare(&mut self, out: &mut Inner) {
        match self.unit.as_str() {
            "true" | "false" | "null" | "NaN" | "Infinity" | "-Infinity" => {}
            number if json::is_number(number.as_bytes()) => {
                out.begin(self.count, InnerKind::Number);
                out.push_str(self.count, self.unit_at, number);
                out.events.push(InnerEvent::End { n: self.count });
                self.count = self.count.wrapping_add(1);
            }
            _ => return self.plain(out),
        }
        self.unit.clear();
        self.state = self.after_value();
    }
}

fn is_high_surrogate(escape: &str) -> bool {
    let digits = escape.get(2..6).unwrap_or_default();
    u32::from_str_radix(digits, 16).is_ok_and(|unit| (0xD800..0xDC00).contains(&unit))
}

/// Writes `text` so that it can replace an inner text of this kind, as content of the outer string. A whole number is
/// replaced by a string.
pub fn encode_inner(kind: InnerKind, text: &str, out: &mut Vec<u8>) {
    let mut inner = Vec::with_capacity(text.len() + 2);
    match kind {
        InnerKind::Key | InnerKind::String => encode_bytes(text.as_bytes(), &mut inner),
        InnerKind::Number => {
            inner.push(b'"');
            encode_bytes(text.as_bytes(), &mut inner);
            inner.push(b'"');
        }
        InnerKind::Plain => inner.extend_from_slice(text.as_bytes()),
    }
    encode_bytes(&inner, out);
}
