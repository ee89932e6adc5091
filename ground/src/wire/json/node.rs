//! One value of a document, and its properties.

/// The kind of a JSON value.
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

/// The index of a value in its document; the root is 0.
pub type NodeId = u32;

/// One value: spans and links, no text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) spelling: Spelling,
    /// The [`hash`](super::key::hash) of the key, decoded.
    pub(super) key_hash: u16,
    /// An object: the [`key_bit`](super::key::key_bit)s of its keys, as written.
    pub(super) keys: u32,
    /// The value's bytes; a string's include its quotes.
    pub(super) start: u32,
    pub(super) end: u32,
    /// The key's content between its quotes; `key_start == 0` means that there is no key (a key is never at offset 0).
    pub(super) key_start: u32,
    pub(super) key_end: u32,
    pub(super) parent: u32,
    /// Index of the first value after this one's subtree.
    pub(super) next: u32,
}

/// What is unusual about how a value and its key are written; one byte, so that a node is 32.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spelling(u8);

impl Spelling {
    const KEY: u8 = 1;
    const VALUE: u8 = 2;

    /// `key`: the key is written with escapes; `value`: see [`Spelling::is_odd`].
    pub(super) const fn new(key: bool, value: bool) -> Self {
        Self((key as u8 * Self::KEY) | (value as u8 * Self::VALUE))
    }

    /// The key is written with escapes.
    #[inline(always)]
    pub(super) const fn has_escaped_key(self) -> bool {
        self.0 & Self::KEY != 0
    }

    /// A string: it is written with escapes. An object: a key may occur twice in it, or is written with escapes.
    #[inline(always)]
    pub(super) const fn is_odd(self) -> bool {
        self.0 & Self::VALUE != 0
    }

    /// The same, for a value that [`is_odd`](Self::is_odd), or is not.
    #[inline(always)]
    pub(super) const fn odd(self, value: bool) -> Self {
        Self::new(self.has_escaped_key(), value)
    }
}

/// The node of an index without a value.
pub(super) const NOWHERE: Node = Node {
    kind: Kind::Null,
    spelling: Spelling::new(false, false),
    key_hash: 0,
    keys: 0,
    start: 0,
    end: 0,
    key_start: 0,
    key_end: 0,
    parent: 0,
    next: u32::MAX,
};

/// Why bytes cannot be read as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    /// Byte offset of the error.
    pub offset: usize,
    /// What is wrong there.
    pub what: &'static str,
}

impl Node {
    /// The key as written.
    #[inline(always)]
    pub(super) fn raw_key<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.key_start as usize..self.key_end as usize).unwrap_or_default()
    }
}
