//! The JSON Schema (draft 2020-12) of the language, generated from its table: for editors and for the tests of other
//! tools.

use super::language::{self, LanguageField, LanguageWord, Struct, ValueKind};
use super::source::{MapEntry, Position, SourceNode, SourceValue};
use crate::base::json_text::quote;
use crate::limits;

/// The schema of a policy, as indented JSON.
#[must_use]
pub fn policy_schema() -> String {
    let mut schema = object(&language::POLICY);
    if let SourceValue::Map(entries) = &mut schema.value {
        let head = [
            ("$schema", text("https://json-schema.org/draft/2020-12/schema")),
            ("title", text("Hemostat policy")),
        ];
        entries.splice(0..0, head.map(|(key, value)| entry(key, value)));
    }
    let mut out = String::new();
    write(&schema, 0, &mut out);
    out.push('\n');
    out
}

fn value(of: &ValueKind) -> SourceNode {
    match of {
        ValueKind::Text | ValueKind::Glob => typed("string", []),
        ValueKind::Pattern => typed("string", [("minLength", whole(1))]),
        ValueKind::Id => named(&format!("^[A-Za-z0-9._-]{{1,{}}}$", limits::ID_CHARS)),
        ValueKind::Label => named("^[A-Za-z][A-Za-z0-9_-]*$"),
        ValueKind::Pointer => named("^(/([^~/]|~[01])*)+$"),
        ValueKind::Header => named("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"),
        ValueKind::Time => typed("string", [("format", text("date-time"))]),
        ValueKind::Window => named("^([1-9][0-9]*[smh]|day|month)$"),
        ValueKind::Span => named("^[1-9][0-9]*(ms|s)$"),
        ValueKind::Bool => typed("boolean", []),
        ValueKind::Whole(least, most) if least == most => map([("const", whole(*least))]),
        ValueKind::Whole(least, u64::MAX) => typed("integer", [("minimum", whole(*least))]),
        ValueKind::Whole(least, most) => bounded("integer", *least, *most),
        ValueKind::Number(least, most) => bounded("number", *least, *most),
        ValueKind::Percent => any_of([bounded("number", 0, 100), object(&language::PERCENT)]),
        ValueKind::Real => typed("number", []),
        ValueKind::Capture => {
            let one = || any_of([word_list(language::CAPTURED.iter()), object(&language::CAPTURE)]);
            any_of([typed("boolean", []), one(), typed("array", [("items", one())])])
        }
        ValueKind::Argument => any_of([list(&ValueKind::Glob), object(&language::ARGUMENT)]),
        ValueKind::Scalar => any_of(["string", "number", "boolean"].map(|name| typed(name, []))),
        ValueKind::Words(words) => word_list(words.iter()),
        ValueKind::Action(words) => action(words),
        ValueKind::List(item) => list(item),
        ValueKind::Map(keys, values) => typed(
            "object",
            [("propertyNames", value(keys)), ("additionalProperties", value(values))],
        ),
        ValueKind::Struct(is) => object(is),
        ValueKind::Any => map([]),
    }
}

fn object(is: &Struct) -> SourceNode {
    let properties = is.fields.iter().map(|field| entry(field.name, property(field))).collect();
    let mut entries = vec![
        entry("type", text("object")),
        entry("properties", node(SourceValue::Map(properties))),
    ];
    let required: Vec<SourceNode> =
        is.fields.iter().filter(|field| field.required).map(|field| text(field.name)).collect();
    if !required.is_empty() {
        entries.push(entry("required", node(SourceValue::Seq(required))));
    }
    match is.others {
        Some((keys, values)) => {
            entries.push(entry("propertyNames", value(keys)));
            entries.push(entry("additionalProperties", value(values)));
        }
        None => entries.push(entry("additionalProperties", node(SourceValue::Bool(false)))),
    }
    if !is.one_of.is_empty() {
        let choices = is
            .one_of
            .iter()
            .map(|name| map([("required", node(SourceValue::Seq(vec![text(name)])))]));
        // A header may be combined with a pointer into the JSON text that it contains.
        let word = if is.field("json_text").is_some() { "anyOf" } else { "oneOf" };
        entries.push(entry(word, node(SourceValue::Seq(choices.collect()))));
    }
    node(SourceValue::Map(entries))
}

fn property(field: &LanguageField) -> SourceNode {
    let mut schema = value(&field.kind);
    let doc = match field.default {
        Some(default) => format!("{} (default: {default})", field.doc),
        None => field.doc.to_owned(),
    };
    if let SourceValue::Map(entries) = &mut schema.value {
        entries.insert(0, entry("description", text(&doc)));
    }
    schema
}

fn word_list<'a>(words: impl Iterator<Item = &'a LanguageWord>) -> SourceNode {
    let words =
        words.map(|word| map([("const", text(word.name)), ("description", text(word.doc))]));
    map([("oneOf", node(SourceValue::Seq(words.collect())))])
}

fn action(words: &[LanguageWord]) -> SourceNode {
    let mut choices = Vec::new();
    if words.iter().any(|word| word.alone) {
        choices.push(word_list(words.iter().filter(|word| word.alone)));
    }
    for word in words {
        let Some(argument) = word.argument else { continue };
        let properties = node(SourceValue::Map(vec![entry(word.name, value(argument))]));
        choices.push(typed(
            "object",
            [
                ("description", text(word.doc)),
                ("properties", properties),
                ("required", node(SourceValue::Seq(vec![text(word.name)]))),
                ("additionalProperties", node(SourceValue::Bool(false))),
            ],
        ));
    }
    any_of(choices)
}

/// A list; words, names and sources may be written without brackets, rules may not.
fn list(item: &ValueKind) -> SourceNode {
    let mut array = vec![("items", value(item))];
    if matches!(item, ValueKind::Glob | ValueKind::Pattern | ValueKind::Words(_)) {
        array.push(("minItems", whole(1)));
    }
    let array = typed("array", array);
    match item {
        ValueKind::Struct(is) if is.one_of.is_empty() => array,
        item => any_of([value(item), array]),
    }
}

fn named(pattern: &str) -> SourceNode {
    typed("string", [("pattern", text(pattern))])
}

fn bounded(kind: &str, least: u64, most: u64) -> SourceNode {
    typed(kind, [("minimum", whole(least)), ("maximum", whole(most))])
}

fn any_of(choices: impl IntoIterator<Item = SourceNode>) -> SourceNode {
    map([("anyOf", node(SourceValue::Seq(choices.into_iter().collect())))])
}

fn typed<'a>(kind: &str, more: impl IntoIterator<Item = (&'a str, SourceNode)>) -> SourceNode {
    map(std::iter::once(("type", text(kind))).chain(more))
}

fn map<'a>(entries: impl IntoIterator<Item = (&'a str, SourceNode)>) -> SourceNode {
    node(SourceValue::Map(entries.into_iter().map(|(key, value)| entry(key, value)).collect()))
}

fn entry(key: &str, value: SourceNode) -> MapEntry {
    MapEntry { key: key.to_owned(), key_at: Position::default(), value }
}

fn node(value: SourceValue) -> SourceNode {
    SourceNode { at: Position::default(), value }
}

fn text(text: &str) -> SourceNode {
    node(SourceValue::String { text: text.to_owned(), quoted: true })
}

fn whole(number: u64) -> SourceNode {
    node(SourceValue::Number(number.to_string()))
}

/// Readable JSON: one entry per line. Recursion is as deep as the language.
fn write(node: &SourceNode, depth: usize, out: &mut String) {
    let line = |depth: usize, out: &mut String| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    match &node.value {
        SourceValue::Map(entries) if !entries.is_empty() => {
            out.push('{');
            for (index, entry) in entries.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                line(depth + 1, out);
                quote(&entry.key, out);
                out.push_str(": ");
                write(&entry.value, depth + 1, out);
            }
            line(depth, out);
            out.push('}');
        }
        SourceValue::Seq(items) if items.iter().any(|item| !item.entries().is_empty()) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                line(depth + 1, out);
                write(item, depth + 1, out);
            }
            line(depth, out);
            out.push(']');
        }
        _ => out.push_str(&super::source::to_json(node)),
    }
}
