//! A document without what is left out is otherwise the document.

use hemostat_engine::limits;
use hemostat_engine::wire::json::{Doc, Kind, LeftOut};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

const LEFT_OUT: LeftOut = LeftOut { members: &["messages", "tools"], unless_keyed: "model" };

fn outline(bytes: &[u8]) -> Option<Doc> {
    let mut doc = Doc::default();
    doc.parse_outline(bytes, &LEFT_OUT).ok().map(|()| doc)
}

/// Each member of the root: its key, its bytes, and how many values are in it.
fn members<'a>(doc: &'a Doc, bytes: &'a [u8]) -> Vec<(&'a [u8], &'a [u8], usize)> {
    let root = doc.root(bytes);
    root.children().map(|own| (own.key(), own.raw(), own.descendants().count())).collect()
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i32>().prop_map(Json::from),
        "[a-z\"\\\\{}\\[\\]:,é ]{0,20}".prop_map(Json::from),
    ];
    let key = prop_oneof![
        3 => prop::sample::select(&["messages", "tools", "model", "n", "Messages", "a\"b"][..])
            .prop_map(str::to_owned),
        1 => "[a-z]{0,3}",
    ];
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn it_is_the_document_without_what_is_left_out(value in any_json(), blanks in any::<bool>()) {
        let text = if blanks { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        let text = text.unwrap();
        let bytes = text.as_bytes();
        let mut whole = Doc::default();
        whole.parse(bytes).unwrap();
        let doc = outline(bytes).unwrap();
        let (own, all) = (members(&doc, bytes), members(&whole, bytes));
        prop_assert_eq!(doc.root(bytes).raw(), whole.root(bytes).raw());
        prop_assert_eq!(own.len(), all.len());
        for (own, all) in own.iter().zip(&all) {
            prop_assert_eq!((own.0, own.1), (all.0, all.1));
            let named = value[std::str::from_utf8(own.0).unwrap()].to_string();
            let may_go = LEFT_OUT.has(own.0)
                && !named.contains("\"model\":") && !named.contains("\"a\\\"b\":");
            prop_assert_eq!(own.2, if may_go { 0 } else { all.2 });
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(
        proptest::sample::select(&b"{}[]:,\"\\u01 tmodesag"[..]), 0..60)) {
        let text = [&br#"{"messages":["#[..], &bytes].concat();
        for bytes in [&bytes, &text] {
            let mut whole = Doc::default();
            if whole.parse(bytes).is_ok() {
                prop_assert!(outline(bytes).is_some());
            }
        }
    }
}

#[test]
fn what_is_left_out_has_its_bytes_and_nothing_in_it() {
    let body =
        json!({"model": "m", "messages": [{"content": "a ] } \" b"}], "tools": {}, "n": [1, [2]]});
    let body = body.to_string();
    let doc = outline(body.as_bytes()).unwrap();
    let root = doc.root(body.as_bytes());
    let messages = root.get("messages").unwrap();
    assert_eq!(messages.raw(), br#"[{"content":"a ] } \" b"}]"#);
    assert_eq!((messages.kind(), messages.children().count()), (Kind::Array, 0));
    assert_eq!(root.get("n").unwrap().descendants().count(), 3);
    assert!(root.get("model").unwrap().is_str("m"));
    // What names a model is read, and so is what may.
    for kept in [r#"{"tools":[{"model":"x"}]}"#, r#"{"tools":[{"mod\u0065l":"x"}]}"#] {
        let doc = outline(kept.as_bytes()).unwrap();
        let named = doc.root(kept.as_bytes()).descendants().filter(|own| own.key_is("model"));
        assert_eq!(named.count(), 1, "{kept}");
    }
}

#[test]
fn depth_is_bounded_as_in_a_document() {
    for nested in [limits::JSON_DEPTH - 1, limits::JSON_DEPTH] {
        for name in ["messages", "other"] {
            let text = format!("{{\"{name}\":{}{}}}", "[".repeat(nested), "]".repeat(nested));
            let mut whole = Doc::default();
            assert_eq!(
                outline(text.as_bytes()).is_some(),
                whole.parse(text.as_bytes()).is_ok(),
                "{name}, {nested}"
            );
        }
    }
}
