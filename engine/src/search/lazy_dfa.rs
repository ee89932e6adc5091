//! A lazy DFA with the cache that its states live in.
//!
//! State ids die when the cache is cleared. Every id that outlives a call is therefore kept together with the *stamp*
//! of the cache it belongs to; an id with another stamp is made anew by walking the text again.

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::util::start;
use regex_automata::{Anchored, PatternID};

/// The automaton gave up. It is configured so that it never does; if it did, the text is held to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GaveUp;

/// A state that outlives a call, with the stamp of its cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SavedState {
    id: LazyStateID,
    stamp: u64,
}

/// Why [`LazyDfa::walk`] came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// All bytes are read.
    End,
    /// The state is a match, or dead.
    Tagged,
    /// The text is quiet.
    Quiet,
    /// The cache was cleared: the table of quiet states is stale.
    Cleared,
}

/// States built so far, and which of them mean "nothing is alive".
#[derive(Debug)]
pub(super) struct LazyDfa {
    cache: Cache,
    /// Which cache this is: ids of another one mean nothing here.
    epoch: u32,
    /// By the last byte read: the unanchored start state after it. Id 0 is no state's, so it stands for "unknown".
    quiet: Box<[LazyStateID; 256]>,
    /// The stamp that `quiet` was made under.
    quiet_stamp: Option<u64>,
}

impl LazyDfa {
    pub(super) fn new(dfa: &DFA, epoch: u32) -> LazyDfa {
        LazyDfa {
            cache: dfa.create_cache(),
            epoch,
            quiet: Box::new([LazyStateID::default(); 256]),
            quiet_stamp: None,
        }
    }

    fn stamp(&self) -> u64 {
        let clears = u64::try_from(self.cache.clear_count()).unwrap_or(u64::MAX);
        (u64::from(self.epoch) << 40) ^ clears
    }

    /// How often the cache was cleared.
    pub(super) fn clears(&self) -> usize {
        self.cache.clear_count()
    }

    pub(super) fn keep(&self, id: LazyStateID) -> SavedState {
        SavedState { id, stamp: self.stamp() }
    }

    /// The kept state's id, if its cache still has it.
    pub(super) fn get(&self, kept: Option<SavedState>) -> Option<LazyStateID> {
        kept.filter(|kept| kept.stamp == self.stamp()).map(|kept| kept.id)
    }

    pub(super) fn start(
        &mut self,
        dfa: &DFA,
        anchored: Anchored,
        look_behind: Option<u8>,
    ) -> Result<LazyStateID, GaveUp> {
        let config = start::Config::new().anchored(anchored).look_behind(look_behind);
        dfa.start_state(&mut self.cache, &config).map_err(|_| GaveUp)
    }

    pub(super) fn step(
        &mut self,
        dfa: &DFA,
        id: LazyStateID,
        byte: u8,
    ) -> Result<LazyStateID, GaveUp> {
        dfa.next_state(&mut self.cache, id, byte).map_err(|_| GaveUp)
    }

    /// The state at the end of `bytes`, walked from a fresh start.
    pub(super) fn replay(
        &mut self,
        dfa: &DFA,
        anchored: Anchored,
        look_behind: Option<u8>,
        bytes: &[u8],
    ) -> Result<LazyStateID, GaveUp> {
        let mut id = self.start(dfa, anchored, look_behind)?;
        for &byte in bytes {
            id = self.step(dfa, id, byte)?;
        }
        Ok(id)
    }

    /// Makes the table of quiet states fit the cache. It may clear the cache, and then kept states are gone.
    /// If the cache is too small to hold all start states at once, the table says that nothing is quiet.
    pub(super) fn refresh_quiet(&mut self, dfa: &DFA) -> Result<(), GaveUp> {
        if self.quiet_stamp == Some(self.stamp()) {
            return Ok(());
        }
        for _attempt in 0..2 {
            let before = self.stamp();
            let mut table = [LazyStateID::default(); 256];
            for (byte, slot) in (0..=u8::MAX).zip(table.iter_mut()) {
                *slot = self.start(dfa, Anchored::No, Some(byte))?;
            }
            if self.stamp() == before {
                *self.quiet = table;
                self.quiet_stamp = Some(before);
                return Ok(());
            }
        }
        self.forget_stale_quiet();
        Ok(())
    }

    /// If the table does not fit the cache any more, says that nothing is quiet until it is made anew.
    pub(super) fn forget_stale_quiet(&mut self) {
        if self.quiet_stamp != Some(self.stamp()) {
            *self.quiet = [LazyStateID::default(); 256];
            self.quiet_stamp = None;
        }
    }

    /// The hot loop: walks until something is to be done. `id` and `at` are brought forward; `quiet_at` is the last
    /// place found where the text is quiet.
    pub(super) fn walk(
        &mut self,
        dfa: &DFA,
        id: &mut LazyStateID,
        bytes: &[u8],
        at: &mut usize,
        quiet_at: &mut Option<usize>,
        stop_at_quiet: bool,
    ) -> Result<Stop, GaveUp> {
        let clears = self.cache.clear_count();
        let rest = bytes.get(*at..).unwrap_or_default();
        let mut state = *id;
        let from = *at;
        for (read, &byte) in (from + 1..).zip(rest) {
            state = dfa.next_state(&mut self.cache, state, byte).map_err(|_| GaveUp)?;
            let stop = if self.cache.clear_count() != clears {
                Stop::Cleared
            } else if state.is_tagged() {
                Stop::Tagged
            } else if self.quiet.get(usize::from(byte)) == Some(&state) {
                *quiet_at = Some(read);
                if !stop_at_quiet {
                    continue;
                }
                Stop::Quiet
            } else {
                continue;
            };
            *id = state;
            *at = read;
            return Ok(stop);
        }
        *id = state;
        *at = bytes.len();
        Ok(Stop::End)
    }

    /// Adds the patterns that match in `id` (their matches end one byte before it) to a sorted list.
    pub(super) fn note_matches(&self, dfa: &DFA, id: LazyStateID, into: &mut Vec<usize>) {
        for index in 0..dfa.match_len(&self.cache, id) {
            let pattern: PatternID = dfa.match_pattern(&self.cache, id, index);
            if let Err(place) = into.binary_search(&pattern.as_usize()) {
                into.insert(place, pattern.as_usize());
            }
        }
    }

    /// The patterns that match if the text ends in state `id`.
    pub(super) fn note_matches_at_end(
        &mut self,
        dfa: &DFA,
        id: LazyStateID,
        into: &mut Vec<usize>,
    ) -> Result<(), GaveUp> {
        let end = dfa.next_eoi_state(&mut self.cache, id).map_err(|_| GaveUp)?;
        if end.is_match() {
            self.note_matches(dfa, end, into);
        }
        Ok(())
    }

    /// True if `id` only tells of a match, or waits for what cannot come: every byte leads to death, and the text's end
    /// to no match. It may clear the cache.
    pub(super) fn is_dead(&mut self, dfa: &DFA, id: LazyStateID) -> Result<bool, GaveUp> {
        let stamp = self.stamp();
        for unit in dfa.byte_classes().representatives(..) {
            let next = match unit.as_u8() {
                Some(byte) => self.step(dfa, id, byte)?,
                None => dfa.next_eoi_state(&mut self.cache, id).map_err(|_| GaveUp)?,
            };
            if self.stamp() != stamp || !next.is_dead() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
