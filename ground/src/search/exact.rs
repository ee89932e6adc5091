//! Exact spans: one pattern at a time over a small part of the text.
//!
//! A backtracker that remembers failures. `(state, position)` either leads to a match or does not, whichever start
//! reached it, so what failed for one start fails for all. However many matches a part contains, every pair fails at
//! most once, and a match that was found is skipped. `a(.*c)?` on a line of `a` searches for its `c` once, not once per
//! `a`. The rest is bounded by a number of steps per byte; what that does not decide counts as found.

use super::view::TextView;
use crate::limits::{SCAN_EXACT_FREE, SCAN_EXACT_MEMO_BYTES, SCAN_EXACT_STEPS_PER_BYTE};
use regex_automata::Anchored;
use regex_automata::nfa::thompson::{NFA, State};
use regex_automata::util::primitives::StateID;

/// The result of a search for a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SpanSearch {
    /// No match begins in the loaded part.
    Nothing,
    /// The leftmost-first match.
    Match(u64, u64),
    /// A match that begins here may still occur: it is alive at the end of the loaded part.
    Open(u64),
    /// The steps ran out. Nothing begins before this offset; from here on it is unknown.
    OutOfSteps(u64),
}

/// What the end of the loaded part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartEnd {
    /// Equivalent to the text's end: no start in the part is alive there.
    Final,
    /// More text follows, and may decide.
    Open,
}

/// The part of a text in which spans are searched, and the state of each pattern's search in it.
#[derive(Debug, Default)]
pub(super) struct Exact {
    haystack: Vec<u8>,
    /// The offset of the haystack in the text.
    from: u64,
    /// Counts the loaded parts.
    part: u64,
    engines: Vec<PatternEngine>,
    /// States that remain to be tried, with their positions, those of highest priority last.
    open: Vec<(StateID, usize)>,
    /// Steps taken since it was created.
    steps: u64,
}

/// The state kept for one pattern.
#[derive(Debug, Default)]
struct PatternEngine {
    /// By state: its number among the states with several predecessors. Only these can be reached twice.
    joins: Vec<Option<u32>>,
    /// The number of such states.
    width: usize,
    /// Bits by position and number: reached and failed. Empty if it would be too large.
    failed: Vec<u64>,
    /// The part that `failed` and `left` belong to.
    part: u64,
    /// Steps that may still be taken in this part.
    left: u64,
}

impl Exact {
    /// Loads the text between two offsets, with one byte of context, so that a cut is not mistaken for the text's
    /// beginning.
    pub(super) fn load(&mut self, view: &TextView<'_>, from: u64, to: u64) {
        let before = view.look_behind(from);
        self.haystack.clear();
        self.haystack.extend(before);
        self.haystack.extend_from_slice(view.slice(from, to));
        self.from = from.saturating_sub(u64::from(before.is_some()));
        self.part = self.part.wrapping_add(1);
        self.steps = self.steps.saturating_add(self.haystack.len() as u64);
    }

    /// Steps taken since it was created.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// The leftmost-first match of pattern `index` that begins at or after `from` (exactly there if anchored).
    pub(super) fn find(
        &mut self,
        nfa: &NFA,
        index: usize,
        from: u64,
        anchored: Anchored,
        edge: PartEnd,
    ) -> SpanSearch {
        let mut engine = self.engine(nfa, index);
        let found = self.search(&mut engine, nfa, from, anchored, edge);
        if let Some(slot) = self.engines.get_mut(index) {
            *slot = engine;
        }
        found
    }

    /// Takes out a pattern's engine, prepared for the loaded part.
    fn engine(&mut self, nfa: &NFA, index: usize) -> PatternEngine {
        if self.engines.len() <= index {
            self.engines.resize_with(index.saturating_add(1), PatternEngine::default);
        }
        let mut engine = self.engines.get_mut(index).map(std::mem::take).unwrap_or_default();
        if engine.joins.is_empty() {
            (engine.joins, engine.width) = joins(nfa);
        }
        if engine.part != self.part {
            engine.part = self.part;
            let length = self.haystack.len() as u64;
            engine.left =
                SCAN_EXACT_STEPS_PER_BYTE.saturating_mul(length).saturating_add(SCAN_EXACT_FREE);
            let places = self.haystack.len().saturating_add(1);
            let words = places.saturating_mul(engine.width).div_ceil(64);
            engine.failed.clear();
            engine.failed.shrink_to(KEPT_WORDS);
            if words.saturating_mul(size_of::<u64>()) <= SCAN_EXACT_MEMO_BYTES {
                engine.failed.resize(words, 0);
                // Clearing memory is faster than reading text.
                self.steps = self.steps.saturating_add(words as u64 / 8);
            }
        }
        engine
    }

    fn search(
        &mut self,
        engine: &mut PatternEngine,
        nfa: &NFA,
        from: u64,
        anchored: Anchored,
        edge: PartEnd,
    ) -> SpanSearch {
        let offset = |at: usize| self.from.saturating_add(at as u64);
        let Some(skip) = from.checked_sub(self.from) else { return SpanSearch::Nothing };
        let Ok(mut start) = usize::try_from(skip) else { return SpanSearch::Nothing };
        let before = engine.left;
        let mut found = SpanSearch::Nothing;
        while start < self.haystack.len() {
            let tried = attempt(engine, nfa, &self.haystack, &mut self.open, start, edge);
            match tried {
                SpanAttempt::Failed if anchored.is_anchored() => break,
                SpanAttempt::Failed => start = start.saturating_add(1),
                SpanAttempt::Match(end) => {
                    found = SpanSearch::Match(offset(start), offset(end));
                    break;
                }
                SpanAttempt::Open => {
                    found = SpanSearch::Open(offset(start));
                    break;
                }
                SpanAttempt::OutOfSteps => {
                    found = SpanSearch::OutOfSteps(offset(start));
                    break;
                }
            }
        }
        self.steps = self.steps.saturating_add(before.saturating_sub(engine.left));
        found
    }
}

/// A memory of failures up to this size is kept from part to part.
const KEPT_WORDS: usize = 1024;

/// The result of one start.
enum SpanAttempt {
    Failed,
    Match(usize),
    Open,
    OutOfSteps,
}

/// Tries one start: depth first, in the pattern's order of priority.
fn attempt(
    engine: &mut PatternEngine,
    nfa: &NFA,
    text: &[u8],
    open: &mut Vec<(StateID, usize)>,
    start: usize,
    edge: PartEnd,
) -> SpanAttempt {
    open.clear();
    open.push((nfa.start_anchored(), start));
    while let Some((mut id, mut at)) = open.pop() {
        loop {
            let Some(left) = engine.left.checked_sub(1) else { return SpanAttempt::OutOfSteps };
            engine.left = left;
            if engine.was_here(id, at) {
                break;
            }
            let next = match nfa.state(id) {
                // As in the automata: a match is reported by the byte after it.
                State::Match { .. } if at == text.len() && edge == PartEnd::Open => {
                    return SpanAttempt::Open;
                }
                State::Match { .. } => {
                    engine.forget(start, at);
                    return SpanAttempt::Match(at);
                }
                State::Fail => None,
                State::Capture { next, .. } => Some(*next),
                State::Look { look, next } => {
                    if at == text.len() && edge == PartEnd::Open {
                        return SpanAttempt::Open;
                    }
                    nfa.look_matcher().matches(*look, text, at).then_some(*next)
                }
                State::Union { alternates } => {
                    let mut ways = alternates.iter().copied();
                    let first = ways.next();
                    open.extend(ways.rev().map(|way| (way, at)));
                    first
                }
                State::BinaryUnion { alt1, alt2 } => {
                    open.push((*alt2, at));
                    Some(*alt1)
                }
                reads => match text.get(at) {
                    None if edge == PartEnd::Open => return SpanAttempt::Open,
                    None => None,
                    Some(&byte) => {
                        at = at.saturating_add(1);
                        after_byte(reads, byte)
                    }
                },
            };
            match next {
                Some(next) => id = next,
                None => break,
            }
        }
    }
    SpanAttempt::Failed
}

/// The state after reading this byte.
fn after_byte(state: &State, byte: u8) -> Option<StateID> {
    match state {
        State::ByteRange { trans } => trans.matches_byte(byte).then_some(trans.next),
        State::Sparse(sparse) => sparse.matches_byte(byte),
        State::Dense(dense) => dense.matches_byte(byte),
        _ => None,
    }
}

impl PatternEngine {
    /// Records that a state is tried at a position. True if it was tried before, and failed.
    fn was_here(&mut self, id: StateID, at: usize) -> bool {
        let Some(&Some(join)) = self.joins.get(id.as_usize()) else { return false };
        let bit = at.wrapping_mul(self.width).wrapping_add(join as usize);
        let Some(word) = self.failed.get_mut(bit / 64) else { return false };
        let mask = 1 << (bit % 64);
        let was = *word & mask != 0;
        *word |= mask;
        was
    }

    /// A match was found: not everything that was tried between its start and its end has failed.
    fn forget(&mut self, start: usize, end: usize) {
        let from = start.saturating_mul(self.width);
        let to = end.saturating_add(1).saturating_mul(self.width);
        // Whole words: forgetting too many failures is harmless.
        if let Some(words) = self.failed.get_mut(from / 64..to.div_ceil(64)) {
            self.left = self.left.saturating_sub(words.len() as u64 / 8);
            words.fill(0);
        }
    }
}

/// Numbers the states with more than one predecessor. Every cycle contains one.
fn joins(nfa: &NFA) -> (Vec<Option<u32>>, usize) {
    let mut ways = vec![0_u8; nfa.states().len()];
    let mut count = |id: StateID| {
        if let Some(ways) = ways.get_mut(id.as_usize()) {
            *ways = ways.saturating_add(1);
        }
    };
    for state in nfa.states() {
        match state {
            State::ByteRange { trans } => count(trans.next),
            State::Sparse(sparse) => sparse.transitions.iter().for_each(|trans| count(trans.next)),
            State::Dense(dense) => dense.transitions.iter().for_each(|&next| count(next)),
            State::Look { next, .. } | State::Capture { next, .. } => count(*next),
            State::Union { alternates } => alternates.iter().copied().for_each(&mut count),
            State::BinaryUnion { alt1, alt2 } => [*alt1, *alt2].into_iter().for_each(&mut count),
            State::Fail | State::Match { .. } => {}
        }
    }
    let mut width = 0_u32;
    let joins = ways
        .into_iter()
        .map(|ways| {
            (ways > 1).then(|| {
                width = width.saturating_add(1);
                width.saturating_sub(1)
            })
        })
        .collect();
    (joins, width as usize)
}
