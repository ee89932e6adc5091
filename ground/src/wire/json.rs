//! JSON as spans into its source bytes.
//!
//! A [`Doc`] is a flat list of values in document order, built in one pass without recursion and reused from event to
//! event. It never copies text: a value is a span, so that an edit can touch that span and nothing else (invariant 5).
//! Duplicate keys are all kept: scanning visits every occurrence, and code that needs *one* value uses
//! [`Value::unique`].

mod escaped;
mod key;
mod node;
mod outline;
mod parse;
mod string;
mod template;

pub use key::{NameList, Names, hash as key_hash};
pub use node::{JsonError, Kind, NodeId};
pub use outline::LeftOut;
pub use parse::is_number;
pub(super) use string::{Escape, decode_into, escapes};
pub use string::{decode, has_half, unescape};
pub use template::{Hole, Template};

use std::borrow::Cow;

use super::find::same;
use escaped::{Escapes, SPELLED_BYTES, decoded, spelled};
use key::{folded, hash, key_bit};
use node::{NOWHERE, Node};
use parse::OpenValue;

/// A parsed document; reuse one for many texts.
#[derive(Debug, Default, Clone)]
pub struct Doc {
    nodes: Vec<Node>,
    escapes: Escapes,
    /// The parser's stack; empty between documents.
    open: Vec<OpenValue>,
}

/// The most values for which a document's list initially reserves room.
const NODES_AT_FIRST: usize = 64;

/// The room for values when one member is read: what an answer reports of its usage has fewer.
const MEMBER_NODES: usize = 24;

/// A value together with its document and bytes.
#[derive(Debug, Clone, Copy)]
pub struct Value<'a> {
    doc: &'a Doc,
    bytes: &'a [u8],
    node: &'a Node,
}

/// A key occurs twice in an object, where one value is needed (POLICY: such a field is unreadable).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duplicate;

impl Doc {
    /// Reads one JSON document (RFC 8259); blanks around it are permitted, anything else after it is an error.
    ///
    /// # Errors
    /// Not JSON, nested deeper than [`crate::limits::JSON_DEPTH`], or more than [`crate::limits::JSON_NODES`] values.
    pub fn parse(&mut self, bytes: &[u8]) -> Result<(), JsonError> {
        self.begin(bytes);
        let read = parse::document(bytes, &mut self.nodes, &mut self.open, &mut self.escapes);
        self.end(read)
    }

    /// Reads one JSON document like [`Doc::parse`], but for what is left out, which is neither read nor checked.
    ///
    /// # Errors
    /// As for [`Doc::parse`], in what is not left out.
    pub fn parse_outline(&mut self, bytes: &[u8], left_out: &LeftOut) -> Result<(), JsonError> {
        self.begin(bytes);
        let (nodes, open) = (&mut self.nodes, &mut self.open);
        let read = outline::document(bytes, left_out, nodes, open, &mut self.escapes);
        self.end(read)
    }

    fn begin(&mut self, bytes: &[u8]) {
        self.clear();
        if self.nodes.capacity() == 0 {
            // Most documents have about one value in sixteen bytes, so the list seldom moves while it grows.
            self.nodes.reserve((bytes.len() / 16).min(NODES_AT_FIRST));
        }
    }

    fn end(&mut self, read: Result<(), JsonError>) -> Result<(), JsonError> {
        if read.is_err() {
            // An incomplete document must not be taken for a document.
            self.clear();
        }
        read
    }

    /// Reads the member (`"name": …`) at the beginning of `bytes` as if it were alone in an object, whatever follows
    /// it. False if there is no complete member.
    pub fn parse_member(&mut self, bytes: &[u8]) -> bool {
        self.clear();
        self.nodes.reserve(MEMBER_NODES);
        let whole = outline::front(bytes, &mut self.nodes, &mut self.open, &mut self.escapes);
        if !whole {
            self.clear();
        }
        whole
    }

    fn clear(&mut self) {
        self.nodes.clear();
        self.open.clear();
        self.escapes.clear();
    }

    /// False only if no string in the document, and no key, is written with escapes.
    #[must_use]
    #[inline]
    pub fn may_have_escapes(&self) -> bool {
        self.escapes.any
    }

    /// The root value.
    #[must_use]
    pub fn root<'a>(&'a self, bytes: &'a [u8]) -> Value<'a> {
        Value { doc: self, bytes, node: self.nodes.first().unwrap_or(&NOWHERE) }
    }

    /// The value with this index, if there is one.
    #[must_use]
    pub fn value<'a>(&'a self, bytes: &'a [u8], id: NodeId) -> Option<Value<'a>> {
        let node = self.nodes.get(id as usize)?;
        Some(Value { doc: self, bytes, node })
    }

    /// How many values the document has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Values that fit without taking more memory; what is written with escapes takes room of its own, counted like
    /// values.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.nodes.capacity().max(self.escapes.capacity())
    }

    /// True unless the last [`Doc::parse`] succeeded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}

impl<'a> Value<'a> {
    /// Its index in the document.
    #[must_use]
    #[inline(always)]
    pub fn id(&self) -> NodeId {
        // The root of an empty document lies outside of the list: its number means nothing, and nothing is found by it.
        let first = self.doc.nodes.as_ptr().addr();
        (std::ptr::from_ref(self.node).addr().wrapping_sub(first) / size_of::<Node>()) as NodeId
    }

    /// Its kind.
    #[must_use]
    #[inline]
    pub fn kind(&self) -> Kind {
        self.node.kind
    }

    /// Its bytes in the document, quotes and brackets included.
    #[must_use]
    #[inline]
    pub fn span(&self) -> std::ops::Range<usize> {
        let node = self.node;
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
        let node = self.node;
        (node.kind == Kind::String).then(|| node.start as usize + 1..node.end as usize - 1)
    }

    /// The span of its key between the quotes; `None` in arrays and for the root.
    #[must_use]
    pub fn key_span(&self) -> Option<std::ops::Range<usize>> {
        let node = self.node;
        (node.key_start != 0).then_some(node.key_start as usize..node.key_end as usize)
    }

    /// Its key as written, escapes not decoded; empty in arrays and for the root.
    #[must_use]
    #[inline]
    pub fn raw_key(&self) -> &'a [u8] {
        self.key_span().and_then(|span| self.bytes.get(span)).unwrap_or_default()
    }

    /// Its key with escapes decoded: `"mod\u0065l"` is `model` to every client, and so it is here. Empty in arrays and
    /// for the root.
    #[must_use]
    #[inline(always)]
    pub fn key(&self) -> &'a [u8] {
        let node = self.node;
        if node.spelling.has_escaped_key() {
            self.doc.escapes.key(self.id())
        } else {
            node.raw_key(self.bytes)
        }
    }

    /// Its key, unless that is written with escapes: code that compares all keys of a document with names leaves
    /// [`Value::key`] to the others.
    #[must_use]
    #[inline(always)]
    pub fn plain_key(&self) -> Option<&'a [u8]> {
        let node = self.node;
        (!node.spelling.has_escaped_key()).then(|| node.raw_key(self.bytes))
    }

    /// The [`key_hash`] of its key: code that has names by their hashes hardly ever needs to look at the key.
    #[must_use]
    #[inline(always)]
    pub fn hash(&self) -> u16 {
        self.node.key_hash
    }

    /// A string, for comparisons with known words: like [`Value::as_bytes`], in a time that does not grow with its
    /// length.
    #[must_use]
    pub fn word(&self) -> Cow<'a, [u8]> {
        let raw = self.content_span().and_then(|span| self.bytes.get(span)).unwrap_or_default();
        if self.node.spelling.is_odd() { spelled(raw) } else { raw.into() }
    }

    /// True if its [`Value::key`] is `name`.
    #[must_use]
    #[inline(always)]
    pub fn key_is(&self, name: &str) -> bool {
        self.hash() == hash(name.as_bytes()) && self.is_spelled(name.as_bytes())
    }

    /// Out of line: most keys have another hash.
    #[inline(never)]
    fn is_spelled(&self, name: &[u8]) -> bool {
        same(self.key(), name)
    }

    /// `hash`: the hash of the name.
    #[inline(always)]
    fn is_named(&self, name: &[u8], hash: u16) -> bool {
        self.hash() == hash && same(self.key(), name)
    }

    /// The index of the first value after it and everything in it.
    #[must_use]
    #[inline]
    pub fn after(&self) -> NodeId {
        self.node.next
    }

    /// The child of this value that follows the child with this index.
    #[must_use]
    pub fn sibling_after(&self, child: NodeId) -> Option<NodeId> {
        let next = self.doc.nodes.get(child as usize)?.next;
        (next < self.node.next).then_some(next)
    }

    /// The value that contains this one.
    #[must_use]
    pub fn parent(&self) -> Option<Value<'a>> {
        if self.node.parent == self.id() {
            None
        } else {
            self.doc.value(self.bytes, self.node.parent)
        }
    }

    /// The members of an object or the items of an array, in order, including duplicates; empty for other values.
    pub fn children(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let this = *self;
        // Of a value that has none, the next one lies behind it.
        let mut at = this.id().wrapping_add(1);
        std::iter::from_fn(move || {
            if at >= this.node.next {
                return None;
            }
            let node = this.doc.nodes.get(at as usize)?;
            at = node.next;
            Some(Value { node, ..this })
        })
    }

    /// Every value below this one, depth first, in the order of the bytes.
    pub fn descendants(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let this = *self;
        let first = this.id().wrapping_add(1);
        let nodes = this.doc.nodes.get(first as usize..this.node.next as usize);
        nodes.unwrap_or_default().iter().map(move |node| Value { node, ..this })
    }

    /// The last member with this key, which is the one that most clients read.
    #[must_use]
    #[inline(always)]
    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        self.last(name.as_bytes(), hash(name.as_bytes()))
    }

    /// Passes the members that have one of these names, in the order of the bytes, each with the number of its name in the list.
    /// Of several with one name clients read the last.
    pub fn each_named(&self, list: NameList<'_>, mut take: impl FnMut(usize, Value<'a>)) {
        if self.kind() != Kind::Object {
            return;
        }
        // Each member is looked up among the names, rather than each name among the members.
        for member in self.children() {
            if let Some(number) = list.number(member.key(), member.hash()) {
                take(number, member);
            }
        }
    }

    /// The only member with this key.
    ///
    /// # Errors
    /// [`Duplicate`] if the key occurs twice.
    pub fn unique(&self, name: &str) -> Result<Option<Value<'a>>, Duplicate> {
        if self.has_plain_keys() {
            return Ok(self.get(name));
        }
        let mut found = self.children().filter(|child| child.key_is(name));
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => Err(Duplicate),
            (first, _) => Ok(first),
        }
    }

    /// False only if it is not an object, or has no member with one of these names: `names` has the bit `hash & 63` of
    /// each one's [`key_hash`].
    #[must_use]
    #[inline(always)]
    pub fn may_have_any(&self, names: u64) -> bool {
        let node = self.node;
        node.kind == Kind::Object && (node.spelling.is_odd() || node.keys & folded(names) != 0)
    }

    /// True if it is not an object, or if no key in it occurs twice or is written with escapes: then all clients agree
    /// on its members. It may be false for some objects that satisfy this.
    #[must_use]
    #[inline]
    pub fn has_plain_keys(&self) -> bool {
        let node = self.node;
        node.kind != Kind::Object || !node.spelling.is_odd()
    }

    /// Out of line, and with the name's hash computed by the caller: there is one copy of the loop, and the hash is a
    /// constant.
    #[inline(never)]
    fn last(&self, name: &[u8], hash: u16) -> Option<Value<'a>> {
        let own = self.node;
        if own.kind != Kind::Object {
            return None;
        }
        if own.spelling.is_odd() {
            return self.children().filter(|child| child.is_named(name, hash)).last();
        }
        if own.keys & key_bit(hash) == 0 {
            return None;
        }
        let mut at = self.id() + 1;
        while at < own.next {
            let node = self.doc.nodes.get(at as usize)?;
            if node.key_hash == hash && same(node.raw_key(self.bytes), name) {
                return Some(Value { node, ..*self });
            }
            at = node.next;
        }
        None
    }

    /// A string's bytes, escapes decoded (as in [`Value::as_str`]), except that invalid UTF-8 is left as it is if there
    /// are no escapes; empty for other values.
    #[must_use]
    pub fn as_bytes(&self) -> Cow<'a, [u8]> {
        let raw = self.content_span().and_then(|span| self.bytes.get(span)).unwrap_or_default();
        if self.node.spelling.is_odd() { decoded(raw) } else { raw.into() }
    }

    /// A string, decoded; lone surrogates and invalid UTF-8 become U+FFFD. `None` for other values.
    #[must_use]
    pub fn as_str(&self) -> Option<Cow<'a, str>> {
        let raw = self.content_span().and_then(|span| self.bytes.get(span))?;
        if self.node.spelling.is_odd() {
            return Some(decode(raw).into());
        }
        // Nothing is escaped. This check takes half the time of the lossy conversion.
        Some(match std::str::from_utf8(raw) {
            Ok(text) => text.into(),
            Err(_) => String::from_utf8_lossy(raw),
        })
    }

    /// True if it is a string and, decoded, equals `text`.
    #[must_use]
    pub fn is_str(&self, text: &str) -> bool {
        let node = self.node;
        if node.kind == Kind::String && !node.spelling.is_odd() && text.is_ascii() {
            let raw = self.content_span().and_then(|span| self.bytes.get(span));
            return raw.is_some_and(|raw| same(raw, text.as_bytes()));
        }
        // The quotes count too.
        self.raw().len() <= text.len() * SPELLED_BYTES + 2
            && self.as_str().is_some_and(|own| own == text)
    }

    /// A non-negative integer that fits; `None` for other values.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        if self.kind() != Kind::Number {
            return None;
        }
        let raw = self.raw();
        let mut number = 0_u64;
        for byte in raw {
            let digit = u64::from(byte.wrapping_sub(b'0'));
            if digit > 9 {
                return None;
            }
            // Nineteen digits always fit; checking each multiplication would cost ten times as much as all the rest.
            number = if raw.len() < 20 {
                number.wrapping_mul(10).wrapping_add(digit)
            } else {
                number.checked_mul(10)?.checked_add(digit)?
            };
        }
        Some(number)
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
