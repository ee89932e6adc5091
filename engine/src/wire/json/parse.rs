//! The reader of JSON documents (RFC 8259).

use super::key::hash;
use super::string::hex4;
use super::{JsonError, Kind, Node, NodeId};
use crate::limits;
use crate::wire::find::{same, string_stop};

/// Members of an object among which a key is looked for that may stand there twice. An object with more counts as one
/// with such a key: it is read right all the same, only not as fast.
const SIBLINGS: usize = 64;

/// True if all of `bytes` is one number (RFC 8259 §6).
pub(crate) fn is_number(bytes: &[u8]) -> bool {
    let (mut nodes, mut around) = (Vec::new(), Vec::new());
    let mut parser = Parser::new(bytes, &mut nodes, &mut around);
    parser.number().is_ok() && parser.at == bytes.len()
}

/// Where a string's content ends of which the first backslash stands at `from`; `None` if it is no string.
pub(super) fn string_end(bytes: &[u8], from: usize) -> Option<usize> {
    let (mut nodes, mut around) = (Vec::new(), Vec::new());
    let mut parser = Parser::new(bytes, &mut nodes, &mut around);
    parser.at = from;
    parser.string_with_escapes().ok()?;
    parser.at.checked_sub(1)
}

/// A container that is open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open {
    id: NodeId,
    /// The bracket that closes it; 0 outside of all containers.
    close: u8,
    /// The keys seen, by some bits of their hashes.
    seen: u64,
}

const OUTSIDE: Open = Open { id: 0, close: 0, seen: 0 };

/// Reads one document; no recursion, so that nesting costs heap and not stack.
pub(super) struct Parser<'a, 'b> {
    bytes: &'a [u8],
    at: usize,
    nodes: &'b mut Vec<Node>,
    /// The innermost container.
    here: Open,
    /// What is around it, [`OUTSIDE`] first; bounded by [`limits::JSON_DEPTH`].
    around: &'b mut Vec<Open>,
}

/// Where a value's key stands; `start` is 0 if it has none.
#[derive(Debug, Clone, Copy, Default)]
struct Key {
    start: u32,
    end: u32,
    hash: u16,
    escaped: bool,
}

impl<'a, 'b> Parser<'a, 'b> {
    pub(super) fn new(
        bytes: &'a [u8],
        nodes: &'b mut Vec<Node>,
        around: &'b mut Vec<Open>,
    ) -> Self {
        Self { bytes, at: 0, nodes, here: OUTSIDE, around }
    }

    pub(super) fn document(mut self) -> Result<(), JsonError> {
        if self.bytes.len() > u32::MAX as usize {
            return Err(self.error("more than 4 GiB"));
        }
        self.blanks();
        let mut key = Key::default();
        loop {
            // A value is due here.
            let start = self.at;
            if self.nodes.len() >= limits::JSON_NODES {
                return Err(self.error("too many values"));
            }
            match self.peek() {
                Some(b'"') => {
                    let escaped = self.string()?;
                    self.push(Kind::String, start, key, escaped);
                }
                Some(open @ (b'{' | b'[')) => {
                    if self.around.len() >= limits::JSON_DEPTH {
                        return Err(self.error("nested too deeply"));
                    }
                    let (kind, close) =
                        if open == b'{' { (Kind::Object, b'}') } else { (Kind::Array, b']') };
                    self.at += 1;
                    self.blanks();
                    if self.peek() != Some(close) {
                        let id = self.push(kind, start, key, false);
                        self.around.push(self.here);
                        self.here = Open { id, close, seen: 0 };
                        key = self.key()?;
                        continue;
                    }
                    self.at += 1;
                    self.push(kind, start, key, false);
                }
                Some(b'-' | b'0'..=b'9') => {
                    self.number()?;
                    self.push(Kind::Number, start, key, false);
                }
                Some(b't') => self.word(b"true", Kind::Bool, key)?,
                Some(b'f') => self.word(b"false", Kind::Bool, key)?,
                Some(b'n') => self.word(b"null", Kind::Null, key)?,
                _ => return Err(self.error("expected a value")),
            }
            // A value is complete: a comma brings the next one, a bracket completes its container.
            loop {
                self.blanks();
                let next = self.peek();
                if self.here.close == 0 {
                    return match next {
                        None => Ok(()),
                        Some(_) => Err(self.error("something follows the document")),
                    };
                }
                if next == Some(b',') {
                    self.at += 1;
                    self.blanks();
                    key = self.key()?;
                    break;
                }
                if next != Some(self.here.close) {
                    return Err(self.error("expected a comma or a closing bracket"));
                }
                self.at += 1;
                self.end();
            }
        }
    }

    #[cold]
    fn error(&self, what: &'static str) -> JsonError {
        JsonError { offset: self.at, what }
    }

    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline(always)]
    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Notes a value that ends here; a container's end is corrected when it comes.
    #[inline(always)]
    fn push(&mut self, kind: Kind, start: usize, key: Key, escaped: bool) -> NodeId {
        let id = self.nodes.len() as NodeId;
        self.nodes.push(Node {
            kind,
            key_escaped: key.escaped,
            flag: escaped,
            key_hash: key.hash,
            start: start as u32,
            end: self.at as u32,
            key_start: key.start,
            key_end: key.end,
            parent: self.here.id,
            next: id + 1,
        });
        id
    }

    /// The innermost container ends here.
    #[inline(always)]
    fn end(&mut self) {
        let (end, next) = (self.at as u32, self.nodes.len() as u32);
        if let Some(node) = self.nodes.get_mut(self.here.id as usize) {
            node.end = end;
            node.next = next;
        }
        self.here = self.around.pop().unwrap_or(OUTSIDE);
    }

    /// In an object: reads `"key":` and the blanks after it. In an array: nothing.
    #[inline(always)]
    fn key(&mut self) -> Result<Key, JsonError> {
        if self.here.close != b'}' {
            return Ok(Key::default());
        }
        if self.peek() != Some(b'"') {
            return Err(self.error("expected a key"));
        }
        let start = self.at + 1;
        let escaped = self.string()?;
        let end = self.at - 1;
        let raw = self.bytes.get(start..end).unwrap_or_default();
        let hash = hash(raw);
        let bit = 1 << (hash & 63);
        if escaped || (self.here.seen & bit != 0 && self.stands_already(raw, hash)) {
            self.mark_odd();
        }
        self.here.seen |= bit;
        if self.peek() != Some(b':') {
            self.blanks();
            if self.peek() != Some(b':') {
                return Err(self.error("expected a colon"));
            }
        }
        self.at += 1;
        self.blanks();
        Ok(Key { start: start as u32, end: end as u32, hash, escaped })
    }

    /// True if a key stands in the innermost object already, or if that would cost too much to find out.
    #[inline(never)]
    fn stands_already(&self, raw: &[u8], hash: u16) -> bool {
        let mut at = self.here.id + 1;
        for _ in 0..SIBLINGS {
            let Some(node) = self.nodes.get(at as usize) else { return false };
            if node.key_hash == hash && same(node.raw_key(self.bytes), raw) {
                return true;
            }
            at = node.next;
        }
        true
    }

    #[cold]
    fn mark_odd(&mut self) {
        if let Some(node) = self.nodes.get_mut(self.here.id as usize) {
            node.flag = true;
        }
    }

    fn word(&mut self, word: &[u8], kind: Kind, key: Key) -> Result<(), JsonError> {
        let start = self.at;
        if !self.bytes.get(start..start + word.len()).is_some_and(|own| same(own, word)) {
            return Err(self.error("expected a value"));
        }
        self.at += word.len();
        self.push(kind, start, key, false);
        Ok(())
    }

    /// Reads a string; says whether it is written with escapes.
    #[inline(always)]
    fn string(&mut self) -> Result<bool, JsonError> {
        let stop = string_stop(self.bytes, self.at + 1);
        if self.bytes.get(stop) == Some(&b'"') {
            self.at = stop + 1;
            return Ok(false);
        }
        self.at = stop;
        self.string_with_escapes()
    }

    /// The rest of a string from its first backslash on, if it is one.
    #[inline(never)]
    fn string_with_escapes(&mut self) -> Result<bool, JsonError> {
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(true);
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
            self.at = string_stop(self.bytes, self.at);
        }
    }

    fn number(&mut self) -> Result<(), JsonError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.error("a bad number")),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    #[inline(always)]
    fn digits(&mut self) -> Result<(), JsonError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return Err(self.error("a bad number"));
        }
        self.at += count;
        Ok(())
    }
}
