//! A configuration as a binary `google.protobuf.Struct` says what its JSON says.

use hemostat_engine::limits;
use hemostat_engine::policy::config::Config;
use hemostat_engine::policy::source::{self, MapEntry, Position, SourceNode, SourceValue};
use hemostat_engine::policy::{Diagnostic, Document};
use proptest::prelude::*;

const ALL: &str = include_str!("../../../testdata/policies/all-fields.yaml");
const BASELINE: &str = include_str!("../../../policies/baseline.yaml");

// --- the encoder: protobuf.dev/programming-guides/encoding and google/protobuf/struct.proto ---

fn varint(mut value: usize, out: &mut Vec<u8>) {
    while value > 0x7f {
        out.push(value as u8 & 0x7f | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn field(number: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(number << 3 | 2);
    varint(bytes.len(), out);
    out.extend(bytes);
}

fn encode_value(node: &SourceNode) -> Vec<u8> {
    let mut out = Vec::new();
    match &node.value {
        SourceValue::Null => out.extend([1 << 3, 0]),
        SourceValue::Number(raw) => {
            out.push(2 << 3 | 1);
            out.extend(raw.parse::<f64>().unwrap().to_le_bytes());
        }
        SourceValue::String { text, .. } => field(3, text.as_bytes(), &mut out),
        SourceValue::Bool(value) => out.extend([4 << 3, u8::from(*value)]),
        SourceValue::Map(_) => field(5, &encode(node), &mut out),
        SourceValue::Seq(items) => {
            let mut list = Vec::new();
            for item in items {
                field(1, &encode_value(item), &mut list);
            }
            field(6, &list, &mut out);
        }
    }
    out
}

fn encode(node: &SourceNode) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in node.entries() {
        let mut member = Vec::new();
        field(1, entry.key.as_bytes(), &mut member);
        field(2, &encode_value(&entry.value), &mut member);
        field(1, &member, &mut out);
    }
    out
}

// --- what is compared ---

/// The tree without places, numbers by their value: `1.0` is `1` in a double.
fn plain(node: &SourceNode) -> SourceNode {
    let entry = |entry: &MapEntry| MapEntry {
        key: entry.key.clone(),
        key_at: Position::default(),
        value: plain(&entry.value),
    };
    let value = match &node.value {
        SourceValue::Seq(items) => SourceValue::Seq(items.iter().map(plain).collect()),
        SourceValue::Map(entries) => SourceValue::Map(entries.iter().map(entry).collect()),
        SourceValue::Number(raw) => SourceValue::Number(raw.parse::<f64>().unwrap().to_string()),
        other => other.clone(),
    };
    SourceNode { at: Position::default(), value }
}

fn without_places(document: &Document) -> String {
    let shown = format!("{document:#?}");
    let place = |line: &&str| {
        !["line: ", "column: "].iter().any(|word| line.trim_start().starts_with(word))
    };
    shown.lines().filter(place).collect::<Vec<_>>().join("\n")
}

fn configuration(policy: &str) -> SourceNode {
    let policy = source::parse_yaml(policy).unwrap();
    let json = format!("{{\"hold_headers\":true,\"policy\":{}}}", source::to_json(&policy));
    source::parse_json(json.as_bytes()).unwrap()
}

fn findings(found: Vec<Diagnostic>) -> Vec<(String, &'static str, String)> {
    let mut all: Vec<_> =
        found.into_iter().map(|finding| (finding.path, finding.code, finding.message)).collect();
    all.sort();
    all
}

#[test]
fn a_struct_is_the_document_that_its_json_is() {
    for policy in [ALL, BASELINE] {
        let json = configuration(policy);
        let tree = source::parse_struct(&encode(&json)).unwrap();
        let ((from_json, found_in_json), (from_struct, found_in_struct)) =
            (Config::judge(&json, None), Config::judge(&tree, None));
        assert_eq!(without_places(&from_json.policy), without_places(&from_struct.policy));
        assert_eq!(from_json.hold_headers, from_struct.hold_headers);
        assert_eq!(findings(found_in_json), findings(found_in_struct));
    }
}

#[test]
fn a_struct_is_a_configuration() {
    let (config, warnings) = Config::parse(&encode(&configuration(BASELINE))).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    assert!(!config.policy.guardrails.is_empty());
}

/// There are no lines; the path and the rule say where.
#[test]
fn findings_in_a_struct_name_path_and_rule() {
    let bad = BASELINE.replace("do: block", "do: deny");
    assert_ne!(bad, BASELINE);
    let found = Config::parse(&encode(&configuration(&bad))).unwrap_err();
    let shown = found[0].to_string();
    assert!(shown.starts_with("error: policy.guardrails["), "{shown}");
    assert!(shown.contains("(rule `"), "{shown}");
}

/// A tree of this shape: JSON that begins with a line feed, which is also the first tag of a `Struct`.
#[test]
fn json_after_a_line_feed_is_json() {
    for text in ["\n{\"policy\": {}}", "\n\n{\"policy\": {}}", "\u{feff}\n{\"policy\": {}}"] {
        assert!(Config::parse(text.as_bytes()).is_ok(), "{text:?}");
    }
    // 0x7B, `{`, as the length of the first entry: a `Struct` that begins as JSON after a line feed does.
    let json = format!("{{\"policy\": {{\"reason\": \"{}\"}}}}", "x".repeat(97));
    let bytes = encode(&source::parse_json(json.as_bytes()).unwrap());
    assert_eq!(&bytes[..2], b"\n{");
    assert!(Config::parse(&bytes).is_ok());
}

#[test]
fn what_is_neither_is_told_what_is_expected() {
    for (text, message) in [
        (&b"\nhello"[..], "not a `google.protobuf.Struct`"),
        (b"policy: {hemostat: 1}", "not JSON: text without quotes"),
        (b"\x0a\x05\x0a\x01a\x12\x00", "not a `google.protobuf.Struct`"),
        (b"", "not JSON: the text is empty"),
        (b"\x08\x01", "not JSON: expected a value"),
    ] {
        let found = Config::parse(text).unwrap_err();
        assert_eq!(found[0].message, message);
        assert_eq!(
            found[0].help.as_deref(),
            Some(
                "a configuration is JSON in a `google.protobuf.StringValue`, or a `google.protobuf.Struct`"
            )
        );
    }
    // What is meant as JSON is told what is wrong with it.
    let found = Config::parse(b"\n{\"policy\": {},}").unwrap_err();
    assert_eq!(found[0].help.as_deref(), Some("remove the comma"));
}

/// What a serialiser of the message never writes.
#[test]
fn what_is_not_strictly_a_struct_is_refused() {
    let good = b"\x0a\x07\x0a\x01a\x12\x02\x08\x00"; // {a: null}
    assert!(source::parse_struct(good).is_ok());
    for bad in [
        &b"\x12\x07\x0a\x01a\x12\x02\x08\x00"[..], // another field
        b"\x0a\x07\x0a\x01a\x12\x02\x08\x00\x18\x01", // an unknown field after it
        b"\x0a\x09\x0a\x01a\x12\x02\x08\x00\x18\x01", // an unknown field in an entry
        b"\x0a\x09\x0a\x01a\x12\x04\x08\x00\x20\x01", // two values in one
        b"\x0a\x07\x12\x02\x08\x00\x0a\x01a",      // value before key
        b"\x0a\x03\x0a\x01a",                      // no value
        b"\x0a\x07\x0a\x01a\x12\x02\x08\x01",      // null is 0
        b"\x0a\x07\x0a\x01a\x12\x02\x20\x02",      // a boolean is 0 or 1
        b"\x0a\x07\x0a\x01a\x12\x02\x38\x00",      // no such kind
        b"\x0a\x07\x0a\x01\xff\x12\x02\x08\x00",   // a key that is not UTF-8
        b"\x0a\x08\x0a\x01a\x12\x02\x08\x00",      // longer than there is
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", // a length beyond all
        b"\x0a\x06\x0a\x01a\x12\x01\x11",          // a number without its bytes
        b"\x0b\x07\x0a\x01a\x12\x02\x08\x00",      // a group
    ] {
        let found = source::parse_struct(bad).unwrap_err();
        assert_eq!(found[0].message, "not a `google.protobuf.Struct`", "{bad:x?}");
    }
    let twice = [&good[..], good].concat();
    assert_eq!(source::parse_struct(&twice).unwrap_err()[0].code, "duplicate-key");
}

fn nested(levels: usize) -> Vec<u8> {
    let mut value = vec![1 << 3, 0];
    for _ in 0..levels {
        let mut list = Vec::new();
        field(1, &value, &mut list);
        value.clear();
        field(6, &list, &mut value);
    }
    let (mut member, mut out) = (Vec::new(), Vec::new());
    field(1, b"a", &mut member);
    field(2, &value, &mut member);
    field(1, &member, &mut out);
    out
}

#[test]
fn bounds_hold_as_in_json() {
    // The map and its lists are as many levels; the value within the last is one more.
    for levels in [limits::POLICY_DEPTH - 2, limits::POLICY_DEPTH - 1, 10_000] {
        let json = format!("{{\"a\":{}null{}}}", "[".repeat(levels), "]".repeat(levels));
        let in_json = source::parse_json(json.as_bytes());
        let in_struct = source::parse_struct(&nested(levels));
        assert_eq!(in_json.is_ok(), in_struct.is_ok(), "{levels}");
        assert!(in_struct.is_ok() || in_struct.unwrap_err()[0].code == "too-big");
    }
    let long = vec![b'\n'; limits::POLICY_BYTES + 1];
    assert_eq!(source::parse_struct(&long).unwrap_err()[0].code, "too-big");
}

#[test]
fn numbers_are_written_as_people_write_them() {
    for (value, written) in [
        (0.0, Some("0")),
        (-0.0, Some("0")),
        (1.0, Some("1")),
        (-7.0, Some("-7")),
        (0.1, Some("0.1")),
        (-2.5, Some("-2.5")),
        (0.000001, Some("0.000001")),
        (1.25, Some("1.25")),
        (200_000.0, Some("200000")),
        (9_007_199_254_740_992.0, Some("9007199254740992")),
        (0.1 + 0.2, None),
        (1e-7, None),
        (1e300, None),
        (f64::NAN, None),
        (f64::INFINITY, None),
    ] {
        let mut number = vec![2 << 3 | 1];
        number.extend(value.to_le_bytes());
        let (mut member, mut out) = (Vec::new(), Vec::new());
        field(1, b"a", &mut member);
        field(2, &number, &mut member);
        field(1, &member, &mut out);
        match (source::parse_struct(&out), written) {
            (Ok(tree), Some(written)) => assert_eq!(tree.get("a").unwrap().number(), Some(written)),
            (Err(found), None) => assert_eq!(found[0].code, "out-of-range"),
            (read, _) => panic!("{value}: {read:?}"),
        }
    }
}

fn value() -> impl Strategy<Value = SourceNode> {
    let node = |value| SourceNode { at: Position::default(), value };
    let leaf = prop_oneof![
        Just(node(SourceValue::Null)),
        any::<bool>().prop_map(move |value| node(SourceValue::Bool(value))),
        any::<i32>().prop_map(move |value| node(SourceValue::Number(value.to_string()))),
        (0..1_000_000_000_u32).prop_map(move |millionths| node(SourceValue::Number(format!(
            "{}",
            f64::from(millionths) / 1e6
        )))),
        any::<String>().prop_map(move |text| node(SourceValue::String { text, quoted: true })),
    ];
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6)
                .prop_map(move |items| node(SourceValue::Seq(items))),
            map(inner),
        ]
    })
}

fn map(values: impl Strategy<Value = SourceNode>) -> impl Strategy<Value = SourceNode> {
    prop::collection::btree_map(any::<String>(), values, 0..6).prop_map(|members| {
        let entry = |(key, value)| MapEntry { key, key_at: Position::default(), value };
        let value = SourceValue::Map(members.into_iter().map(entry).collect());
        SourceNode { at: Position::default(), value }
    })
}

proptest! {
    /// Any JSON, sent as a `Struct`, is the tree that the JSON is.
    #[test]
    fn json_and_struct_are_one_tree(tree in map(value())) {
        let json = source::parse_json(source::to_json(&tree).as_bytes()).unwrap();
        let read = source::parse_struct(&encode(&json)).unwrap();
        prop_assert_eq!(plain(&read), plain(&json));
        // No JSON is taken for a `Struct`, whatever stands before it.
        let after_a_line_feed = format!("\n{}", source::to_json(&tree));
        let taken = source::parse_struct(after_a_line_feed.as_bytes()).is_ok();
        prop_assert!(!taken);
    }

    #[test]
    fn hostile_bytes_are_refused_and_no_more(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = encode(&configuration(ALL));
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len() + 1).max(1));
        if let Err(found) = Config::parse(&bytes) {
            prop_assert!(found.iter().any(Diagnostic::is_error));
        }
    }

    #[test]
    fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = source::parse_struct(&bytes);
        let _ = Config::parse(&bytes);
    }
}
