//! What is written with escapes in a document, which is rare for anything but texts.

use std::borrow::Cow;

use super::node::{Node, NodeId};
use super::string::decode;

/// What is written with escapes in one document. Its keys are decoded once, when they are read: code that compares a key
/// with names sees it as every client does, and pays nothing for that where nothing is escaped.
#[derive(Debug, Default, Clone)]
pub(super) struct Escapes {
    /// Something is: a key or a string.
    pub(super) any: bool,
    /// The values whose keys are, in order, each with the end of its key in `decoded`.
    keys: Vec<(NodeId, usize)>,
    /// Those keys, one after the other.
    decoded: Vec<u8>,
}

impl Escapes {
    /// Forgets the last document.
    pub(super) fn clear(&mut self) {
        self.any = false;
        self.keys.clear();
        self.decoded.clear();
    }

    /// Decodes the key of a value that follows all others; returns it.
    #[cold]
    pub(super) fn add(&mut self, value: NodeId, raw: &[u8]) -> &[u8] {
        let start = self.decoded.len();
        self.any = true;
        self.decoded.extend_from_slice(decode(raw).as_bytes());
        self.keys.push((value, self.decoded.len()));
        self.decoded.get(start..).unwrap_or_default()
    }

    /// The key of this value, if it is written with escapes.
    #[cold]
    pub(super) fn key(&self, value: NodeId) -> &[u8] {
        let Ok(at) = self.keys.binary_search_by_key(&value, |(own, _)| *own) else { return &[] };
        let end = |at: usize| self.keys.get(at).map_or(0, |(_, end)| *end);
        let start = at.checked_sub(1).map_or(0, end);
        self.decoded.get(start..end(at)).unwrap_or_default()
    }

    /// True if a key is.
    pub(super) fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// The memory that they take, in values of a document.
    pub(super) fn capacity(&self) -> usize {
        let keys = self.keys.capacity() * size_of::<(NodeId, usize)>();
        (keys + self.decoded.capacity()) / size_of::<Node>()
    }
}

/// A separate function, so that the usual case stays small.
#[cold]
pub(super) fn decoded<'a>(raw: &[u8]) -> Cow<'a, [u8]> {
    decode(raw).into_bytes().into()
}

/// The maximum number of bytes that spell one decoded byte (`\u0061` is `a`; no other spelling is longer).
pub(super) const SPELLED_BYTES: usize = 6;

/// The longest name in any format, in bytes, with a margin.
const NAME_BYTES: usize = 64;

/// A string with escapes, to be compared with names: decoded if it can be one. A longer one is returned as written,
/// with its backslashes, and equals no name.
#[cold]
pub(super) fn spelled<'a>(raw: &'a [u8]) -> Cow<'a, [u8]> {
    if raw.len() <= NAME_BYTES * SPELLED_BYTES { decoded(raw) } else { raw.into() }
}
