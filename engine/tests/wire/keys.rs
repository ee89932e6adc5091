//! Looking members up by key, in objects of every kind: against a list that is searched from its end.

use hemostat_engine::wire::json::{Doc, Duplicate, Names};
use proptest::prelude::*;

/// Few names, so that they meet; some differ in one byte that no hash can look at, and in nothing but their length.
const NAMES: [&str; 12] = [
    "",
    "a",
    "b",
    "ab",
    "type",
    "text",
    "texts",
    "abcdefghijklmnop",
    "abcdXfghijklmnop",
    "abcdYfghijklmnop",
    "finish_reason",
    "é",
];

const LISTED: Names<{ NAMES.len() }> = Names::new(NAMES);

/// A key with one of its characters written as an escape.
fn escaped(name: &str, at: usize) -> String {
    let mut written = String::new();
    for (index, c) in name.chars().enumerate() {
        if index == at { written += &format!("\\u{:04x}", c as u32) } else { written.push(c) }
    }
    written
}

proptest! {
    #[test]
    fn a_member_is_found_as_in_a_list(
        members in proptest::collection::vec((0_usize..NAMES.len(), proptest::option::weighted(0.1, 0_usize..3)), 0..90),
        few in any::<bool>(),
    ) {
        // Objects in which every name stands once are the usual ones.
        let mut seen = [false; NAMES.len()];
        let members: Vec<_> = members
            .into_iter()
            .filter(|(name, escape)| !few || (escape.is_none() && !std::mem::replace(&mut seen[*name], true)))
            .collect();
        let written = members.iter().enumerate().map(|(value, (name, escape))| {
            let key = escape.map_or(NAMES[*name].to_owned(), |at| escaped(NAMES[*name], at));
            format!(r#""{key}":{{"n":[{value}]}}"#)
        });
        let text = format!("[{{{}}},0]", written.collect::<Vec<_>>().join(","));
        let mut doc = Doc::default();
        doc.parse(text.as_bytes()).unwrap();
        let object = doc.root(text.as_bytes()).children().next().unwrap();
        let places: Vec<_> = object.children().map(|child| child.id()).collect();
        prop_assert_eq!(places.len(), members.len());
        for (child, (name, _)) in object.children().zip(&members) {
            prop_assert_eq!(child.key(), NAMES[*name].as_bytes());
        }
        let any = members.iter().any(|(name, at)| at.is_some_and(|at| at < NAMES[*name].chars().count()));
        prop_assert_eq!(doc.may_have_escapes(), any);
        let mut named = [None; NAMES.len()];
        object.each_named(LISTED.list(), |number, member| named[number] = Some(member.id()));
        prop_assert_eq!(named, NAMES.map(|name| object.get(name).map(|value| value.id())));
        for (number, name) in NAMES.iter().enumerate() {
            let all: Vec<_> =
                members.iter().zip(&places).filter(|((own, _), _)| *own == number).map(|(_, id)| *id).collect();
            prop_assert_eq!(object.get(name).map(|value| value.id()), all.last().copied());
            let one = object.unique(name).map(|value| value.map(|value| value.id()));
            prop_assert_eq!(one, if all.len() > 1 { Err(Duplicate) } else { Ok(all.first().copied()) });
            let keyed: Vec<_> = object.children().filter(|child| child.key_is(name)).map(|child| child.id()).collect();
            prop_assert_eq!(keyed, all);
        }
        if object.has_plain_keys() {
            prop_assert!(members.iter().all(|(name, escape)| escaped(NAMES[*name], escape.unwrap_or(99)) == NAMES[*name]));
        } else {
            // Small objects are known for what they are.
            prop_assert!(!few);
        }
    }
}
