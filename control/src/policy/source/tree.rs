//! The tree itself.

use super::super::path::{Path, PathStep};
use super::number;
use crate::base::json_text::quote;

/// A position in a text: line and column count characters from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    /// Line; 0 if there is no text.
    pub line: u32,
    /// Column in characters; 0 if there is no text.
    pub column: u32,
}

impl Position {
    /// The first character.
    pub const START: Position = Position { line: 1, column: 1 };
}

/// A value and the position where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceNode {
    /// Where it begins.
    pub at: Position,
    /// The value.
    pub value: SourceValue,
}

/// The kinds of value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceValue {
    /// `null`, `~`, or nothing at all
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number, as written.
    Number(String),
    /// Text. `quoted`: no reader can take it for anything else.
    String {
        /// Escapes decoded.
        text: String,
        /// In quotes, or a block.
        quoted: bool,
    },
    /// A list.
    Seq(Vec<SourceNode>),
    /// A map, in the order written; keys are unique.
    Map(Vec<MapEntry>),
}

/// One entry of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapEntry {
    /// Its key.
    pub key: String,
    /// Where the key begins.
    pub key_at: Position,
    /// Its value.
    pub value: SourceNode,
}

// Kept out of line: these are called from a hundred places, and the module that a proxy loads must be small.
impl SourceNode {
    /// The entries of a map; none for other values.
    #[must_use]
    pub fn entries(&self) -> &[MapEntry] {
        match &self.value {
            SourceValue::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The value under a key of a map.
    #[must_use]
    #[inline(never)]
    pub fn get(&self, key: &str) -> Option<&SourceNode> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// The items of a list; a single value counts as a list of one, and null as an empty one.
    #[must_use]
    #[inline(never)]
    pub fn items(&self) -> &[SourceNode] {
        match &self.value {
            SourceValue::Seq(items) => items,
            SourceValue::Null => &[],
            _ => std::slice::from_ref(self),
        }
    }

    /// Its text, if it is text.
    #[must_use]
    #[inline(never)]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            SourceValue::String { text, .. } => Some(text),
            _ => None,
        }
    }

    /// `true` or `false`.
    #[must_use]
    pub fn bool(&self) -> Option<bool> {
        match self.value {
            SourceValue::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// A number as written.
    #[must_use]
    pub fn number(&self) -> Option<&str> {
        match &self.value {
            SourceValue::Number(raw) => Some(raw),
            _ => None,
        }
    }

    /// The name of its kind in messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.value {
            SourceValue::Null => "nothing",
            SourceValue::Bool(_) => "a boolean",
            SourceValue::Number(_) => "a number",
            SourceValue::String { .. } => "text",
            SourceValue::Seq(_) => "a list",
            SourceValue::Map(_) => "a map",
        }
    }

    /// The position of the value that a path names, or of the nearest value above it. A scalar is located by itself, a
    /// section by its key.
    #[must_use]
    pub fn locate(&self, path: &Path<'_>) -> Position {
        let (node, key_at) = self.follow(path);
        match node.value {
            SourceValue::Seq(_) | SourceValue::Map(_) => key_at,
            _ => node.at,
        }
    }

    /// As [`SourceNode::locate`], but every entry of a map is located by its key.
    #[must_use]
    pub fn locate_key(&self, path: &Path<'_>) -> Position {
        self.follow(path).1
    }

    #[inline(never)]
    fn follow(&self, path: &Path<'_>) -> (&SourceNode, Position) {
        let mut found = (self, self.at);
        for step in path.steps() {
            let (node, at) = found;
            let next = match step {
                PathStep::Key(key) => node
                    .entries()
                    .iter()
                    .find(|entry| entry.key == key)
                    .map(|entry| (&entry.value, entry.key_at)),
                PathStep::Index(index) => match &node.value {
                    SourceValue::Seq(items) => items.get(index).map(|item| (item, item.at)),
                    // A single value counts as a list of one.
                    _ => Some((node, at)),
                },
            };
            match next {
                Some(next) => found = next,
                None => break,
            }
        }
        found
    }
}

/// True if YAML 1.1 readers read this plain text as a date: `2026-11-24`, `2026-11-24T06:00:00Z`.
#[must_use]
pub fn looks_like_date(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let digits = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let year = parts.next().is_some_and(|part| digits(part, 4..=4));
    let month = parts.next().is_some_and(|part| digits(part, 1..=2));
    let rest = parts.next().unwrap_or_default();
    let day = rest.bytes().take_while(u8::is_ascii_digit).count();
    let after = rest.as_bytes().get(day);
    year && month && (1..=2).contains(&day) && matches!(after, None | Some(b'T' | b't' | b' '))
}

/// Writes a value as JSON, keys in order. Numbers in a form that JSON lacks are converted.
#[must_use]
pub fn to_json(node: &SourceNode) -> String {
    let mut out = String::new();
    write_json(node, &mut out);
    out
}

fn write_json(node: &SourceNode, out: &mut String) {
    match &node.value {
        SourceValue::Null => out.push_str("null"),
        SourceValue::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        SourceValue::Number(raw) => out.push_str(&number::json(raw)),
        SourceValue::String { text, .. } => quote(text, out),
        SourceValue::Seq(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_json(item, out);
            }
            out.push(']');
        }
        SourceValue::Map(entries) => {
            out.push('{');
            for (index, entry) in entries.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                quote(&entry.key, out);
                out.push(':');
                write_json(&entry.value, out);
            }
            out.push('}');
        }
    }
}
