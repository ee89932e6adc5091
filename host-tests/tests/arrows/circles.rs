//! No circle of files: what two files both use stands in a third. A file can then be read with those below it, and be moved.

use std::collections::BTreeSet;
use std::path::Path;

use crate::files::{Arrows, Files};
use crate::sources;

const CRATES: [&str; 7] = ["ground", "dialect", "control", "engine", "filter", "cli", "testkit"];

#[test]
fn no_files_use_each_other() {
    let mut found = Vec::new();
    for house in CRATES {
        let mut all = Vec::new();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(house).join("src");
        sources(&folder, "", &mut all);
        let arrows = Files::read(&all).arrows();
        let drawn: usize = arrows.values().map(|to| to.len()).sum();
        assert!(drawn > all.len(), "{house}: {drawn} arrows in {} files", all.len());
        found.extend(circles(&arrows).iter().map(|circle| told(house, &arrows, circle)));
    }
    assert!(found.is_empty(), "{} circles of files:\n{}", found.len(), found.join("\n"));
}

/// The largest sets of files of which each uses each, over others of the set or directly.
fn circles(arrows: &Arrows) -> BTreeSet<BTreeSet<&str>> {
    let all = arrows.keys().map(|file| {
        let own = reached(arrows, file);
        own.into_iter().filter(|other| reached(arrows, other).contains(file.as_str())).collect()
    });
    all.filter(|circle: &BTreeSet<&str>| !circle.is_empty()).collect()
}

/// All files that a file uses, those of the files that it uses included.
fn reached<'a>(arrows: &'a Arrows, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        for to in arrows.get(file).into_iter().flat_map(|to| to.keys()) {
            if reached.insert(to.as_str()) {
                open.push(to);
            }
        }
    }
    reached
}

fn told(house: &str, arrows: &Arrows, circle: &BTreeSet<&str>) -> String {
    let mut told = format!("{house}, {} files:", circle.len());
    for from in circle {
        for (to, names) in arrows[*from].iter().filter(|(to, _)| circle.contains(to.as_str())) {
            told += &format!("\n  {from} uses {to}: {names:?}");
        }
    }
    told
}

#[test]
fn circles_are_found_however_a_path_is_written() {
    let direct = [
        "use crate::b::B;",
        "use super::b::B;",
        "fn f() -> crate::b::B {}",
        "use super::{x, b::{self, C as D}};",
    ];
    let handed_on = [
        "use crate::B;",
        "use super::*; use super::B;",
        "use crate::c::B;",
        "use crate::b; fn f() { b::f() }",
    ];
    for a in direct.iter().chain(&handed_on) {
        let sources = [
            ("lib.rs", "mod a; mod b; mod c; pub use b::B;"),
            ("a.rs", a),
            ("b.rs", "pub struct B(super::a::A);"),
            ("c/mod.rs", "pub(crate) use crate::B; /* crate::a::A */"),
        ];
        let sources = sources.map(|(path, source)| (path.to_owned(), source.to_owned()));
        let arrows = Files::read(&sources).arrows();
        assert_eq!(
            circles(&arrows),
            BTreeSet::from([BTreeSet::from(["a.rs", "b.rs"])]),
            "{a}: {arrows:?}"
        );
    }
}
