//! Policies that are refused, as data: every finding of every case, with its place, code and message.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use hemostat_engine::policy::config::Config;
use hemostat_engine::policy::{Diagnostic, judge, source};

/// 2026-11-24T07:00:00Z
const NOW: u64 = 1_795_503_600;

fn files() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/policies/bad");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    files
}

struct Case {
    name: String,
    form: String,
    text: String,
    expected: String,
}

/// The last `---` of a case begins what is expected: a YAML text may hold others.
fn cases(file: &str) -> Vec<Case> {
    let split = |case: &str| {
        let (head, rest) = case.split_once('\n').unwrap();
        let (name, form) = head.split_once(' ').unwrap();
        let rest = format!("\n{rest}");
        let (text, expected) =
            rest.rsplit_once("\n---\n").unwrap_or_else(|| panic!("{head}: no `---`"));
        let text = text.strip_prefix('\n').unwrap_or(text);
        let text = if text.is_empty() { String::new() } else { format!("{text}\n") };
        Case { name: name.into(), form: form.into(), text, expected: expected.into() }
    };
    file.split("=== ").skip(1).map(split).collect()
}

fn found(case: &Case) -> Vec<Diagnostic> {
    let tree = match case.form.rsplit('-').next().unwrap() {
        "json" => source::parse_json(case.text.as_bytes()),
        "yaml" => source::parse_yaml(&case.text),
        other => panic!("{}: {other}", case.name),
    };
    match tree {
        Err(found) => found,
        Ok(tree) if case.form.starts_with("config") => Config::judge(&tree, Some(NOW)).1,
        Ok(tree) => judge(&tree, Some(NOW)).1,
    }
}

fn shown(found: &[Diagnostic]) -> String {
    let mut out = String::new();
    for finding in found {
        let warning = if finding.is_error() { "" } else { "warning " };
        let path = if finding.path.is_empty() { "-" } else { &finding.path };
        let Diagnostic { line, column, code, message, .. } = finding;
        let rule =
            finding.rule.as_deref().map(|rule| format!(" (rule `{rule}`)")).unwrap_or_default();
        writeln!(out, "{warning}{line}:{column} {path}{rule} {code} {message}").unwrap();
        if let Some(help) = &finding.help {
            writeln!(out, "  {help}").unwrap();
        }
    }
    if found.is_empty() {
        out.push_str("(none)\n");
    }
    out
}

#[test]
fn every_finding_is_the_one_expected() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut names = BTreeSet::new();
    for path in files() {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut updated = text.split("=== ").next().unwrap().to_owned();
        for case in cases(&text) {
            assert!(names.insert(case.name.clone()), "{} stands twice", case.name);
            let shown = shown(&found(&case));
            if update {
                let Case { name, form, text, .. } = &case;
                write!(updated, "=== {name} {form}\n{text}---\n{shown}").unwrap();
            } else {
                assert_eq!(shown, case.expected, "{}", case.name);
            }
        }
        if update {
            std::fs::write(path, updated).unwrap();
        }
    }
    assert!(names.len() >= 70);
}

/// The reference names every code that a reader can meet.
#[test]
fn the_docs_name_every_code() {
    let docs = include_str!("../../../docs/policy-language.md");
    let mut codes = BTreeSet::new();
    for path in files() {
        for case in cases(&std::fs::read_to_string(path).unwrap()) {
            codes.extend(found(&case).into_iter().map(|finding| finding.code));
        }
    }
    let missing: Vec<_> =
        codes.iter().filter(|code| !docs.contains(&format!("| `{code}` |"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
