//! Patterns, texts and spans as data: `testdata/scan/matches.tsv`, with every cut in two and one character at a time.

use hemostat_engine::search::{Hit, Matcher, Pattern, PatternError, StreamSearch};
use proptest::prelude::*;
use std::path::Path;

fn unescape(field: &str) -> String {
    let mut text = field.replace("\\n", "\n");
    while let Some(at) = text.find("\\u{") {
        let end = at + text[at..].find('}').expect("a closed escape");
        let code = u32::from_str_radix(&text[at + 3..end], 16).expect("a number");
        text.replace_range(at..=end, &char::from_u32(code).expect("a character").to_string());
    }
    text
}

fn matcher(source: &str, fold: bool) -> Result<Matcher, PatternError> {
    let patterns = Pattern::parse(source, fold)?;
    Matcher::new(patterns.iter().map(|pattern| (0, pattern)))
}

fn scan<'t>(matcher: &Matcher, pieces: impl IntoIterator<Item = &'t str>) -> Vec<Hit> {
    let mut scan = StreamSearch::default();
    let mut hits = Vec::new();
    let mut clear = 0;
    for piece in pieces {
        let known = hits.len();
        scan.feed(matcher, piece, &mut hits);
        assert!(hits[known..].iter().all(|hit: &Hit| hit.start >= clear));
        assert!(scan.clear() >= clear && scan.clear() <= scan.fed());
        clear = scan.clear();
    }
    let known = hits.len();
    scan.finish(matcher, &mut hits);
    assert!(hits[known..].iter().all(|hit| hit.start >= clear));
    assert_eq!(scan.clear(), scan.fed());
    hits.sort_unstable();
    hits
}

fn at_once(matcher: &Matcher, text: &str) -> Vec<Hit> {
    let mut hits = Vec::new();
    StreamSearch::default().find_in(matcher, text, &mut hits);
    assert!(hits.is_empty() || matcher.may_match(text), "{text:?} was not to be searched");
    hits
}

fn characters(text: &str) -> impl Iterator<Item = &str> {
    text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()])
}

#[test]
fn the_table_holds_for_every_cut() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/scan/matches.tsv");
    let table = std::fs::read_to_string(path).unwrap();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [source, fold, text, spans] = fields[..] else { panic!("bad line: {line}") };
        let fold = fold == "fold";
        let source = if fold { unescape(source) } else { source.to_owned() };
        if let Some(part) = spans.strip_prefix('!') {
            let error = matcher(&source, fold).unwrap_err();
            assert!(error.message.contains(part), "{line}: {}", error.message);
            continue;
        }
        let text = unescape(text);
        let matcher = matcher(&source, fold).unwrap_or_else(|error| panic!("{line}: {error:?}"));
        let show = |hits: Vec<Hit>| {
            let spans: Vec<String> =
                hits.iter().map(|hit| format!("{}-{}", hit.start, hit.end)).collect();
            spans.join(" ")
        };
        assert_eq!(show(scan(&matcher, [text.as_str()])), spans, "{line}");
        assert_eq!(show(at_once(&matcher, &text)), spans, "{line}, at once");
        assert_eq!(show(scan(&matcher, characters(&text))), spans, "{line}, by characters");
        for (at, _) in text.char_indices() {
            assert_eq!(show(scan(&matcher, [&text[..at], &text[at..]])), spans, "{line} at {at}");
        }
    }
}

#[test]
fn refusals_name_the_place() {
    let error = Pattern::parse(r"ab\p{L}", false).unwrap_err();
    assert_eq!((error.offset, error.help.is_some()), (Some(2), true));
    assert_eq!(Pattern::parse("ab(?=c)", false).unwrap_err().offset, Some(2));
    let deep = format!("{}a{}", "(".repeat(100), ")".repeat(100));
    assert!(Pattern::parse(&deep, false).unwrap_err().message.contains("nest deeper than 64"));
    let unknown = Pattern::parse("pack:nope", false).unwrap_err();
    assert!(unknown.help.unwrap().contains("`pack:secrets`"));
    let big: Vec<Pattern> = (0..40)
        .map(|index| Pattern::parse(&format!("x{index}[^y]{{1,900}}z"), false).unwrap().remove(0))
        .collect();
    let error = Matcher::new(big.iter().map(|pattern| (0, pattern))).unwrap_err();
    assert!(error.message.contains("together"), "{}", error.message);
}

#[test]
fn what_could_stay_live_on_prose_is_named() {
    for (source, unbounded) in [
        (r"BEGIN.*END", true),
        (r#""[^"]*""#, true),
        (r"(?:\w+\s+)*x", true),
        (r"BEGIN.{0,80}END", false),
        (r"(?i)project\s+nightingale", false),
        (r"sk-[A-Za-z0-9]{20,}", false),
    ] {
        assert_eq!(Pattern::parse(source, false).unwrap()[0].unbounded(), unbounded, "{source}");
    }
}

#[test]
fn finish_gives_up_partial_matches_and_keeps_whole_ones() {
    let patterns =
        [Pattern::parse("secret", false).unwrap(), Pattern::parse("ab+", false).unwrap()].concat();
    let matcher = Matcher::new((0..).zip(&patterns)).unwrap();
    let (mut scan, mut hits) = (StreamSearch::default(), Vec::new());
    scan.feed(&matcher, "x sec", &mut hits);
    assert_eq!(scan.clear(), 2);
    scan.finish(&matcher, &mut hits);
    assert_eq!((scan.clear(), hits.len()), (5, 0));
    scan.feed(&matcher, "ret abb", &mut hits);
    assert_eq!((scan.clear(), hits.len()), (9, 0));
    scan.finish(&matcher, &mut hits);
    scan.feed(&matcher, "b secret.", &mut hits);
    scan.finish(&matcher, &mut hits);
    let whole = Hit { start: 9, end: 12, tag: 1 };
    assert_eq!(hits, [whole, Hit { start: 14, end: 20, tag: 0 }]);
}

#[test]
fn texts_share_a_matcher_without_mixing() {
    let matcher = matcher("a+b", false).unwrap();
    let (mut one, mut two) = (StreamSearch::default(), StreamSearch::default());
    let (mut of_one, mut of_two) = (Vec::new(), Vec::new());
    for piece in ["xa", "a", "b"] {
        one.feed(&matcher, piece, &mut of_one);
        two.feed(&matcher, "a", &mut of_two);
    }
    one.finish(&matcher, &mut of_one);
    assert_eq!(two.clear(), 0);
    two.finish(&matcher, &mut of_two);
    assert_eq!((of_one, of_two), (vec![Hit { start: 1, end: 4, tag: 0 }], vec![]));
}

#[test]
fn two_rules_with_one_pattern_both_hear_of_it() {
    let pattern = Pattern::parse("a", false).unwrap().remove(0);
    let matcher = Matcher::new([(7, &pattern), (3, &pattern), (7, &pattern)]).unwrap();
    let tags: Vec<u32> = scan(&matcher, ["a"]).iter().map(|hit| hit.tag).collect();
    assert_eq!(tags, [3, 7]);
}

#[test]
fn a_matcher_without_patterns_holds_nothing() {
    let matcher = Matcher::new([]).unwrap();
    assert!(matcher.is_empty());
    assert!(scan(&matcher, ["any", "text"]).is_empty());
}

/// If any of this took steps with the square of the text's length, it would not end today.
#[test]
fn hostile_texts_take_linear_time() {
    let long = "a".repeat(300_000);
    let spaced = "1234 ".repeat(60_000);
    let ats = "a@".repeat(100_000);
    let begins = "-----BEGIN PRIVATE KEY-----\n".repeat(5_000);
    for source in [
        "(?:a{1,50}){1,20}b",
        "a{1,1000}b",
        "[a-z]+@x",
        "a*?b",
        "(?:a|aa)+$",
        "pack:pii",
        "pack:secrets",
        "pack:prompt-injection",
    ] {
        for fold in [false, true] {
            let matcher = matcher(source, fold).unwrap();
            for text in [&long, &spaced, &ats, &begins] {
                let whole = scan(&matcher, [text.as_str()]);
                let pieces =
                    text.as_bytes().chunks(7).map(|piece| std::str::from_utf8(piece).unwrap());
                assert_eq!(scan(&matcher, pieces), whole, "{source}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn folded_texts_do_not_depend_on_cuts(
        text in "([sеecrеt]|\u{200b}|e\u{301}|S|ѕ|Ｅ| |é){0,40}",
        cuts in proptest::collection::vec(0_usize..120, 0..6),
    ) {
        let patterns = [
            Pattern::parse("secret", true).unwrap(),
            Pattern::parse(r"\be+c?", true).unwrap(),
            Pattern::parse("s.*?r", true).unwrap(),
            Pattern::parse("ec", false).unwrap(),
        ]
        .concat();
        let matcher = Matcher::new((0..).zip(&patterns)).unwrap();
        let mut cuts: Vec<usize> =
            cuts.into_iter().filter(|&at| at <= text.len() && text.is_char_boundary(at)).collect();
        cuts.sort_unstable();
        cuts.push(text.len());
        let mut from = 0;
        let pieces: Vec<&str> = cuts
            .into_iter()
            .map(|to| {
                let piece = &text[from..to];
                from = to;
                piece
            })
            .collect();
        let whole = scan(&matcher, [text.as_str()]);
        prop_assert_eq!(&at_once(&matcher, &text), &whole);
        prop_assert_eq!(&scan(&matcher, pieces), &whole);
        prop_assert_eq!(&scan(&matcher, characters(&text)), &whole);
        for hit in whole {
            prop_assert!(text.get(hit.start as usize..hit.end as usize).is_some());
        }
    }
}
