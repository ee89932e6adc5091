//! The normalized form of a text, scanned in step with the text as it is written.

use super::Hit;
use super::normalize::normalize;
use super::pattern_group::{GroupCache, PatternGroup};
use super::text_search::{self, TextSearch};
use crate::limits::SCAN_PIECE_BYTES;
use std::collections::VecDeque;

/// The normalized text, and where its bytes come from. Offsets in results are those of the written text.
#[derive(Debug, Default, Clone)]
pub(super) struct NormalizedSearch {
    search: TextSearch,
    /// The origin of the undecided normalized text, in order.
    runs: VecDeque<NormalizedRun>,
    /// Lengths so far: of the normalized text, and of the written one.
    normalized: u64,
    written: u64,
}

/// A run of normalized bytes: either they are as written, byte for byte, or they belong to one character.
#[derive(Debug, Clone, Copy)]
struct NormalizedRun {
    normalized: u64,
    normalized_len: u64,
    written: u64,
    written_len: u64,
    ascii: bool,
}

impl NormalizedSearch {
    /// True if no group has ever read it.
    pub(super) fn is_unused(&self) -> bool {
        self.search.is_unused()
    }

    /// The written text before this offset is decided.
    pub(super) fn clear(&self) -> u64 {
        let clear = self.search.clear();
        if clear >= self.normalized { self.written } else { self.start(clear) }
    }

    pub(super) fn feed(
        &mut self,
        groups: &[PatternGroup],
        caches: &mut [GroupCache],
        text: &str,
        hits: &mut Vec<Hit>,
    ) {
        if groups.is_empty() {
            return;
        }
        let mut rest = text;
        let mut read = String::new();
        while !rest.is_empty() {
            let (piece, after) = text_search::split(rest, SCAN_PIECE_BYTES);
            rest = after;
            read.clear();
            for c in piece.chars() {
                self.push(c, &mut read);
            }
            let known = hits.len();
            self.search.feed(groups, caches, &read, hits);
            self.bring_back(hits, known);
        }
    }

    /// Finds everything in a short, complete text.
    pub(super) fn find_in(
        groups: &[PatternGroup],
        caches: &mut [GroupCache],
        text: &str,
        hits: &mut Vec<Hit>,
    ) {
        if groups.is_empty() {
            return;
        }
        let (known, mut read, mut own) = (hits.len(), String::new(), Self::default());
        for c in text.chars() {
            own.push(c, &mut read);
        }
        TextSearch::find_in(groups, caches, &read, hits);
        own.bring_back(hits, known);
    }

    pub(super) fn conclude(
        &mut self,
        groups: &[PatternGroup],
        caches: &mut [GroupCache],
        hits: &mut Vec<Hit>,
    ) {
        let known = hits.len();
        self.search.conclude(groups, caches, hits);
        self.bring_back(hits, known);
    }

    /// Normalizes one character, and records where it came from.
    fn push(&mut self, c: char, read: &mut String) {
        let (written, written_len) = (self.written, length(c));
        self.written = written.saturating_add(written_len);
        let Some(plain) = normalize(c) else { return };
        read.push(plain);
        let (normalized, normalized_len) = (self.normalized, length(plain));
        self.normalized = normalized.saturating_add(normalized_len);
        match self.runs.back_mut() {
            Some(run)
                if run.ascii
                    && c.is_ascii()
                    && run.written.saturating_add(run.written_len) == written =>
            {
                run.normalized_len = run.normalized_len.saturating_add(1);
                run.written_len = run.written_len.saturating_add(1);
            }
            _ => self.runs.push_back(NormalizedRun {
                normalized,
                normalized_len,
                written,
                written_len,
                ascii: c.is_ascii(),
            }),
        }
    }

    /// Translates hits in the normalized text into hits in the written one, and drops what is decided.
    fn bring_back(&mut self, hits: &mut [Hit], known: usize) {
        for hit in hits.iter_mut().skip(known) {
            let last = hit.end.saturating_sub(1);
            (hit.start, hit.end) = (self.start(hit.start), self.end(last));
        }
        let clear = self.search.clear();
        while let Some(run) = self.runs.front() {
            if run.normalized.saturating_add(run.normalized_len) > clear {
                break;
            }
            self.runs.pop_front();
        }
    }

    fn run(&self, normalized: u64) -> Option<&NormalizedRun> {
        let after = self.runs.partition_point(|run| run.normalized <= normalized);
        self.runs.get(after.checked_sub(1)?)
    }

    /// The beginning of the character that a normalized byte belongs to.
    fn start(&self, normalized: u64) -> u64 {
        match self.run(normalized) {
            Some(run) if run.ascii => {
                run.written.saturating_add(normalized.saturating_sub(run.normalized))
            }
            Some(run) => run.written,
            None => self.written,
        }
    }

    /// The end of the character that a normalized byte belongs to.
    fn end(&self, normalized: u64) -> u64 {
        match self.run(normalized) {
            Some(run) if run.ascii => self.start(normalized).saturating_add(1),
            Some(run) => run.written.saturating_add(run.written_len),
            None => self.written,
        }
    }
}

fn length(c: char) -> u64 {
    u64::try_from(c.len_utf8()).unwrap_or(4)
}
