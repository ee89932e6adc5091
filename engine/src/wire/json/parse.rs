//! The reader of JSON documents (RFC 8259).

use super::string::hex4;
use super::{JsonError, Kind, Node, NodeId};
use crate::limits;
use crate::wire::find;

/// True if all of `bytes` is one number (RFC 8259 §6).
pub(crate) fn is_number(bytes: &[u8]) -> bool {
    let mut parser = Parser { bytes, at: 0, nodes: &mut Vec::new(), open: &mut Vec::new() };
    parser.number().is_ok() && parser.at == bytes.len()
}

/// Reads one document; no recursion, so that nesting costs heap and not stack.
pub(super) struct Parser<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    pub(super) nodes: &'a mut Vec<Node>,
    /// The open containers, innermost last; bounded by [`limits::JSON_DEPTH`].
    pub(super) open: &'a mut Vec<NodeId>,
}

/// Where a value's key stands; `start` is 0 if it has none.
#[derive(Debug, Clone, Copy, Default)]
struct Key {
    start: u32,
    end: u32,
    escaped: bool,
}

impl Parser<'_> {
    pub(super) fn document(mut self) -> Result<(), JsonError> {
        if self.bytes.len() > u32::MAX as usize {
            return Err(self.error("more than 4 GiB"));
        }
        self.blanks();
        let mut key = Key::default();
        loop {
            // A value is due here.
            let start = self.at;
            let kind = self.begin()?;
            let (mut closed, mut escaped) = (true, false);
            match kind {
                Kind::Object | Kind::Array => {
                    let close = if kind == Kind::Object { b'}' } else { b']' };
                    self.at += 1;
                    self.blanks();
                    closed = self.bytes.get(self.at) == Some(&close);
                    self.at += usize::from(closed);
                }
                Kind::String => escaped = self.string()?,
                Kind::Number => self.number()?,
                Kind::Bool if self.bytes.get(self.at) == Some(&b't') => self.word(b"true")?,
                Kind::Bool => self.word(b"false")?,
                Kind::Null => self.word(b"null")?,
            }
            let id = self.push(kind, start, key, escaped);
            if !closed {
                self.open.push(id);
                key = self.key_in(kind)?;
                continue;
            }
            // A value is complete: a comma brings the next one, a bracket completes its container.
            loop {
                self.blanks();
                let Some(&container) = self.open.last() else {
                    if self.at == self.bytes.len() {
                        return Ok(());
                    }
                    return Err(self.error("something follows the document"));
                };
                let kind = self.kind(container);
                let close = if kind == Kind::Object { b'}' } else { b']' };
                match self.bytes.get(self.at) {
                    Some(b',') => {
                        self.at += 1;
                        self.blanks();
                        key = self.key_in(kind)?;
                        break;
                    }
                    Some(&byte) if byte == close => {
                        self.at += 1;
                        self.open.pop();
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

    /// What kind of value begins here, if there may be one.
    fn begin(&self) -> Result<Kind, JsonError> {
        if self.nodes.len() >= limits::JSON_NODES {
            return Err(self.error("too many values"));
        }
        match self.bytes.get(self.at) {
            Some(b'{' | b'[') if self.open.len() >= limits::JSON_DEPTH => {
                Err(self.error("nested too deeply"))
            }
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"') => Ok(Kind::String),
            Some(b't' | b'f') => Ok(Kind::Bool),
            Some(b'n') => Ok(Kind::Null),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            _ => Err(self.error("expected a value")),
        }
    }

    /// Notes a value that ends here; a container's end is corrected when it comes.
    fn push(&mut self, kind: Kind, start: usize, key: Key, escaped: bool) -> NodeId {
        let id = self.nodes.len() as u32;
        self.nodes.push(Node {
            kind,
            key_escaped: key.escaped,
            escaped,
            start: start as u32,
            end: self.at as u32,
            key_start: key.start,
            key_end: key.end,
            parent: self.open.last().copied().unwrap_or(0),
            next: id + 1,
        });
        id
    }

    /// A container ends here.
    fn end(&mut self, id: u32) {
        let (end, next) = (self.at as u32, self.nodes.len() as u32);
        if let Some(node) = self.nodes.get_mut(id as usize) {
            node.end = end;
            node.next = next;
        }
    }

    /// In an object: reads `"key":` and the blanks after it. In an array: nothing.
    fn key_in(&mut self, container: Kind) -> Result<Key, JsonError> {
        if container != Kind::Object {
            return Ok(Key::default());
        }
        if self.bytes.get(self.at) != Some(&b'"') {
            return Err(self.error("expected a key"));
        }
        let start = self.at as u32 + 1;
        let escaped = self.string()?;
        let end = self.at as u32 - 1;
        self.blanks();
        if self.bytes.get(self.at) != Some(&b':') {
            return Err(self.error("expected a colon"));
        }
        self.at += 1;
        self.blanks();
        Ok(Key { start, end, escaped })
    }

    fn word(&mut self, word: &[u8]) -> Result<(), JsonError> {
        if self.bytes.get(self.at..).unwrap_or_default().starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        Err(self.error("expected a value"))
    }

    /// Reads a string; says whether it is written with escapes.
    fn string(&mut self) -> Result<bool, JsonError> {
        self.at += 1;
        let mut escaped = false;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            self.at += find::string_stop(rest).unwrap_or(rest.len());
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    match self.bytes.get(self.at + 1) {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                            self.at += 2;
                        }
                        Some(b'u') if hex4(self.bytes.get(self.at + 2..self.at + 6)).is_some() => {
                            self.at += 6;
                        }
                        _ => return Err(self.error("a bad escape")),
                    }
                }
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
