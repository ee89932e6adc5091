//! A text as it reads, scanned in step with the text as it is written.

use super::Hit;
use super::fold::fold;
use super::lane::{Lane, LaneCache};
use super::strand::{self, Strand};
use crate::limits::SCAN_PIECE_BYTES;
use std::collections::VecDeque;

/// The folded text, and where its bytes come from. Offsets that leave are those of the written text.
#[derive(Debug, Default)]
pub(super) struct Folded {
    strand: Strand,
    /// Where the folded text that is not decided comes from, in order.
    runs: VecDeque<Run>,
    /// How much there was: of the folded text, and of the written one.
    folded: u64,
    written: u64,
}

/// A run of folded bytes: either they are as written, byte for byte, or they are one character's.
#[derive(Debug, Clone, Copy)]
struct Run {
    folded: u64,
    folded_len: u64,
    written: u64,
    written_len: u64,
    ascii: bool,
}

impl Folded {
    /// True if no lane ever looked at it.
    pub(super) fn is_unused(&self) -> bool {
        self.strand.is_unused()
    }

    /// The written text before this offset is decided.
    pub(super) fn clear(&self) -> u64 {
        let clear = self.strand.clear();
        if clear >= self.folded { self.written } else { self.start(clear) }
    }

    pub(super) fn feed(
        &mut self,
        lanes: &[Lane],
        caches: &mut [LaneCache],
        text: &str,
        hits: &mut Vec<Hit>,
    ) {
        if lanes.is_empty() {
            return;
        }
        let mut rest = text;
        let mut read = String::new();
        while !rest.is_empty() {
            let (piece, after) = strand::split(rest, SCAN_PIECE_BYTES);
            rest = after;
            read.clear();
            for c in piece.chars() {
                self.push(c, &mut read);
            }
            let known = hits.len();
            self.strand.feed(lanes, caches, &read, hits);
            self.bring_back(hits, known);
        }
    }

    pub(super) fn conclude(
        &mut self,
        lanes: &[Lane],
        caches: &mut [LaneCache],
        hits: &mut Vec<Hit>,
    ) {
        let known = hits.len();
        self.strand.conclude(lanes, caches, hits);
        self.bring_back(hits, known);
    }

    /// Folds one character, and remembers where it came from.
    fn push(&mut self, c: char, read: &mut String) {
        let (written, written_len) = (self.written, length(c));
        self.written = written.saturating_add(written_len);
        let Some(plain) = fold(c) else { return };
        read.push(plain);
        let (folded, folded_len) = (self.folded, length(plain));
        self.folded = folded.saturating_add(folded_len);
        match self.runs.back_mut() {
            Some(run)
                if run.ascii
                    && c.is_ascii()
                    && run.written.saturating_add(run.written_len) == written =>
            {
                run.folded_len = run.folded_len.saturating_add(1);
                run.written_len = run.written_len.saturating_add(1);
            }
            _ => self.runs.push_back(Run {
                folded,
                folded_len,
                written,
                written_len,
                ascii: c.is_ascii(),
            }),
        }
    }

    /// Turns hits in the folded text into hits in the written one, and forgets what is decided.
    fn bring_back(&mut self, hits: &mut [Hit], known: usize) {
        for hit in hits.iter_mut().skip(known) {
            let last = hit.end.saturating_sub(1);
            (hit.start, hit.end) = (self.start(hit.start), self.end(last));
        }
        let clear = self.strand.clear();
        while let Some(run) = self.runs.front() {
            if run.folded.saturating_add(run.folded_len) > clear {
                break;
            }
            self.runs.pop_front();
        }
    }

    fn run(&self, folded: u64) -> Option<&Run> {
        let after = self.runs.partition_point(|run| run.folded <= folded);
        self.runs.get(after.checked_sub(1)?)
    }

    /// Where the character of a folded byte begins.
    fn start(&self, folded: u64) -> u64 {
        match self.run(folded) {
            Some(run) if run.ascii => run.written.saturating_add(folded.saturating_sub(run.folded)),
            Some(run) => run.written,
            None => self.written,
        }
    }

    /// Where the character of a folded byte ends.
    fn end(&self, folded: u64) -> u64 {
        match self.run(folded) {
            Some(run) if run.ascii => self.start(folded).saturating_add(1),
            Some(run) => run.written.saturating_add(run.written_len),
            None => self.written,
        }
    }
}

fn length(c: char) -> u64 {
    u64::try_from(c.len_utf8()).unwrap_or(4)
}
