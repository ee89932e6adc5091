//! The reader of JSON documents (RFC 8259).

use super::string::hex4;
use super::{JsonError, Kind, Node, NodeId};
use crate::limits;
use crate::stream::find;

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

impl Parser<'_> {
    pub(super) fn document(mut self) -> Result<(), JsonError> {
        if self.bytes.len() > u32::MAX as usize {
            return Err(self.error("more than 4 GiB"));
        }
        self.blanks();
        let mut key = (0, 0);
        loop {
            // A value is due here.
            let id = self.begin(self.open.last().copied(), key)?;
            match self.bytes.get(self.at) {
                Some(b'{' | b'[') => {
                    if self.open.len() >= limits::JSON_DEPTH {
                        return Err(self.error("nested too deeply"));
                    }
                    let close = if self.bytes.get(self.at) == Some(&b'{') { b'}' } else { b']' };
                    self.at += 1;
                    self.blanks();
                    if self.bytes.get(self.at) == Some(&close) {
                        self.at += 1;
                        self.end(id);
                    } else {
                        self.open.push(id);
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
                let Some(&container) = self.open.last() else {
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
