//! The documentation, the samples and the schema say what the code does.

use std::path::PathBuf;

use hemostat_engine::policy::config::Config;
use hemostat_engine::policy::{Diagnostic, judge, reference, schema, source};

const NOW: u64 = 1_795_503_600;

fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn docs() -> String {
    std::fs::read_to_string(repository("docs/policy-language.md")).unwrap()
}

fn update() -> bool {
    std::env::var_os("UPDATE_EXPECT").is_some()
}

fn shown(found: &[Diagnostic]) -> String {
    found.iter().map(|finding| format!("{finding}\n")).collect()
}

#[test]
fn the_reference_tables_are_those_of_the_language() {
    let mut text = docs();
    for (name, table) in reference::tables() {
        let marker = format!("<!-- table: {name} -->\n");
        let at =
            text.find(&marker).unwrap_or_else(|| panic!("the docs lack `{name}`")) + marker.len();
        let end = at + text[at..].find("<!-- end -->").unwrap();
        if update() {
            text.replace_range(at..end, &table);
        } else {
            assert_eq!(&text[at..end], table, "{name}");
        }
    }
    if update() {
        std::fs::write(repository("docs/policy-language.md"), text).unwrap();
    }
}

/// Fenced blocks with their info string.
fn blocks(text: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        blocks.push((info.to_owned(), block.join("\n") + "\n"));
    }
    blocks
}

#[test]
fn every_example_is_what_it_says() {
    let mut judged = 0;
    for (info, text) in blocks(&docs()) {
        let mut words = info.split(' ');
        if words.next() != Some("yaml") {
            continue;
        }
        let tree =
            source::parse_yaml(&text).unwrap_or_else(|found| panic!("{text}{}", shown(&found)));
        let found = match words.next() {
            Some("configuration") => Config::judge(&tree, Some(NOW)).1,
            _ => judge(&tree, Some(NOW)).1,
        };
        let errors: Vec<_> = found.into_iter().filter(Diagnostic::is_error).collect();
        assert!(errors.is_empty(), "{text}{}", shown(&errors));
        judged += 1;
    }
    assert!(judged > 15);
}

/// The blocks that are no policy on purpose would be caught if the check were blind.
#[test]
fn the_samples_are_acceptable_without_a_warning() {
    let mut judged = 0;
    for entry in std::fs::read_dir(repository("policies")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let tree = source::parse(&text, "sample.yaml").unwrap();
        let (_, mut found) = judge(&tree, Some(NOW));
        // What a cap of one process cannot do is said of every policy that has one, and cannot be helped yet.
        found.retain(|finding| finding.code != "per-proxy");
        assert!(found.is_empty(), "{}: {}", path.display(), shown(&found));
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let readme = std::fs::read_to_string(repository("policies/README.md")).unwrap();
        assert!(readme.contains(&name), "policies/README.md lacks {name}");
        judged += 1;
    }
    assert!(judged >= 4);
}

#[test]
fn the_committed_schema_is_current() {
    let path = repository("policies/policy.schema.json");
    let current = schema::policy_schema();
    let parsed: serde_json::Value = serde_json::from_str(&current).unwrap();
    assert_eq!(parsed["$schema"], "https://json-schema.org/draft/2020-12/schema");
    if update() {
        std::fs::write(path, current).unwrap();
    } else {
        let committed = std::fs::read_to_string(path).unwrap();
        assert!(
            committed == current,
            "run `hemostat check --schema > policies/policy.schema.json`"
        );
    }
}
