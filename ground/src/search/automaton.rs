//! Builds the automaton that the patterns of a group share from one automaton per pattern.
//!
//! A text is quiet where the shared automaton's state is that of a fresh start. This requires that no started match
//! returns to the state in which fresh ones begin: in `a*b` the state after an `a` would equal the one before it. So
//! every pattern gets an *entry*: a copy of the states before its first byte, which nothing leads back to.

use super::pattern_error::PatternError;
use crate::limits::{
    MATCHER_AUTOMATON_BYTES, PATTERN_AUTOMATON_BYTES, SCAN_CACHE_BYTES, SCAN_SOLO_CACHE_BYTES,
};
use regex_automata::MatchKind;
use regex_automata::hybrid::dfa::DFA;
use regex_automata::nfa::thompson::{BuildError, Builder, NFA, State, Transition, WhichCaptures};
use regex_automata::util::primitives::StateID;
use regex_syntax::hir::Hir;

/// The automaton of one pattern, for its own exact search.
pub(super) fn compile(hir: &Hir) -> Result<NFA, PatternError> {
    build(hir, WhichCaptures::Implicit)
}

/// The automaton of one pattern, with its groups.
pub(super) fn with_groups(hir: &Hir) -> Result<NFA, PatternError> {
    build(hir, WhichCaptures::All)
}

fn build(hir: &Hir, captures: WhichCaptures) -> Result<NFA, PatternError> {
    NFA::compiler()
        .configure(
            NFA::config().which_captures(captures).nfa_size_limit(Some(PATTERN_AUTOMATON_BYTES)),
        )
        .build_from_hir(hir)
        .map_err(|error| match error.size_limit() {
            Some(_) => PatternError {
                offset: None,
                message: format!(
                    "the pattern compiles to more than {PATTERN_AUTOMATON_BYTES} bytes"
                ),
                help: Some("make its counted repetitions smaller, or split it".to_owned()),
            },
            None => not_built(),
        })
}

/// What the shared automaton must report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AutomatonKind {
    /// Every match of every pattern, and whether any could begin or continue.
    All,
    /// One pattern, whose match ends a lazy repetition: it dies where the match is decided.
    First,
}

/// The automaton that some patterns share. Its cache never gives up, and no byte makes it quit.
///
/// # Errors
/// The patterns are too big together.
pub(super) fn combined(
    patterns: &[&NFA],
    kind: AutomatonKind,
    cache_bytes: usize,
) -> Result<DFA, PatternError> {
    let nfa = combine(patterns).map_err(|_| too_big())?;
    let match_kind = match kind {
        AutomatonKind::All => MatchKind::All,
        AutomatonKind::First => MatchKind::LeftmostFirst,
    };
    let config = DFA::config()
        .match_kind(match_kind)
        .cache_capacity(cache_bytes)
        .skip_cache_capacity_check(true)
        .minimum_cache_clear_count(None);
    DFA::builder().configure(config).build_from_nfa(nfa).map_err(|_| not_built())
}

/// The error of what cannot be built for a reason that this configuration rules out: groups that are missing or too many, a
/// cache without room.
fn not_built() -> PatternError {
    PatternError { offset: None, message: "the pattern cannot be compiled".to_owned(), help: None }
}

/// The error of patterns that are too big together.
pub(super) fn too_big() -> PatternError {
    PatternError {
        offset: None,
        message: format!(
            "the patterns together compile to more than {MATCHER_AUTOMATON_BYTES} bytes"
        ),
        help: Some("use fewer patterns, or smaller counted repetitions".to_owned()),
    }
}

/// The maximum size of the cache of a group's states, in bytes.
pub(super) fn cache_bytes(kind: AutomatonKind) -> usize {
    match kind {
        AutomatonKind::All => SCAN_CACHE_BYTES,
        AutomatonKind::First => SCAN_SOLO_CACHE_BYTES,
    }
}

/// The builder's error is large, and only its presence matters.
type Built<T> = Result<T, Box<BuildError>>;

fn combine(patterns: &[&NFA]) -> Built<NFA> {
    let mut builder = Builder::new();
    builder.set_size_limit(Some(MATCHER_AUTOMATON_BYTES))?;
    let mut entries = Vec::with_capacity(patterns.len());
    for nfa in patterns {
        builder.start_pattern()?;
        let entry = copy(&mut builder, nfa)?;
        builder.finish_pattern(entry)?;
        entries.push(entry);
    }
    let anchored = builder.add_union(entries)?;
    // `(?s-u:.)*?` before the patterns: a start at every byte, with lower priority than those before it.
    let any = builder.add_empty()?;
    let unanchored = builder.add_union(vec![anchored, any])?;
    let skip = builder.add_range(Transition { start: 0, end: u8::MAX, next: unanchored })?;
    builder.patch(any, skip)?;
    Ok(builder.build(anchored, unanchored)?)
}

/// Copies a pattern's states, then its entry; returns the entry's first state.
fn copy(builder: &mut Builder, nfa: &NFA) -> Built<StateID> {
    // States refer to later ones, so each is first a placeholder, which the builder resolves at the end.
    let mut bodies = Vec::with_capacity(nfa.states().len());
    for _ in nfa.states() {
        bodies.push(builder.add_empty()?);
    }
    let body = |id: StateID| bodies.get(id.as_usize()).copied().unwrap_or(StateID::ZERO);
    for (state, &place) in nfa.states().iter().zip(&bodies) {
        let made = copy_state(builder, state, &body, &body)?;
        builder.patch(place, made)?;
    }
    let before_first_byte = closure(nfa);
    let mut entries = vec![StateID::ZERO; nfa.states().len()];
    for &id in &before_first_byte {
        let place = builder.add_empty()?;
        if let Some(slot) = entries.get_mut(id.as_usize()) {
            *slot = place;
        }
    }
    let entry = |id: StateID| entries.get(id.as_usize()).copied().unwrap_or(StateID::ZERO);
    for &id in &before_first_byte {
        let made = copy_state(builder, nfa.state(id), &entry, &body)?;
        builder.patch(entry(id), made)?;
    }
    Ok(entry(nfa.start_anchored()))
}

/// The states that are reached without reading a byte.
fn closure(nfa: &NFA) -> Vec<StateID> {
    let mut seen = vec![false; nfa.states().len()];
    let mut found = Vec::new();
    let mut open = vec![nfa.start_anchored()];
    while let Some(id) = open.pop() {
        match seen.get_mut(id.as_usize()) {
            Some(seen) if !*seen => *seen = true,
            _ => continue,
        }
        found.push(id);
        match nfa.state(id) {
            State::Look { next, .. } | State::Capture { next, .. } => open.push(*next),
            State::Union { alternates } => open.extend(alternates.iter().copied()),
            State::BinaryUnion { alt1, alt2 } => open.extend([*alt1, *alt2]),
            State::ByteRange { .. }
            | State::Sparse(_)
            | State::Dense(_)
            | State::Fail
            | State::Match { .. } => {}
        }
    }
    found
}

/// Copies one state: transitions without a byte are mapped by `empty`, those with a byte by `after`.
fn copy_state(
    builder: &mut Builder,
    state: &State,
    empty: &dyn Fn(StateID) -> StateID,
    after: &dyn Fn(StateID) -> StateID,
) -> Built<StateID> {
    let moved = |t: &Transition| Transition { start: t.start, end: t.end, next: after(t.next) };
    let made = match state {
        State::ByteRange { trans } => builder.add_range(moved(trans)),
        State::Sparse(sparse) => builder.add_sparse(sparse.transitions.iter().map(moved).collect()),
        State::Dense(dense) => {
            let mut transitions = Vec::new();
            for byte in 0..=u8::MAX {
                if let Some(next) = dense.matches_byte(byte) {
                    transitions.push(Transition { start: byte, end: byte, next: after(next) });
                }
            }
            builder.add_sparse(transitions)
        }
        State::Look { look, next } => builder.add_look(empty(*next), *look),
        State::Union { alternates } => {
            builder.add_union(alternates.iter().map(|id| empty(*id)).collect())
        }
        State::BinaryUnion { alt1, alt2 } => builder.add_union(vec![empty(*alt1), empty(*alt2)]),
        State::Capture { next, .. } => {
            let skipped = builder.add_empty()?;
            builder.patch(skipped, empty(*next))?;
            Ok(skipped)
        }
        State::Fail => builder.add_fail(),
        State::Match { .. } => builder.add_match(),
    };
    Ok(made?)
}
