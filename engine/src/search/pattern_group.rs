//! Some patterns that share one automaton, and how far one text has come in it.
//!
//! Patterns without lazy repetitions share a group. There a start counts as live while *any* match could still begin
//! at it. A pattern that repeats lazily has a group of its own, whose automaton follows leftmost-first rules, because in
//! the shared one `BEGIN.*?END` would look live for ever after its match.

use super::Hit;
use super::automaton::{self, Kind};
use super::exact::{Engine, Exact};
use super::lazy_dfa::{GaveUp, LazyDfa, SavedState, Stop};
use super::pattern::{Check, PatternError};
use super::view::View;
use crate::limits::{SCAN_STEPS_FREE, SCAN_STEPS_PER_BYTE};
use regex_automata::Anchored;
use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::DFA;
use regex_automata::nfa::thompson::NFA;
use regex_automata::nfa::thompson::pikevm::PikeVM;

/// A pattern as a group has it.
#[derive(Debug)]
pub(super) struct GroupedPattern {
    pub(super) nfa: NFA,
    /// The rules that look for it.
    pub(super) tags: Vec<u32>,
    pub(super) check: Option<Check>,
}

/// Some patterns that share one automaton.
#[derive(Debug)]
pub(super) struct PatternGroup {
    kind: Kind,
    dfa: DFA,
    entries: Vec<GroupedPattern>,
    /// What a full cache of states costs the decider: it took about a step a byte to build.
    clear_steps: u64,
}

/// What a group builds while it runs: states, and the exact engines of patterns that matched.
#[derive(Debug)]
pub(super) struct GroupCache {
    live: LazyDfa,
    decider: LazyDfa,
    engines: Vec<Option<Engine>>,
    exact: Exact,
}

/// What one text has come to in one group. Offsets count bytes from the text's beginning.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Everything before is decided: the earliest start that may be alive.
    pub(super) clear: u64,
    /// The live automaton has read so far.
    read: u64,
    live: Option<SavedState>,
    /// Patterns that matched since the text was last quiet, sorted.
    seen: Vec<usize>,
    /// Where each pattern's last match ended, where that is after `clear`.
    resume_ats: Vec<(usize, u64)>,
    decider: Decider,
    /// The automaton gave up; the text is held until its end.
    gave_up: bool,
}

/// The decider: the same automaton, run from one start.
#[derive(Debug, Default)]
struct Decider {
    /// It began at `Progress::clear` and has read so far.
    read: u64,
    state: Option<SavedState>,
    /// Patterns that matched from this very start, sorted.
    matched: Vec<usize>,
    /// Where the text was last quiet.
    quiet: u64,
    /// Steps taken since then.
    steps: u64,
}

impl PatternGroup {
    pub(super) fn new(
        kind: Kind,
        entries: Vec<GroupedPattern>,
        cache_bytes: usize,
    ) -> Result<PatternGroup, PatternError> {
        let automata: Vec<&NFA> = entries.iter().map(|entry| &entry.nfa).collect();
        let dfa = automaton::combined(&automata, kind, cache_bytes)?;
        let clear_steps = u64::try_from(cache_bytes).unwrap_or(u64::MAX);
        Ok(PatternGroup { kind, dfa, entries, clear_steps })
    }

    pub(super) fn cache(&self, epoch: u32) -> GroupCache {
        GroupCache {
            live: LazyDfa::new(&self.dfa, epoch),
            decider: LazyDfa::new(&self.dfa, epoch),
            engines: self.entries.iter().map(|_| None).collect(),
            exact: Exact::default(),
        }
    }

    /// Reads the view to its end, and finds what is decided there.
    pub(super) fn advance(
        &self,
        cache: &mut GroupCache,
        progress: &mut Progress,
        view: &View<'_>,
        hits: &mut Vec<Hit>,
    ) {
        while !progress.gave_up {
            let again = self
                .read_on(cache, progress, view, hits)
                .and_then(|()| self.decide(cache, progress, view, hits));
            match again {
                Ok(true) => {}
                Ok(false) => return,
                Err(GaveUp) => progress.gave_up = true,
            }
        }
    }

    /// Decides everything in the view as if the text ended there.
    pub(super) fn conclude(
        &self,
        cache: &mut GroupCache,
        progress: &mut Progress,
        view: &View<'_>,
        hits: &mut Vec<Hit>,
    ) {
        if progress.clear < view.end() {
            let mut seen = std::mem::take(&mut progress.seen);
            let state = self
                .live_state(cache, progress, view)
                .and_then(|state| cache.live.note_matches_at_end(&self.dfa, state, &mut seen));
            if progress.gave_up || state.is_err() {
                seen = (0..self.entries.len()).collect();
            }
            progress.seen = seen;
            self.settle(cache, progress, view, view.end(), hits);
        }
        progress.gave_up = false;
        progress.restart(view.end());
    }

    /// The state of the live automaton at `progress.read`, under a fresh table of quiet states where the cache is large enough.
    fn live_state(
        &self,
        cache: &mut GroupCache,
        progress: &Progress,
        view: &View<'_>,
    ) -> Result<LazyStateID, GaveUp> {
        cache.live.refresh_quiet(&self.dfa)?;
        if let Some(state) = cache.live.get(progress.live) {
            return Ok(state);
        }
        // No start before `clear` is alive, so walking from there gives the same state.
        let state = cache.live.replay(
            &self.dfa,
            Anchored::No,
            view.look_behind(progress.clear),
            view.slice(progress.clear, progress.read),
        )?;
        cache.live.forget_stale_quiet();
        Ok(state)
    }

    /// Walks the live automaton to the end of the view. Matches that quiet points decide are reported.
    fn read_on(
        &self,
        cache: &mut GroupCache,
        progress: &mut Progress,
        view: &View<'_>,
        hits: &mut Vec<Hit>,
    ) -> Result<(), GaveUp> {
        let mut state = self.live_state(cache, progress, view)?;
        let mut at = view.index(progress.read);
        loop {
            let mut quiet_at = None;
            let wait_for_quiet = !progress.seen.is_empty();
            let stop = cache.live.walk(
                &self.dfa,
                &mut state,
                view.bytes,
                &mut at,
                &mut quiet_at,
                wait_for_quiet,
            )?;
            progress.read = view.offset(at);
            progress.live = Some(cache.live.keep(state));
            if let Some(quiet_at) = quiet_at {
                self.settle(cache, progress, view, view.offset(quiet_at), hits);
            }
            if state.is_dead() {
                self.decide_first(cache, progress, view, hits);
                state = self.live_state(cache, progress, view)?;
                at = view.index(progress.read);
            } else if state.is_match() {
                cache.live.note_matches(&self.dfa, state, &mut progress.seen);
            }
            match stop {
                Stop::End => return Ok(()),
                Stop::Cleared => {
                    // A match state is noted above; the table is made anew before going on.
                    state = self.live_state(cache, progress, view)?;
                }
                Stop::Tagged | Stop::Quiet => {}
            }
            progress.live = Some(cache.live.keep(state));
        }
    }

    /// Nothing that begins before `to` is alive: reports the matches seen, and goes on from there.
    fn settle(
        &self,
        cache: &mut GroupCache,
        progress: &mut Progress,
        view: &View<'_>,
        to: u64,
        hits: &mut Vec<Hit>,
    ) {
        let seen = std::mem::take(&mut progress.seen);
        if !seen.is_empty() {
            cache.exact.load(view, progress.clear, to);
        }
        for &index in &seen {
            let mut from = progress.resume_at(index);
            while let Some(found) = self.find(cache, index, from, Anchored::No) {
                from = self.judge(index, view, found, hits).unwrap_or(view.next_char(found.0));
            }
        }
        progress.seen = seen;
        progress.seen.clear();
        progress.resume_ats.clear();
        progress.clear = to;
        progress.decider.restart(to);
        progress.decider.refill(to);
    }

    /// The automaton of a lazy pattern died: its first match is decided. Everything after it is read again.
    fn decide_first(
        &self,
        cache: &mut GroupCache,
        progress: &mut Progress,
        view: &View<'_>,
        hits: &mut Vec<Hit>,
    ) {
        let (from, to) = (progress.clear, progress.read);
        cache.exact.load(view, from, to);
        let next = match self.find(cache, 0, from, Anchored::No) {
            Some(found) => self.judge(0, view, found, hits).unwrap_or(view.next_char(found.0)),
            None => to,
        };
        progress.restart(next);
    }

    /// Moves the decider to the end of the view, over every start that is dead.
    /// True if the live automaton must read again.
    fn decide(
        &self,
        cache: &mut GroupCache,
        progress: &mut Progress,
        view: &View<'_>,
        hits: &mut Vec<Hit>,
    ) -> Result<bool, GaveUp> {
        let end = view.end();
        while progress.clear < end {
            if !self.run(cache, progress, view)? {
                return Ok(false);
            }
            let start = progress.clear;
            let matched = std::mem::take(&mut progress.decider.matched);
            let mut next = view.next_char(start);
            if !matched.is_empty() {
                cache.exact.load(view, start, progress.decider.read);
            }
            for &index in &matched {
                if progress.resume_at(index) > start {
                    continue;
                }
                let found = self.find(cache, index, start, Anchored::Yes);
                if let Some(resume_at) =
                    found.and_then(|found| self.judge(index, view, found, hits))
                {
                    match self.kind {
                        Kind::All => progress.resume_ats.push((index, resume_at)),
                        Kind::First => next = resume_at,
                    }
                }
            }
            if self.kind == Kind::First && !matched.is_empty() {
                progress.restart(next);
                return Ok(true);
            }
            progress.decider.matched = matched;
            progress.clear = next;
            progress.decider.restart(next);
            progress.resume_ats.retain(|&(_, resume_at)| resume_at > next);
        }
        Ok(false)
    }

    /// Runs from the present start as far as the view and the budget go. True if the start is dead.
    fn run(
        &self,
        cache: &mut GroupCache,
        progress: &mut Progress,
        view: &View<'_>,
    ) -> Result<bool, GaveUp> {
        let end = view.end();
        let clear = progress.clear;
        let decider = &mut progress.decider;
        let allowed = end
            .saturating_sub(decider.quiet)
            .saturating_mul(SCAN_STEPS_PER_BYTE)
            .saturating_add(SCAN_STEPS_FREE);
        if decider.steps >= allowed {
            return Ok(false);
        }
        let mut state = match cache.decider.get(decider.state) {
            Some(state) => state,
            None => {
                let read = view.slice(clear, decider.read);
                let before = view.look_behind(clear);
                cache.decider.replay(&self.dfa, Anchored::Yes, before, read)?
            }
        };
        for &byte in view.slice(decider.read, end) {
            if decider.steps >= allowed {
                break;
            }
            let clears = cache.decider.clears();
            state = cache.decider.step(&self.dfa, state, byte)?;
            if cache.decider.clears() != clears {
                decider.steps = decider.steps.saturating_add(self.clear_steps);
            }
            decider.read = decider.read.saturating_add(1);
            decider.steps = decider.steps.saturating_add(1);
            if state.is_match() {
                cache.decider.note_matches(&self.dfa, state, &mut decider.matched);
            }
            if state.is_dead() {
                return Ok(true);
            }
        }
        decider.state = Some(cache.decider.keep(state));
        let spent = decider.read == end && cache.decider.is_dead(&self.dfa, state)?;
        // What would have been the step into death, so that the sum does not depend on where the text was cut.
        decider.steps = decider.steps.saturating_add(u64::from(spent));
        Ok(spent)
    }

    /// The exact first match of a pattern in the text that is loaded, from an offset on.
    fn find(
        &self,
        cache: &mut GroupCache,
        index: usize,
        from: u64,
        anchored: Anchored,
    ) -> Option<(u64, u64)> {
        let engine = cache.engines.get_mut(index)?;
        if engine.is_none() {
            let vm = PikeVM::new_from_nfa(self.entries.get(index)?.nfa.clone()).ok()?;
            *engine = Some(Engine { cache: vm.create_cache(), vm });
        }
        cache.exact.find(engine.as_mut()?, from, anchored)
    }

    /// Reports a candidate, if its check agrees. Gives where the pattern's next match may begin.
    fn judge(
        &self,
        index: usize,
        view: &View<'_>,
        (start, end): (u64, u64),
        hits: &mut Vec<Hit>,
    ) -> Option<u64> {
        let entry = self.entries.get(index)?;
        let end = match entry.check {
            None => end,
            Some(check) => {
                let text = std::str::from_utf8(view.slice(start, end)).ok()?;
                let length = check(text)?.clamp(1, text.len());
                start.saturating_add(u64::try_from(length).ok()?)
            }
        };
        hits.extend(entry.tags.iter().map(|&tag| Hit { start, end, tag }));
        Some(end)
    }
}

impl Progress {
    /// Where the next match of a pattern may begin.
    fn resume_at(&self, index: usize) -> u64 {
        self.resume_ats
            .iter()
            .filter(|(at, _)| *at == index)
            .map(|(_, resume_at)| *resume_at)
            .fold(self.clear, u64::max)
    }

    /// Goes back to (or on to) a place that is decided, and reads on from there.
    pub(super) fn restart(&mut self, at: u64) {
        self.clear = at;
        self.read = at;
        self.live = None;
        self.seen.clear();
        self.decider.restart(at);
        self.decider.refill(at);
    }
}

impl Decider {
    fn restart(&mut self, at: u64) {
        self.read = at;
        self.state = None;
        self.matched.clear();
    }

    /// Nothing before `at` matters any more: the budget begins anew.
    fn refill(&mut self, at: u64) {
        self.quiet = at;
        self.steps = 0;
    }
}
