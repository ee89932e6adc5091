//! One running text in some groups, and the part of it that must be kept.

use super::Hit;
use super::pattern_group::{GroupCache, PatternGroup};
use super::progress::Progress;
use super::view::TextView;
use crate::limits::SCAN_PIECE_BYTES;

/// A growing text, and its progress in every group.
#[derive(Debug, Default, Clone)]
pub(super) struct TextSearch {
    groups: Vec<Progress>,
    /// The text from `from` on, which some group has not decided.
    held: Vec<u8>,
    from: u64,
    /// The byte before `held`; `None` only at the text's beginning.
    before: Option<u8>,
}

impl TextSearch {
    /// True if no group has ever read it.
    pub(super) fn is_unused(&self) -> bool {
        self.groups.is_empty()
    }

    /// The text before this offset is decided in every group.
    pub(super) fn clear(&self) -> u64 {
        // Held text begins at the earliest undecided start.
        self.from
    }

    /// Reads the next piece of the text.
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
        if self.groups.len() != groups.len() {
            self.groups.resize_with(groups.len(), Progress::default);
        }
        let mut rest = text;
        while !rest.is_empty() {
            if self.held.is_empty() {
                // Nothing is held: the text is read in place, and only the undecided part is kept.
                let view =
                    TextView { bytes: rest.as_bytes(), from: self.from, before: self.before };
                self.advance(groups, caches, view, hits);
                let clear = self.decided(&view);
                self.before = view.look_behind(clear);
                if clear < view.end() {
                    self.held.extend_from_slice(view.slice(clear, view.end()));
                }
                self.from = clear;
                return;
            }
            let (piece, after) = split(rest, SCAN_PIECE_BYTES);
            rest = after;
            self.held.extend_from_slice(piece.as_bytes());
            let held = std::mem::take(&mut self.held);
            let view = TextView { bytes: &held, from: self.from, before: self.before };
            self.advance(groups, caches, view, hits);
            let clear = self.decided(&view);
            self.before = view.look_behind(clear);
            let decided = view.index(clear);
            self.held = held;
            self.held.drain(..decided.min(self.held.len()));
            self.from = clear;
        }
    }

    /// Decides everything that is held as if the text ended here. What is fed later is a new beginning.
    pub(super) fn conclude(
        &mut self,
        groups: &[PatternGroup],
        caches: &mut [GroupCache],
        hits: &mut Vec<Hit>,
    ) {
        let held = std::mem::take(&mut self.held);
        let view = TextView { bytes: &held, from: self.from, before: self.before };
        for ((group, cache), progress) in groups.iter().zip(caches).zip(&mut self.groups) {
            group.conclude(cache, progress, &view, hits);
        }
        self.before = view.look_behind(view.end());
        self.from = view.end();
    }

    /// Finds everything in a complete short text, remembering nothing of it.
    pub(super) fn find_in(
        groups: &[PatternGroup],
        caches: &mut [GroupCache],
        text: &str,
        hits: &mut Vec<Hit>,
    ) {
        for (group, cache) in groups.iter().zip(caches) {
            group.find_in(cache, text.as_bytes(), hits);
        }
    }

    fn advance(
        &mut self,
        groups: &[PatternGroup],
        caches: &mut [GroupCache],
        view: TextView<'_>,
        hits: &mut Vec<Hit>,
    ) {
        for ((group, cache), progress) in groups.iter().zip(caches).zip(&mut self.groups) {
            group.advance(cache, progress, &view, hits);
        }
    }

    fn decided(&self, view: &TextView<'_>) -> u64 {
        self.groups.iter().map(|progress| progress.clear).fold(view.end(), u64::min)
    }
}

/// The first characters of a text, about `bytes` bytes of them, and the rest.
pub(super) fn split(text: &str, bytes: usize) -> (&str, &str) {
    let at = (bytes..text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
    text.split_at_checked(at).unwrap_or((text, ""))
}
