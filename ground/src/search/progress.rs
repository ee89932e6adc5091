//! The progress of one text in one group of patterns.

use super::lazy_dfa::{GaveUp, LazyDfa, SavedRow, SavedState};
use super::rows::StatePair;
use super::view::TextView;
use crate::limits::{SCAN_AGAIN_PER_BYTE, SCAN_STEPS_FREE};

/// The progress of one text in one group. Offsets count bytes from the text's beginning.
#[derive(Debug, Default, Clone)]
pub(super) struct Progress {
    /// Everything before is decided: the earliest start that may be alive.
    pub(super) clear: u64,
    /// How far the live automaton has read.
    pub(super) read: u64,
    pub(super) live: Option<SavedState>,
    /// The row of both automata's states there.
    pub(super) row: Option<SavedRow>,
    /// Patterns that matched since the text was last quiet, sorted.
    pub(super) seen: Vec<usize>,
    /// Where each pattern's last match ended, where that is after `clear`.
    pub(super) resume_ats: Vec<(usize, u64)>,
    pub(super) decider: Decider,
    /// Bytes that were read again.
    pub(super) read_again: u64,
    /// The automaton gave up, or too much was read again; the text is held to its end.
    pub(super) gave_up: bool,
}

/// The decider: the same automaton, run from one start.
#[derive(Debug, Default, Clone)]
pub(super) struct Decider {
    /// It started at `Progress::clear` and has read this far.
    pub(super) read: u64,
    pub(super) state: Option<SavedState>,
    /// Patterns that matched from this start, sorted.
    pub(super) matched: Vec<usize>,
    /// Where the text was last quiet.
    pub(super) quiet: u64,
    /// Steps taken since then.
    pub(super) steps: u64,
}

impl Progress {
    /// Where the next match of a pattern may begin.
    pub(super) fn resume_at(&self, index: usize) -> u64 {
        self.resume_ats
            .iter()
            .filter(|(at, _)| *at == index)
            .map(|(_, resume_at)| *resume_at)
            .fold(self.clear, u64::max)
    }

    /// Saves the row of both automata's states, if they are in step.
    pub(super) fn keep_row(&mut self, dfa: &mut LazyDfa) {
        let live = dfa.get(self.live).filter(|_| self.decider.read == self.read);
        let decider = dfa.get(self.decider.state);
        self.row = match (live, decider) {
            (Some(live), Some(_)) => dfa.keep_row(StatePair { live, decider }),
            _ => None,
        };
    }

    /// Counts bytes that are read again. If there are too many for the text so far, it is held instead.
    pub(super) fn reads_again(&mut self, bytes: u64, view: &TextView<'_>) -> Result<(), GaveUp> {
        self.read_again = self.read_again.saturating_add(bytes);
        let allowed =
            view.end().saturating_mul(SCAN_AGAIN_PER_BYTE).saturating_add(SCAN_STEPS_FREE);
        if self.read_again > allowed { Err(GaveUp) } else { Ok(()) }
    }

    /// Moves back (or ahead) to a decided position, and reads on from there.
    pub(super) fn restart(&mut self, at: u64) {
        self.clear = at;
        self.read = at;
        self.live = None;
        self.row = None;
        self.seen.clear();
        self.decider.restart(at);
        self.decider.refill(at);
    }
}

impl Decider {
    /// The decider has run in step with the live automaton up to here.
    pub(super) fn is_at(&mut self, read: u64, state: SavedState) {
        self.steps = self.steps.saturating_add(read.saturating_sub(self.read));
        self.read = read;
        self.state = Some(state);
    }

    pub(super) fn restart(&mut self, at: u64) {
        self.read = at;
        self.state = None;
        self.matched.clear();
    }

    /// Nothing before `at` matters any more: the budget starts anew.
    pub(super) fn refill(&mut self, at: u64) {
        self.quiet = at;
        self.steps = 0;
    }
}
