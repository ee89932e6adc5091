//! Patterns that share one automaton, and how a text advances in it.
//!
//! Patterns without lazy repetitions share a group. There a start counts as live while *any* match may still begin at
//! it. A pattern that repeats lazily has a group of its own, whose automaton follows leftmost-first rules, because in
//! the shared one `BEGIN.*?END` would appear live forever after its match.

mod decide;

use super::Hit;
use super::automaton::{self, AutomatonKind};
use super::dead_starts::DeadStarts;
use super::exact::{Exact, PartEnd};
use super::grouped_pattern::GroupedPattern;
use super::lazy_dfa::{GaveUp, LazyDfa, WalkEnd};
use super::pattern_error::PatternError;
use super::progress::Progress;
use super::rows::{Goal, StatePair};
use super::sparse::Sparse;
use super::starts::Starts;
use super::view::TextView;
use crate::limits::{GLIDE_BYTES, SKIPPED_BYTES};
use regex_automata::Anchored;
use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::DFA;
use regex_automata::nfa::thompson::NFA;

/// Some patterns that share one automaton.
#[derive(Debug)]
pub(super) struct PatternGroup {
    kind: AutomatonKind,
    dfa: DFA,
    entries: Vec<GroupedPattern>,
    /// The length of the shortest match of any, in bytes.
    shortest: usize,
    /// What a full cache of states costs the decider: about one step per byte to build.
    clear_steps: u64,
    /// Which text need not be read.
    sparse: Option<Sparse>,
    /// Where a match may begin, if that rules anything out.
    starts: Option<Starts>,
}

/// What a group builds while it runs, for all texts together.
#[derive(Debug)]
pub(super) struct GroupCache {
    dfa: LazyDfa,
    exact: Exact,
    dead: DeadStarts,
    /// Reused buffer.
    seen: Vec<usize>,
}

impl GroupCache {
    /// Steps taken since it was created: a step is about one byte read by an automaton.
    pub(super) fn steps(&self) -> u64 {
        self.dfa.steps().saturating_add(self.exact.steps())
    }
}

/// How much more text than one start needed is loaded for spans, at least.
const LOADED_AHEAD: u64 = 64;

impl PatternGroup {
    pub(super) fn new(
        kind: AutomatonKind,
        entries: Vec<GroupedPattern>,
        cache_bytes: usize,
        sparse: Option<Sparse>,
        starts: Option<Starts>,
    ) -> Result<PatternGroup, PatternError> {
        let automata: Vec<&NFA> = entries.iter().map(|entry| &entry.nfa).collect();
        let dfa = automaton::combined(&automata, kind, cache_bytes)?;
        let clear_steps = u64::try_from(cache_bytes).unwrap_or(u64::MAX);
        let shortest = entries.iter().map(|entry| entry.shortest).min().unwrap_or(usize::MAX);
        Ok(PatternGroup { kind, dfa, entries, shortest, clear_steps, sparse, starts })
    }

    pub(super) fn cache(&self, epoch: u32) -> GroupCache {
        let (dead, seen) = (DeadStarts::default(), Vec::new());
        GroupCache { dfa: LazyDfa::new(&self.dfa, epoch), exact: Exact::default(), dead, seen }
    }

    /// True if a complete text has to be read to know whether it has a match.
    pub(super) fn only_reading_tells(&self, text: &[u8]) -> bool {
        self.starts.is_none() && self.sparse.is_none() && text.len() >= self.shortest
    }

    /// False if a complete text has no match: it is too short for one, or none begins in it.
    pub(super) fn may_match(&self, text: &[u8]) -> bool {
        let begins = |starts: &Starts| starts.next(text, 0) < text.len();
        text.len() >= self.shortest
            && self.sparse.as_ref().is_none_or(|sparse| sparse.may_match(text))
            && self.starts.as_ref().is_none_or(begins)
    }

    /// Finds everything in a complete short text of which nothing is remembered: one pass tells which patterns match in
    /// it.
    pub(super) fn find_in(&self, cache: &mut GroupCache, text: &[u8], hits: &mut Vec<Hit>) {
        if !self.may_match(text) {
            return;
        }
        let view = TextView { bytes: text, from: 0, before: None };
        let mut seen = std::mem::take(&mut cache.seen);
        if cache.dfa.note_all_matches(&self.dfa, None, text, &mut seen).is_err() {
            seen = (0..self.entries.len()).collect();
        }
        if !seen.is_empty() {
            cache.exact.load(&view, 0, view.end());
        }
        for index in seen.drain(..) {
            self.find_all(cache, index, 0, PartEnd::Final, &view, view.end(), hits);
        }
        cache.seen = seen;
    }

    /// Reads to the end of the view, and finds what is decided there.
    pub(super) fn advance(
        &self,
        cache: &mut GroupCache,
        progress: &mut Progress,
        view: &TextView<'_>,
        hits: &mut Vec<Hit>,
    ) {
        if self.glide(cache, progress, view) {
            return;
        }
        if let Some(sparse) = &self.sparse {
            self.skip(sparse, cache, progress, view, hits);
        }
        self.read_all(cache, progress, view, hits);
    }

    /// Skips what need not be read, and reads what is between, as long as more than a little is left.
    fn skip(
        &self,
        sparse: &Sparse,
        cache: &mut GroupCache,
        progress: &mut Progress,
        view: &TextView<'_>,
        hits: &mut Vec<Hit>,
    ) {
        while !progress.gave_up && progress.seen.is_empty() {
            let unread = view.slice(progress.read, view.end());
            if unread.len() < SKIPPED_BYTES {
                return;
            }
            let part = sparse.part(view.slice(progress.clear, progress.read), unread);
            if part.skip > 0 {
                progress.resume_ats.clear();
                progress.restart(view.offset(view.index(progress.read).saturating_add(part.skip)));
            }
            if part.read >= unread.len() {
                return;
            }
            let to = view.end().saturating_sub((unread.len() - part.read) as u64);
            self.read_all(cache, progress, &view.until(to), hits);
            if progress.clear < to {
                // Not decided in time: held text must not be searched again and again.
                return;
            }
        }
    }

    /// [`PatternGroup::advance`] where nothing is skipped.
    fn read_all(
        &self,
        cache: &mut GroupCache,
        progress: &mut Progress,
        view: &TextView<'_>,
        hits: &mut Vec<Hit>,
    ) {
        while !progress.gave_up {
            let again = self
                .read_on(cache, progress, view, hits)
                .and_then(|()| self.decide(cache, progress, view, hits));
            match again {
                Ok(true) => {}
                Ok(false) => return progress.keep_row(&mut cache.dfa),
                Err(GaveUp) => progress.gave_up = true,
            }
        }
    }

    /// Most text leads to nothing over transitions that are already known: then reading it is all there is to do. True
    /// if so.
    #[inline(always)]
    fn glide(&self, cache: &mut GroupCache, progress: &mut Progress, view: &TextView<'_>) -> bool {
        let Some(row) = progress.row.take() else { return false };
        let (from, end) = (progress.read, view.end());
        // If the text turns out not to be quiet, it is read a second time, so only short texts are tried: those of an
        // event.
        let short = end.saturating_sub(from) <= GLIDE_BYTES;
        if progress.gave_up || !progress.seen.is_empty() || from >= end || !short {
            return false;
        }
        let Some((pair, row)) = cache.dfa.glide(row, view.slice(from, end)) else { return false };
        progress.resume_ats.clear();
        (progress.clear, progress.read) = (end, end);
        progress.live = Some(cache.dfa.keep(pair.live));
        progress.decider.restart(end);
        progress.decider.refill(end);
        progress.decider.state = pair.decider.map(|decider| cache.dfa.keep(decider));
        progress.row = Some(row);
        true
    }

    /// Decides everything in the view as if the text ended there.
    pub(super) fn conclude(
        &self,
        cache: &mut GroupCache,
        progress: &mut Progress,
        view: &TextView<'_>,
        hits: &mut Vec<Hit>,
    ) {
        if progress.clear < view.end() {
            let mut seen = std::mem::take(&mut progress.seen);
            let held = view.slice(progress.clear, view.end());
            let read = if self.sparse.as_ref().is_some_and(|sparse| !sparse.may_match(held)) {
                Ok(())
            } else if progress.gave_up {
                // One pass over everything held tells which patterns matched in it.
                let before = view.look_behind(progress.clear);
                cache.dfa.note_all_matches(&self.dfa, before, held, &mut seen)
            } else {
                self.live_state(cache, progress, view)
                    .and_then(|state| cache.dfa.note_matches_at_end(&self.dfa, state, &mut seen))
            };
            if read.is_err() {
                seen = (0..self.entries.len()).collect();
            }
            progress.seen = seen;
            self.settle(cache, progress, view, view.end(), hits);
        }
        progress.gave_up = false;
        progress.restart(view.end());
    }

    /// The state of the live automaton at `progress.read`, with fresh rows if the cache is large enough.
    fn live_state(
        &self,
        cache: &mut GroupCache,
        progress: &mut Progress,
        view: &TextView<'_>,
    ) -> Result<LazyStateID, GaveUp> {
        cache.dfa.refresh_rows(&self.dfa)?;
        if let Some(state) = cache.dfa.get(progress.live) {
            return Ok(state);
        }
        progress.reads_again(progress.read.saturating_sub(progress.clear), view)?;
        // No start before `clear` is alive, so walking from there leads to the same state.
        let state = cache.dfa.replay(
            &self.dfa,
            Anchored::No,
            view.look_behind(progress.clear),
            view.slice(progress.clear, progress.read),
        )?;
        cache.dfa.forget_stale_rows();
        Ok(state)
    }

    /// The live automaton's state, and the decider's if it has read as far.
    fn pair(
        &self,
        cache: &mut GroupCache,
        progress: &mut Progress,
        view: &TextView<'_>,
    ) -> Result<StatePair, GaveUp> {
        let live = self.live_state(cache, progress, view)?;
        progress.live = Some(cache.dfa.keep(live));
        if progress.decider.read != progress.read {
            return Ok(StatePair { live, decider: None });
        }
        let saved = cache.dfa.get(progress.decider.state);
        let decider = match saved {
            None if progress.read == progress.clear => {
                let before = view.look_behind(progress.clear);
                Some(cache.dfa.start(&self.dfa, Anchored::Yes, before)?)
            }
            saved => saved,
        };
        match cache.dfa.get(progress.live) {
            Some(live) => Ok(StatePair { live, decider }),
            // Starting the decider cleared the cache.
            None => Ok(StatePair { live: self.live_state(cache, progress, view)?, decider: None }),
        }
    }

    /// Runs the live automaton to the end of the view, and the decider in step while its start lives. Reports matches
    /// that are decided by quiet points.
    fn read_on(
        &self,
        cache: &mut GroupCache,
        progress: &mut Progress,
        view: &TextView<'_>,
        hits: &mut Vec<Hit>,
    ) -> Result<(), GaveUp> {
        let mut pair = self.pair(cache, progress, view)?;
        let mut at = view.index(progress.read);
        loop {
            let mut quiet_at = None;
            let goal = match progress.seen.is_empty() {
                true => Goal::End(self.starts.as_ref()),
                false => Goal::Quiet,
            };
            let stop =
                cache.dfa.walk(&self.dfa, &mut pair, view.bytes, &mut at, &mut quiet_at, goal)?;
            progress.read = view.offset(at);
            if let Some(quiet_at) = quiet_at {
                self.settle(cache, progress, view, view.offset(quiet_at), hits);
            }
            let live = match stop {
                WalkEnd::Cleared(live) => live,
                WalkEnd::End | WalkEnd::Event => Some(pair.live),
            };
            progress.live = live.map(|live| cache.dfa.keep(live));
            if let (Some(decider), WalkEnd::End | WalkEnd::Event) = (pair.decider, stop) {
                progress.decider.is_at(progress.read, cache.dfa.keep(decider));
                if decider.is_match() {
                    cache.dfa.note_matches(&self.dfa, decider, &mut progress.decider.matched);
                }
            }
            if let Some(live) = live.filter(|live| live.is_match()) {
                cache.dfa.note_matches(&self.dfa, live, &mut progress.seen);
            }
            if live.is_some_and(|live| live.is_dead()) {
                self.decide_first(cache, progress, view, hits)?;
                pair = self.pair(cache, progress, view)?;
                at = view.index(progress.read);
            } else if matches!(stop, WalkEnd::Cleared(_)) {
                let live = self.live_state(cache, progress, view)?;
                pair = StatePair { live, decider: None };
            }
            if stop == WalkEnd::End {
                return Ok(());
            }
        }
    }

    /// Nothing that begins before `to` is alive: reports the matches seen, and continues from there.
    fn settle(
        &self,
        cache: &mut GroupCache,
        progress: &mut Progress,
        view: &TextView<'_>,
        to: u64,
        hits: &mut Vec<Hit>,
    ) {
        let seen = std::mem::take(&mut progress.seen);
        if !seen.is_empty() {
            cache.exact.load(view, progress.clear, to);
        }
        for &index in &seen {
            let from = progress.resume_at(index);
            self.find_all(cache, index, from, PartEnd::Final, view, to, hits);
        }
        progress.seen = seen;
        progress.seen.clear();
        progress.resume_ats.clear();
        progress.clear = to;
        progress.decider.restart(to);
        progress.decider.refill(to);
    }
}
