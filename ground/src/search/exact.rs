//! Exact spans: one pattern at a time over a small part of the text.
//!
//! A backtracker that remembers what failed. `(state, place)` leads to a match or it does not, whatever start came
//! there, so what failed for one start fails for all: however many matches a part holds, every pair fails once at most,
//! and a match that was found is stepped over. `a(.*c)?` on a line of `a` looks for its `c` once, not once an `a`.
//! What is left is bounded by a number of steps a byte; what that does not decide counts as found.

use super::view::TextView;
use crate::limits::{SCAN_EXACT_FREE, SCAN_EXACT_MEMO_BYTES, SCAN_EXACT_STEPS_PER_BYTE};
use regex_automata::Anchored;
use regex_automata::nfa::thompson::{NFA, State};
use regex_automata::util::primitives::StateID;

/// What a search for a span came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SpanSearch {
    /// No match begins in what is loaded.
    Nothing,
    /// The leftmost-first match.
    Match(u64, u64),
    /// A match that begins here could still come: it lives at the end of what is loaded.
    Open(u64),
    /// The steps ran out. Nothing begins before this place; what begins here or later is not known.
    OutOfSteps(u64),
}

/// What the end of the loaded part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    /// As good as the text's end: no start in the part lives there.
    Final,
    /// More text follows, and may decide.
    Open,
}

/// The part of a text that spans are asked of, and what the patterns' searches came to in it.
#[derive(Debug, Default)]
pub(super) struct Exact {
    haystack: Vec<u8>,
    /// Where the haystack begins in the text.
    from: u64,
    /// Counts the parts that were loaded.
    part: u64,
    engines: Vec<Engine>,
    /// States that are still to be tried, the wanted ones last, with their places.
    open: Vec<(StateID, usize)>,
    /// Work done since it was made.
    steps: u64,
}

/// What is kept for one pattern.
#[derive(Debug, Default)]
struct Engine {
    /// By state: its number among those that several states lead to. Only these can be met twice.
    joins: Vec<Option<u32>>,
    /// How many there are.
    width: usize,
    /// Bits by place and number: was here and failed. Empty where it would be too large.
    failed: Vec<u64>,
    /// The part that `failed` and `left` are for.
    part: u64,
    /// Steps that may still be taken in this part.
    left: u64,
}

impl Exact {
    /// Loads the text between two offsets, with one byte of context, so that a cut is not taken for the text's
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

    /// Work done since it was made.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// The leftmost-first match of pattern `index` that begins at `from` or after it (exactly there if anchored).
    pub(super) fn find(
        &mut self,
        nfa: &NFA,
        index: usize,
        from: u64,
        anchored: Anchored,
        edge: Edge,
    ) -> SpanSearch {
        let mut engine = self.engine(nfa, index);
        let found = self.search(&mut engine, nfa, from, anchored, edge);
        if let Some(slot) = self.engines.get_mut(index) {
            *slot = engine;
        }
        found
    }

    /// Takes a pattern's engine out, ready for the part that is loaded.
    fn engine(&mut self, nfa: &NFA, index: usize) -> Engine {
        if self.engines.len() <= index {
            self.engines.resize_with(index.saturating_add(1), Engine::default);
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
                // Clearing memory is quicker than reading text.
                self.steps = self.steps.saturating_add(words as u64 / 8);
            }
        }
        engine
    }

    fn search(
        &mut self,
        engine: &mut Engine,
        nfa: &NFA,
        from: u64,
        anchored: Anchored,
        edge: Edge,
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

/// What one start came to.
enum SpanAttempt {
    Failed,
    Match(usize),
    Open,
    OutOfSteps,
}

/// Tries one start: depth first, in the order in which the pattern wants its ways.
fn attempt(
    engine: &mut Engine,
    nfa: &NFA,
    text: &[u8],
    open: &mut Vec<(StateID, usize)>,
    start: usize,
    edge: Edge,
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
                // As the automata have it: a match is told by the byte after it.
                State::Match { .. } if at == text.len() && edge == Edge::Open => {
                    return SpanAttempt::Open;
                }
                State::Match { .. } => {
                    engine.forget(start, at);
                    return SpanAttempt::Match(at);
                }
                State::Fail => None,
                State::Capture { next, .. } => Some(*next),
                State::Look { look, next } => {
                    if at == text.len() && edge == Edge::Open {
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
                    None if edge == Edge::Open => return SpanAttempt::Open,
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

/// Where a state that reads a byte goes with it.
fn after_byte(state: &State, byte: u8) -> Option<StateID> {
    match state {
        State::ByteRange { trans } => trans.matches_byte(byte).then_some(trans.next),
        State::Sparse(sparse) => sparse.matches_byte(byte),
        State::Dense(dense) => dense.matches_byte(byte),
        _ => None,
    }
}

impl Engine {
    /// Notes that a state is tried at a place. True if it was before, and failed.
    fn was_here(&mut self, id: StateID, at: usize) -> bool {
        let Some(&Some(join)) = self.joins.get(id.as_usize()) else { return false };
        let bit = at.wrapping_mul(self.width).wrapping_add(join as usize);
        let Some(word) = self.failed.get_mut(bit / 64) else { return false };
        let mask = 1 << (bit % 64);
        let was = *word & mask != 0;
        *word |= mask;
        was
    }

    /// A match was found: what was tried from its start to its end did not all fail.
    fn forget(&mut self, start: usize, end: usize) {
        let from = start.saturating_mul(self.width);
        let to = end.saturating_add(1).saturating_mul(self.width);
        // Whole words: to forget a failure more is no mistake.
        if let Some(words) = self.failed.get_mut(from / 64..to.div_ceil(64)) {
            self.left = self.left.saturating_sub(words.len() as u64 / 8);
            words.fill(0);
        }
    }
}

/// Numbers the states that more than one state leads to. Every circle has one.
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
