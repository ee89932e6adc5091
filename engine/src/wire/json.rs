//! JSON as spans into the bytes it came from.
//!
//! A [`Doc`] is a flat list of values in document order, made in one pass without recursion and re-used from event to
//! event. It never copies text: a value is a span, so that an edit can touch that span and nothing else (invariant 5).
//! Duplicate keys are all kept: scanning visits every occurrence, and whoever needs *one* value asks [`Value::unique`].

mod parse;
mod string;

pub(crate) use parse::is_number;
pub use string::decode;
pub(crate) use string::unescape;

use std::borrow::Cow;

use parse::Parser;

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
    /// The key, or the string, is written with escapes.
    key_escaped: bool,
    escaped: bool,
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

/// What an index that is no value's is: nothing.
const NOWHERE: Node = Node {
    kind: Kind::Null,
    key_escaped: false,
    escaped: false,
    start: 0,
    end: 0,
    key_start: 0,
    key_end: 0,
    parent: 0,
    next: u32::MAX,
};

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
    /// The parser's stack; empty between two documents.
    open: Vec<NodeId>,
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

impl Node {
    /// Most names differ in length: the bytes themselves are seldom looked at.
    #[inline(always)]
    fn key_is(&self, bytes: &[u8], name: &[u8]) -> bool {
        let span = self.key_start as usize..self.key_end as usize;
        if self.key_escaped {
            return decodes_to(bytes.get(span).unwrap_or_default(), name);
        }
        span.len() == name.len() && bytes.get(span).is_some_and(|raw| raw == name)
    }
}

/// Apart from its caller, so that the usual case stays small: keys are hardly ever written with escapes.
#[cold]
fn decoded<'a>(raw: &[u8]) -> Cow<'a, [u8]> {
    decode(raw).into_bytes().into()
}

#[cold]
fn decodes_to(raw: &[u8], name: &[u8]) -> bool {
    decode(raw).as_bytes() == name
}

impl Doc {
    /// Reads one JSON document (RFC 8259); blanks around it are allowed, anything else after it is an error.
    ///
    /// # Errors
    /// Not JSON, nested deeper than [`crate::limits::JSON_DEPTH`], or more than [`crate::limits::JSON_NODES`] values.
    pub fn parse(&mut self, bytes: &[u8]) -> Result<(), JsonError> {
        self.nodes.clear();
        self.open.clear();
        let read = Parser { bytes, at: 0, nodes: &mut self.nodes, open: &mut self.open }.document();
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
    // Every walk over a document steps through it; a call of it would cost more than what it does.
    #[inline(always)]
    fn node(&self) -> &'a Node {
        self.doc.nodes.get(self.id as usize).unwrap_or(&NOWHERE)
    }

    /// Its index in the document.
    #[must_use]
    #[inline]
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// What it is.
    #[must_use]
    #[inline]
    pub fn kind(&self) -> Kind {
        self.node().kind
    }

    /// Its bytes in the document, quotes and brackets included.
    #[must_use]
    #[inline]
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
    #[inline]
    pub fn raw_key(&self) -> &'a [u8] {
        self.key_span().and_then(|span| self.bytes.get(span)).unwrap_or_default()
    }

    /// Its key, escapes decoded: `"mod\u0065l"` is `model` to every client, so it is to us. Empty in arrays and for
    /// the root.
    #[must_use]
    pub fn key(&self) -> Cow<'a, [u8]> {
        let raw = self.raw_key();
        if self.node().key_escaped { decoded(raw) } else { raw.into() }
    }

    /// True if its [`Value::key`] is `name`.
    #[must_use]
    #[inline]
    pub fn key_is(&self, name: &str) -> bool {
        self.node().key_is(self.bytes, name.as_bytes())
    }

    /// The index of the first value after it and all that it holds.
    #[must_use]
    #[inline]
    pub fn after(&self) -> NodeId {
        self.node().next
    }

    /// The value that holds this one.
    #[must_use]
    pub fn parent(&self) -> Option<Value<'a>> {
        (self.id != 0).then(|| Value { id: self.node().parent, ..*self })
    }

    /// The members of an object or the items of an array, in order, duplicates included; empty for other values.
    pub fn children(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let this = *self;
        let node = this.node();
        let mut at = match node.kind {
            Kind::Array | Kind::Object => this.id + 1,
            _ => u32::MAX,
        };
        std::iter::from_fn(move || {
            if at >= node.next {
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

    /// A string's bytes, escapes decoded (as [`Value::as_str`] has it) but broken UTF-8 left as it is if there are no
    /// escapes; empty for other values.
    #[must_use]
    pub fn as_bytes(&self) -> Cow<'a, [u8]> {
        let raw = self.content_span().and_then(|span| self.bytes.get(span)).unwrap_or_default();
        if self.node().escaped { decoded(raw) } else { raw.into() }
    }

    /// A string, decoded; lone surrogates and bad UTF-8 become U+FFFD. `None` for other values.
    #[must_use]
    pub fn as_str(&self) -> Option<Cow<'a, str>> {
        let raw = self.content_span().and_then(|span| self.bytes.get(span))?;
        Some(match std::str::from_utf8(raw) {
            Ok(text) if !self.node().escaped => text.into(),
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
