//! A lazy DFA with the cache of its states, and the rows that store its transitions.
//!
//! State ids become invalid when the cache is cleared. Every id that outlives a call is therefore stored with the
//! *stamp* of its cache; an id with another stamp is recomputed by walking the text again.

use super::rows::{Goal, Rows, StatePair};
use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::util::start;
use regex_automata::{Anchored, PatternID};
use std::collections::BTreeMap;

/// The automaton gave up. It is configured never to do so; if it does, the text is held to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GaveUp;

/// The cost of a transition that is not in a row, in steps.
const BUILD_STEPS: usize = 4;

/// A state that outlives a call, with the stamp of its cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SavedState {
    id: LazyStateID,
    stamp: u64,
}

/// A row that outlives a call, with the stamp of its cache and what tells whether it is still in the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SavedRow {
    row: usize,
    stamp: u64,
    dropped: u64,
}

/// Why [`LazyDfa::walk`] returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WalkEnd {
    /// All bytes were read.
    End,
    /// The live state is a match, or dead; or the text is quiet and that was the goal.
    Event,
    /// The cache was cleared: the rows are stale, and so is the decider's state. The live state is valid if it is
    /// given.
    Cleared(Option<LazyStateID>),
}

/// States built so far, and the known transitions between them.
#[derive(Debug)]
pub(super) struct LazyDfa {
    cache: Cache,
    /// The number of this cache: ids of another one are meaningless here.
    epoch: u32,
    rows: Rows,
    /// The stamp under which the rows were started; `None` if the cache is too small for them.
    rows_stamp: Option<u64>,
    /// Which states are effectively dead, under the same stamp.
    dead: BTreeMap<LazyStateID, bool>,
    /// Steps taken: bytes read, and more for states that had to be built.
    steps: u64,
}

impl LazyDfa {
    pub(super) fn new(dfa: &DFA, epoch: u32) -> LazyDfa {
        let mut classes = Box::new([0; 256]);
        for (byte, class) in (0..=u8::MAX).zip(classes.iter_mut()) {
            *class = dfa.byte_classes().get(byte);
        }
        LazyDfa {
            cache: dfa.create_cache(),
            epoch,
            rows: Rows::new(classes),
            rows_stamp: None,
            dead: BTreeMap::new(),
            steps: 0,
        }
    }

    /// Steps taken since it was created.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    #[inline(always)]
    fn stamp(&self) -> u64 {
        let clears = u64::try_from(self.cache.clear_count()).unwrap_or(u64::MAX);
        (u64::from(self.epoch) << 40) ^ clears
    }

    /// How many times the cache was cleared.
    pub(super) fn clears(&self) -> usize {
        self.cache.clear_count()
    }

    #[inline(always)]
    pub(super) fn keep(&self, id: LazyStateID) -> SavedState {
        SavedState { id, stamp: self.stamp() }
    }

    /// The saved state's id, if its cache still exists.
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
        self.count(bytes.len());
        for &byte in bytes {
            id = self.step(dfa, id, byte)?;
        }
        Ok(id)
    }

    /// Makes the rows match the cache. This may clear the cache, which invalidates saved states. If the cache is too
    /// small to hold all start states at once, there are no rows, and no place is known to be quiet.
    pub(super) fn refresh_rows(&mut self, dfa: &DFA) -> Result<(), GaveUp> {
        if self.rows_stamp == Some(self.stamp()) {
            return Ok(());
        }
        for _attempt in 0..2 {
            let before = self.stamp();
            let none = StatePair { live: LazyStateID::default(), decider: None };
            let mut fresh = [none; 256];
            for (byte, pair) in (0..=u8::MAX).zip(fresh.iter_mut()) {
                pair.live = self.start(dfa, Anchored::No, Some(byte))?;
                pair.decider = Some(self.start(dfa, Anchored::Yes, Some(byte))?);
            }
            self.steps = self.steps.saturating_add(512);
            if self.stamp() == before {
                self.rows.restart(&fresh);
                self.dead.clear();
                self.rows_stamp = Some(before);
                return Ok(());
            }
        }
        self.forget_stale_rows();
        Ok(())
    }

    /// Drops the rows if they no longer match the cache; they are rebuilt later.
    pub(super) fn forget_stale_rows(&mut self) {
        if self.rows_stamp != Some(self.stamp()) {
            self.rows_stamp = None;
        }
    }

    /// The row of a pair, to be saved; `None` if there are no rows.
    pub(super) fn keep_row(&mut self, pair: StatePair) -> Option<SavedRow> {
        let stamp = self.rows_stamp.filter(|stamp| *stamp == self.stamp())?;
        let row = self.rows.row(pair);
        Some(SavedRow { row, stamp, dropped: self.rows.dropped() })
    }

    /// Reads all of `bytes` from a saved row. Returns the final pair and row if all transitions are known, nothing
    /// matches on the way, and the text is quiet at the end; otherwise nothing is read.
    #[inline(always)]
    pub(super) fn glide(&mut self, kept: SavedRow, bytes: &[u8]) -> Option<(StatePair, SavedRow)> {
        let stamp = self.stamp();
        if kept.stamp != stamp
            || self.rows_stamp != Some(stamp)
            || kept.dropped != self.rows.dropped()
        {
            return None;
        }
        let row = self.rows.glide(kept.row, bytes)?;
        self.count(bytes.len());
        Some((self.rows.pair(row)?, SavedRow { row, ..kept }))
    }

    /// Reads bytes until something needs to be done. Advances `pair` and `at`; `quiet_at` becomes the last position
    /// where the text is quiet, at which the decider starts afresh.
    pub(super) fn walk(
        &mut self,
        dfa: &DFA,
        pair: &mut StatePair,
        bytes: &[u8],
        at: &mut usize,
        quiet_at: &mut Option<usize>,
        goal: Goal<'_>,
    ) -> Result<WalkEnd, GaveUp> {
        let stop_at_quiet = matches!(goal, Goal::Quiet);
        if self.rows_stamp.is_none() {
            return self.walk_without_rows(dfa, pair, bytes, at);
        }
        let mut row = self.rows.row(*pair);
        loop {
            let from = *at;
            let rest = bytes.get(from..).unwrap_or_default();
            let walked = self.rows.walk(row, rest, goal);
            *at = from.saturating_add(walked.read);
            self.count(walked.read);
            if let Some(quiet) = walked.quiet_at {
                *quiet_at = Some(from.saturating_add(quiet));
            }
            row = walked.row;
            *pair = self.rows.pair(row).unwrap_or(*pair);
            let Some(&byte) = bytes.get(*at).filter(|_| walked.unknown) else {
                let stopped = walked.tagged || *quiet_at == Some(*at) && stop_at_quiet;
                return Ok(if stopped { WalkEnd::Event } else { WalkEnd::End });
            };
            let from = *pair;
            let stamp = self.stamp();
            let live = self.step(dfa, from.live, byte)?;
            self.count(BUILD_STEPS);
            if self.stamp() != stamp {
                *at = at.saturating_add(1);
                self.forget_stale_rows();
                *pair = StatePair { live, decider: None };
                return Ok(WalkEnd::Cleared(Some(live)));
            }
            let decider = match from.decider {
                Some(decider) => Some(self.step(dfa, decider, byte)?).filter(|id| !id.is_dead()),
                None => None,
            };
            if self.stamp() != stamp {
                // `live` is gone with the rest. It is reached again by walking, without a decider in step.
                self.forget_stale_rows();
                return Ok(WalkEnd::Cleared(None));
            }
            row = self.rows.learn(from, byte, StatePair { live, decider });
            *pair = self.rows.pair(row).unwrap_or(StatePair { live, decider });
            *at = at.saturating_add(1);
            let quiet = self.rows.fresh(byte, live).is_some();
            if quiet {
                *quiet_at = Some(*at);
            }
            if live.is_tagged() || quiet && stop_at_quiet {
                return Ok(WalkEnd::Event);
            }
        }
    }

    /// [`LazyDfa::walk`] if the cache is too small for rows: step by step, and no place is known to be quiet.
    fn walk_without_rows(
        &mut self,
        dfa: &DFA,
        pair: &mut StatePair,
        bytes: &[u8],
        at: &mut usize,
    ) -> Result<WalkEnd, GaveUp> {
        pair.decider = None;
        for &byte in bytes.get(*at..).unwrap_or_default() {
            pair.live = self.step(dfa, pair.live, byte)?;
            self.count(BUILD_STEPS);
            *at = at.saturating_add(1);
            if pair.live.is_tagged() {
                return Ok(WalkEnd::Event);
            }
        }
        Ok(WalkEnd::End)
    }

    fn count(&mut self, steps: usize) {
        self.steps = self.steps.saturating_add(u64::try_from(steps).unwrap_or(u64::MAX));
    }

    /// Adds the patterns that match in `id` (their matches end one byte earlier) to a sorted list.
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

    /// The patterns that match anywhere in `bytes`, which end the text, found in one pass whatever the cache does.
    pub(super) fn note_all_matches(
        &mut self,
        dfa: &DFA,
        look_behind: Option<u8>,
        bytes: &[u8],
        into: &mut Vec<usize>,
    ) -> Result<(), GaveUp> {
        self.count(bytes.len());
        let mut id = self.start(dfa, Anchored::No, look_behind)?;
        for &byte in bytes {
            id = self.step(dfa, id, byte)?;
            if id.is_match() {
                self.note_matches(dfa, id, into);
            }
            if id.is_dead() {
                return Ok(());
            }
        }
        self.note_matches_at_end(dfa, id, into)
    }

    /// True if `id` only reports a match, or waits for something impossible: every byte leads to death, and the text's
    /// end to no match. It may clear the cache.
    pub(super) fn is_dead(&mut self, dfa: &DFA, id: LazyStateID) -> Result<bool, GaveUp> {
        let stamp = self.stamp();
        let known = self.rows_stamp == Some(stamp);
        if let Some(&dead) = self.dead.get(&id).filter(|_| known) {
            return Ok(dead);
        }
        let mut dead = true;
        for unit in dfa.byte_classes().representatives(..) {
            self.count(1);
            let next = match unit.as_u8() {
                Some(byte) => self.step(dfa, id, byte)?,
                None => dfa.next_eoi_state(&mut self.cache, id).map_err(|_| GaveUp)?,
            };
            if self.stamp() != stamp {
                return Ok(false);
            }
            if !next.is_dead() {
                dead = false;
                break;
            }
        }
        if known {
            self.dead.insert(id, dead);
        }
        Ok(dead)
    }
}
