//! The patterns of some rules, compiled into groups.

use super::automaton::{self, AutomatonKind};
use super::grouped_pattern::GroupedPattern;
use super::pattern::Pattern;
use super::pattern_error::PatternError;
use super::pattern_group::{GroupCache, PatternGroup};
use super::sparse::{self, Sparse};
use super::starts::Starts;
use crate::limits::MATCHER_AUTOMATON_BYTES;
use std::cell::Cell;
use std::fmt;

/// The compiled patterns of some rules. Cheap to share (`Rc`) within a thread; lazily built states are stored inside.
pub struct Matcher {
    plain: Vec<PatternGroup>,
    normalized: Vec<PatternGroup>,
    /// Taken out while in use, so that no borrow can fail.
    scratch: Cell<Option<Box<Scratch>>>,
    /// How many scratches were created: state ids of one are meaningless in another.
    epoch: Cell<u32>,
}

/// The states that all texts of a matcher build together.
#[derive(Debug)]
pub(super) struct Scratch {
    pub(super) plain: Vec<GroupCache>,
    pub(super) normalized: Vec<GroupCache>,
}

impl Matcher {
    /// Compiles patterns; each comes with the tag of its hits.
    ///
    /// # Errors
    /// The patterns are too big together.
    pub fn new<'a>(
        patterns: impl IntoIterator<Item = (u32, &'a Pattern)>,
    ) -> Result<Matcher, PatternError> {
        Matcher::with_cache(patterns, None)
    }

    /// [`Matcher::new`] with another bound on each cache of states, in bytes. Hits do not depend on it; tests and
    /// benches use it.
    ///
    /// # Errors
    /// The patterns are too big together.
    pub fn with_cache<'a>(
        patterns: impl IntoIterator<Item = (u32, &'a Pattern)>,
        cache_bytes: Option<usize>,
    ) -> Result<Matcher, PatternError> {
        let (mut plain, mut normalized) = (Vec::new(), Vec::new());
        for (tag, pattern) in patterns {
            let side = if pattern.fold { &mut normalized } else { &mut plain };
            add(side, tag, pattern);
        }
        let mut budget = MATCHER_AUTOMATON_BYTES;
        Ok(Matcher {
            plain: groups(plain, cache_bytes, &mut budget)?,
            normalized: groups(normalized, cache_bytes, &mut budget)?,
            scratch: Cell::new(None),
            epoch: Cell::new(0),
        })
    }

    /// True if it can never report a hit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.normalized.is_empty()
    }

    /// False if nothing is found in a complete text: then there is no need to search it. Of most texts that is known from
    /// their length, or from the bytes with which matches begin.
    #[must_use]
    pub fn may_match(&self, text: &str) -> bool {
        let text = text.as_bytes();
        // What a text is when it is normalized would have to be found out first.
        !self.normalized.is_empty()
            || self.plain.iter().any(|group| group.only_reading_tells(text))
            || self.plain.iter().any(|group| group.may_match(text))
    }

    /// The groups for the text as it is.
    pub(super) fn plain(&self) -> &[PatternGroup] {
        &self.plain
    }

    /// The groups for the normalized text.
    pub(super) fn normalized(&self) -> &[PatternGroup] {
        &self.normalized
    }

    /// Takes the scratch, or creates one. It is returned with [`Matcher::give_back`].
    #[inline(always)]
    pub(super) fn take(&self) -> Box<Scratch> {
        self.scratch.take().unwrap_or_else(|| {
            let epoch = self.epoch.get().wrapping_add(1);
            self.epoch.set(epoch);
            let caches =
                |groups: &[PatternGroup]| groups.iter().map(|group| group.cache(epoch)).collect();
            Box::new(Scratch { plain: caches(&self.plain), normalized: caches(&self.normalized) })
        })
    }

    /// Steps taken so far for all texts: a step is about one byte read by an automaton. The number grows at most
    /// linearly with the bytes fed, which tests assert.
    #[must_use]
    pub fn steps(&self) -> u64 {
        let scratch = self.take();
        let caches = scratch.plain.iter().chain(&scratch.normalized);
        let steps = caches.fold(0, |sum: u64, cache| sum.saturating_add(cache.steps()));
        self.give_back(scratch);
        steps
    }

    #[inline(always)]
    pub(super) fn give_back(&self, scratch: Box<Scratch>) {
        self.scratch.set(Some(scratch));
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Matcher")
            .field("plain", &self.plain.len())
            .field("normalized", &self.normalized.len())
            .finish_non_exhaustive()
    }
}

/// A pattern and all rules that search for it.
struct WantedPattern<'a> {
    pattern: &'a Pattern,
    tags: Vec<u32>,
}

/// Adds a pattern once: two rules with the same pattern share its states.
fn add<'a>(wanted: &mut Vec<WantedPattern<'a>>, tag: u32, pattern: &'a Pattern) {
    let same = wanted.iter_mut().find(|known| {
        known.pattern.name == pattern.name
            && known.pattern.hir == pattern.hir
            && known.pattern.check.is_some() == pattern.check.is_some()
    });
    match same {
        Some(known) if known.tags.contains(&tag) => {}
        Some(known) => known.tags.push(tag),
        None => wanted.push(WantedPattern { pattern, tags: vec![tag] }),
    }
}

fn groups(
    wanted: Vec<WantedPattern<'_>>,
    cache_bytes: Option<usize>,
    budget: &mut usize,
) -> Result<Vec<PatternGroup>, PatternError> {
    // Patterns that begin in most words have a group of their own: otherwise each of their states would be combined
    // with each of the others', and text with addresses and names would keep building new ones.
    let (mut shared, mut in_words) = (Vec::new(), Vec::new());
    let (mut words_hirs, mut shared_hirs) = (Vec::new(), Vec::new());
    let mut groups = Vec::new();
    for WantedPattern { pattern, tags } in wanted {
        let nfa = automaton::compile(&pattern.hir)?;
        *budget = budget.checked_sub(nfa.memory_usage()).ok_or_else(automaton::too_big)?;
        let (shortest, check) = (pattern.shortest(), pattern.check);
        let entry = GroupedPattern { nfa, tags, shortest, check };
        if pattern.is_lazy() {
            let bytes = cache_bytes.unwrap_or(automaton::cache_bytes(AutomatonKind::First));
            let starts = Starts::new([&pattern.hir]);
            groups.push(PatternGroup::new(AutomatonKind::First, vec![entry], bytes, None, starts)?);
        } else if sparse::begins_in_words(&pattern.hir) {
            in_words.push(entry);
            words_hirs.push(&pattern.hir);
        } else {
            shared.push(entry);
            shared_hirs.push(&pattern.hir);
        }
    }
    let bytes = cache_bytes.unwrap_or(automaton::cache_bytes(AutomatonKind::All));
    if !in_words.is_empty() {
        let sparse = Sparse::new(words_hirs);
        groups.insert(0, PatternGroup::new(AutomatonKind::All, in_words, bytes, sparse, None)?);
    }
    if !shared.is_empty() {
        let starts = Starts::new(shared_hirs);
        groups.insert(0, PatternGroup::new(AutomatonKind::All, shared, bytes, None, starts)?);
    }
    Ok(groups)
}
