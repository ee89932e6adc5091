//! JSON: RFC 8259 case by case, and the same verdict and values as `serde_json` on random documents.

use hemostat_engine::limits;
use hemostat_engine::wire::json::{Doc, Kind, Value};
use proptest::prelude::*;

fn parses(bytes: &[u8]) -> bool {
    Doc::default().parse(bytes).is_ok()
}

/// The value as `serde_json` would have it: of several members with one key the last.
fn tree(value: Value<'_>) -> serde_json::Value {
    match value.kind() {
        Kind::Null => serde_json::Value::Null,
        Kind::Bool => value.as_bool().unwrap().into(),
        Kind::Number => serde_json::from_slice(value.raw()).unwrap(),
        Kind::String => {
            assert_eq!(*value.as_bytes(), *value.as_str().unwrap().as_bytes());
            value.as_str().unwrap().into_owned().into()
        }
        Kind::Array => value.children().map(tree).collect(),
        Kind::Object => {
            let key = |child: &Value<'_>| {
                let key = String::from_utf8(child.key().to_vec()).unwrap();
                assert!(child.key_is(&key) && !child.key_is(&format!("{key} ")));
                key
            };
            let members = value.children().map(|child| (key(&child), tree(child)));
            serde_json::Value::Object(members.collect())
        }
    }
}

fn cases(name: &str) -> Vec<String> {
    let path = format!("{}/../testdata/json/{name}", env!("CARGO_MANIFEST_DIR"));
    let cases: Vec<String> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(cases.len() > 20);
    cases
}

#[test]
fn valid_documents() {
    for case in cases("valid.json") {
        assert!(parses(case.as_bytes()), "{case}");
        assert!(serde_json::from_str::<serde_json::Value>(&case).is_ok(), "{case}");
    }
}

#[test]
fn invalid_documents() {
    for case in cases("invalid.json") {
        assert!(!parses(case.as_bytes()), "{case}");
        assert!(serde_json::from_str::<serde_json::Value>(&case).is_err(), "{case}");
    }
}

/// Where we read on and `serde_json` does not: what clients read must be read here too.
#[test]
fn documents_that_only_we_read() {
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let cases: [&[u8]; 7] = [
        br#""\ud83d""#,              // half a pair: RFC 8259 §8.2 leaves it open
        br#""\ude00\ud83d""#,        // a pair the wrong way round
        b"\"\xFF\"", // no UTF-8: RFC 8259 §8.1 is for what is sent, not for what must be guarded
        b"{\"\xE2\x82\":1}", // no UTF-8 in a key
        b"1e999",    // beyond a double: RFC 8259 §6 leaves limits open
        b"[-1E+400]", // likewise
        deep(200).leak().as_bytes(), // deeper than serde_json's 127
    ];
    for case in cases {
        assert!(parses(case), "{}", case.escape_ascii());
        assert!(
            serde_json::from_slice::<serde_json::Value>(case).is_err(),
            "{}",
            case.escape_ascii()
        );
    }
    assert!(parses(deep(limits::JSON_DEPTH).as_bytes()));
    assert!(!parses(deep(limits::JSON_DEPTH + 1).as_bytes()));
    assert!(!parses("[".repeat(10_000_000).as_bytes()));
}

#[test]
fn the_number_of_values_is_bounded() {
    let values = |count: usize| format!("[{}]", vec!["0"; count].join(","));
    assert!(parses(values(limits::JSON_NODES - 1).as_bytes()));
    assert!(!parses(values(limits::JSON_NODES).as_bytes()));
}

#[test]
fn what_did_not_parse_is_no_document() {
    let mut doc = Doc::default();
    for bytes in [&b"\"abc"[..], b"\"", b"[1,", b"{\"a\":\"b\"", b"[[[["] {
        assert!(doc.parse(b"[1,2,3]").is_ok());
        assert!(doc.parse(bytes).is_err());
        assert!(doc.is_empty());
        let root = doc.root(bytes);
        assert!(root.is_null() && root.as_str().is_none() && root.children().next().is_none());
        assert!(root.descendants().next().is_none());
    }
}

#[test]
fn members_and_duplicates() {
    let bytes = br#"{"a":1,"b":{"a":[2]},"\u0061":3,"c":"x\ny"}"#;
    let mut doc = Doc::default();
    doc.parse(bytes).unwrap();
    let root = doc.root(bytes);
    assert_eq!(root.get("a").unwrap().as_u64(), Some(3), "the last, as clients have it");
    assert!(root.unique("a").is_err());
    assert_eq!(root.unique("z").unwrap().map(|value| value.id()), None);
    let c = root.unique("c").unwrap().unwrap();
    assert_eq!(c.as_str().unwrap(), "x\ny");
    assert_eq!(&bytes[c.content_span().unwrap()], br"x\ny");
    assert_eq!(&bytes[c.span()], br#""x\ny""#);
    assert_eq!(c.parent().unwrap().id(), root.id());
    assert_eq!(root.children().count(), 4);
    assert_eq!(root.descendants().count(), 6);
}

fn document() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Pieces of JSON in any order: now and then a document.
fn nearly_json() -> impl Strategy<Value = String> {
    let token = proptest::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"a\"",
        "\"a\":",
        "\"\\u0041\"",
        "\\",
        "\\u00",
        "1",
        "-",
        "0",
        ".5",
        "e3",
        "E+",
        "true",
        "null",
        "fals",
        " ",
        "\n",
        "\t",
        "\u{b}",
        "\u{feff}",
        "é",
        "\"\\x\"",
        "[1,2]",
        "{\"b\":null}",
    ]);
    proptest::collection::vec(token, 0..9).prop_map(|tokens| tokens.concat())
}

fn differs_knowingly(bytes: &[u8]) -> bool {
    // The differences asserted above: numbers too big for a double, bytes that are no UTF-8.
    let error = serde_json::from_slice::<serde_json::Value>(bytes).unwrap_err().to_string();
    error.starts_with("number out of range") || std::str::from_utf8(bytes).is_err()
}

proptest! {
    #[test]
    fn same_values_as_serde_json(document in document(), pretty in any::<bool>()) {
        let text = if pretty { format!("{document:#}") } else { document.to_string() };
        let mut doc = Doc::default();
        doc.parse(text.as_bytes()).unwrap();
        prop_assert_eq!(tree(doc.root(text.as_bytes())), serde_json::from_str::<serde_json::Value>(&text).unwrap());
        // Links and spans agree with each other.
        for value in doc.root(text.as_bytes()).descendants() {
            let parent = value.parent().unwrap();
            prop_assert!(parent.children().any(|child| child.id() == value.id()));
            prop_assert!(parent.span().start < value.span().start && value.span().end < parent.span().end);
        }
    }

    #[test]
    fn same_verdict_as_serde_json(text in prop_oneof![
        nearly_json(),
        (document(), any::<usize>(), "[\\x00-\\x7f]").prop_map(|(document, at, with)| {
            // A document with one character replaced.
            let mut chars: Vec<_> = document.to_string().chars().collect();
            let at = at % chars.len();
            chars[at] = with.chars().next().unwrap_or('x');
            chars.into_iter().collect()
        }),
    ]) {
        match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(value) => {
                let mut doc = Doc::default();
                prop_assert_eq!(doc.parse(text.as_bytes()), Ok(()));
                prop_assert_eq!(tree(doc.root(text.as_bytes())), value);
            }
            Err(_) => prop_assert!(!parses(text.as_bytes()) || differs_knowingly(text.as_bytes())),
        }
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let ours = parses(&bytes);
        let theirs = serde_json::from_slice::<serde_json::Value>(&bytes).is_ok();
        prop_assert!(ours == theirs || ours && differs_knowingly(&bytes));
    }
}
