//! JSON as spans into the bytes it came from.
//!
//! A [`Doc`] is a flat list of values in document order, made in one pass without recursion and re-used from event to
//! event. It never copies text: a value is a span, so that an edit can touch that span and nothing else (invariant 5).
//! Duplicate keys are all kept: scanning visits every occurrence, and whoever needs *one* value asks [`Value::unique`].

use super::find;
use crate::limits;

/// What a JSON value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number, as written.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// One value: spans and links, no text.
#[derive(Debug, Clone, Copy)]
struct Node {
    kind: Kind,
    /// The value's bytes; a string's include its quotes.
    start: u32,
    end: u32,
    /// The key's content between its quotes; `key_start == 0` says there is no key (a key never stands at offset 0).
    key_start: u32,
    key_end: u32,
    parent: u32,
    /// Index of the first value after this one's subtree.
    next: u32,
}

/// Why bytes are not JSON that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    /// Byte offset of the trouble.
    pub offset: usize,
    /// What is wrong there.
    pub what: &'static str,
}

/// A parsed document; reuse one for many texts.
#[derive(Debug, Default, Clone)]
pub struct Doc {
    nodes: Vec<Node>,
}

/// The index of a value in its [`Doc`]; the root is 0.
pub type NodeId = u32;

/// A value together with its document and bytes.
#[derive(Debug, Clone, Copy)]
pub struct Value<'a> {
    doc: &'a Doc,
    bytes: &'a [u8],
    id: NodeId,
}

/// A key stands twice in an object, where one value is needed (POLICY: such a field is unreadable).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duplicate;

impl Doc {
    /// Reads one JSON document (RFC 8259); blanks around it are allowed, anything else after it is an error.
    ///
    /// # Errors
    /// Not JSON, nested deeper than [`limits::JSON_DEPTH`], or more than [`limits::JSON_NODES`] values.
    pub fn parse(&mut self, bytes: &[u8]) -> Result<(), JsonError> {
        self.nodes.clear();
        let read = Parser { bytes, at: 0, nodes: &mut self.nodes }.document();
        if read.is_err() {
            // What was read of it must not be taken for a document.
            self.nodes.clear();
        }
        read
    }

    /// The root value.
    #[must_use]
    pub fn root<'a>(&'a self, bytes: &'a [u8]) -> Value<'a> {
        Value { doc: self, bytes, id: 0 }
    }

    /// The value with this index, if there is one.
    #[must_use]
    pub fn value<'a>(&'a self, bytes: &'a [u8], id: NodeId) -> Option<Value<'a>> {
        ((id as usize) < self.nodes.len()).then_some(Value { doc: self, bytes, id })
    }

    /// How many values the document has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// True unless the last [`Doc::parse`] succeeded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}

impl<'a> Value<'a> {
    fn node(&self) -> Node {
        self.doc.nodes.get(self.id as usize).copied().unwrap_or(Node {
            kind: Kind::Null,
            start: 0,
            end: 0,
            key_start: 0,
            key_end: 0,
            parent: 0,
            next: u32::MAX,
        })
    }

    /// Its index in the document.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.node().kind
    }

    /// Its bytes in the document, quotes and brackets included.
    #[must_use]
    pub fn span(&self) -> std::ops::Range<usize> {
        let node = self.node();
        node.start as usize..node.end as usize
    }

    /// Its bytes as written.
    #[must_use]
    pub fn raw(&self) -> &'a [u8] {
        self.bytes.get(self.span()).unwrap_or_default()
    }

    /// A string's span between its quotes; `None` for other values.
    #[must_use]
    pub fn content_span(&self) -> Option<std::ops::Range<usize>> {
        let node = self.node();
        (node.kind == Kind::String).then(|| node.start as usize + 1..node.end as usize - 1)
    }

    /// The span of its key between the quotes; `None` in arrays and for the root.
    #[must_use]
    pub fn key_span(&self) -> Option<std::ops::Range<usize>> {
        let node = self.node();
        (node.key_start != 0).then_some(node.key_start as usize..node.key_end as usize)
    }

    /// Its key as written, escapes not decoded; empty in arrays and for the root.
    #[must_use]
    pub fn raw_key(&self) -> &'a [u8] {
        self.key_span().and_then(|span| self.bytes.get(span)).unwrap_or_default()
    }

    /// True if its key, escapes decoded, is `name`: `"mod\u0065l"` is `model` to every client, so it is to us.
    #[must_use]
    pub fn key_is(&self, name: &str) -> bool {
        let raw = self.raw_key();
        if raw.contains(&b'\\') { decode(raw) == name } else { raw == name.as_bytes() }
    }

    /// The value that holds this one.
    #[must_use]
    pub fn parent(&self) -> Option<Value<'a>> {
        (self.id != 0).then(|| Value { id: self.node().parent, ..*self })
    }

    /// The members of an object or the items of an array, in order, duplicates included; empty for other values.
    pub fn children(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let this = *self;
        let end = this.node().next;
        let mut at = match this.kind() {
            Kind::Array | Kind::Object => this.id + 1,
            _ => u32::MAX,
        };
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let child = Value { id: at, ..this };
            at = child.node().next;
            Some(child)
        })
    }

    /// Every value below this one, depth first, in the order of the bytes.
    pub fn descendants(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let this = *self;
        (this.id + 1..this.node().next.min(this.doc.nodes.len() as u32))
            .map(move |id| Value { id, ..this })
    }

    /// The last member with this key, as most clients see it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        if self.kind() != Kind::Object {
            return None;
        }
        self.children().filter(|child| child.key_is(name)).last()
    }

    /// The one member with this key.
    ///
    /// # Errors
    /// [`Duplicate`] when the key stands there twice.
    pub fn unique(&self, name: &str) -> Result<Option<Value<'a>>, Duplicate> {
        if self.kind() != Kind::Object {
            return Ok(None);
        }
        let mut found = self.children().filter(|child| child.key_is(name));
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => Err(Duplicate),
            (first, _) => Ok(first),
        }
    }

    /// A string, decoded; lone surrogates and bad UTF-8 become U+FFFD. `None` for other values.
    #[must_use]
    pub fn as_str(&self) -> Option<std::borrow::Cow<'a, str>> {
        let raw = self.content_span().and_then(|span| self.bytes.get(span))?;
        Some(match std::str::from_utf8(raw) {
            Ok(text) if !raw.contains(&b'\\') => text.into(),
            _ => decode(raw).into(),
        })
    }

    /// True if it is a string and, decoded, equals `text`.
    #[must_use]
    pub fn is_str(&self, text: &str) -> bool {
        self.as_str().is_some_and(|own| own == text)
    }

    /// A whole number that is not negative and fits; `None` for other values.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        if self.kind() != Kind::Number {
            return None;
        }
        std::str::from_utf8(self.raw()).ok()?.parse().ok()
    }

    /// `true` or `false`; `None` for other values.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match (self.kind(), self.raw()) {
            (Kind::Bool, b"true") => Some(true),
            (Kind::Bool, _) => Some(false),
            _ => None,
        }
    }

    /// True for `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.kind() == Kind::Null
    }
}

/// Decodes a string's content (RFC 8259 §7); lone surrogates and bytes that are not UTF-8 become U+FFFD.
#[must_use]
pub fn decode(raw: &[u8]) -> String {
    let mut out = Vec::with_capacity(raw.len());
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        if byte != b'\\' {
            out.push(byte);
            at += 1;
            continue;
        }
        let (decoded, used) = unescape(raw.get(at..).unwrap_or_default());
        let mut utf8 = [0; 4];
        out.extend_from_slice(decoded.encode_utf8(&mut utf8).as_bytes());
        at += used;
    }
    match String::from_utf8(out) {
        Ok(text) => text,
        Err(bad) => String::from_utf8_lossy(bad.as_bytes()).into_owned(),
    }
}

/// One escape at the start of `raw` (which begins with `\`): the character, and how many bytes it took.
pub(crate) fn unescape(raw: &[u8]) -> (char, usize) {
    let simple = |c| (c, 2);
    match raw.get(1) {
        Some(b'n') => simple('\n'),
        Some(b't') => simple('\t'),
        Some(b'r') => simple('\r'),
        Some(b'b') => simple('\u{8}'),
        Some(b'f') => simple('\u{c}'),
        Some(b'u') => {
            let Some(high) = hex4(raw.get(2..6)) else { return (char::REPLACEMENT_CHARACTER, 2) };
            if let Some(c) = char::from_u32(high) {
                return (c, 6);
            }
            if (0xD800..0xDC00).contains(&high)
                && raw.get(6..8) == Some(b"\\u")
                && let Some(low) = hex4(raw.get(8..12))
                && (0xDC00..0xE000).contains(&low)
            {
                let c = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                return (char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER), 12);
            }
            (char::REPLACEMENT_CHARACTER, 6)
        }
        // No escape of JSON's: an ASCII character stands for itself, anything else is no part of it.
        Some(&c) if c.is_ascii() => simple(c as char),
        _ => (char::REPLACEMENT_CHARACTER, 1),
    }
}

/// True if all of `bytes` is one number (RFC 8259 §6).
pub(crate) fn is_number(bytes: &[u8]) -> bool {
    let mut parser = Parser { bytes, at: 0, nodes: &mut Vec::new() };
    parser.number().is_ok() && parser.at == bytes.len()
}

fn hex4(digits: Option<&[u8]>) -> Option<u32> {
    digits?.iter().try_fold(0, |sum, &d| Some(sum * 16 + (d as char).to_digit(16)?))
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: &'a mut Vec<Node>,
}

impl Parser<'_> {
    fn document(mut self) -> Result<(), JsonError> {
        if self.bytes.len() > u32::MAX as usize {
            return Err(self.error("more than 4 GiB"));
        }
        // The open containers, innermost last; the stack of a recursive parser, on the heap and bounded.
        let mut open: Vec<u32> = Vec::new();
        self.blanks();
        let mut key = (0, 0);
        loop {
            // A value is due here.
            let id = self.begin(open.last().copied(), key)?;
            match self.bytes.get(self.at) {
                Some(b'{' | b'[') => {
                    if open.len() >= limits::JSON_DEPTH {
                        return Err(self.error("nested too deeply"));
                    }
                    let close = if self.bytes.get(self.at) == Some(&b'{') { b'}' } else { b']' };
                    self.at += 1;
                    self.blanks();
                    if self.bytes.get(self.at) == Some(&close) {
                        self.at += 1;
                        self.end(id);
                    } else {
                        open.push(id);
                        key = self.key_in(id)?;
                        continue;
                    }
                }
                _ => {
                    self.scalar(id)?;
                    self.end(id);
                }
            }
            // A value is complete: a comma brings the next one, a bracket completes its container.
            loop {
                self.blanks();
                let Some(&container) = open.last() else {
                    if self.at == self.bytes.len() {
                        return Ok(());
                    }
                    return Err(self.error("something follows the document"));
                };
                let close = if self.kind(container) == Kind::Object { b'}' } else { b']' };
                match self.bytes.get(self.at) {
                    Some(b',') => {
                        self.at += 1;
                        self.blanks();
                        key = self.key_in(container)?;
                        break;
                    }
                    Some(&byte) if byte == close => {
                        self.at += 1;
                        open.pop();
                        self.end(container);
                    }
                    _ => return Err(self.error("expected a comma or a closing bracket")),
                }
            }
        }
    }

    fn error(&self, what: &'static str) -> JsonError {
        JsonError { offset: self.at, what }
    }

    fn kind(&self, id: u32) -> Kind {
        self.nodes.get(id as usize).map_or(Kind::Null, |node| node.kind)
    }

    fn blanks(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn begin(&mut self, parent: Option<u32>, key: (u32, u32)) -> Result<u32, JsonError> {
        if self.nodes.len() >= limits::JSON_NODES {
            return Err(self.error("too many values"));
        }
        let kind = match self.bytes.get(self.at) {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'n') => Kind::Null,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            _ => return Err(self.error("expected a value")),
        };
        let id = self.nodes.len() as u32;
        let start = self.at as u32;
        let (key_start, key_end) = key;
        let parent = parent.unwrap_or(0);
        self.nodes.push(Node { kind, start, end: start, key_start, key_end, parent, next: id + 1 });
        Ok(id)
    }

    fn end(&mut self, id: u32) {
        let (end, next) = (self.at as u32, self.nodes.len() as u32);
        if let Some(node) = self.nodes.get_mut(id as usize) {
            node.end = end;
            node.next = next;
        }
    }

    /// In an object: reads `"key":` and the blanks after it. In an array: nothing.
    fn key_in(&mut self, container: u32) -> Result<(u32, u32), JsonError> {
        if self.kind(container) != Kind::Object {
            return Ok((0, 0));
        }
        if self.bytes.get(self.at) != Some(&b'"') {
            return Err(self.error("expected a key"));
        }
        let start = self.at as u32 + 1;
        self.string()?;
        let end = self.at as u32 - 1;
        self.blanks();
        if self.bytes.get(self.at) != Some(&b':') {
            return Err(self.error("expected a colon"));
        }
        self.at += 1;
        self.blanks();
        Ok((start, end))
    }

    fn scalar(&mut self, id: u32) -> Result<(), JsonError> {
        match self.kind(id) {
            Kind::String => self.string(),
            Kind::Number => self.number(),
            Kind::Bool if self.bytes.get(self.at) == Some(&b't') => self.word(b"true"),
            Kind::Bool => self.word(b"false"),
            _ => self.word(b"null"),
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), JsonError> {
        if self.bytes.get(self.at..).unwrap_or_default().starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        Err(self.error("expected a value"))
    }

    fn string(&mut self) -> Result<(), JsonError> {
        self.at += 1;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            self.at += find::string_stop(rest).unwrap_or(rest.len());
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => match self.bytes.get(self.at + 1) {
                    Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
                    Some(b'u') if hex4(self.bytes.get(self.at + 2..self.at + 6)).is_some() => {
                        self.at += 6;
                    }
                    _ => return Err(self.error("a bad escape")),
                },
                Some(_) => return Err(self.error("a control character in a string")),
                None => return Err(self.error("a string without an end")),
            }
        }
    }

    fn number(&mut self) -> Result<(), JsonError> {
        if self.bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        match self.bytes.get(self.at) {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.error("a bad number")),
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        if !matches!(self.bytes.get(self.at), Some(b'0'..=b'9')) {
            return Err(self.error("a bad number"));
        }
        while matches!(self.bytes.get(self.at), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }
}
