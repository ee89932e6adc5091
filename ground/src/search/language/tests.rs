//! Patterns are read as regex-syntax reads them: refused at the same place, or the same tree.

use super::reference;
use crate::limits::PATTERN_NEST;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::collections::BTreeSet;
use std::path::Path;

/// Compares the two ways to read a pattern; true if they accept it.
#[track_caller]
fn same(source: &str) -> bool {
    [false, true].map(|fold| {
        let own = super::read(source, fold).map_err(|error| {
            let (message, help) = (error.message, error.help.unwrap());
            assert!(
                !message.starts_with(char::is_uppercase) && !message.ends_with('.'),
                "{message}"
            );
            assert!(!help.is_empty(), "{message}");
            error.offset.unwrap()
        });
        assert_eq!(own, reference::read(source, fold), "{source:?}, fold: {fold}");
        own.is_ok()
    })[0]
}

/// Calls `look` with every file of a folder of the repository.
fn files(folder: &Path, look: &mut dyn FnMut(&str)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, look);
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            look(&text);
        }
    }
}

/// Whatever could be a pattern in the repository: each line, and what stands between quotes of one kind in it.
#[test]
fn patterns_of_the_repository_are_read_alike() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = BTreeSet::new();
    for folder in
        ["policies", "testdata/scan", "docs", "envoy", "ground/src/search", "engine/tests/search"]
    {
        files(&root.join(folder), &mut |text| {
            for line in text.lines().filter(|line| line.len() < 2000) {
                let pieces = ['\'', '"', '`', '\t'].into_iter().flat_map(|quote| line.split(quote));
                found.extend(pieces.chain([line]).map(str::to_owned));
            }
        });
    }
    let accepted = found.iter().filter(|piece| same(piece)).count();
    assert!(
        found.len() > 10_000 && accepted > 5_000,
        "{}, of which {accepted} accepted",
        found.len()
    );
}

/// What patterns are made of, well formed or not.
const PARTS: &[&str] = &[
    "a", "b", "k", "Z", "é", "Н", "ℓ", "\u{200b}", "η", "~", "&", "#", " ", "\n", ",", "=", "!",
    ":", "<", ">", "0", "1", "9", "|", "(", ")", "[", "]", "{", "}", "*", "+", "?", ".", "^", "$",
    "-", "\\",
];

/// Every string of at most so many of these characters, after each beginning: what is read letter by letter.
#[test]
fn short_patterns_are_read_alike() {
    let parts = PARTS.concat();
    for (beginnings, characters, longest) in [
        (&[""][..], parts.as_str(), 3),
        (&["[", "[^", "(?x)[", "(?x)[a", "(?i)[a&&"], "ak-]#\n[&", 4),
        (&["[[:alpha", "[[:", "[x[:^lower"], ":]^[a-", 4),
        (&["(?", "(?x:b(", "((?i)"], "ixumR-:)=<P>a?", 3),
        (&["(?P<", "a(?<a>b)(?<"], "a_1.[é> )", 4),
        (&["a{", "(?x)a{", "(?U)(a|b){", "\\b{"], "12, }?x#\n", 4),
        (&["\\b{star", "(?x)\\b{ st", "[\\b{end"], "art-hl }#", 4),
        (&["\\x{", "\\x", "\\u00", "(?x)\\x", "[\\U0001F60", "\\u{d"], "4f0g{} ]", 4),
        (&["\\p", "(?x)\\p", "[\\p{"], "L{}\\ -]", 4),
        (&["\\", "[\\"], &('!'..='~').collect::<String>(), 2),
    ] {
        for beginning in beginnings {
            every(&mut beginning.to_string(), characters, longest);
        }
    }
}

fn every(source: &mut String, characters: &str, more: usize) {
    same(source);
    if more > 0 {
        for c in characters.chars() {
            source.push(c);
            every(source, characters, more - 1);
            source.pop();
        }
    }
}

/// Longer pieces, with which random strings get into every corner.
const PIECES: &[&str] = &[
    "(?i)",
    "(?-i)",
    "(?x)",
    "(?-x)",
    "(?s)",
    "(?m)",
    "(?U)",
    "(?R)",
    "(?u)",
    "(?im-sx)",
    "(?i-i)",
    "(?-)",
    "(?)",
    "(?:",
    "(?i:",
    "(?x:",
    "(?-x:",
    "(?P<a>",
    "(?<b>",
    "(?P<é_1.[]>",
    "(?P<",
    "(?<1>",
    "(?P<>",
    "(?=",
    "(?!",
    "(?<=",
    "(?<!",
    "(?mR)",
    "(?q)",
    "\\d",
    "\\D",
    "\\s",
    "\\S",
    "\\w",
    "\\W",
    "\\b",
    "\\B",
    "\\A",
    "\\z",
    "\\<",
    "\\>",
    "\\b{start}",
    "\\b{end}",
    "\\b{start-half}",
    "\\b{end-half}",
    "\\b{ st art }",
    "\\b{",
    "\\b{x}",
    "\\b{3}",
    "\\x41",
    "\\x4",
    "\\x{4 1}",
    "\\x{}",
    "\\x{D800}",
    "\\x{110000}",
    "\\x{00000000041}",
    "\\x{fffffffff}",
    "\\u0041",
    "\\uD800",
    "\\U0001F600",
    "\\u{e9}",
    "\\p{L}",
    "\\pN",
    "\\P{Greek}",
    "\\p{",
    "\\p\\",
    "\\1",
    "\\0",
    "\\n",
    "\\t",
    "\\a",
    "\\f",
    "\\v",
    "\\r",
    "\\-",
    "\\]",
    "\\ ",
    "\\e",
    "\\é",
    "\\#",
    "\\%",
    "[",
    "[^",
    "[]",
    "[^]",
    "[-",
    "[--",
    "]",
    "&&",
    "--",
    "~~",
    "a-z",
    "A-F",
    "é-ÿ",
    "а-я",
    "Ａ-Ｚ",
    "z-a",
    "\\d-z",
    "a-\\w",
    "- #]\n",
    "[:alpha:]",
    "[:^alpha:]",
    "[:lower:]",
    "[:upper:]",
    "[:word:]",
    "[:ascii:]",
    "[:punct:]",
    "[:nope:]",
    "[:space:]",
    "[[:digit:]]",
    "{2}",
    "{2,}",
    "{2,3}",
    "{3,2}",
    "{ 2 , 3 }",
    "{,3}",
    "{2",
    "{}",
    "{0}",
    "{1}",
    "{0,1}",
    "{9999999999}",
    "{2}?",
    "*?",
    "+?",
    "??",
    "# comment\n",
    "#]",
    "abc",
    "abd",
    "secret",
    "пароль",
    "ſ",
    "\u{2028}",
    "e\u{301}",
];

fn noise() -> impl Strategy<Value = String> {
    let part = prop_oneof![2 => select(PARTS), 3 => select(PIECES)];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

/// A class that is well formed.
fn class() -> impl Strategy<Value = String> {
    let member = prop_oneof![
        select(&["a", "k", "Z", "é", "Н", "\\d", "\\W", "\\x41", "\\n", "\\]", "\\-"][..]),
        select(
            &["a-z", "A-F", "é-ÿ", "а-я", "[:alpha:]", "[:^lower:]", "[:upper:]", "[:punct:]"][..]
        ),
        select(&["[a-f]", "[^k]", "&&", "--", "~~", " ", "&", "~"][..]),
    ]
    .prop_map(str::to_owned);
    let members = member.prop_recursive(3, 24, 4, |inner| {
        prop::collection::vec(inner, 1..5).prop_flat_map(|members| {
            select(vec![format!("[{}]", members.concat()), format!("[^{}]", members.concat())])
        })
    });
    prop::collection::vec(members, 1..5).prop_flat_map(|members| {
        select(vec![format!("[{}]", members.concat()), format!("[^{}]", members.concat())])
    })
}

/// A pattern that is well formed but for names that stand twice and the like.
fn pattern() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        3 => select(&["a", "b", "k", "Z", "é", "Н", "secret", "абв", "\u{200b}", "η", ".", "^", "$"][..]).prop_map(str::to_owned),
        2 => select(&["\\d", "\\W", "\\s", "\\b", "\\B", "\\A", "\\z", "\\<", "\\>", "\\b{end-half}", "\\x{e9}", "\\u0041", "\\.", "\\n"][..])
            .prop_map(str::to_owned),
        1 => select(&["(?i)", "(?-i)", "(?x)", "(?s-m)", "(?U)", "(?mR)", "(?-R)", " ", "# c\n"][..]).prop_map(str::to_owned),
        2 => class(),
    ];
    leaf.prop_recursive(6, 48, 6, |inner| {
        let group = select(
            &["(", "(?:", "(?i:", "(?-i:", "(?x:", "(?s:", "(?U:", "(?m:", "(?P<a>", "(?<b>"][..],
        );
        let repeat = select(
            &["*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}", "{0}", "{1}?", "{2,}", "{ 1 , 2 }"]
                [..],
        );
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 0..6).prop_map(|parts| parts.concat()),
            2 => prop::collection::vec(inner.clone(), 1..5).prop_map(|parts| parts.join("|")),
            2 => (group, inner.clone()).prop_map(|(open, inside)| format!("{open}{inside})")),
            2 => (inner, repeat).prop_map(|(part, repeat)| format!("{part}{repeat}")),
        ]
    })
}

/// A pattern in which some characters are dropped, doubled, or replaced.
fn altered() -> impl Strategy<Value = String> {
    let change = (any::<Index>(), prop_oneof![Just(""), select(PARTS), select(PIECES)]);
    (pattern(), prop::collection::vec(change, 1..4)).prop_map(|(pattern, changes)| {
        let mut parts: Vec<String> = pattern.chars().map(String::from).collect();
        parts.push(String::new());
        for (at, by) in changes {
            *at.get_mut(&mut parts) = by.to_owned();
        }
        parts.concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn patterns_are_read_alike(source in prop_oneof![pattern(), altered(), noise(), any::<String>()]) {
        same(&source);
    }
}

/// Each kind of node that nests, so deep that one more is too much, in another and beside a deeper one.
#[test]
fn patterns_nest_as_deep() {
    let kinds = [
        ("(", ")"),
        ("(?:", ")"),
        ("(a", ")"),
        ("(?i:a|", ")"),
        ("(", ")*"),
        ("", "+"),
        ("[", "]"),
        ("[^", "]"),
        ("[a", "]"),
        ("[a&&", "]"),
        ("", "{2}"),
    ];
    for (open, close) in kinds {
        for depth in
            [1, 10, 15, 16, 17, 20, 21, 22, 30, 31, 32, 33, 34, 62, 63, 64, 65, 66, 67, 200]
        {
            let (open, close) = (open.repeat(depth), close.repeat(depth));
            for inside in ["a", "ab", "[ab]", "a|b", "(a)"] {
                let nested = format!("{open}{inside}{close}");
                for around in [
                    nested.clone(),
                    format!("x{nested}y"),
                    format!("x|{nested}{nested}"),
                    format!("(?:{nested}|{nested}y)"),
                ] {
                    same(&around);
                }
            }
        }
    }
    same(&format!("[{}]", "a&&".repeat(PATTERN_NEST + 10)));
    same(&format!("x[{}b]", "ab--".repeat(PATTERN_NEST + 10)));
}

/// What would nest thousands deep is refused by reading it, without a stack or a square of its length.
#[test]
fn hostile_patterns_are_refused() {
    for part in [
        "(", "[", "[^", "[a", "(a|", "(?i:", "a{2}", "a+*", "[a&&", "[[:", "[[:a", "a|", "(?x)#",
        "(?P<a>", "\\b{", "[a-", "x{", "[",
    ] {
        for end in ["", ")", "]"] {
            let source = format!("{}{}", part.repeat(16_000 / part.len()), end.repeat(16_000));
            let _ = super::read(&source, false);
            let _ = super::read(&source, true);
        }
    }
}
