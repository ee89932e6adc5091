//! How far a text is decided: by the first match of a lazy pattern, or by the decider, start by start.

use regex_automata::Anchored;

use super::{GroupCache, LOADED_AHEAD, PatternGroup};
use crate::limits::{SCAN_STEPS_FREE, SCAN_STEPS_PER_BYTE};
use crate::search::Hit;
use crate::search::automaton::AutomatonKind;
use crate::search::exact::{PartEnd, SpanSearch};
use crate::search::lazy_dfa::GaveUp;
use crate::search::progress::Progress;
use crate::search::view::TextView;

impl PatternGroup {
    /// The automaton of a lazy pattern died: its first match is decided, and perhaps more. The undecided rest is read
    /// again.
    pub(super) fn decide_first(
        &self,
        cache: &mut GroupCache,
        progress: &mut Progress,
        view: &TextView<'_>,
        hits: &mut Vec<Hit>,
    ) -> Result<(), GaveUp> {
        let (from, to) = (progress.clear, progress.read);
        cache.exact.load(view, from, to);
        let next = self.find_all(cache, 0, from, PartEnd::Open, view, to, hits);
        progress.restart(next);
        progress.reads_again(to.saturating_sub(next), view)
    }

    /// Reports the matches of one pattern in the loaded part, which ends at `to`. Returns where it is undecided.
    #[allow(
        clippy::too_many_arguments,
        reason = "a step of two callers, which have all of it at hand"
    )]
    pub(super) fn find_all(
        &self,
        cache: &mut GroupCache,
        index: usize,
        mut from: u64,
        edge: PartEnd,
        view: &TextView<'_>,
        to: u64,
        hits: &mut Vec<Hit>,
    ) -> u64 {
        let Some(entry) = self.entries.get(index) else { return to };
        loop {
            match cache.exact.find(&entry.nfa, index, from, Anchored::No, edge) {
                SpanSearch::Nothing => return to,
                SpanSearch::Open(start) => return start,
                SpanSearch::Match(start, end) => {
                    from = entry.judge(view, start, end, hits).unwrap_or(view.next_char(start));
                }
                SpanSearch::OutOfSteps(start) => {
                    entry.report(start, to, hits);
                    return to;
                }
            }
        }
    }

    /// Moves the decider to the end of the view, past every dead start. True if the live automaton must read again.
    pub(super) fn decide(
        &self,
        cache: &mut GroupCache,
        progress: &mut Progress,
        view: &TextView<'_>,
        hits: &mut Vec<Hit>,
    ) -> Result<bool, GaveUp> {
        let end = view.end();
        let mut loaded_to = 0;
        while progress.clear < end {
            if !self.run(cache, progress, view)? {
                return Ok(false);
            }
            let start = progress.clear;
            let matched = std::mem::take(&mut progress.decider.matched);
            let mut next = view.next_char(start);
            let died_at = progress.decider.read;
            if !matched.is_empty() && died_at > loaded_to {
                // For the following starts too, since what failed for one fails for the next; but not for everything
                // held, since only part of it may be decided now.
                let ahead = died_at.saturating_sub(start).saturating_add(LOADED_AHEAD);
                loaded_to = died_at.saturating_add(ahead).min(end);
                cache.exact.load(view, start, loaded_to);
            }
            for &index in &matched {
                let Some(entry) = self.entries.get(index) else { continue };
                if progress.resume_at(index) > start {
                    continue;
                }
                let resume_at =
                    match cache.exact.find(&entry.nfa, index, start, Anchored::Yes, PartEnd::Final)
                    {
                        SpanSearch::Match(start, end) => entry.judge(view, start, end, hits),
                        SpanSearch::OutOfSteps(_) => {
                            // It died at the decider's position, so it cannot be longer.
                            entry.report(start, died_at, hits);
                            Some(died_at)
                        }
                        SpanSearch::Nothing | SpanSearch::Open(_) => None,
                    };
                match (resume_at, self.kind) {
                    (Some(at), AutomatonKind::All) => progress.resume_ats.push((index, at)),
                    (Some(at), AutomatonKind::First) => next = at,
                    (None, _) => {}
                }
            }
            if self.kind == AutomatonKind::First && !matched.is_empty() {
                let again = progress.read.saturating_sub(next);
                progress.restart(next);
                progress.reads_again(again, view)?;
                return Ok(true);
            }
            progress.decider.matched = matched;
            progress.clear = next;
            progress.decider.restart(next);
            progress.resume_ats.retain(|&(_, resume_at)| resume_at > next);
        }
        Ok(false)
    }

    /// Runs from the current start as far as the view and the budget permit. True if the start is dead.
    pub(super) fn run(
        &self,
        cache: &mut GroupCache,
        progress: &mut Progress,
        view: &TextView<'_>,
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
        // In text that is full of matches most starts die at their first byte, which is quickly learned.
        let begins = (view.look_behind(clear), view.slice(decider.read, end).first());
        let begins = match begins {
            (Some(before), Some(first)) if decider.read == clear => Some((before, *first)),
            _ => None,
        };
        if begins.is_some_and(|(before, first)| cache.dead.has(before, first)) {
            decider.read = decider.read.saturating_add(1);
            decider.steps = decider.steps.saturating_add(1);
            return Ok(true);
        }
        let mut state = match cache.dfa.get(decider.state) {
            Some(state) => state,
            None => {
                let read = view.slice(clear, decider.read);
                let before = view.look_behind(clear);
                cache.dfa.replay(&self.dfa, Anchored::Yes, before, read)?
            }
        };
        for &byte in view.slice(decider.read, end) {
            if decider.steps >= allowed {
                break;
            }
            let clears = cache.dfa.clears();
            state = cache.dfa.step(&self.dfa, state, byte)?;
            if cache.dfa.clears() != clears {
                decider.steps = decider.steps.saturating_add(self.clear_steps);
            }
            decider.read = decider.read.saturating_add(1);
            decider.steps = decider.steps.saturating_add(1);
            if state.is_match() {
                cache.dfa.note_matches(&self.dfa, state, &mut decider.matched);
            }
            if state.is_dead() {
                if let Some((before, first)) = begins
                    && decider.read == clear.saturating_add(1)
                {
                    cache.dead.note(before, first);
                }
                return Ok(true);
            }
        }
        decider.state = Some(cache.dfa.keep(state));
        let spent = decider.read == end && cache.dfa.is_dead(&self.dfa, state)?;
        // The cost of the step into death, so that the sum does not depend on where the text was cut.
        decider.steps = decider.steps.saturating_add(u64::from(spent));
        Ok(spent)
    }
}
