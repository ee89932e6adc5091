//! Documents of which not all is read: some members of the root, or one.
//!
//! Most of a request's bytes are what was said so far, and the record of a call does not need it.
//!
//! ```text
//! {"model":"m","messages":[{"role":"user","content":"…"}, …],"stream":true}
//!               as a list    └── skipped, bracket by bracket ──┘
//! ```

use super::node::{JsonError, Kind, Node};
use super::parse::{
    self, FOLLOWED, KeySpan, OUTSIDE, OpenValue, after, blanks, byte, error, member, push, string,
};
use super::{escaped::Escapes, key::folded};
use crate::limits;
use crate::wire::find::same;

/// What an outline leaves out.
#[derive(Debug, Clone, Copy)]
pub struct LeftOut {
    /// The contents of a list or an object that is one of these members of the root.
    pub members: &'static [&'static str],
    /// Not if this is a key in it, at any depth, or if a key in it is written with escapes.
    pub unless_keyed: &'static str,
}

impl LeftOut {
    /// True for the name of a member that may be left out.
    #[must_use]
    pub fn has(&self, name: &[u8]) -> bool {
        self.members.iter().any(|own| same(own.as_bytes(), name))
    }
}

/// Reads one document into `nodes` as [`parse::document`] does. What is left out is an empty list or object with all of
/// its bytes; only its brackets are counted, so that it need not be JSON.
pub(super) fn document(
    bytes: &[u8],
    left_out: &LeftOut,
    nodes: &mut Vec<Node>,
    around: &mut Vec<OpenValue>,
    escapes: &mut Escapes,
) -> Result<(), JsonError> {
    let start = blanks(bytes, 0);
    let mut at = blanks(bytes, after(start));
    if byte(bytes, start) != b'{' || byte(bytes, at) == b'}' || bytes.len() > u32::MAX as usize {
        return parse::document(bytes, nodes, around, escapes);
    }
    let mut root = root(nodes, start);
    loop {
        at = next_member(bytes, at, Some(left_out), &mut root, nodes, around, escapes)?;
        at = blanks(bytes, at);
        match byte(bytes, at) {
            b',' => at = blanks(bytes, after(at)),
            b'}' => break,
            _ => return Err(error(at, "expected a comma or a closing bracket")),
        }
    }
    at = after(at);
    complete(nodes, &root, at);
    at = blanks(bytes, at);
    if at < bytes.len() { Err(error(at, FOLLOWED)) } else { Ok(()) }
}

/// Reads the member at the beginning of `bytes` as the only one of an object; what follows it is ignored. False if
/// there is no complete member.
pub(super) fn front(
    bytes: &[u8],
    nodes: &mut Vec<Node>,
    around: &mut Vec<OpenValue>,
    escapes: &mut Escapes,
) -> bool {
    let mut root = root(nodes, 0);
    let end = next_member(bytes, 0, None, &mut root, nodes, around, escapes);
    let Ok(end) = end else { return false };
    complete(nodes, &root, end);
    true
}

/// Begins an object whose members are read one at a time.
fn root(nodes: &mut Vec<Node>, start: usize) -> OpenValue {
    let id = push(nodes, Kind::Object, start..start, KeySpan::default(), false, 0);
    OpenValue { id, close: b'}', seen: 0 }
}

/// The object ends before `end`.
fn complete(nodes: &mut [Node], root: &OpenValue, end: usize) {
    let next = nodes.len() as u32;
    if let Some(node) = nodes.first_mut() {
        (node.end, node.next, node.keys) = (end as u32, next, folded(root.seen));
    }
}

/// Reads the member of the root that begins at `at`, but not what is in it if that is left out; returns where it ends.
fn next_member(
    bytes: &[u8],
    at: usize,
    left_out: Option<&LeftOut>,
    root: &mut OpenValue,
    nodes: &mut Vec<Node>,
    around: &mut Vec<OpenValue>,
    escapes: &mut Escapes,
) -> Result<usize, JsonError> {
    let (at, key) = member(bytes, at, nodes, root, escapes)?;
    let kind = match byte(bytes, at) {
        b'[' => Some(Kind::Array),
        b'{' => Some(Kind::Object),
        _ => None,
    };
    if let (Some(kind), Some(left_out), false) = (kind, left_out, key.escaped)
        && left_out.has(key.of(bytes))
        && let Some(end) = end(bytes, at, left_out.unless_keyed)
    {
        push(nodes, kind, at..end, key, false, root.id);
        return Ok(end);
    }
    // In the place of the root, which counts as a level.
    around.push(OUTSIDE);
    let read = parse::value(bytes, at, key, nodes, around, escapes);
    around.clear();
    match read {
        Ok(()) => Ok(bytes.len()),
        Err(JsonError { offset, what }) if what == FOLLOWED => Ok(offset),
        Err(error) => Err(error),
    }
}

/// The end of the list or object that begins at `at`; `None` if it has none, is nested too deeply, or has a key that is
/// `unless` or written with escapes.
fn end(bytes: &[u8], mut at: usize, unless: &str) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match byte(bytes, at) {
            b'"' => {
                let (end, escaped) = string(bytes, at).ok()?;
                if byte(bytes, blanks(bytes, end)) == b':' {
                    let key = bytes.get(after(at)..end.wrapping_sub(1))?;
                    if escaped || same(key, unless.as_bytes()) {
                        return None;
                    }
                }
                at = end;
            }
            b'[' | b'{' => {
                depth += 1;
                // The root is a level too.
                if depth >= limits::JSON_DEPTH {
                    return None;
                }
                at = after(at);
            }
            b']' | b'}' => {
                depth -= 1;
                at = after(at);
                if depth == 0 {
                    return Some(at);
                }
            }
            _ if at >= bytes.len() => return None,
            _ => at = after(at),
        }
    }
}
