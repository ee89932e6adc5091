//! Checks that the tree has the language's shape: every key known, every value of its kind, every name with the right
//! syntax. Driven by [`super::language`] alone; it collects everything that is wrong.

mod leaf;
mod syntax;

use super::diagnostic::Diagnostic;
use super::language::{LanguageWord, Struct, ValueKind, redirect};
use super::path::Path;
use super::source::{Position, SourceNode, SourceValue};
use super::suggest::nearest;
use crate::limits;

pub(super) use syntax::{is_id, pointer};

/// Everything that is wrong with the shape of a map.
pub(super) fn check(node: &SourceNode, is: &'static Struct, path: &Path<'_>) -> Vec<Diagnostic> {
    let mut shape = LanguageShape { found: Vec::new() };
    shape.map(node, is, path);
    shape.found
}

struct LanguageShape {
    found: Vec<Diagnostic>,
}

impl LanguageShape {
    fn error(&mut self, code: &'static str, path: &Path<'_>, at: Position, message: String) {
        self.push(Diagnostic::error(code, path.to_string(), at, message));
    }

    fn push(&mut self, diagnostic: Diagnostic) {
        // One more than is kept, so that the code that cuts the list can tell.
        if self.found.len() <= limits::POLICY_DIAGNOSTICS {
            self.found.push(diagnostic);
        }
    }

    /// A value; `owner` is the name of the map that it is in, `name` its own.
    fn value(
        &mut self,
        node: &SourceNode,
        kind: &'static ValueKind,
        name: ValueName,
        path: &Path<'_>,
    ) {
        match kind {
            ValueKind::Any => {}
            ValueKind::Struct(is) => self.map(node, is, path),
            ValueKind::List(item) => self.list(node, item, name, path),
            ValueKind::Map(keys, values) => self.free_map(node, keys, values, path),
            ValueKind::Action(words) => self.action(node, words, name, path),
            ValueKind::Words(words) => self.word(node, words, name, path),
            ValueKind::Percent if matches!(node.value, SourceValue::Map(_)) => {
                self.map(node, &super::language::PERCENT, path);
            }
            ValueKind::Argument if matches!(node.value, SourceValue::Map(_)) => {
                self.map(node, &super::language::ARGUMENT, path);
                if node.entries().is_empty() {
                    let message = "a condition without a test holds for nothing".to_owned();
                    self.error("empty", path, node.at, message);
                }
            }
            ValueKind::Argument => self.list(node, &ValueKind::Glob, name, path),
            ValueKind::Capture => match &node.value {
                SourceValue::Bool(_) => {}
                SourceValue::Map(_) => self.map(node, &super::language::CAPTURE, path),
                SourceValue::Seq(items) => {
                    for (index, item) in items.iter().enumerate() {
                        let path = path.index(index);
                        match item.value {
                            SourceValue::Map(_) => self.map(item, &super::language::CAPTURE, &path),
                            _ => self.word(item, super::language::CAPTURED, name, &path),
                        }
                    }
                }
                _ => self.word(node, super::language::CAPTURED, name, path),
            },
            ValueKind::Scalar => self.scalar(node, path),
            kind => {
                if let Err(found) = leaf::check(node, kind, path) {
                    self.push(*found);
                }
            }
        }
    }

    fn scalar(&mut self, node: &SourceNode, path: &Path<'_>) {
        if let SourceValue::Null | SourceValue::Seq(_) | SourceValue::Map(_) = node.value {
            let message = format!("text, a number or a boolean is expected, not {}", node.kind());
            self.error("wrong-type", path, node.at, message);
        }
    }

    fn map(&mut self, node: &SourceNode, is: &'static Struct, path: &Path<'_>) {
        let SourceValue::Map(entries) = &node.value else {
            let message = format!("{} is a map, not {}", is.name, node.kind());
            let diagnostic = Diagnostic::error("wrong-type", path.to_string(), node.at, message);
            // The field that a single value is most likely meant for.
            let first = is.one_of.iter().copied().next();
            let first = first
                .or_else(|| is.fields.iter().find(|field| field.required).map(|field| field.name));
            return self.push(match (first, node.text()) {
                (Some(first), Some(_)) => diagnostic.help(format!("write `{{{first}: …}}`")),
                _ => diagnostic,
            });
        };
        for entry in entries {
            let path = path.key(&entry.key);
            if let Some(field) = is.field(&entry.key) {
                self.value(
                    &entry.value,
                    &field.kind,
                    ValueName { owner: is, field: field.name },
                    &path,
                );
            } else if let Some((key, value)) = is.others {
                self.key(&entry.key, entry.key_at, key, is, &path);
                let name = ValueName { owner: is, field: "" };
                self.value(&entry.value, value, name, &path);
            } else {
                self.unknown(is, &entry.key, entry.key_at, &path);
            }
        }
        for field in is.fields.iter().filter(|field| field.required) {
            if node.get(field.name).is_none() {
                let message =
                    format!("{} needs `{}`{}", is.name, field.name, expected(&field.kind));
                self.error("missing-field", path, node.at, message);
            }
        }
        self.one_of(node, is, path);
    }

    fn one_of(&mut self, node: &SourceNode, is: &'static Struct, path: &Path<'_>) {
        if is.one_of.is_empty() {
            return;
        }
        // A pointer may refer to any place in JSON text.
        let inner = node.get("json_text").and_then(SourceNode::bool) == Some(true)
            && (node.get("header").is_some() || node.get("property").is_some());
        let mut there: Vec<&str> =
            is.one_of.iter().copied().filter(|name| node.get(name).is_some()).collect();
        there.retain(|name| !(inner && *name == "json"));
        match there.as_slice() {
            [_] => {}
            [] => {
                let message = format!("{} needs one of {}", is.name, list(is.one_of));
                self.error("missing-field", path, node.at, message);
            }
            several => {
                let message = format!("{} takes one of {}, not several", is.name, list(several));
                self.error("conflict", path, node.at, message);
            }
        }
    }

    fn unknown(&mut self, is: &'static Struct, key: &str, at: Position, path: &Path<'_>) {
        let message = format!("{} has no field `{key}`", is.name);
        let diagnostic = Diagnostic::error("unknown-field", path.to_string(), at, message);
        let names: Vec<&str> = is.fields.iter().map(|field| field.name).collect();
        let help = match (redirect(is.name, key), nearest(key, &names)) {
            (Some(help), _) => help.to_owned(),
            (None, Some(near)) => format!("did you mean `{near}`?"),
            (None, None) => format!("it takes {}", list(&names)),
        };
        self.push(diagnostic.help(help));
    }

    fn list(
        &mut self,
        node: &SourceNode,
        item: &'static ValueKind,
        name: ValueName,
        path: &Path<'_>,
    ) {
        match (&node.value, item) {
            (
                SourceValue::Seq(items),
                ValueKind::Glob | ValueKind::Pattern | ValueKind::Words(_),
            ) if items.is_empty() => {
                let message = "an empty list: the rule can never act".to_owned();
                let found = Diagnostic::error("empty", path.to_string(), node.at, message);
                self.push(found.help("name something, or remove the rule"));
            }
            (SourceValue::Seq(items), ValueKind::Struct(is))
                if items.is_empty() && !is.one_of.is_empty() =>
            {
                let message = "an empty list: the label can never have a value".to_owned();
                let found = Diagnostic::error("empty", path.to_string(), node.at, message);
                self.push(found.help("name a source, or remove the label"));
            }
            (SourceValue::Seq(items), _) => {
                for (index, node) in items.iter().enumerate() {
                    self.value(node, item, name, &path.index(index));
                }
            }
            // Rules are always in a list, even a single one; a word or a source need not be.
            (SourceValue::Map(_), ValueKind::Struct(is)) if !is.one_of.is_empty() => {
                self.value(node, item, name, path);
            }
            (SourceValue::Null, _) => self.nothing(node, path, "[]"),
            (_, ValueKind::Struct(is)) => {
                let message = format!("a list is expected, not {}", node.kind());
                let diagnostic =
                    Diagnostic::error("wrong-type", path.to_string(), node.at, message);
                self.push(match is.one_of.first() {
                    Some(first) => diagnostic.help(format!("write `[{{{first}: …}}]`")),
                    None => diagnostic.help("begin each rule with `- `"),
                });
            }
            _ => self.value(node, item, name, path),
        }
    }

    fn nothing(&mut self, node: &SourceNode, path: &Path<'_>, empty: &str) {
        let message = "nothing stands here".to_owned();
        let diagnostic = Diagnostic::error("wrong-type", path.to_string(), node.at, message);
        let help = format!("remove the line, or write `{empty}`; if something follows, indent it");
        self.push(diagnostic.help(help));
    }

    fn free_map(
        &mut self,
        node: &SourceNode,
        keys: &'static ValueKind,
        values: &'static ValueKind,
        path: &Path<'_>,
    ) {
        match &node.value {
            SourceValue::Map(entries) => {
                for entry in entries {
                    let path = path.key(&entry.key);
                    if let Err(found) = leaf::text(&entry.key, entry.key_at, keys, &path) {
                        self.push(*found);
                    }
                    let name = ValueName { owner: &super::language::POLICY, field: "" };
                    self.value(&entry.value, values, name, &path);
                }
            }
            SourceValue::Null => self.nothing(node, path, "{}"),
            _ => {
                let message = format!("a map is expected, not {}", node.kind());
                self.error("wrong-type", path, node.at, message);
            }
        }
    }

    fn key(
        &mut self,
        key: &str,
        at: Position,
        kind: &'static ValueKind,
        is: &Struct,
        path: &Path<'_>,
    ) {
        if let Some(help) = redirect(is.name, key) {
            let message = format!("{} has no field `{key}`", is.name);
            let diagnostic = Diagnostic::error("unknown-field", path.to_string(), at, message);
            self.push(diagnostic.help(help));
        } else if let Err(found) = leaf::text(key, at, kind, path) {
            self.push(*found);
        }
    }

    fn word(
        &mut self,
        node: &SourceNode,
        words: &'static [LanguageWord],
        name: ValueName,
        path: &Path<'_>,
    ) {
        // `severity: 1`, `show: false`: quotes would not turn these into a word.
        let text = match &node.value {
            SourceValue::Number(raw) => raw,
            SourceValue::Bool(true) => "true",
            SourceValue::Bool(false) => "false",
            _ => match leaf::plain_text(node, path) {
                Ok(text) if words.iter().any(|word| word.name == text) => return,
                Ok(text) => text,
                Err(found) => return self.push(*found),
            },
        };
        self.unknown_word(text, words, name, path, node.at);
    }

    fn unknown_word(
        &mut self,
        text: &str,
        words: &'static [LanguageWord],
        name: ValueName,
        path: &Path<'_>,
        at: Position,
    ) {
        let names: Vec<&str> = words.iter().map(|word| word.name).collect();
        let message = format!("`{text}` is not a word for `{}`", name.field);
        let diagnostic = Diagnostic::error("unknown-word", path.to_string(), at, message);
        let place = match name.field {
            "do" | "over" => format!("{}: {}", name.owner.name, name.field),
            field => field.to_owned(),
        };
        let help = match (redirect(&place, text), nearest(text, &names)) {
            (Some(help), _) => help.to_owned(),
            (None, Some(near)) => format!("did you mean `{near}`?"),
            (None, None) => format!("it takes {}", list(&names)),
        };
        self.push(diagnostic.help(help));
    }

    fn action(
        &mut self,
        node: &SourceNode,
        words: &'static [LanguageWord],
        name: ValueName,
        path: &Path<'_>,
    ) {
        let SourceValue::Map(entries) = &node.value else {
            let found = self.found.len();
            self.word(node, words, name, path);
            let word = words.iter().find(|word| Some(word.name) == node.text());
            if let Some(word) = word.filter(|word| !word.alone && self.found.len() == found) {
                let message = format!("`{}` says too little alone", word.name);
                let diagnostic =
                    Diagnostic::error("wrong-type", path.to_string(), node.at, message);
                self.push(diagnostic.help(format!("write `{{{}: …}}`", word.name)));
            }
            return;
        };
        let [entry] = entries.as_slice() else {
            let message = format!("an action is one word, not {}", entries.len());
            let diagnostic = Diagnostic::error("wrong-type", path.to_string(), node.at, message);
            return self.push(diagnostic.help("write a second rule for a second action"));
        };
        let path = path.key(&entry.key);
        match words.iter().find(|word| word.name == entry.key) {
            None => self.unknown_word(&entry.key, words, name, &path, entry.key_at),
            Some(LanguageWord { argument: Some(kind), .. }) => {
                self.value(&entry.value, kind, name, &path)
            }
            Some(word) => {
                let message = format!("`{}` takes nothing", word.name);
                let diagnostic =
                    Diagnostic::error("wrong-type", path.to_string(), entry.key_at, message);
                self.push(diagnostic.help(format!("write `{}: {}`", name.field, word.name)));
            }
        }
    }
}

/// How a value is named if its word is unknown: the map it is in, and its field.
#[derive(Clone, Copy)]
struct ValueName {
    owner: &'static Struct,
    field: &'static str,
}

/// Names in a sentence: `a`, `b` or `c`.
fn list(names: &[&str]) -> String {
    let mut out = String::new();
    for (index, name) in names.iter().enumerate() {
        if index > 0 {
            out.push_str(if index + 1 == names.len() { " or " } else { ", " });
        }
        out.push('`');
        out.push_str(name);
        out.push('`');
    }
    out
}

/// What is expected where a value is missing, if its name does not tell.
fn expected(kind: &ValueKind) -> String {
    match kind {
        ValueKind::Words(words) | ValueKind::Action(words) => {
            format!(": {}", list(&words.iter().map(|word| word.name).collect::<Vec<_>>()))
        }
        ValueKind::List(ValueKind::Words(words)) => expected(&ValueKind::Words(words)),
        ValueKind::List(ValueKind::Pattern) => ": patterns or packs".to_owned(),
        ValueKind::Time => ": a time such as `2026-11-25T06:00:00Z`".to_owned(),
        _ => String::new(),
    }
}
