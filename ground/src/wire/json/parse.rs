//! The parser of JSON documents (RFC 8259).
//!
//! One loop over the bytes, with everything it needs in local variables: a value behind a reference would be loaded and
//! stored for every byte.

use super::escaped::Escapes;
use super::key::{self, folded, hash};
use super::node::{JsonError, Kind, Node, NodeId, Spelling};
use super::string::{hex4, simple};
use crate::limits;
use crate::wire::find::{BLOCK, same, string_stop, string_stops};

/// The number of members of an object in which a duplicate key is searched for. An object with more counts as one with
/// a duplicate: it is still read correctly, only more slowly.
const SIBLINGS: usize = 64;

/// True if all of `bytes` is one number (RFC 8259 §6).
pub fn is_number(bytes: &[u8]) -> bool {
    number(bytes, 0).is_ok_and(|end| end == bytes.len())
}

/// The end of a string's content whose first backslash is at `from`; `None` if it is not a string.
pub(super) fn string_end(bytes: &[u8], from: usize) -> Option<usize> {
    string_with_escapes(bytes, from).ok()?.checked_sub(1)
}

/// An open container.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenValue {
    pub(super) id: NodeId,
    /// The bracket that closes it; 0 outside of all containers.
    pub(super) close: u8,
    /// The keys seen, by some bits of their hashes.
    pub(super) seen: u64,
}

// `limits::JSON_NODES` and docs/ARCHITECTURE.md say what a document costs.
const _: () = assert!(size_of::<Node>() == 32);

/// The error when something follows the document.
pub(super) const FOLLOWED: &str = "something follows the document";

pub(super) const OUTSIDE: OpenValue = OpenValue { id: 0, close: 0, seen: 0 };

/// The position of a value's key; `start` is 0 if it has none.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct KeySpan {
    start: u32,
    end: u32,
    hash: u16,
    pub(super) escaped: bool,
}

impl KeySpan {
    /// The key as written.
    pub(super) fn of<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// Reads one document into `nodes`; without recursion, so that nesting costs heap and not stack. `around`: what is
/// around the innermost container, bounded by [`limits::JSON_DEPTH`].
pub(super) fn document(
    bytes: &[u8],
    nodes: &mut Vec<Node>,
    around: &mut Vec<OpenValue>,
    escapes: &mut Escapes,
) -> Result<(), JsonError> {
    if bytes.len() > u32::MAX as usize {
        return Err(error(0, "more than 4 GiB"));
    }
    value(bytes, blanks(bytes, 0), KeySpan::default(), nodes, around, escapes)
}

/// Reads the value at `at`, after which nothing may follow.
pub(super) fn value(
    bytes: &[u8],
    mut at: usize,
    own_key: KeySpan,
    nodes: &mut Vec<Node>,
    around: &mut Vec<OpenValue>,
    escapes: &mut Escapes,
) -> Result<(), JsonError> {
    let mut here = OUTSIDE;
    // Field by field, so that it is in local variables and not where the caller has put it.
    let KeySpan { start, end, hash, escaped } = own_key;
    let mut key = KeySpan { start, end, hash, escaped };
    loop {
        // A value is expected here.
        let start = at;
        if nodes.len() >= limits::JSON_NODES {
            return Err(error(at, "too many values"));
        }
        let mut escaped = false;
        let kind = match byte(bytes, at) {
            b'"' => {
                (at, escaped) = string(bytes, at)?;
                if escaped {
                    escapes.any = true;
                }
                Kind::String
            }
            open @ (b'{' | b'[') => {
                if around.len() >= limits::JSON_DEPTH {
                    return Err(error(at, "nested too deeply"));
                }
                let (kind, close) =
                    if open == b'{' { (Kind::Object, b'}') } else { (Kind::Array, b']') };
                at = blanks(bytes, after(at));
                if byte(bytes, at) != close {
                    let id = push(nodes, kind, start..at, key, false, here.id);
                    around.push(here);
                    here = OpenValue { id, close, seen: 0 };
                    (at, key) = member(bytes, at, nodes, &mut here, escapes)?;
                    continue;
                }
                at = after(at);
                kind
            }
            b'-' | b'0'..=b'9' => {
                at = number(bytes, at)?;
                Kind::Number
            }
            b't' => {
                at = word(bytes, at, b"true")?;
                Kind::Bool
            }
            b'f' => {
                at = word(bytes, at, b"false")?;
                Kind::Bool
            }
            b'n' => {
                at = word(bytes, at, b"null")?;
                Kind::Null
            }
            _ => return Err(error(at, "expected a value")),
        };
        push(nodes, kind, start..at, key, escaped, here.id);
        // A value is complete: a comma is followed by the next one, a bracket completes its container.
        loop {
            at = blanks(bytes, at);
            if here.close == 0 {
                return match at < bytes.len() {
                    true => Err(error(at, FOLLOWED)),
                    false => Ok(()),
                };
            }
            let next = byte(bytes, at);
            if next == b',' {
                at = blanks(bytes, after(at));
                (at, key) = member(bytes, at, nodes, &mut here, escapes)?;
                break;
            }
            if next != here.close {
                return Err(error(at, "expected a comma or a closing bracket"));
            }
            at = after(at);
            let next = nodes.len() as u32;
            if let Some(node) = nodes.get_mut(here.id as usize) {
                (node.end, node.next, node.keys) = (at as u32, next, folded(here.seen));
            }
            here = around.pop().unwrap_or(OUTSIDE);
        }
    }
}

#[cold]
pub(super) fn error(offset: usize, what: &'static str) -> JsonError {
    JsonError { offset, what }
}

/// The byte there; past the end 0, which occurs nowhere in JSON.
#[inline(always)]
pub(super) fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

/// The next position. Every position is within the bytes or just after them, so nothing overflows.
#[inline(always)]
pub(super) fn after(at: usize) -> usize {
    at.wrapping_add(1)
}

#[inline(always)]
pub(super) fn blanks(bytes: &[u8], mut at: usize) -> usize {
    // There are hardly any between the values of an event.
    if byte(bytes, at) > b' ' {
        return at;
    }
    while matches!(byte(bytes, at), b' ' | b'\t' | b'\n' | b'\r') {
        at = after(at);
    }
    at
}

/// Adds a value; the end of a container is corrected when it is reached.
#[inline(always)]
pub(super) fn push(
    nodes: &mut Vec<Node>,
    kind: Kind,
    span: std::ops::Range<usize>,
    key: KeySpan,
    escaped: bool,
    parent: NodeId,
) -> NodeId {
    let id = nodes.len() as NodeId;
    nodes.push(Node {
        kind,
        spelling: Spelling::new(key.escaped, escaped),
        key_hash: key.hash,
        keys: 0,
        start: span.start as u32,
        end: span.end as u32,
        key_start: key.start,
        key_end: key.end,
        parent,
        next: id.wrapping_add(1),
    });
    id
}

/// In an object: reads `"key":` and the blanks after it. In an array: nothing.
#[inline(always)]
pub(super) fn member(
    bytes: &[u8],
    at: usize,
    nodes: &mut [Node],
    here: &mut OpenValue,
    escapes: &mut Escapes,
) -> Result<(usize, KeySpan), JsonError> {
    if here.close != b'}' {
        return Ok((at, KeySpan::default()));
    }
    if byte(bytes, at) != b'"' {
        return Err(error(at, "expected a key"));
    }
    let start = after(at);
    let (mut at, escaped) = string(bytes, at)?;
    let end = at.wrapping_sub(1);
    let raw = bytes.get(start..end).unwrap_or_default();
    let mut hash = hash(raw);
    let bit = 1 << (hash & 63);
    if escaped || here.seen & bit != 0 {
        hash = odd_key(bytes, nodes, here.id, raw, hash, escaped.then_some(&mut *escapes));
    }
    here.seen |= bit;
    if byte(bytes, at) != b':' {
        at = blanks(bytes, at);
        if byte(bytes, at) != b':' {
            return Err(error(at, "expected a colon"));
        }
    }
    let at = blanks(bytes, after(at));
    Ok((at, KeySpan { start: start as u32, end: end as u32, hash, escaped }))
}

/// Marks an object as odd if it already has this key, if the key is written with escapes (`escapes` is set), or if it
/// would cost too much to find out. Returns the hash of the key as it is read.
#[inline(never)]
fn odd_key(
    bytes: &[u8],
    nodes: &mut [Node],
    object: NodeId,
    raw: &[u8],
    mut hash: u16,
    escapes: Option<&mut Escapes>,
) -> u16 {
    let mut odd = true;
    if let Some(escapes) = escapes {
        hash = key::hash(escapes.add(nodes.len() as NodeId, raw));
    } else {
        let mut at = object.wrapping_add(1);
        for _ in 0..SIBLINGS {
            let Some(node) = nodes.get(at as usize) else {
                odd = false;
                break;
            };
            if node.key_hash == hash && same(node.raw_key(bytes), raw) {
                break;
            }
            at = node.next;
        }
    }
    if let Some(node) = nodes.get_mut(object as usize).filter(|_| odd) {
        node.spelling = node.spelling.odd(true);
    }
    hash
}

#[inline(always)]
fn word(bytes: &[u8], at: usize, word: &[u8]) -> Result<usize, JsonError> {
    let end = at.wrapping_add(word.len());
    match bytes.get(at..end) {
        Some(own) if own == word => Ok(end),
        _ => Err(error(at, "expected a value")),
    }
}

/// Reads the string that begins at `at`; returns where it ends and whether it is written with escapes.
#[inline(always)]
pub(super) fn string(bytes: &[u8], at: usize) -> Result<(usize, bool), JsonError> {
    let stop = string_stop(bytes, after(at));
    if byte(bytes, stop) == b'"' {
        return Ok((after(stop), false));
    }
    Ok((string_with_escapes(bytes, stop)?, true))
}

/// The end of a string, given its first backslash, if it is one.
#[inline(never)]
fn string_with_escapes(bytes: &[u8], mut at: usize) -> Result<usize, JsonError> {
    // In code, there is an escape every few bytes: a block is examined once for all of them.
    'blocks: while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let mut stops = string_stops(block);
        while stops != 0 {
            let inside = stops.trailing_zeros() as usize;
            let stop = at.wrapping_add(inside);
            let length = match byte(bytes, stop) {
                b'"' => return Ok(after(stop)),
                _ => escape(bytes, stop)?,
            };
            let next = inside.wrapping_add(length);
            if next >= BLOCK {
                at = at.wrapping_add(next);
                continue 'blocks;
            }
            stops &= u32::MAX << next;
        }
        at = at.wrapping_add(BLOCK);
    }
    loop {
        at = string_stop(bytes, at);
        match bytes.get(at) {
            Some(b'"') => return Ok(after(at)),
            Some(_) => at = at.wrapping_add(escape(bytes, at)?),
            None => return Err(error(at, "a string without an end")),
        }
    }
}

/// The length of the escape there, if it is one.
#[inline(always)]
fn escape(bytes: &[u8], at: usize) -> Result<usize, JsonError> {
    if byte(bytes, at) != b'\\' {
        return Err(error(at, "a control character in a string"));
    }
    let letter = byte(bytes, after(at));
    if simple(letter).is_some() {
        return Ok(2);
    }
    match letter == b'u' && hex4(bytes.get(at + 2..at + 6)).is_some() {
        true => Ok(6),
        false => Err(error(at, "a bad escape")),
    }
}

/// The end of the number that begins at `at`.
fn number(bytes: &[u8], mut at: usize) -> Result<usize, JsonError> {
    if byte(bytes, at) == b'-' {
        at = after(at);
    }
    match byte(bytes, at) {
        b'0' => at = after(at),
        b'1'..=b'9' => at = digits(bytes, at)?,
        _ => return Err(error(at, "a bad number")),
    }
    if byte(bytes, at) == b'.' {
        at = digits(bytes, after(at))?;
    }
    if matches!(byte(bytes, at), b'e' | b'E') {
        at = after(at);
        if matches!(byte(bytes, at), b'+' | b'-') {
            at = after(at);
        }
        at = digits(bytes, at)?;
    }
    Ok(at)
}

#[inline(always)]
fn digits(bytes: &[u8], mut at: usize) -> Result<usize, JsonError> {
    let start = at;
    while byte(bytes, at).is_ascii_digit() {
        at = after(at);
    }
    if at == start { Err(error(at, "a bad number")) } else { Ok(at) }
}
