//! JSON → tree. The structure comes from the reader of traffic; this adds positions and better messages.

use super::super::diagnostic::Diagnostic;
use super::duplicates::duplicates;
use super::size_check;
use super::tree::{MapEntry, Position, SourceNode, SourceValue};
use crate::limits;
use crate::wire::json::{self, Doc, Kind};

/// Reads one JSON document.
///
/// # Errors
/// Not JSON (RFC 8259), duplicate keys, too big, too deep.
pub fn parse_json(bytes: &[u8]) -> Result<SourceNode, Vec<Diagnostic>> {
    size_check(bytes.len())?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut places = LinePositions::new(bytes);
    if let Err(bad) = std::str::from_utf8(bytes) {
        let at = places.at(bad.valid_up_to());
        return Err(vec![Diagnostic::error("syntax", String::new(), at, "the text is not UTF-8")]);
    }
    let mut doc = Doc::default();
    if let Err(error) = doc.parse(bytes) {
        return Err(vec![syntax(bytes, error.offset, error.what)]);
    }
    let mut found = Vec::new();
    let tree = build(&doc, bytes, &mut places, &mut found);
    match tree {
        Some(tree) if found.is_empty() => Ok(tree),
        _ => Err(found),
    }
}

/// An open list or map while the tree is built.
struct OpenNode {
    key: Option<(String, Position)>,
    node: SourceNode,
    id: json::NodeId,
}

/// Walks the values in document order, with the open containers on an explicit stack.
fn build(
    doc: &Doc,
    bytes: &[u8],
    places: &mut LinePositions<'_>,
    found: &mut Vec<Diagnostic>,
) -> Option<SourceNode> {
    let mut open: Vec<OpenNode> = Vec::new();
    let root = doc.root(bytes);
    for value in std::iter::once(root).chain(root.descendants()) {
        let parent = value.parent().map(|parent| parent.id());
        while open.len() > 1 && open.last().map(|last| last.id) != parent {
            close(&mut open, found);
        }
        let key = value.key_span().map(|span| {
            let at = places.at(span.start.saturating_sub(1));
            (json::decode(value.raw_key()), at)
        });
        let at = places.at(value.span().start);
        if open.len() >= limits::POLICY_DEPTH {
            let message = format!("nested deeper than {} levels", limits::POLICY_DEPTH);
            found.push(Diagnostic::error("too-big", String::new(), at, message));
            return None;
        }
        if value.id() as usize >= limits::POLICY_NODES {
            let message = format!("more than {} values", limits::POLICY_NODES);
            found.push(Diagnostic::error("too-big", String::new(), at, message));
            return None;
        }
        let (value_of, container) = scalar(&value);
        if lone_surrogate(&value) {
            let message = "half of a surrogate pair in `\\u` escapes";
            found.push(Diagnostic::error("syntax", String::new(), at, message));
        }
        let node = OpenNode { key, node: SourceNode { at, value: value_of }, id: value.id() };
        if container || open.is_empty() {
            open.push(node);
        } else {
            attach(&mut open, node);
        }
    }
    while open.len() > 1 {
        close(&mut open, found);
    }
    let root = open.pop()?;
    duplicates(root.node.entries(), found);
    Some(root.node)
}

fn scalar(value: &json::Value<'_>) -> (SourceValue, bool) {
    match value.kind() {
        Kind::Null => (SourceValue::Null, false),
        Kind::Bool => (SourceValue::Bool(value.as_bool() == Some(true)), false),
        Kind::Number => {
            (SourceValue::Number(String::from_utf8_lossy(value.raw()).into_owned()), false)
        }
        Kind::String => {
            let text = value.as_str().map(std::borrow::Cow::into_owned).unwrap_or_default();
            (SourceValue::String { text, quoted: true }, false)
        }
        Kind::Array => (SourceValue::Seq(Vec::new()), true),
        Kind::Object => (SourceValue::Map(Vec::new()), true),
    }
}

fn close(open: &mut Vec<OpenNode>, found: &mut Vec<Diagnostic>) {
    if let Some(done) = open.pop() {
        duplicates(done.node.entries(), found);
        attach(open, done);
    }
}

fn attach(open: &mut [OpenNode], done: OpenNode) {
    match (open.last_mut().map(|last| &mut last.node.value), done.key) {
        (Some(SourceValue::Map(entries)), Some((key, key_at))) => {
            entries.push(MapEntry { key, key_at, value: done.node });
        }
        (Some(SourceValue::Seq(items)), _) => items.push(done.node),
        _ => {}
    }
}

/// The reader of traffic replaces them by U+FFFD; a policy must be unambiguous.
fn lone_surrogate(value: &json::Value<'_>) -> bool {
    let raw = value.raw();
    value.kind() == Kind::String
        && raw.windows(3).any(|window| matches!(window, [b'\\', b'u', b'd' | b'D']))
        && value.as_str().is_some_and(|text| text.contains('\u{fffd}'))
        && !String::from_utf8_lossy(raw).contains('\u{fffd}')
}

/// Explains in plain words why the text is not JSON.
fn syntax(bytes: &[u8], offset: usize, what: &'static str) -> Diagnostic {
    let before = bytes.get(..offset).unwrap_or_default().trim_ascii_end();
    let rest = bytes.get(offset..).unwrap_or_default();
    let (message, help) = match rest.first() {
        Some(b'}' | b']') if before.last() == Some(&b',') => {
            ("a comma before the closing bracket", Some("remove the comma"))
        }
        Some(b'#') => ("JSON has no comments", Some("remove it, or name the file `.yaml`")),
        Some(b'/') if matches!(rest.get(1), Some(b'/' | b'*')) => {
            ("JSON has no comments", Some("remove it, or name the file `.yaml`"))
        }
        Some(b'\'') => ("JSON text stands in double quotes", Some("write `\"…\"`")),
        Some(b'"') if what.starts_with("expected a comma") => ("a comma is missing", None),
        Some(byte) if what == "expected a key" && byte.is_ascii_alphabetic() => {
            ("a key without quotes", Some("write `\"key\": …`, or name the file `.yaml`"))
        }
        Some(byte) if what == "expected a value" && byte.is_ascii_alphabetic() => {
            ("text without quotes", Some("write `\"…\"`, or name the file `.yaml`"))
        }
        None if before.is_empty() => ("the text is empty", Some("the empty policy is `{}`")),
        None => ("the text ends before the document does", None),
        Some(_) => (what, None),
    };
    let at = LinePositions::new(bytes).at(offset);
    let diagnostic = Diagnostic::error("syntax", String::new(), at, format!("not JSON: {message}"));
    match help {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

/// Byte offsets → lines and columns. It only moves forward, so that all positions of a document take one pass.
struct LinePositions<'a> {
    bytes: &'a [u8],
    offset: usize,
    position: Position,
}

impl<'a> LinePositions<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0, position: Position::START }
    }

    /// The position of `offset`, which must not be before the last one requested.
    fn at(&mut self, offset: usize) -> Position {
        for byte in self.bytes.get(self.offset..offset).unwrap_or_default() {
            if *byte == b'\n' {
                self.position = Position { line: self.position.line + 1, column: 1 };
            } else if byte & 0xC0 != 0x80 {
                self.position.column += 1;
            }
        }
        self.offset = self.offset.max(offset);
        self.position
    }
}
