//! A lane: some patterns behind one gate, and what one text has come to in it.
//!
//! Patterns without lazy repetitions share a lane. There a start counts as live while *any* match could still begin
//! at it. A pattern that repeats lazily has a lane of its own, whose gate follows leftmost-first rules, because in the
//! shared gate `BEGIN.*?END` would look live for ever after its match.

use super::Hit;
use super::automaton::{self, Kind};
use super::exact::{Engine, Exact};
use super::pattern::{Check, PatternError};
use super::view::View;
use super::walk::{Kept, Lost, Stop, Walk};
use crate::limits::{SCAN_STEPS_FREE, SCAN_STEPS_PER_BYTE};
use regex_automata::Anchored;
use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::DFA;
use regex_automata::nfa::thompson::NFA;
use regex_automata::nfa::thompson::pikevm::PikeVM;

/// A pattern as a lane has it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) nfa: NFA,
    /// The rules that look for it.
    pub(super) tags: Vec<u32>,
    pub(super) check: Option<Check>,
}

/// Some patterns behind one gate.
#[derive(Debug)]
pub(super) struct Lane {
    kind: Kind,
    dfa: DFA,
    entries: Vec<Entry>,
    /// What a full cache of states costs the front runner: it took about a step a byte to build.
    clear_steps: u64,
}

/// What a lane builds while it runs: states, and the exact engines of patterns that matched.
#[derive(Debug)]
pub(super) struct LaneCache {
    gate: Walk,
    runner: Walk,
    engines: Vec<Option<Engine>>,
    exact: Exact,
}

/// What one text has come to in one lane. Offsets count bytes from the text's beginning.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Everything before is decided: the earliest start that may be alive.
    pub(super) clear: u64,
    /// The gate has read so far.
    read: u64,
    gate: Option<Kept>,
    /// Patterns that matched since the text was last quiet, sorted.
    seen: Vec<usize>,
    /// Where each pattern's last match ended, where that is after `clear`.
    floors: Vec<(usize, u64)>,
    runner: Runner,
    /// The gate gave up; the text is held until its end.
    lost: bool,
}

/// The front runner: the gate's automaton, run from one start.
#[derive(Debug, Default)]
struct Runner {
    /// It began at `Progress::clear` and has read so far.
    read: u64,
    state: Option<Kept>,
    /// Patterns that matched from this very start, sorted.
    matched: Vec<usize>,
    /// Where the text was last quiet.
    quiet: u64,
    /// Steps taken since then.
    steps: u64,
}

impl Lane {
    pub(super) fn new(
        kind: Kind,
        entries: Vec<Entry>,
        cache_bytes: usize,
    ) -> Result<Lane, PatternError> {
        let automata: Vec<&NFA> = entries.iter().map(|entry| &entry.nfa).collect();
        let dfa = automaton::gate(&automata, kind, cache_bytes)?;
        let clear_steps = u64::try_from(cache_bytes).unwrap_or(u64::MAX);
        Ok(Lane { kind, dfa, entries, clear_steps })
    }

    pub(super) fn cache(&self, epoch: u32) -> LaneCache {
        LaneCache {
            gate: Walk::new(&self.dfa, epoch),
            runner: Walk::new(&self.dfa, epoch),
            engines: self.entries.iter().map(|_| None).collect(),
            exact: Exact::default(),
        }
    }

    /// Reads the view to its end, and finds what is decided there.
    pub(super) fn advance(
        &self,
        cache: &mut LaneCache,
        progress: &mut Progress,
        view: &View<'_>,
        hits: &mut Vec<Hit>,
    ) {
        while !progress.lost {
            let again = self
                .gate(cache, progress, view, hits)
                .and_then(|()| self.front(cache, progress, view, hits));
            match again {
                Ok(true) => {}
                Ok(false) => return,
                Err(Lost) => progress.lost = true,
            }
        }
    }

    /// Decides everything in the view as if the text ended there.
    pub(super) fn conclude(
        &self,
        cache: &mut LaneCache,
        progress: &mut Progress,
        view: &View<'_>,
        hits: &mut Vec<Hit>,
    ) {
        if progress.clear < view.end() {
            let mut seen = std::mem::take(&mut progress.seen);
            let state = self
                .gate_state(cache, progress, view)
                .and_then(|state| cache.gate.note_matches_at_end(&self.dfa, state, &mut seen));
            if progress.lost || state.is_err() {
                seen = (0..self.entries.len()).collect();
            }
            progress.seen = seen;
            self.settle(cache, progress, view, view.end(), hits);
        }
        progress.lost = false;
        progress.restart(view.end());
    }

    /// The gate's state at `progress.read`, under a fresh table of quiet states where the cache is large enough.
    fn gate_state(
        &self,
        cache: &mut LaneCache,
        progress: &Progress,
        view: &View<'_>,
    ) -> Result<LazyStateID, Lost> {
        cache.gate.refresh_quiet(&self.dfa)?;
        if let Some(state) = cache.gate.get(progress.gate) {
            return Ok(state);
        }
        // No start before `clear` is alive, so walking from there gives the same state.
        let state = cache.gate.replay(
            &self.dfa,
            Anchored::No,
            view.look_behind(progress.clear),
            view.slice(progress.clear, progress.read),
        )?;
        cache.gate.forget_stale_quiet();
        Ok(state)
    }

    /// Walks the gate to the end of the view. Matches that quiet points decide are reported.
    fn gate(
        &self,
        cache: &mut LaneCache,
        progress: &mut Progress,
        view: &View<'_>,
        hits: &mut Vec<Hit>,
    ) -> Result<(), Lost> {
        let mut state = self.gate_state(cache, progress, view)?;
        let mut at = view.index(progress.read);
        loop {
            let mut quiet_at = None;
            let wait_for_quiet = !progress.seen.is_empty();
            let stop = cache.gate.skim(
                &self.dfa,
                &mut state,
                view.bytes,
                &mut at,
                &mut quiet_at,
                wait_for_quiet,
            )?;
            progress.read = view.offset(at);
            progress.gate = Some(cache.gate.keep(state));
            if let Some(quiet_at) = quiet_at {
                self.settle(cache, progress, view, view.offset(quiet_at), hits);
            }
            if state.is_dead() {
                self.decide_first(cache, progress, view, hits);
                state = self.gate_state(cache, progress, view)?;
                at = view.index(progress.read);
            } else if state.is_match() {
                cache.gate.note_matches(&self.dfa, state, &mut progress.seen);
            }
            match stop {
                Stop::End => return Ok(()),
                Stop::Cleared => {
                    // A match state is noted above; the table is made anew before going on.
                    state = self.gate_state(cache, progress, view)?;
                }
                Stop::Tagged | Stop::Quiet => {}
            }
            progress.gate = Some(cache.gate.keep(state));
        }
    }

    /// Nothing that begins before `to` is alive: reports the matches seen, and goes on from there.
    fn settle(
        &self,
        cache: &mut LaneCache,
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
            let mut from = progress.floor(index);
            while let Some(found) = self.find(cache, index, from, Anchored::No) {
                from = self.judge(index, view, found, hits).unwrap_or(view.next_char(found.0));
            }
        }
        progress.seen = seen;
        progress.seen.clear();
        progress.floors.clear();
        progress.clear = to;
        progress.runner.restart(to);
        progress.runner.refill(to);
    }

    /// The gate of a lazy pattern died: its first match is decided. Everything after it is read again.
    fn decide_first(
        &self,
        cache: &mut LaneCache,
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

    /// Moves the front runner to the end of the view, over every start that is dead.
    /// True if the gate must read again.
    fn front(
        &self,
        cache: &mut LaneCache,
        progress: &mut Progress,
        view: &View<'_>,
        hits: &mut Vec<Hit>,
    ) -> Result<bool, Lost> {
        let end = view.end();
        while progress.clear < end {
            if !self.run(cache, progress, view)? {
                return Ok(false);
            }
            let start = progress.clear;
            let matched = std::mem::take(&mut progress.runner.matched);
            let mut next = view.next_char(start);
            if !matched.is_empty() {
                cache.exact.load(view, start, progress.runner.read);
            }
            for &index in &matched {
                if progress.floor(index) > start {
                    continue;
                }
                let found = self.find(cache, index, start, Anchored::Yes);
                if let Some(floor) = found.and_then(|found| self.judge(index, view, found, hits)) {
                    match self.kind {
                        Kind::All => progress.floors.push((index, floor)),
                        Kind::First => next = floor,
                    }
                }
            }
            if self.kind == Kind::First && !matched.is_empty() {
                progress.restart(next);
                return Ok(true);
            }
            progress.runner.matched = matched;
            progress.clear = next;
            progress.runner.restart(next);
            progress.floors.retain(|&(_, floor)| floor > next);
        }
        Ok(false)
    }

    /// Runs from the present start as far as the view and the budget go. True if the start is dead.
    fn run(
        &self,
        cache: &mut LaneCache,
        progress: &mut Progress,
        view: &View<'_>,
    ) -> Result<bool, Lost> {
        let end = view.end();
        let clear = progress.clear;
        let runner = &mut progress.runner;
        let allowed = end
            .saturating_sub(runner.quiet)
            .saturating_mul(SCAN_STEPS_PER_BYTE)
            .saturating_add(SCAN_STEPS_FREE);
        if runner.steps >= allowed {
            return Ok(false);
        }
        let mut state = match cache.runner.get(runner.state) {
            Some(state) => state,
            None => {
                let read = view.slice(clear, runner.read);
                let before = view.look_behind(clear);
                cache.runner.replay(&self.dfa, Anchored::Yes, before, read)?
            }
        };
        for &byte in view.slice(runner.read, end) {
            if runner.steps >= allowed {
                break;
            }
            let clears = cache.runner.clears();
            state = cache.runner.step(&self.dfa, state, byte)?;
            if cache.runner.clears() != clears {
                runner.steps = runner.steps.saturating_add(self.clear_steps);
            }
            runner.read = runner.read.saturating_add(1);
            runner.steps = runner.steps.saturating_add(1);
            if state.is_match() {
                cache.runner.note_matches(&self.dfa, state, &mut runner.matched);
            }
            if state.is_dead() {
                return Ok(true);
            }
        }
        runner.state = Some(cache.runner.keep(state));
        let spent = runner.read == end && cache.runner.is_spent(&self.dfa, state)?;
        // What would have been the step into death, so that the sum does not depend on where the text was cut.
        runner.steps = runner.steps.saturating_add(u64::from(spent));
        Ok(spent)
    }

    /// The exact first match of a pattern in the text that is loaded, from an offset on.
    fn find(
        &self,
        cache: &mut LaneCache,
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
    fn floor(&self, index: usize) -> u64 {
        self.floors
            .iter()
            .filter(|(at, _)| *at == index)
            .map(|(_, floor)| *floor)
            .fold(self.clear, u64::max)
    }

    /// Goes back to (or on to) a place that is decided, and reads on from there.
    pub(super) fn restart(&mut self, at: u64) {
        self.clear = at;
        self.read = at;
        self.gate = None;
        self.seen.clear();
        self.runner.restart(at);
        self.runner.refill(at);
    }
}

impl Runner {
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
