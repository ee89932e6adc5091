//! Work is linear: twice the text takes twice the steps, whatever the pattern and the text.

use hemostat_engine::search::{Hit, Matcher, Pattern, StreamSearch};
use proptest::prelude::*;

/// Steps, not time: they are the same on every machine.
fn steps(sources: &[&str], fold: bool, text: &str, piece: usize) -> (u64, usize) {
    // Folding makes classes of letters; a pattern that gets too big by it is one less.
    let patterns: Vec<Pattern> = sources
        .iter()
        .flat_map(|source| Pattern::parse(source, fold).unwrap_or_default())
        .collect();
    let matcher = Matcher::new((0..).zip(&patterns)).unwrap();
    let (mut search, mut hits): (_, Vec<Hit>) = (StreamSearch::default(), Vec::new());
    let mut rest = text;
    while !rest.is_empty() {
        let at = (piece..rest.len()).find(|&at| rest.is_char_boundary(at)).unwrap_or(rest.len());
        search.feed(&matcher, &rest[..at], &mut hits);
        rest = &rest[at..];
    }
    search.finish(&matcher, &mut hits);
    (matcher.steps(), hits.len())
}

/// Patterns that are bound to read the same text again: what repeats is optional, overlaps, or ends in doubt.
const PATTERNS: [&str; 22] = [
    "a(.*c)?",
    "a(.*?c)?",
    "a[^c]*?c|a",
    r"(?i)iban(.*[A-Z]{2}\d{2})?",
    r"(?i)iban(.*?[A-Z]{2}\d{2})?",
    "a(.{0,60}c)?",
    "a(.{0,900}c)?",
    "a(.{0,900}?c)?",
    "a.{1,3000}b",
    "(?:a|aa)+$",
    "(a*)*b|a",
    "(?:a{1,50}){1,20}b",
    r"\b\w+(?:[^!]*!)?",
    "(?:a.*)?b",
    ".+?a$",
    r"(?s)a.*\bc|[ab]",
    r#""[^"]*""#,
    r"(?:\w+\s+)*x|\w",
    "pack:pii",
    "pack:secrets",
    "a(.*b(.*c)?)?",
    "[ab]{20,40}(.*c)?",
];

/// A unit that is repeated to a text.
const UNITS: [&str; 16] = [
    "a",
    "ab",
    "aab ",
    "iban ",
    "IBAN DE",
    "a\n",
    "é",
    "a\"",
    "1234 ",
    "a@",
    "abé ",
    "b",
    "AKIA",
    "-----BEGIN PRIVATE KEY-----\n",
    "a!",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
];

fn of(unit: &str, bytes: usize) -> String {
    unit.repeat(bytes / unit.len())
}

fn check(sources: &[&str], fold: bool, unit: &str, piece: usize) {
    // Twice as many more bytes may cost 2.2 times as many more steps: what a text costs where it begins
    // (states are built, little is held) is left out, so that growth shows what it is.
    let sizes = [16_384, 32_768, 65_536];
    let [once, twice, four] = sizes.map(|size| steps(sources, fold, &of(unit, size), piece).0);
    let (first, second) = (twice.saturating_sub(once), four.saturating_sub(twice));
    assert!(
        second * 10 <= first * 22 + 400_000,
        "{sources:?} over {unit:?} in pieces of {piece}: {once}, {twice}, {four} steps for {sizes:?} bytes",
    );
    // What is free of a byte's cost is each pattern's own: the spans of one are found apart from those of another.
    let allowed = 1_200 * sources.len() as u64 * sizes[2] as u64;
    assert!(four <= allowed, "{sources:?} over {unit:?} in pieces of {piece}: {four}");
}

#[test]
fn twice_the_text_takes_twice_the_steps() {
    let pieces = [97, 1_500, usize::MAX];
    for (row, source) in PATTERNS.iter().enumerate() {
        for (column, unit) in UNITS.iter().enumerate() {
            check(&[source], false, unit, pieces[(row + column) % pieces.len()]);
        }
    }
}

#[test]
fn each_pattern_of_a_set_has_its_own_bound() {
    check(&["a(.{0,900}?c)?", "a(.{0,900}c)?"], false, "aa!", 13);
}

#[test]
fn a_line_of_half_matches_is_decided_in_time() {
    for (source, unit) in [("a(.*c)?", "a"), (r"(?i)iban(.*[A-Z]{2}\d{2})?", "iban ")] {
        let text = of(unit, 65_536);
        let (steps, hits) = steps(&[source], false, &text, usize::MAX);
        assert_eq!(hits, text.len() / unit.len(), "every one is found, with its own span");
        assert!(steps < 200 * text.len() as u64, "{source}: {steps} steps");
    }
}

#[test]
fn what_is_not_decided_in_time_counts_as_found() {
    // Each start could end 3,000 characters on; to know that none does takes 3,000 steps a byte.
    let text = "a".repeat(30_000);
    let (steps, hits) = steps(&["a([ab]{1,3000}c)?"], false, &text, usize::MAX);
    assert!(hits > 0);
    assert!(steps < 1_000 * text.len() as u64, "{steps} steps");
    let pattern = Pattern::parse("a([ab]{1,3000}c)?", false).unwrap();
    let matcher = Matcher::new([(0, &pattern[0])]).unwrap();
    let (mut search, mut hits) = (StreamSearch::default(), Vec::new());
    search.feed(&matcher, &text, &mut hits);
    search.finish(&matcher, &mut hits);
    let covered: u64 = hits.iter().map(|hit: &Hit| hit.end - hit.start).sum();
    assert_eq!(covered, text.len() as u64, "more than the matches perhaps, never less");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn hostile_sets_of_patterns_are_linear_too(
        sources in proptest::collection::vec(proptest::sample::select(&PATTERNS[..]), 1..4),
        unit in proptest::collection::vec(proptest::sample::select(&UNITS[..]), 1..3),
        fold in any::<bool>(),
        piece in prop_oneof![Just(13_usize), Just(700), Just(usize::MAX)],
    ) {
        check(&sources, fold, &unit.concat(), piece);
    }
}
