//! Dense rows: the known transitions of a lazy DFA, in one flat table.
//!
//! A step of the lazy DFA must check whether its state is tagged, where its row is, and whether the transition is
//! known; then the caller must check whether the text is quiet, and advance the decider too. A row answers all of this
//! with one number. It represents a *pair*: the state of the live automaton and that of the decider, which started at
//! the last quiet point and reads the same bytes. So finding the earliest live start costs nothing beyond reading, and
//! patterns that keep every word alive (e-mail) cost the same as others.
//!
//! Rows are filled on demand, and dropped together when there are too many or when the DFA's cache was cleared: they
//! are a cache of the DFA's transitions, never an independent source.

use super::starts::Starts;
use crate::limits::SCAN_ROWS_BYTES;
use regex_automata::hybrid::LazyStateID;
use std::collections::BTreeMap;

/// The states of both automata for one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StatePair {
    pub(super) live: LazyStateID,
    /// The decider's state. `None` if its start is dead, or was never in step.
    pub(super) decider: Option<LazyStateID>,
}

/// A transition in a row: flags in the low bits, and above them the beginning of the next row in the table.
pub(super) type Transition = u32;

/// The transition is not known yet.
const UNKNOWN: Transition = 1;
/// The live automaton's next state is a match, or dead.
const TAGGED: Transition = 2;
/// The text is quiet after it.
const QUIET: Transition = 4;
const FLAG_BITS: u32 = 3;

/// Bytes that are read before checking whether there is something to do.
const BLOCK: usize = 16;

/// A skip shorter than this is read instead.
const WORTH: usize = 2 * BLOCK;

/// If the next start is near, this many bytes are read before the next search for one; and at most this many.
const READ_ON: usize = 2 * BLOCK;
const READ_ON_MOST: usize = 1024;

/// A path over transitions, known or not.
struct RowPath {
    /// The row that it leads to.
    row: usize,
    /// The flags of all of them, and of the last one.
    all: Transition,
    last: Transition,
}

/// Where and why a walk over known transitions ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct WalkResult {
    /// The row of the final state.
    pub(super) row: usize,
    /// How many bytes were read.
    pub(super) read: usize,
    /// How many had been read when the text was last quiet.
    pub(super) quiet_at: Option<usize>,
    /// The last byte read led to a match or to death.
    pub(super) tagged: bool,
    /// The next byte's transition is not known.
    pub(super) unknown: bool,
}

/// How far a text is read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goal<'s> {
    /// Until it is quiet.
    Quiet,
    /// To its end. Where it is quiet, everything before the next of these starts is skipped.
    End(Option<&'s Starts>),
}

/// The known transitions of a lazy DFA.
#[derive(Debug)]
pub(super) struct Rows {
    /// By byte: the class of bytes that the automaton does not distinguish.
    classes: Box<[u8; 256]>,
    /// The number of classes, which is the length of a row.
    stride: usize,
    table: Vec<Transition>,
    /// How many times all rows were dropped: earlier positions are meaningless then.
    dropped: u64,
    /// By number of the row.
    pairs: Vec<StatePair>,
    numbers: BTreeMap<StatePair, usize>,
    /// By class of the last byte read: both automata at a fresh start, if that is the same for the whole class.
    fresh: Vec<Option<StatePair>>,
}

impl Rows {
    /// An empty table for an automaton with these classes.
    pub(super) fn new(classes: Box<[u8; 256]>) -> Rows {
        let last = classes.iter().copied().max().unwrap_or_default();
        let stride = usize::from(last).saturating_add(1);
        Rows {
            classes,
            stride,
            table: Vec::new(),
            dropped: 0,
            pairs: Vec::new(),
            numbers: BTreeMap::new(),
            fresh: Vec::new(),
        }
    }

    /// Forgets all rows. `fresh`: both automata at a fresh start, by the byte before it.
    pub(super) fn restart(&mut self, fresh: &[StatePair; 256]) {
        self.drop_all();
        self.fresh.clear();
        self.fresh.resize(self.stride, None);
        let mut told_apart = vec![false; self.stride];
        for (class, pair) in self.classes.iter().zip(fresh) {
            let class = usize::from(*class);
            let (Some(slot), Some(apart)) = (self.fresh.get_mut(class), told_apart.get_mut(class))
            else {
                continue;
            };
            match slot {
                None if !*apart => *slot = Some(*pair),
                Some(known) if known == pair => {}
                // The automaton does not distinguish these bytes, but the start after them does: nothing is called
                // quiet there.
                _ => (*slot, *apart) = (None, true),
            }
        }
    }

    fn drop_all(&mut self) {
        self.dropped = self.dropped.wrapping_add(1);
        self.table.clear();
        self.pairs.clear();
        self.numbers.clear();
    }

    /// Both automata at a fresh start after this byte, if `live` is the state there.
    pub(super) fn fresh(&self, byte: u8, live: LazyStateID) -> Option<StatePair> {
        let pair = *self.fresh.get(self.class(byte))?;
        pair.filter(|pair| pair.live == live)
    }

    /// The row of a fresh start after this byte; `None` if there is none yet, or the byte does not determine it.
    fn fresh_row(&self, byte: u8) -> Option<usize> {
        let pair = (*self.fresh.get(self.class(byte))?)?;
        Some(self.numbers.get(&pair)?.saturating_mul(self.stride))
    }

    #[inline(always)]
    fn class(&self, byte: u8) -> usize {
        usize::from(self.classes.get(usize::from(byte)).copied().unwrap_or_default())
    }

    /// The row of a pair; a new empty one if necessary. All other rows may be dropped.
    pub(super) fn row(&mut self, pair: StatePair) -> usize {
        if let Some(&number) = self.numbers.get(&pair) {
            return number.saturating_mul(self.stride);
        }
        if self.table.len().saturating_mul(size_of::<Transition>()) >= SCAN_ROWS_BYTES {
            self.drop_all();
        }
        let row = self.table.len();
        self.numbers.insert(pair, self.pairs.len());
        self.pairs.push(pair);
        self.table.resize(row.saturating_add(self.stride), UNKNOWN);
        row
    }

    /// How many times all rows were dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The pair that a row represents.
    pub(super) fn pair(&self, row: usize) -> Option<StatePair> {
        self.pairs.get(row.checked_div(self.stride)?).copied()
    }

    /// Stores a transition of `from`, and returns the row it leads to.
    pub(super) fn learn(&mut self, from: StatePair, byte: u8, to: StatePair) -> usize {
        let quiet = self.fresh(byte, to.live);
        let to = quiet.unwrap_or(to);
        let next = self.row(to);
        // After `next`, since creating it may have dropped the row that is written to.
        let row = self.numbers.get(&from).map(|number| number.saturating_mul(self.stride));
        let at = row.map(|row| row.saturating_add(self.class(byte)));
        if let Some(entry) = at.and_then(|at| self.table.get_mut(at)) {
            let place = u32::try_from(next).unwrap_or(u32::MAX >> FLAG_BITS) << FLAG_BITS;
            let tagged = if to.live.is_tagged() { TAGGED } else { 0 };
            *entry = place | tagged | if quiet.is_some() { QUIET } else { 0 };
        }
        next
    }

    /// Reads all of `bytes` and returns the final row if all transitions are known, nothing matches on the way, and the
    /// text is quiet at the end.
    pub(super) fn glide(&self, row: usize, bytes: &[u8]) -> Option<usize> {
        let way = self.through(row, bytes)?;
        (way.all & (UNKNOWN | TAGGED) == 0 && way.last & QUIET != 0).then_some(way.row)
    }

    /// Reads all of `bytes` without any checks on the way.
    #[inline(always)]
    fn through(&self, row: usize, bytes: &[u8]) -> Option<RowPath> {
        let table = self.table.as_slice();
        let mut way = RowPath { row, all: 0, last: 0 };
        for &byte in bytes {
            self.take(table, &mut way, byte)?;
        }
        Some(way)
    }

    /// Advances by one byte.
    #[inline(always)]
    fn take(&self, table: &[Transition], way: &mut RowPath, byte: u8) -> Option<()> {
        way.last = *table.get(way.row.wrapping_add(self.class(byte)))?;
        // An unknown transition leads to the first row: the result is not used.
        way.row = (way.last >> FLAG_BITS) as usize;
        way.all |= way.last;
        Some(())
    }

    /// The hot loop: reads bytes until there is something to do.
    pub(super) fn walk(&self, row: usize, bytes: &[u8], goal: Goal<'_>) -> WalkResult {
        let (quiet_stops, starts) = match goal {
            Goal::Quiet => (QUIET, None),
            Goal::End(starts) => (0, starts),
        };
        let stops = UNKNOWN | TAGGED | quiet_stops;
        let mut walked = WalkResult { row, read: 0, quiet_at: None, tagged: false, unknown: false };
        // `usize::MAX`: not quiet yet. A plain number, so that storing it takes no branch.
        let mut quiet_at = usize::MAX;
        // A block is read as a whole, and only then checked for something to do: if so, it is read again, byte by byte.
        let mut done: usize = 0;
        // The last block in which the text was quiet, except at its end: its position, and its row.
        let mut quiet_within = None;
        // From where starts are searched for again: where there are many, reading continues for a while, and longer
        // each time.
        let (mut looked, mut read_on) = (0, READ_ON);
        while let Some(block) = bytes.get(done..).and_then(<[u8]>::first_chunk::<BLOCK>) {
            let Some(way) = self.through(walked.row, block).filter(|way| way.all & stops == 0)
            else {
                break;
            };
            let after = done.saturating_add(BLOCK);
            if way.last & QUIET != 0 {
                (quiet_at, quiet_within) = (after.wrapping_sub(1), None);
            } else if way.all & QUIET != 0 {
                quiet_within = Some((done..after, walked.row));
            }
            (walked.row, done) = (way.row, after);
            let Some(starts) = starts.filter(|_| way.last & QUIET != 0 && done >= looked) else {
                continue;
            };
            let next = starts.next(bytes, done);
            let far = next.saturating_sub(done) >= WORTH;
            let last = bytes.get(next.wrapping_sub(1)).filter(|_| far);
            if let Some(row) = last.and_then(|last| self.fresh_row(*last)) {
                (walked.row, done, quiet_at) = (row, next, next.wrapping_sub(1));
                (looked, read_on) = (done, READ_ON);
            } else {
                looked = next.saturating_add(read_on);
                read_on = read_on.saturating_mul(2).min(READ_ON_MOST);
            }
        }
        if let Some((within, row)) = quiet_within {
            let mut row = row;
            for (read, &byte) in bytes.iter().enumerate().take(within.end).skip(within.start) {
                let entry = self.table.get(row.wrapping_add(self.class(byte))).copied();
                let entry = entry.unwrap_or(UNKNOWN);
                row = (entry >> FLAG_BITS) as usize;
                quiet_at = if entry & QUIET == 0 { quiet_at } else { read };
            }
        }
        for (read, &byte) in bytes.iter().enumerate().skip(done) {
            let at = walked.row.wrapping_add(self.class(byte));
            let entry = self.table.get(at).copied().unwrap_or(UNKNOWN);
            if entry & stops != 0 {
                if entry & UNKNOWN != 0 {
                    walked.unknown = true;
                    walked.read = read;
                } else {
                    walked.tagged = entry & TAGGED != 0;
                    walked.row = (entry >> FLAG_BITS) as usize;
                    walked.read = read.saturating_add(1);
                    if entry & QUIET != 0 {
                        quiet_at = read;
                    }
                }
                walked.quiet_at = quiet_at.checked_add(1);
                return walked;
            }
            walked.row = (entry >> FLAG_BITS) as usize;
            quiet_at = if entry & QUIET == 0 { quiet_at } else { read };
        }
        walked.read = bytes.len();
        walked.quiet_at = quiet_at.checked_add(1);
        walked
    }
}
