//! Long texts are read in four places at once.
//!
//! To read a byte takes a look at a row that the byte before it led to: a processor waits for it most of the time. But
//! behind a blank most text is quiet, and then it does not matter what came before. So four lanes begin behind blanks, as if
//! the text were quiet there, and are read side by side; where a lane ends in the row in which the next one began, that
//! was so:
//!
//! ```text
//!   lane 0: "The text begins here,"  lane 1: " and goes on"  lane 2: …
//!           row ──────────────→ fresh    fresh ────────→ ?
//!                                 └─ the same row: lane 1 counts; else it was read in vain
//! ```

use super::{QUIET, Rows, TAGGED, UNKNOWN, Way};

const LANES: usize = 4;

/// Bytes of a lane, but for those that are between it and a blank.
const LANE: usize = 256;

/// How far before a lane's place a blank is looked for.
const NEAR: usize = 48;

/// As many bytes were read one after the other without anything to do, and will be after lanes were read in vain.
pub(super) const TRIED: usize = LANE * LANES;

/// Text that was read in lanes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lanes {
    /// How many bytes of it count, and the row that they come to.
    pub(super) read: usize,
    pub(super) row: usize,
    /// The last of the lanes that count: where it begins, and its row; its flags, and those of its last byte.
    pub(super) last_from: usize,
    pub(super) last_row: usize,
    pub(super) last_all: super::Entry,
    pub(super) last_last: super::Entry,
}

impl Rows {
    /// Reads the beginning of `bytes` in lanes. `None`: it is too short, there is something to do in it, or it has no
    /// blanks where they are wanted.
    pub(super) fn lanes(&self, row: usize, bytes: &[u8]) -> Option<Lanes> {
        let mut starts = [0, 0, 0, 0, LANE * LANES];
        let mut rows = [row, 0, 0, 0];
        let (_, inner) = starts.split_first_mut()?;
        for ((number, start), row) in (1..LANES).zip(inner).zip(rows.iter_mut().skip(1)) {
            let place = number * LANE;
            let near = bytes.get(place - NEAR..place)?;
            let (at, blank) =
                near.iter().enumerate().rfind(|(_, byte)| byte.is_ascii_whitespace())?;
            let fresh = (*self.fresh.get(self.class(*blank))?)?;
            *row = self.numbers.get(&fresh)?.saturating_mul(self.stride);
            *start = place - NEAR + at + 1;
        }
        let [a, b, c, d, end] = starts;
        let lanes = [bytes.get(a..b)?, bytes.get(b..c)?, bytes.get(c..d)?, bytes.get(d..end)?];
        let common = lanes.iter().map(|lane| lane.len()).min()?;
        let ways = self.side_by_side(rows, lanes.map(|lane| lane.get(..common).unwrap_or(lane)))?;
        let ways = ways.into_iter().zip(lanes).zip(rows).zip(starts);
        let mut counts: Option<Lanes> = None;
        for (((way, lane), began), from) in ways {
            if counts.is_some_and(|before| before.row != began) {
                break;
            }
            let rest = lane.get(common..).unwrap_or_default();
            let Some(way) = self.further(way, rest) else { break };
            if way.all & (UNKNOWN | TAGGED) != 0 {
                break;
            }
            counts = Some(Lanes {
                read: from + lane.len(),
                row: way.row,
                last_from: from,
                last_row: began,
                last_all: way.all,
                last_last: way.last,
            });
        }
        counts
    }

    /// Reads four texts of the same length.
    fn side_by_side(&self, rows: [usize; LANES], lanes: [&[u8]; LANES]) -> Option<[Way; LANES]> {
        let table = self.table.as_slice();
        let [a, b, c, d] = lanes;
        let [mut w, mut x, mut y, mut z] = rows.map(|row| Way { row, all: 0, last: 0 });
        for (((&a, &b), &c), &d) in a.iter().zip(b).zip(c).zip(d) {
            self.take(table, &mut w, a)?;
            self.take(table, &mut x, b)?;
            self.take(table, &mut y, c)?;
            self.take(table, &mut z, d)?;
        }
        Some([w, x, y, z])
    }

    /// Goes on with a way.
    fn further(&self, mut way: Way, bytes: &[u8]) -> Option<Way> {
        for &byte in bytes {
            self.take(self.table.as_slice(), &mut way, byte)?;
        }
        Some(way)
    }
}

impl Lanes {
    /// The text is quiet at their end.
    pub(super) fn is_quiet(&self) -> bool {
        self.last_last & QUIET != 0
    }

    /// None of them was read in vain.
    pub(super) fn all_count(&self) -> bool {
        self.read == LANE * LANES
    }
}
