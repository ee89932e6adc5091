//! YAML 1.2 → tree, from the parser's events, without recursion.
//!
//! Features that a policy has no use for are refused by name rather than half understood: tags, merge keys, several
//! documents.

mod hint;

use std::borrow::Cow;
use std::collections::BTreeMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};

use super::super::diagnostic::Diagnostic;
use super::duplicates::duplicates;
use super::tree::{MapEntry, Position, SourceNode, SourceValue};
use super::{number, size_check};
use crate::limits;

/// Reads one YAML document (JSON is YAML too, but [`super::parse_json`] has better messages for it).
///
/// # Errors
/// Not YAML, or YAML that a policy has no use for; duplicate keys; too big, too deep.
pub fn parse_yaml(text: &str) -> Result<SourceNode, Vec<Diagnostic>> {
    size_check(text.len())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str(text);
    let mut documents = 0;
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| vec![syntax(&error, text)])?;
        let at = position(span.start);
        match event {
            Event::DocumentStart(_) if documents == 1 => {
                let message = "a second document begins here";
                return Err(vec![refuse(at, message, "write one policy a file, without `---`")]);
            }
            Event::DocumentStart(_) => documents += 1,
            event => builder.event(&event, at)?,
        }
    }
    if !builder.found.is_empty() {
        return Err(builder.found);
    }
    builder.root.ok_or_else(|| {
        let empty =
            Diagnostic::error("syntax", String::new(), Position::START, "the text is empty");
        vec![empty.help("the empty policy is `{}`")]
    })
}

#[derive(Default)]
struct Builder {
    open: Vec<OpenYaml>,
    root: Option<SourceNode>,
    anchors: BTreeMap<usize, (SourceNode, usize)>,
    values: usize,
    found: Vec<Diagnostic>,
}

/// An open list or map.
struct OpenYaml {
    node: SourceNode,
    anchor: usize,
    /// A key whose value has not arrived yet.
    key: Option<(String, Position)>,
    /// How many values had been read when it began.
    values: usize,
}

impl Builder {
    fn event(&mut self, event: &Event<'_>, at: Position) -> Result<(), Vec<Diagnostic>> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.as_ref(), at)?;
                let value = scalar(text, *style);
                self.add(SourceNode { at, value }, *anchor, 1)
            }
            Event::Alias(anchor) => match self.anchors.get(anchor) {
                Some((node, values)) => {
                    // Counted before it is copied, so that an alias bomb stops at the bound.
                    let (node, values) = (node, *values);
                    if self.values + values > limits::POLICY_NODES {
                        return Err(vec![too_many(at)]);
                    }
                    let node = node.clone();
                    self.add(node, 0, values)
                }
                None => Err(vec![refuse(at, "an alias inside its own anchor", "write it out")]),
            },
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.as_ref(), at)?;
                self.begin(SourceValue::Seq(Vec::new()), *anchor, at)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.as_ref(), at)?;
                self.begin(SourceValue::Map(Vec::new()), *anchor, at)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            _ => Ok(()),
        }
    }

    fn refuse_tag(&self, tag: Option<&Cow<'_, Tag>>, at: Position) -> Result<(), Vec<Diagnostic>> {
        let Some(tag) = tag else { return Ok(()) };
        if tag.is_yaml_core_schema() {
            let message = format!("`!!{}` is a YAML tag, and a policy has none", tag.suffix);
            return Err(vec![refuse(at, message, "remove it; text stands in quotes")]);
        }
        let message = format!("`{tag}` is read as a YAML tag, and a policy has none");
        Err(vec![refuse(at, message, format!("a glob that negates stands in quotes: `\"{tag}\"`"))])
    }

    fn begin(
        &mut self,
        value: SourceValue,
        anchor: usize,
        at: Position,
    ) -> Result<(), Vec<Diagnostic>> {
        if self.open.len() >= limits::POLICY_DEPTH {
            let message = format!("nested deeper than {} levels", limits::POLICY_DEPTH);
            return Err(vec![Diagnostic::error("too-big", String::new(), at, message)]);
        }
        self.in_key_place(at)?;
        self.count(1, at)?;
        let values = self.values;
        self.open.push(OpenYaml { node: SourceNode { at, value }, anchor, key: None, values });
        Ok(())
    }

    /// A list or a map cannot be a key.
    fn in_key_place(&self, at: Position) -> Result<(), Vec<Diagnostic>> {
        match self.open.last() {
            Some(OpenYaml {
                node: SourceNode { value: SourceValue::Map(_), .. },
                key: None,
                ..
            }) => {
                let help = "quote text that begins with `{` or `[`";
                Err(vec![refuse(at, "a list or a map stands where a key is expected", help)])
            }
            _ => Ok(()),
        }
    }

    fn end(&mut self) -> Result<(), Vec<Diagnostic>> {
        let Some(done) = self.open.pop() else { return Ok(()) };
        duplicates(done.node.entries(), &mut self.found);
        let values = self.values.saturating_sub(done.values) + 1;
        // It was counted when it began.
        self.place(done.node, done.anchor, values)
    }

    fn add(
        &mut self,
        node: SourceNode,
        anchor: usize,
        values: usize,
    ) -> Result<(), Vec<Diagnostic>> {
        self.count(values, node.at)?;
        self.place(node, anchor, values)
    }

    fn count(&mut self, values: usize, at: Position) -> Result<(), Vec<Diagnostic>> {
        self.values += values;
        if self.values > limits::POLICY_NODES {
            return Err(vec![too_many(at)]);
        }
        Ok(())
    }

    fn place(
        &mut self,
        node: SourceNode,
        anchor: usize,
        values: usize,
    ) -> Result<(), Vec<Diagnostic>> {
        if anchor != 0 {
            // The copy for the anchor counts too.
            self.count(values, node.at)?;
            self.anchors.insert(anchor, (node.clone(), values));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.node.value {
            SourceValue::Seq(items) => items.push(node),
            SourceValue::Map(entries) => match open.key.take() {
                Some((key, key_at)) => entries.push(MapEntry { key, key_at, value: node }),
                None => open.key = Some(key_of(node)?),
            },
            _ => {}
        }
        Ok(())
    }
}

fn key_of(node: SourceNode) -> Result<(String, Position), Vec<Diagnostic>> {
    let at = node.at;
    let key = match node.value {
        SourceValue::String { text, quoted: false } if text == "<<" => {
            return Err(vec![refuse(at, "`<<` merges are not read", "write the entries out")]);
        }
        SourceValue::String { text, .. } | SourceValue::Number(text) => text,
        SourceValue::Bool(value) => value.to_string(),
        SourceValue::Null => "null".to_owned(),
        SourceValue::Seq(_) | SourceValue::Map(_) => {
            let message = "a list or a map stands where a key is expected";
            return Err(vec![refuse(at, message, "keys are text")]);
        }
    };
    Ok((key, at))
}

/// The core schema of YAML 1.2 (§10.3.2): the value of plain text. `yes`, `no`, `on`, `off` are text.
fn scalar(text: &str, style: ScalarStyle) -> SourceValue {
    if style != ScalarStyle::Plain {
        return SourceValue::String { text: text.to_owned(), quoted: true };
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => SourceValue::Null,
        "true" | "True" | "TRUE" => SourceValue::Bool(true),
        "false" | "False" | "FALSE" => SourceValue::Bool(false),
        _ if number::is_number(text) => SourceValue::Number(text.to_owned()),
        _ => SourceValue::String { text: text.to_owned(), quoted: false },
    }
}

fn too_many(at: Position) -> Diagnostic {
    let message = format!("more than {} values, aliases expanded", limits::POLICY_NODES);
    Diagnostic::error("too-big", String::new(), at, message)
}

fn refuse(at: Position, message: impl Into<String>, help: impl Into<String>) -> Diagnostic {
    Diagnostic::error("yaml-feature", String::new(), at, message).help(help)
}

/// The parser counts columns from 0.
fn position(marker: Marker) -> Position {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    Position { line: number(marker.line()), column: number(marker.col()).saturating_add(1) }
}

/// The parser's message, and what people usually meant.
fn syntax(error: &ScanError, text: &str) -> Diagnostic {
    let at = position(*error.marker());
    let diagnostic =
        Diagnostic::error("syntax", String::new(), at, format!("not YAML: {}", error.info()));
    match hint::meant(error.info(), text, at.line as usize) {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}
