//! The reference part of docs/policy-language.md, generated from the language's table.

use super::language::{self, LanguageField, LanguageWord, Struct, ValueKind};

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

/// Recursion is as deep as the language.
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

fn inner(kind: &ValueKind) -> Option<&'static Struct> {
    match kind {
        ValueKind::Struct(is) => Some(is),
        ValueKind::List(kind) | ValueKind::Map(_, kind) => inner(kind),
        ValueKind::Capture => Some(&language::CAPTURE),
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

fn row(field: &LanguageField) -> String {
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

fn words(kind: &ValueKind) -> &'static [LanguageWord] {
    match kind {
        ValueKind::Words(words) | ValueKind::Action(words) => words,
        ValueKind::List(kind) => words(kind),
        _ => &[],
    }
}

fn takes(kind: &ValueKind) -> String {
    match kind {
        ValueKind::Text => "text".to_owned(),
        ValueKind::Id => "an id".to_owned(),
        ValueKind::Label => "label".to_owned(),
        ValueKind::Glob => "a glob".to_owned(),
        ValueKind::Pattern => "a pattern or a pack".to_owned(),
        ValueKind::Pointer => "a JSON pointer".to_owned(),
        ValueKind::Header => "a header's name".to_owned(),
        ValueKind::Time => "a time (RFC 3339)".to_owned(),
        ValueKind::Window => "`1s` … `5m` … `23h`, `day`, `month`".to_owned(),
        ValueKind::Span => "`50ms` … `60s`".to_owned(),
        ValueKind::Bool => "`true`, `false`".to_owned(),
        ValueKind::Whole(least, most) if least == most => format!("`{least}`"),
        ValueKind::Whole(least, u64::MAX) => format!("a whole number from {least}"),
        ValueKind::Whole(least, most) => format!("a whole number, {least} to {most}"),
        ValueKind::Number(least, most) => format!("a number, {least} to {most}"),
        ValueKind::Percent => "a number, 0 to 100, or a map".to_owned(),
        ValueKind::Real => "a number".to_owned(),
        ValueKind::Argument => "globs, or a map".to_owned(),
        ValueKind::Capture => "`true`, `[tool_args]`, a map, or a list of maps".to_owned(),
        ValueKind::Scalar => "text, a number or a boolean".to_owned(),
        ValueKind::Words(_) => "a word".to_owned(),
        ValueKind::Action(_) => "an action".to_owned(),
        ValueKind::List(ValueKind::Struct(is)) if is.one_of.is_empty() => {
            "a list of maps".to_owned()
        }
        ValueKind::List(item) => format!("{}, or a list", takes(item)),
        ValueKind::Map(keys, values) => format!("a map: {} → {}", takes(keys), takes(values)),
        ValueKind::Struct(_) => "a map".to_owned(),
        ValueKind::Any => "anything".to_owned(),
    }
}
