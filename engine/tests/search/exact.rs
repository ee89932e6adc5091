//! The scanner against a naive reference: random patterns, random texts, random cuts.

use hemostat_engine::search::{Hit, Matcher, Pattern, StreamSearch};
use proptest::prelude::*;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::pikevm::PikeVM;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};

/// A random pattern in the policy's language.
fn pattern() -> impl Strategy<Value = String> {
    let atom = prop_oneof![
        6 => "[abc]",
        1 => Just("é".to_owned()),
        1 => Just("[ab]".to_owned()),
        1 => Just("[^a]".to_owned()),
        1 => Just(".".to_owned()),
        1 => Just("[\\s\\S]".to_owned()),
        1 => Just("\\w".to_owned()),
        1 => Just("\\W".to_owned()),
        1 => Just("(?i:aB)".to_owned()),
        1 => Just(r"\b".to_owned()),
        1 => Just(r"\B".to_owned()),
        1 => Just("^".to_owned()),
        1 => Just("$".to_owned()),
        1 => Just("(?m:^)".to_owned()),
        1 => Just("(?m:$)".to_owned()),
    ];
    let tree = atom.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            3 => proptest::collection::vec(inner.clone(), 2..4).prop_map(|parts| parts.concat()),
            1 => proptest::collection::vec(inner.clone(), 2..3)
                .prop_map(|parts| format!("(?:{})", parts.join("|"))),
            2 => (inner, "(\\*|\\+|\\?|\\{1,3\\}|\\{2\\}|\\{2,\\})", "(|||\\?)")
                .prop_map(|(part, repeat, lazy)| format!("(?:{part}){repeat}{lazy}")),
        ]
    });
    tree.prop_filter("must be a pattern of the language", |source| {
        Pattern::parse(source, false).is_ok()
    })
}

fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![
            8 => "[abc]",
            2 => Just("aaaa".to_owned()),
            1 => Just(" ".to_owned()),
            1 => Just("\n".to_owned()),
            1 => Just("é".to_owned()),
            1 => Just("B".to_owned()),
            1 => Just("-".to_owned()),
        ],
        0..40,
    )
    .prop_map(|parts| parts.concat())
}

/// One pattern, run the obvious way: over the whole text, from every start.
struct Naive {
    vm: PikeVM,
    dfa: DFA,
    lazy: bool,
}

impl Naive {
    fn new(source: &str) -> Naive {
        // A lazy repetition that regex-syntax simplifies away is not lazy, so it is asked, not guessed.
        let ascii = source
            .replace(r"\b", r"(?-u:\b)")
            .replace(r"\B", r"(?-u:\B)")
            .replace(r"[\s\S]", "(?s:.)")
            .replace(r"\w", "[0-9A-Za-z_]")
            .replace(r"\W", "[^0-9A-Za-z_]")
            .replace("(?i:aB)", "[aA][bB]");
        let lazy = has_lazy(&regex_syntax::parse(&ascii).unwrap());
        let kind = if lazy { MatchKind::LeftmostFirst } else { MatchKind::All };
        Naive {
            vm: PikeVM::new(&ascii).unwrap(),
            dfa: DFA::builder().configure(DFA::config().match_kind(kind)).build(&ascii).unwrap(),
            lazy,
        }
    }

    fn matches(&self, text: &str, tag: u32) -> Vec<Hit> {
        let mut cache = self.vm.create_cache();
        self.vm
            .find_iter(&mut cache, text)
            .map(|found| Hit { start: found.start() as u64, end: found.end() as u64, tag })
            .collect()
    }

    /// How a run from `at` stands at the end of the text so far: if it is alive, and where it last matched.
    fn run(&self, cache: &mut Cache, text: &[u8], at: usize) -> (bool, Option<usize>) {
        let before = at.checked_sub(1).map(|index| text[index]);
        let config = start::Config::new().anchored(Anchored::Yes).look_behind(before);
        let mut state = self.dfa.start_state(cache, &config).unwrap();
        let mut matched = None;
        for (index, &byte) in text.iter().enumerate().skip(at) {
            state = self.dfa.next_state(cache, state, byte).unwrap();
            if state.is_match() {
                matched = Some(index);
            }
            if state.is_dead() {
                return (false, matched);
            }
        }
        // Dead too: what only tells of a match, and what waits for something that cannot come (`a^`).
        let at_end = self.dfa.next_eoi_state(cache, state).unwrap();
        let dies = |byte| self.dfa.next_state(cache, state, byte).unwrap().is_dead();
        (at_end.is_match() || !(0..=255).all(dies), matched)
    }

    /// The earliest start that is alive at the end of the text so far.
    fn clear(&self, text: &str) -> usize {
        let mut cache = self.dfa.create_cache();
        let mut at = 0;
        while at < text.len() {
            match self.run(&mut cache, text.as_bytes(), at) {
                (true, _) => return at,
                (false, Some(end)) if self.lazy => at = end,
                (false, _) => at += text[at..].chars().next().unwrap().len_utf8(),
            }
        }
        at
    }
}

fn has_lazy(hir: &regex_syntax::hir::Hir) -> bool {
    matches!(hir.kind(), regex_syntax::hir::HirKind::Repetition(r) if !r.greedy)
        || hir.kind().subs().iter().any(has_lazy)
}

fn matcher(patterns: &[String], cache_bytes: Option<usize>) -> Matcher {
    let parsed: Vec<Pattern> =
        patterns.iter().map(|source| Pattern::parse(source, false).unwrap().remove(0)).collect();
    let tagged = parsed.iter().enumerate().map(|(tag, pattern)| (tag as u32, pattern));
    Matcher::with_cache(tagged, cache_bytes).unwrap()
}

fn cut<'t>(text: &'t str, cuts: &[usize]) -> Vec<&'t str> {
    let mut places: Vec<usize> = cuts
        .iter()
        .map(|cut| cut % (text.len() + 1))
        .filter(|&cut| text.is_char_boundary(cut))
        .collect();
    places.push(text.len());
    places.sort_unstable();
    let mut from = 0;
    places
        .into_iter()
        .map(|to| {
            let piece = &text[from..to];
            from = to;
            piece
        })
        .collect()
}

/// Feeds a text in pieces, and checks everything that can be said after each.
fn check(patterns: &[String], text: &str, pieces: &[&str], cache_bytes: Option<usize>) {
    let naive: Vec<Naive> = patterns.iter().map(|source| Naive::new(source)).collect();
    let mut expected: Vec<Hit> = naive
        .iter()
        .enumerate()
        .flat_map(|(tag, pattern)| pattern.matches(text, tag as u32))
        .collect();
    expected.sort_unstable();
    let matcher = matcher(patterns, cache_bytes);
    let mut scan = StreamSearch::default();
    let mut hits = Vec::new();
    let (mut fed, mut clear) = (0, 0);
    for piece in pieces {
        let known = hits.len();
        scan.feed(&matcher, piece, &mut hits);
        fed += piece.len();
        assert!(hits[known..].iter().all(|hit| hit.start >= clear), "a hit before `clear`");
        let live = naive.iter().map(|pattern| pattern.clear(&text[..fed])).min().unwrap_or(fed);
        assert_eq!(scan.clear(), live as u64, "clear after {:?}", &text[..fed]);
        assert!(scan.clear() >= clear);
        clear = scan.clear();
        let decided: Vec<Hit> = expected.iter().copied().filter(|hit| hit.start < clear).collect();
        let mut sorted: Vec<Hit> = hits.iter().copied().filter(|hit| hit.start < clear).collect();
        sorted.sort_unstable();
        assert_eq!(sorted, decided, "hits after {:?}", &text[..fed]);
    }
    scan.finish(&matcher, &mut hits);
    hits.sort_unstable();
    assert_eq!(hits, expected, "hits of {text:?}");
    assert_eq!((scan.clear(), scan.fed()), (text.len() as u64, text.len() as u64));
    let (mut at_once, mut found) = (StreamSearch::default(), Vec::new());
    at_once.find_in(&matcher, text, &mut found);
    assert_eq!(found, expected, "hits of {text:?} at once");
    assert!(found.is_empty() || matcher.may_match(text), "{text:?} was not to be searched");
    assert_eq!((at_once.clear(), at_once.fed()), (scan.clear(), scan.fed()));
}

/// A pattern that begins in most words, of which every match holds an `@` and none a blank.
fn in_words() -> impl Strategy<Value = String> {
    let begin =
        prop::sample::select(&[r"\w+", r"\b[a-z]{1,5}", r"(?:\w+\.)*[a-z]+", r"[^\s]{1,6}"][..]);
    let middle = prop::sample::select(&["@", "(?:@|@@)", "=?@", "@{1,2}"][..]);
    let end = prop::sample::select(
        &[r"\w+", r"\w*\b", r"(?:[a-z]{1,3}\.){1,2}[a-z]", "x(?m:$)", r"[^\s]", "é?$"][..],
    );
    (begin, middle, end).prop_map(|(begin, middle, end)| [begin, middle, end].concat())
}

/// Words, with an `@` here and there.
fn words() -> impl Strategy<Value = String> {
    let prose = "the quick brown fox, jumps over the lazy dog.\nand is gone ";
    let parts = [prose, "the quick", " ", "\n", "ab", "x", ".", "@", "=", "é", " a@x.b ", "-----"];
    proptest::collection::vec(prop::sample::select(parts.to_vec()), 0..16)
        .prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_the_naive_reference(
        patterns in proptest::collection::vec(pattern(), 1..4),
        text in text(),
        cuts in proptest::collection::vec(any::<usize>(), 0..8),
        tiny in any::<bool>(),
    ) {
        check(&patterns, &text, &cut(&text, &cuts), tiny.then_some(0));
    }

    #[test]
    fn one_character_at_a_time_is_no_different(
        patterns in proptest::collection::vec(pattern(), 1..4),
        text in text(),
        tiny in any::<bool>(),
    ) {
        let every: Vec<usize> = (0..text.len()).collect();
        check(&patterns, &text, &cut(&text, &every), tiny.then_some(0));
    }

    #[test]
    fn what_is_skipped_would_have_come_to_nothing(
        patterns in proptest::collection::vec(in_words(), 1..3),
        other in proptest::option::of(pattern()),
        text in words(),
        cuts in proptest::collection::vec(any::<usize>(), 0..5),
        tiny in any::<bool>(),
    ) {
        let patterns: Vec<String> = patterns.into_iter().chain(other).collect();
        check(&patterns, &text, &cut(&text, &cuts), tiny.then_some(0));
    }

    #[test]
    fn a_text_that_need_not_be_searched_has_no_match(
        parts in proptest::collection::vec(prop::sample::select(&LONG_PARTS[..]), 0..5),
        from in 0_usize..12,
        patterns in proptest::sample::subsequence(LONG_PATTERNS.to_vec(), 1..4),
    ) {
        let text = parts.concat();
        let text = text.get(from..).unwrap_or_default();
        let patterns: Vec<String> = patterns.iter().map(|own| (*own).to_owned()).collect();
        let matcher = matcher(&patterns, None);
        let (hits, _) = scan(&matcher, [text.as_bytes()].into_iter());
        prop_assert!(hits.is_empty() || matcher.may_match(text), "{hits:?}");
    }

    #[test]
    fn a_long_text_is_read_as_its_pieces_are(
        parts in proptest::collection::vec(prop::sample::select(&LONG_PARTS[..]), 400..900),
        piece in 1_usize..64,
        cut in 0_usize..4000,
        patterns in proptest::sample::subsequence(LONG_PATTERNS.to_vec(), 1..4),
    ) {
        let text = parts.concat();
        let patterns: Vec<String> = patterns.iter().map(|own| (*own).to_owned()).collect();
        let matcher = matcher(&patterns, None);
        let small = scan(&matcher, text.as_bytes().chunks(piece));
        // Now that all transitions are known, in one piece and in two.
        prop_assert_eq!(&scan(&matcher, [text.as_bytes()].into_iter()), &small);
        let (a, b) = text.as_bytes().split_at(cut.min(text.len()));
        prop_assert_eq!(&scan(&matcher, [a, b].into_iter()), &small);
    }
}

/// Words of ASCII, so that any cut is one between characters.
const LONG_PARTS: [&str; 12] = [
    "the ",
    "quick ",
    "brown fox ",
    "jumps\n",
    "over.the_lazy-dog ",
    "sk-abcdef ",
    "a sk-abc",
    "x@y.z ",
    "aab ",
    "0123456789012345678901234567890123456789",
    "and then it goes on, and on, ",
    "\n\n",
];

const LONG_PATTERNS: [&str; 10] = [
    r"\bsk-[a-z]{3,9}\b",
    r"\w+@\w+\.z",
    "a+b ",
    r"(?:jumps\n|dog )\s*over",
    "fox [a-z ]{20,}on",
    "x(?m:$)",
    r"t\w+y",
    r"(?i)\bBROWN F|(?:é|z ?a)ab",
    r"\B9and t|\n\nsk-",
    "and on, (?:and ){0,2}then",
];

/// What is found in a text that comes in these pieces, and how far it is decided at its end.
fn scan<'t>(matcher: &Matcher, pieces: impl Iterator<Item = &'t [u8]>) -> (Vec<Hit>, u64) {
    let (mut search, mut hits) = (StreamSearch::default(), Vec::new());
    for piece in pieces {
        search.feed(matcher, std::str::from_utf8(piece).unwrap(), &mut hits);
    }
    let clear = search.clear();
    search.finish(matcher, &mut hits);
    hits.sort_unstable();
    (hits, clear)
}
