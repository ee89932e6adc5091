//! The ways in which a pattern's matches begin.

use regex_syntax::hir::{Class, Hir, HirKind, Look, Repetition};

use super::halves::FIRST;
use crate::search::byte_set::ByteSet;

/// The number of ways in which the matches of one pattern may begin before the search gives up.
const WAYS: usize = 512;

/// One of them: which bytes may stand before it, and which are its first. Positions that accept any byte tell nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Prefix {
    // The sort order: by first bytes.
    first: [ByteSet; FIRST],
    before: ByteSet,
}

impl Prefix {
    /// The sets of all examined bytes, in order.
    pub(super) fn sets(&self) -> impl Iterator<Item = &ByteSet> {
        std::iter::once(&self.before).chain(&self.first)
    }

    /// The set of the byte before it.
    pub(super) fn before(&self) -> &ByteSet {
        &self.before
    }

    /// The sets of its first bytes, in order.
    pub(super) fn first(&self) -> &[ByteSet; FIRST] {
        &self.first
    }

    /// True if a match may begin with these bytes after that one. A byte that has not arrived may be any.
    #[cfg(test)]
    pub(super) fn is_at(&self, before: Option<u8>, bytes: &[u8]) -> bool {
        self.first.iter().zip(bytes).all(|(set, byte)| set.has(*byte))
            && before.is_none_or(|before| self.before.has(before))
    }

    /// Roughly how often it occurs in a thousand bytes of prose.
    pub(super) fn in_thousand(&self) -> f32 {
        self.sets().map(|set| set.bytes().map(often).sum::<f32>().min(1.0)).product::<f32>()
            * 1000.0
    }
}

/// Roughly how often a byte occurs in English prose: only to distinguish rare beginnings from frequent ones.
pub(super) fn often(byte: u8) -> f32 {
    const LETTERS: [u8; 26] = [
        82, 15, 28, 43, 127, 22, 20, 61, 70, 2, 8, 40, 24, 67, 75, 19, 1, 60, 63, 91, 28, 10, 24,
        2, 20, 1,
    ];
    let letter = |first: u8| {
        f32::from(LETTERS.get(usize::from(byte.wrapping_sub(first))).copied().unwrap_or(1)) / 1250.0
    };
    match byte {
        b' ' => 0.17,
        b'a'..=b'z' => letter(b'a'),
        b'A'..=b'Z' => letter(b'A') / 25.0,
        b'0'..=b'9' => 0.002,
        b'.' | b',' | b'\n' | b'-' | b'"' | b'\'' => 0.01,
        0x80.. => 0.000_3,
        _ => 0.001,
    }
}

/// The ways in which matches of a pattern may begin; `None` if there are too many.
pub(super) fn of(hir: &Hir) -> Option<Vec<Prefix>> {
    let ways = follow(hir, vec![MatchStart::default()])?;
    Some(ways.into_iter().map(MatchStart::prefix).collect())
}

/// The beginning of a match, as far as it was followed.
#[derive(Debug, Clone, Default)]
struct MatchStart {
    /// The assertion at the position where it begins.
    edge: Option<Look>,
    sets: Vec<ByteSet>,
    /// What follows may be anything.
    open: bool,
}

impl MatchStart {
    fn is_full(&self) -> bool {
        self.open || self.sets.len() >= FIRST
    }

    fn then(mut self, set: ByteSet) -> MatchStart {
        if !self.is_full() {
            self.sets.push(set);
        }
        self
    }

    fn opened(mut self) -> MatchStart {
        self.open = true;
        self
    }

    fn prefix(self) -> Prefix {
        let mut first = [ByteSet::ALL; FIRST];
        first.iter_mut().zip(&self.sets).for_each(|(own, set)| *own = *set);
        let word: ByteSet =
            (0..0x80).filter(|b: &u8| b.is_ascii_alphanumeric() || *b == b'_').collect();
        let in_word =
            self.sets.first().map(|set| (set.is_within(word), set.is_within(word.others())));
        let before = match (self.edge, in_word) {
            (Some(Look::WordAscii), Some((true, _)))
            | (Some(Look::WordAsciiNegate), Some((_, true))) => word.others(),
            (Some(Look::WordAscii), Some((_, true)))
            | (Some(Look::WordAsciiNegate), Some((true, _))) => word,
            _ => ByteSet::ALL,
        };
        Prefix { first, before }
    }
}

/// All ways continued by `hir`; `None` if there are too many.
fn follow(hir: &Hir, ways: Vec<MatchStart>) -> Option<Vec<MatchStart>> {
    let (mut full, mut ways): (Vec<MatchStart>, Vec<MatchStart>) =
        ways.into_iter().partition(MatchStart::is_full);
    match hir.kind() {
        HirKind::Empty => {}
        HirKind::Look(look) => {
            // Only where a match begins: later assertions are left to the automaton.
            for way in ways.iter_mut().filter(|way| way.sets.is_empty()) {
                way.edge = Some(*look);
            }
        }
        HirKind::Literal(literal) => {
            for byte in literal.0.iter().take(FIRST) {
                let set = ByteSet::from_iter([*byte]);
                ways = ways.into_iter().map(|way| way.then(set)).collect();
            }
        }
        HirKind::Class(Class::Bytes(class)) => {
            let set = class.ranges().iter().flat_map(|range| range.start()..=range.end()).collect();
            ways = ways.into_iter().map(|way| way.then(set)).collect();
        }
        HirKind::Class(Class::Unicode(class)) => {
            let (ascii, others) = ByteSet::ascii_of(class);
            if others {
                // Such characters differ in length: what follows their first byte may be anything.
                full.extend(ways.iter().cloned().map(|way| way.then(ByteSet::HIGH).opened()));
            }
            ways = match ascii == ByteSet::NONE {
                true => Vec::new(),
                false => ways.into_iter().map(|way| way.then(ascii)).collect(),
            };
        }
        HirKind::Repetition(repetition) => ways = repeat(repetition, ways)?,
        HirKind::Capture(capture) => ways = follow(&capture.sub, ways)?,
        HirKind::Concat(all) => {
            for part in all {
                ways = follow(part, ways)?;
            }
        }
        HirKind::Alternation(all) => {
            let mut each = Vec::new();
            for part in all {
                each.extend(follow(part, ways.clone())?);
            }
            ways = each;
        }
    }
    ways.extend(full);
    (ways.len() <= WAYS).then_some(ways)
}

fn repeat(repetition: &Repetition, mut ways: Vec<MatchStart>) -> Option<Vec<MatchStart>> {
    let mut done = Vec::new();
    for times in 0..=FIRST as u32 {
        if times >= repetition.min {
            done.extend(ways.iter().cloned());
        }
        if repetition.max == Some(times) || ways.is_empty() {
            return Some(done);
        }
        let (full, rest): (Vec<MatchStart>, Vec<MatchStart>) =
            follow(&repetition.sub, ways)?.into_iter().partition(MatchStart::is_full);
        done.extend(full);
        ways = rest;
    }
    // The rest looped without consuming bytes.
    done.extend(ways.into_iter().map(MatchStart::opened));
    Some(done)
}
