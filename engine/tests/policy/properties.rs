//! Properties of the reader of policies, for any text.

use crate::growth::assert_linear;
use hemostat_engine::limits;
use hemostat_engine::policy::config::Config;
use hemostat_engine::policy::source::{self, SourceNode, SourceValue};
use hemostat_engine::policy::{Diagnostic, Document, explain, judge};
use proptest::prelude::*;

const SAMPLES: [&str; 4] = [
    include_str!("../../../policies/minimal.yaml"),
    include_str!("../../../policies/baseline.yaml"),
    include_str!("../../../policies/kill-switch.yaml"),
    include_str!("../../../policies/shadow.yaml"),
];

/// Every lever and field, those that do not work yet too.
const ALL: &str = include_str!("../../../testdata/policies/all-fields.yaml");

/// Reads, judges and explains; gives back the findings, all of which must be fit to be shown.
fn read_all(text: &str) -> Vec<Diagnostic> {
    let mut all = Vec::new();
    for tree in [source::parse_yaml(text), source::parse_json(text.as_bytes())] {
        match tree {
            Err(found) => {
                assert!(found.iter().any(Diagnostic::is_error), "refused without a reason");
                all.extend(found);
            }
            Ok(tree) => {
                let (document, found) = judge(&tree, Some(1_795_503_600));
                let _ = explain::explain(&document);
                all.extend(found);
                let (_, found) = Config::judge(&tree, None);
                all.extend(found);
            }
        }
    }
    let lines = text.lines().count().max(1) + 1;
    for finding in &all {
        assert!(!finding.message.is_empty() && !finding.message.ends_with('.'), "{finding}");
        assert!(finding.line > 0 && finding.column > 0, "{finding}");
        assert!(finding.line as usize <= lines, "{finding}: the text has {lines} lines");
    }
    all
}

/// Small pieces that policies are made of, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "hemostat: 1\n",
        "guardrails:\n",
        "failsafe:\n",
        "  - id: a\n",
        "    do: ",
        "block\n",
        "{fallback: x}",
        "when: ",
        "{tenant: ",
        "find: ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        ": ",
        "\n",
        "  ",
        "- ",
        "\"",
        "'",
        "*",
        "!",
        "&a ",
        "*a",
        "|\n",
        ">\n",
        "#",
        "---\n",
        "...\n",
        "\t",
        "? ",
        "%",
        "@",
        "`",
        "~",
        "null",
        "true",
        "4711",
        "1e9999",
        ".inf",
        "-",
        "0x",
        "2026-11-24",
        "é",
        "\u{feff}",
        "\\",
        "\\u",
        "labels:\n",
        "percent: ",
        "until: ",
        "limits:\n",
        "allow: ",
        "{requests: 1, every: 1m}",
        "fallbacks:\n  x: {text: y}\n",
        "\u{0}",
        "\u{85}",
        "\u{2028}",
        "<<: ",
        "!!str ",
        "mode: shadow\n",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// A good policy with some characters taken out, put in or doubled.
fn mutated() -> impl Strategy<Value = String> {
    let sample = prop::sample::select(vec![SAMPLES[1], SAMPLES[2], SAMPLES[3], ALL]);
    let edit = (
        any::<prop::sample::Index>(),
        0..4_u8,
        prop::sample::select(vec!["", "\n", " ", "{", "[", "\"", ": ", "*", "\u{0}", "x"]),
    );
    (sample, prop::collection::vec(edit, 1..8)).prop_map(|(sample, edits)| {
        let mut chars: Vec<char> = sample.chars().collect();
        for (place, kind, text) in edits {
            // Nothing is left to change where one character was, and that was taken out.
            if chars.is_empty() {
                break;
            }
            let at = place.index(chars.len());
            match kind {
                0 => drop(chars.remove(at)),
                1 => drop(chars.splice(at..at, text.chars())),
                2 => chars.truncate(at.max(1)),
                _ => chars.insert(at, chars[at]),
            }
        }
        chars.into_iter().collect()
    })
}

/// The tree as JSON text, and whatever is about places taken out of a document.
fn without_places(document: &Document) -> String {
    let shown = format!("{document:#?}");
    let place = |line: &&str| {
        !["line: ", "column: "].iter().any(|word| line.trim_start().starts_with(word))
    };
    shown.lines().filter(place).collect::<Vec<_>>().join("\n")
}

fn same_in_json(text: &str) {
    let yaml = source::parse_yaml(text).unwrap();
    let json = source::to_json(&yaml);
    let tree =
        source::parse_json(json.as_bytes()).unwrap_or_else(|found| panic!("{json}\n{found:?}"));
    let (from_yaml, found_in_yaml) = judge(&yaml, None);
    let (from_json, found_in_json) = judge(&tree, None);
    assert_eq!(without_places(&from_yaml), without_places(&from_json));
    assert_eq!(explain::explain(&from_yaml), explain::explain(&from_json));
    let what = |found: Vec<Diagnostic>| {
        let mut what: Vec<_> = found
            .into_iter()
            .map(|finding| (finding.path, finding.code, finding.message))
            .collect();
        what.sort();
        what
    };
    assert_eq!(what(found_in_yaml), what(found_in_json));
}

#[test]
fn yaml_and_json_of_one_policy_are_one_document() {
    for sample in SAMPLES.into_iter().chain([ALL]) {
        same_in_json(sample);
    }
}

/// The values that only quotes make text of, which JSON quotes always.
#[test]
fn a_policy_with_every_field_is_read_in_full() {
    let tree = source::parse_yaml(ALL).unwrap();
    let (document, found) = judge(&tree, None);
    let errors: Vec<_> = found.iter().filter(|finding| finding.is_error()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert_eq!(document.rollback.len(), 2);
    assert_eq!(document.tools[0].rule.id, "tools:delete_*");
    assert_eq!(document.limits[2].rule.id, "limits[2]");
    assert_eq!(document.limits.len(), 5);
    assert_eq!(document.prices[0].1.input, 1_250_000);
    assert_eq!(document.guardrails[1].rule.place.path, "guardrails[1]");
    let json = document.fallbacks.get("refuse").unwrap().json.as_deref();
    assert_eq!(json, Some(r#"{"answer":null,"code":7,"ok":false,"tags":["a"]}"#));
    // Every key of the language that can stand in a policy stands in this one.
    let mut keys = std::collections::BTreeSet::new();
    let mut open = vec![&tree];
    while let Some(node) = open.pop() {
        open.extend(node.entries().iter().map(|entry| &entry.value));
        keys.extend(node.entries().iter().map(|entry| entry.key.as_str()));
        if let SourceValue::Seq(items) = &node.value {
            open.extend(items);
        }
    }
    for (name, table) in hemostat_engine::policy::reference::tables() {
        let fields = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        for field in fields.filter(|_| name != "configuration") {
            assert!(keys.contains(field), "all-fields.yaml lacks `{field}` of `{name}`");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_judged(text in any::<String>()) {
        read_all(&text);
    }

    #[test]
    fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = source::parse_json(&bytes);
        let _ = Config::parse(&bytes);
    }

    #[test]
    fn pieces_of_policies_are_judged(text in pieces()) {
        read_all(&text);
    }

    #[test]
    fn mutated_policies_are_judged(text in mutated()) {
        read_all(&text);
    }

    /// What is readable YAML is the same policy in JSON, whatever it is.
    #[test]
    fn mutated_policies_are_the_same_in_json(text in mutated()) {
        if let Ok(tree) = source::parse_yaml(&text) {
            let json = source::parse_json(source::to_json(&tree).as_bytes()).unwrap();
            prop_assert_eq!(values(&tree), values(&json));
        }
    }
}

/// A tree without places and quotes; numbers by value.
fn values(node: &SourceNode) -> String {
    source::to_json(node)
}

#[test]
fn a_bomb_of_aliases_stops_at_the_bound() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..20 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        text.push_str(&format!("a{level}: &a{level} [{before}]\n"));
    }
    let found = source::parse_yaml(&text).unwrap_err();
    assert_eq!(found[0].code, "too-big");
}

#[test]
fn depth_and_size_are_bounded() {
    let deep = "[".repeat(limits::POLICY_DEPTH + 1) + &"]".repeat(limits::POLICY_DEPTH + 1);
    assert_eq!(source::parse_yaml(&deep).unwrap_err()[0].code, "too-big");
    assert_eq!(source::parse_json(deep.as_bytes()).unwrap_err()[0].code, "too-big");
    let long = " ".repeat(limits::POLICY_BYTES + 1);
    assert_eq!(source::parse_yaml(&long).unwrap_err()[0].code, "too-big");
    assert_eq!(source::parse_json(long.as_bytes()).unwrap_err()[0].code, "too-big");
}

/// Hostile texts of a size.
fn hostile(size: usize) -> [String; 12] {
    let fill = |piece: &str| piece.repeat(size / piece.len());
    [
        fill("[1,"),
        fill("{\"a\":"),
        format!("[{}1]", fill("1,")),
        format!("{{\"guardrails\":[{}1]}}", fill("{\"x\":1},")),
        fill("a: 1\n"),
        fill("- - "),
        fill("? "),
        fill("&a *a "),
        fill("kill: 1\n"),
        format!("guardrails:\n{}", fill("  - {id: a, scan: x, find: [], do: y, when: {zz: 1}}\n")),
        format!("reason: \"{}\"", fill("\\n")),
        format!("reason: {}", fill("a ")),
    ]
}

#[test]
fn hostile_texts_cost_no_more_than_their_length() {
    let (one, eight) = (hostile(limits::POLICY_BYTES / 64), hostile(limits::POLICY_BYTES / 8));
    for (one, eight) in one.iter().zip(&eight) {
        let begins: String = one.chars().take(30).collect();
        assert_linear(&begins, one, eight, |text| drop(read_all(text)));
    }
}
