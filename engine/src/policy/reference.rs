//! The reference part of docs/policy-language.md, made from the language's table.

use super::language::{self, Field, Kind, Struct, Word};

/// One table in Markdown for each map of the language, by its name: `policy`, `guardrails`, `limits.allow` …,
/// `when`, `percent`, `configuration`.
#[must_use]
pub fn tables() -> Vec<(String, String)> {
    let mut tables = Vec::new();
    add("policy", &language::POLICY, &mut tables);
    tables.push(("percent".to_owned(), table(&language::PERCENT)));
    tables.push(("argument".to_owned(), table(&language::ARGUMENT)));
    tables.push(("configuration".to_owned(), table(&language::CONFIG)));
    tables
}

/// The depth is that of the language.
fn add(name: &str, is: &Struct, tables: &mut Vec<(String, String)>) {
    // `when` is the same in every rule.
    let known = tables.iter().any(|(known, _)| known == name);
    if known {
        return;
    }
    tables.push((name.to_owned(), table(is)));
    for field in is.fields {
        if let Some(inner) = inner(&field.kind) {
            let path = match (name, field.name) {
                (_, "when") => "when".to_owned(),
                ("policy", field) => field.to_owned(),
                (name, field) => format!("{name}.{field}"),
            };
            add(&path, inner, tables);
        }
    }
}

fn inner(kind: &Kind) -> Option<&'static Struct> {
    match kind {
        Kind::Struct(is) => Some(is),
        Kind::List(kind) | Kind::Map(_, kind) => inner(kind),
        Kind::Capture => Some(&language::CAPTURE),
        _ => None,
    }
}

fn table(is: &Struct) -> String {
    let mut out = String::from("| field | takes | default | what it does |\n|---|---|---|---|\n");
    for field in is.fields {
        out.push_str(&row(field));
    }
    if let Some((keys, values)) = is.others {
        out.push_str(&format!("| any {} | {} | | |\n", takes(keys), takes(values)));
    }
    out
}

fn row(field: &Field) -> String {
    let default = match field.default {
        Some(default) if default.contains([' ', '`']) => default.to_owned(),
        Some(default) => format!("`{default}`"),
        None if field.required => "must be there".to_owned(),
        None => String::new(),
    };
    let mut doc = field.doc.to_owned();
    for word in words(&field.kind) {
        doc.push_str(&format!("<br>`{}`: {}", word.name, word.doc));
    }
    format!("| `{}` | {} | {default} | {doc} |\n", field.name, takes(&field.kind))
}

fn words(kind: &Kind) -> &'static [Word] {
    match kind {
        Kind::Words(words) | Kind::Action(words) => words,
        Kind::List(kind) => words(kind),
        _ => &[],
    }
}

fn takes(kind: &Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Id => "an id".to_owned(),
        Kind::Label => "label".to_owned(),
        Kind::Glob => "a glob".to_owned(),
        Kind::Pattern => "a pattern or a pack".to_owned(),
        Kind::Pointer => "a JSON pointer".to_owned(),
        Kind::Header => "a header's name".to_owned(),
        Kind::Time => "a time (RFC 3339)".to_owned(),
        Kind::Window => "`1s` … `5m` … `23h`, `day`, `month`".to_owned(),
        Kind::Span => "`50ms` … `60s`".to_owned(),
        Kind::Bool => "`true`, `false`".to_owned(),
        Kind::Whole(least, most) if least == most => format!("`{least}`"),
        Kind::Whole(least, u64::MAX) => format!("a whole number from {least}"),
        Kind::Whole(least, most) => format!("a whole number, {least} to {most}"),
        Kind::Number(least, most) => format!("a number, {least} to {most}"),
        Kind::Percent => "a number, 0 to 100, or a map".to_owned(),
        Kind::Real => "a number".to_owned(),
        Kind::Argument => "globs, or a map".to_owned(),
        Kind::Capture => "`true`, `[tool_args]`, a map, or a list of maps".to_owned(),
        Kind::Scalar => "text, a number or a boolean".to_owned(),
        Kind::Words(_) => "a word".to_owned(),
        Kind::Action(_) => "an action".to_owned(),
        Kind::List(Kind::Struct(is)) if is.one_of.is_empty() => "a list of maps".to_owned(),
        Kind::List(item) => format!("{}, or a list", takes(item)),
        Kind::Map(keys, values) => format!("a map: {} → {}", takes(keys), takes(values)),
        Kind::Struct(_) => "a map".to_owned(),
        Kind::Any => "anything".to_owned(),
    }
}
