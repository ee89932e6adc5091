//! The JSON Schema (draft 2020-12) of the language, made from its table: for editors and for other tools' tests.

use super::language::{self, Field, Kind, Struct, Word};
use super::source::{Entry, Node, Position, Value, quote};
use crate::limits;

/// The schema of a policy, as indented JSON.
#[must_use]
pub fn policy_schema() -> String {
    let mut schema = object(&language::POLICY);
    if let Value::Map(entries) = &mut schema.value {
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

fn value(of: &Kind) -> Node {
    match of {
        Kind::Text | Kind::Glob => typed("string", []),
        Kind::Pattern => typed("string", [("minLength", whole(1))]),
        Kind::Id => named(&format!("^[A-Za-z0-9._-]{{1,{}}}$", limits::ID_CHARS)),
        Kind::Label => named("^[A-Za-z][A-Za-z0-9_-]*$"),
        Kind::Pointer => named("^(/([^~/]|~[01])*)+$"),
        Kind::Header => named("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"),
        Kind::Time => typed("string", [("format", text("date-time"))]),
        Kind::Window => named("^([1-9][0-9]*[smh]|day|month)$"),
        Kind::Span => named("^[1-9][0-9]*(ms|s)$"),
        Kind::Bool => typed("boolean", []),
        Kind::Whole(least, most) if least == most => map([("const", whole(*least))]),
        Kind::Whole(least, u64::MAX) => typed("integer", [("minimum", whole(*least))]),
        Kind::Whole(least, most) => bounded("integer", *least, *most),
        Kind::Number(least, most) => bounded("number", *least, *most),
        Kind::Percent => any_of([bounded("number", 0, 100), object(&language::PERCENT)]),
        Kind::Real => typed("number", []),
        Kind::Capture => {
            let one = || any_of([word_list(language::CAPTURED.iter()), object(&language::CAPTURE)]);
            any_of([typed("boolean", []), one(), typed("array", [("items", one())])])
        }
        Kind::Argument => any_of([list(&Kind::Glob), object(&language::ARGUMENT)]),
        Kind::Scalar => any_of(["string", "number", "boolean"].map(|name| typed(name, []))),
        Kind::Words(words) => word_list(words.iter()),
        Kind::Action(words) => action(words),
        Kind::List(item) => list(item),
        Kind::Map(keys, values) => typed(
            "object",
            [("propertyNames", value(keys)), ("additionalProperties", value(values))],
        ),
        Kind::Struct(is) => object(is),
        Kind::Any => map([]),
    }
}

fn object(is: &Struct) -> Node {
    let properties = is.fields.iter().map(|field| entry(field.name, property(field))).collect();
    let mut entries =
        vec![entry("type", text("object")), entry("properties", node(Value::Map(properties)))];
    let required: Vec<Node> =
        is.fields.iter().filter(|field| field.required).map(|field| text(field.name)).collect();
    if !required.is_empty() {
        entries.push(entry("required", node(Value::Seq(required))));
    }
    match is.others {
        Some((keys, values)) => {
            entries.push(entry("propertyNames", value(keys)));
            entries.push(entry("additionalProperties", value(values)));
        }
        None => entries.push(entry("additionalProperties", node(Value::Bool(false)))),
    }
    if !is.one_of.is_empty() {
        let choices =
            is.one_of.iter().map(|name| map([("required", node(Value::Seq(vec![text(name)])))]));
        // A header and a place in the JSON text that it holds may be named together.
        let word = if is.field("json_text").is_some() { "anyOf" } else { "oneOf" };
        entries.push(entry(word, node(Value::Seq(choices.collect()))));
    }
    node(Value::Map(entries))
}

fn property(field: &Field) -> Node {
    let mut schema = value(&field.kind);
    let doc = match field.default {
        Some(default) => format!("{} (default: {default})", field.doc),
        None => field.doc.to_owned(),
    };
    if let Value::Map(entries) = &mut schema.value {
        entries.insert(0, entry("description", text(&doc)));
    }
    schema
}

fn word_list<'a>(words: impl Iterator<Item = &'a Word>) -> Node {
    let words =
        words.map(|word| map([("const", text(word.name)), ("description", text(word.doc))]));
    map([("oneOf", node(Value::Seq(words.collect())))])
}

fn action(words: &[Word]) -> Node {
    let mut choices = Vec::new();
    if words.iter().any(|word| word.alone) {
        choices.push(word_list(words.iter().filter(|word| word.alone)));
    }
    for word in words {
        let Some(argument) = word.argument else { continue };
        let properties = node(Value::Map(vec![entry(word.name, value(argument))]));
        choices.push(typed(
            "object",
            [
                ("description", text(word.doc)),
                ("properties", properties),
                ("required", node(Value::Seq(vec![text(word.name)]))),
                ("additionalProperties", node(Value::Bool(false))),
            ],
        ));
    }
    any_of(choices)
}

/// A list; words, names and sources may stand alone, rules may not.
fn list(item: &Kind) -> Node {
    let mut array = vec![("items", value(item))];
    if matches!(item, Kind::Glob | Kind::Pattern | Kind::Words(_)) {
        array.push(("minItems", whole(1)));
    }
    let array = typed("array", array);
    match item {
        Kind::Struct(is) if is.one_of.is_empty() => array,
        item => any_of([value(item), array]),
    }
}

fn named(pattern: &str) -> Node {
    typed("string", [("pattern", text(pattern))])
}

fn bounded(kind: &str, least: u64, most: u64) -> Node {
    typed(kind, [("minimum", whole(least)), ("maximum", whole(most))])
}

fn any_of(choices: impl IntoIterator<Item = Node>) -> Node {
    map([("anyOf", node(Value::Seq(choices.into_iter().collect())))])
}

fn typed<'a>(kind: &str, more: impl IntoIterator<Item = (&'a str, Node)>) -> Node {
    map(std::iter::once(("type", text(kind))).chain(more))
}

fn map<'a>(entries: impl IntoIterator<Item = (&'a str, Node)>) -> Node {
    node(Value::Map(entries.into_iter().map(|(key, value)| entry(key, value)).collect()))
}

fn entry(key: &str, value: Node) -> Entry {
    Entry { key: key.to_owned(), key_at: Position::default(), value }
}

fn node(value: Value) -> Node {
    Node { at: Position::default(), value }
}

fn text(text: &str) -> Node {
    node(Value::String { text: text.to_owned(), quoted: true })
}

fn whole(number: u64) -> Node {
    node(Value::Number(number.to_string()))
}

/// JSON for people: one entry a line. The depth is that of the language.
fn write(node: &Node, depth: usize, out: &mut String) {
    let line = |depth: usize, out: &mut String| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    match &node.value {
        Value::Map(entries) if !entries.is_empty() => {
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
        Value::Seq(items) if items.iter().any(|item| !item.entries().is_empty()) => {
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
