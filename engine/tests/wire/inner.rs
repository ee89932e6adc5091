//! Tool arguments in pieces: the inner texts do not depend on the cuts, and every one of them can be replaced.

use std::ops::Range;

use hemostat_engine::wire::inner::{Inner, InnerEvent, InnerJson, InnerKind, encode_inner};
use hemostat_engine::wire::json::{Doc, Kind};
use proptest::prelude::*;
use serde_json::Value;

/// One inner text with the place of every character in the arguments.
#[derive(Debug, Clone, PartialEq)]
struct Text {
    kind: InnerKind,
    text: String,
    places: Vec<Range<u64>>,
    ended: bool,
}

fn read<'a>(pieces: impl IntoIterator<Item = &'a str>) -> Vec<Text> {
    let (mut reader, mut out) = (InnerJson::new(), Inner::default());
    let mut texts: Vec<Text> = Vec::new();
    let (mut held_from, mut begin, mut pending) = (0, 0, false);
    let mut take = |out: &Inner, earliest: u64| {
        for event in out.events() {
            match event {
                InnerEvent::Begin { n, kind } => {
                    assert_eq!(*n as usize, texts.len());
                    assert!(texts.last().is_none_or(|last| last.ended), "two are open");
                    let (text, places) = (String::new(), Vec::new());
                    texts.push(Text { kind: *kind, text, places, ended: false });
                }
                InnerEvent::Text { n, text } => {
                    assert_eq!(*n as usize + 1, texts.len());
                    let own = texts.last_mut().unwrap();
                    assert!(!own.ended && !text.is_empty());
                    own.text.push_str(out.text(text.clone()));
                    for (at, c) in out.text(text.clone()).char_indices() {
                        let start = text.start + at;
                        let place = out.span(start..start + c.len_utf8());
                        assert!(place.start >= earliest, "reaches into pieces that were not held");
                        own.places.push(place);
                    }
                }
                InnerEvent::End { n } => {
                    assert_eq!(*n as usize + 1, texts.len());
                    texts.last_mut().unwrap().ended = true;
                }
            }
        }
    };
    for piece in pieces {
        reader.feed(piece, &mut out);
        if !pending {
            held_from = begin;
        }
        take(&out, held_from);
        pending = out.pending().is_some();
        begin += piece.len() as u64;
        assert_eq!(reader.fed(), begin);
    }
    reader.finish(&mut out);
    take(&out, if pending { held_from } else { begin });
    assert!(texts.iter().all(|text| text.ended));
    texts
}

fn shown(texts: &[Text]) -> Vec<(InnerKind, &str)> {
    texts.iter().map(|text| (text.kind, text.text.as_str())).collect()
}

#[test]
fn table() {
    use InnerKind::{Key, Number, Plain, String as Str};
    let cases: [(&str, &[(InnerKind, &str)]); 31] = [
        ("", &[]),
        ("  ", &[]),
        ("{}", &[]),
        (r#"{"a":"b"}"#, &[(Key, "a"), (Str, "b")]),
        (r#"{"a":"","":0}"#, &[(Key, "a"), (Str, ""), (Key, ""), (Number, "0")]),
        (
            r#" [1, -2.5e+3 ,"x",[true,false,null]]"#,
            &[(Number, "1"), (Number, "-2.5e+3"), (Str, "x")],
        ),
        (
            r#"{"a":{"b":[{"c":12}]},"d":"e"}"#,
            &[(Key, "a"), (Key, "b"), (Key, "c"), (Number, "12"), (Key, "d"), (Str, "e")],
        ),
        (r#""\u0041\n\"\\\/""#, &[(Str, "A\n\"\\/")]),
        (r#""\ud83d\ude00!""#, &[(Str, "😀!")]),
        (r#""\ud83d""#, &[(Str, "\u{FFFD}")]),
        (r#""\ud83d\u0041""#, &[(Str, "\u{FFFD}A")]),
        (r#""\ud83d\ud83d\ude00""#, &[(Str, "\u{FFFD}😀")]),
        (r#""\ud83d\n""#, &[(Str, "\u{FFFD}\n")]),
        (r#""\ud83d\uZ""#, &[(Str, "\u{FFFD}\u{FFFD}Z")]),
        (r#""\u12x""#, &[(Str, "\u{FFFD}12x")]),
        (r#""\x\é""#, &[(Str, "x\u{FFFD}é")]),
        ("\"a\nb\"", &[(Str, "a\nb")]),
        ("ls -la", &[(Plain, "ls -la")]),
        ("12 Main Street", &[(Plain, "12 Main Street")]),
        ("true", &[(Plain, "true")]),
        (r#"{"a": oops "b\u0041"}"#, &[(Key, "a"), (Plain, r#"oops "b\u0041"}"#)]),
        (r#"{"a": trust}"#, &[(Key, "a"), (Plain, "trust}")]),
        (r#"{"a": 1-2}"#, &[(Key, "a"), (Plain, "1-2}")]),
        (r#"{"a": 007}"#, &[(Key, "a"), (Plain, "007}")]),
        (r#"{"a": NaN, "b": -Infinity,}"#, &[(Key, "a"), (Key, "b")]),
        (r#"{}{"a":"\u0041"}"#, &[(Key, "a"), (Str, "A")]),
        (r#"{} and more"#, &[(Plain, "and more")]),
        (r#"{"a":"b"]"#, &[(Key, "a"), (Str, "b"), (Plain, "]")]),
        (r#"{"a" 1}"#, &[(Key, "a"), (Plain, "1}")]),
        (r#"{"a":"cut"#, &[(Key, "a"), (Str, "cut")]),
        (r#"{"a":[4111"#, &[(Key, "a"), (Number, "4111")]),
    ];
    for (arguments, expected) in cases {
        assert_eq!(shown(&read([arguments])), expected, "{arguments}");
    }
}

#[test]
fn what_must_be_seen_whole_is_pending() {
    let pending = |piece: &str| {
        let mut out = Inner::default();
        InnerJson::new().feed(piece, &mut out);
        out.pending().is_some()
    };
    for piece in [
        r#"{"a\"#,
        r#"{"a\u"#,
        r#"{"a\u004"#,
        r#"{"a\ud83d"#,
        r#"{"a\ud83d\ude0"#,
        "[1",
        "[tr",
        "[-",
    ] {
        assert!(pending(piece), "{piece}");
    }
    for piece in [
        "",
        "{",
        r#"{"a"#,
        r#"{"a\n"#,
        r#"{"a\u0041"#,
        r#"{"a\ud83d\ude00"#,
        "[1,",
        "[true]",
        "ls -",
    ] {
        assert!(!pending(piece), "{piece}");
    }
}

#[test]
fn a_character_in_many_pieces_leads_to_all_of_them() {
    let texts = read([r#"["x\"#, "u", "d83d", r"\u", "de00", r#"y"]"#]);
    assert_eq!(texts[0].text, "x😀y");
    assert_eq!(texts[0].places, [2..3, 3..15, 15..16]);
}

#[test]
fn depth_and_endless_numbers_are_bounded() {
    let deep = "[".repeat(100_000);
    assert!(matches!(&shown(&read([&deep[..]]))[..], [(InnerKind::Plain, _)]));
    let long = format!("[{}", "7".repeat(100_000));
    let texts = read([&long[..]]);
    assert_eq!(shown(&texts), [(InnerKind::Plain, &long[1..])]);
    let mut reader = InnerJson::new();
    let mut out = Inner::default();
    reader.feed("[", &mut out);
    for _ in 0..2000 {
        reader.feed("7", &mut out);
    }
    assert!(out.pending().is_none());
}

/// The texts of a JSON document by the reader of whole documents.
fn texts_of(json: &str) -> Vec<(InnerKind, String)> {
    let mut doc = Doc::default();
    doc.parse(json.as_bytes()).unwrap();
    let root = doc.root(json.as_bytes());
    let mut texts = Vec::new();
    for value in std::iter::once(root).chain(root.descendants()) {
        if value.key_span().is_some() {
            texts.push((InnerKind::Key, hemostat_engine::wire::json::decode(value.raw_key())));
        }
        match value.kind() {
            Kind::String => texts.push((InnerKind::String, value.as_str().unwrap().into_owned())),
            Kind::Number => {
                texts.push((InnerKind::Number, String::from_utf8(value.raw().to_vec()).unwrap()));
            }
            _ => {}
        }
    }
    texts
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-z\"\\\\\n😀]{0,8}".prop_map(Value::from),
    ];
    let tree = leaf.prop_recursive(4, 20, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map("[a-zé\"]{0,4}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    // Arguments are objects.
    tree.prop_map(|value| serde_json::json!({ "value": value }))
}

/// All but ASCII as escapes, in UTF-16 as JSON has it.
fn ascii(json: &str) -> String {
    let mut units = [0; 2];
    let escape = |c: char| match c {
        '\0'..='\x7f' => c.to_string(),
        c => c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
    };
    json.chars().map(escape).collect()
}

fn cut<'a>(text: &'a str, places: &[usize]) -> Vec<&'a str> {
    let mut places: Vec<_> = places
        .iter()
        .map(|place| place % (text.len() + 1))
        .filter(|&place| text.is_char_boundary(place))
        .chain([0, text.len()])
        .collect();
    places.sort_unstable();
    places.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

fn single_chars(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(|_: char| true)
}

/// Pieces of JSON in any order: mostly not JSON.
fn junk() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just("\""),
        Just("\""),
        Just(":"),
        Just(","),
        Just("\\"),
        Just("\\u"),
        Just("d83d"),
        Just("\\ude00"),
        Just("12"),
        Just("-"),
        Just("true"),
        Just(" "),
        Just("é"),
        Just("\n"),
        Just("{\"a\":"),
        Just("x"),
    ];
    (any::<bool>(), proptest::collection::vec(token, 0..30))
        .prop_map(|(json, tokens)| (if json { "{\"a" } else { "" }).to_string() + &tokens.concat())
}

proptest! {
    #[test]
    fn documents_give_their_texts(
        document in document(), pretty in any::<bool>(), escaped in any::<bool>(),
        places in proptest::collection::vec(any::<usize>(), 0..12),
    ) {
        let json = if pretty { format!("{document:#}") } else { document.to_string() };
        let json = if escaped { ascii(&json) } else { json };
        let texts = read(cut(&json, &places));
        let expected = texts_of(&json);
        let read: Vec<_> = texts.into_iter().map(|text| (text.kind, text.text)).collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn any_cut_gives_the_same_texts_and_places(
        json in prop_oneof![junk(), document().prop_map(|json| ascii(&json.to_string()))],
        places in proptest::collection::vec(any::<usize>(), 0..12),
    ) {
        let at_once = read([&json[..]]);
        prop_assert_eq!(&read(cut(&json, &places)), &at_once);
        prop_assert_eq!(&read(single_chars(&json)), &at_once);
        // In order, none twice; and a text is one run of the arguments.
        let mut at = 0;
        for text in &at_once {
            for (index, place) in text.places.iter().enumerate() {
                prop_assert!(place.start < place.end);
                let first = index == 0 && place.start >= at;
                prop_assert!(first || place.start == at);
                at = place.end;
            }
        }
        prop_assert!(at <= json.len() as u64);
    }

    /// Nothing is left unscanned: what no text has is blanks, structure, quotes and the three words.
    #[test]
    fn what_is_in_no_text_says_nothing(json in junk()) {
        let mut bytes = json.clone().into_bytes();
        for place in read([&json[..]]).iter().flat_map(|text| &text.places) {
            bytes[place.start as usize..place.end as usize].fill(b' ');
        }
        let left = String::from_utf8(bytes).unwrap().replace("true", "");
        prop_assert!(left.bytes().all(|byte| b" \t\r\n{}[]:,\"".contains(&byte)), "{left:?}");
    }

    #[test]
    fn any_text_can_be_replaced(
        document in document(), which in any::<usize>(), with in any::<String>(), escaped in any::<bool>(),
    ) {
        let json = if escaped { ascii(&document.to_string()) } else { document.to_string() };
        let texts = read([&json[..]]);
        let which = which % texts.len();
        let (Some(first), Some(last)) = (texts[which].places.first(), texts[which].places.last()) else {
            return Ok(());
        };
        let kind = texts[which].kind;
        // The outer string as it would be on the wire, with the text's span replaced.
        let mut outer = Vec::new();
        let encode = hemostat_engine::wire::text::encode;
        encode(&json[..first.start as usize], &mut outer);
        encode_inner(kind, &with, &mut outer);
        encode(&json[last.end as usize..], &mut outer);
        let outer = [b"\"", &outer[..], b"\""].concat();
        let json: String = serde_json::from_slice(&outer).unwrap();
        let mut expected: Vec<_> = texts.into_iter().map(|text| (text.kind, text.text)).collect();
        let kind = if kind == InnerKind::Number { InnerKind::String } else { kind };
        expected[which] = (kind, with);
        prop_assert_eq!(texts_of(&json), expected);
    }
}
