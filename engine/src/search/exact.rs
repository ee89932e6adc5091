//! Exact spans: one pattern's own engine over a small part of the text.
//!
//! Spans are only asked for where every start in that part is decided: nothing alive at its end can change them, so it
//! does no harm that the engine takes that end for the text's.

use super::view::View;
use regex_automata::nfa::thompson::pikevm::{Cache, PikeVM};
use regex_automata::{Anchored, Input};

/// A pattern's own engine.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) vm: PikeVM,
    pub(super) cache: Cache,
}

/// The part of a text that spans are asked of.
#[derive(Debug, Default)]
pub(super) struct Exact {
    haystack: Vec<u8>,
    /// Where the haystack begins in the text.
    from: u64,
}

impl Exact {
    /// Loads the text between two offsets, with one byte of context, so that a cut is not taken for the text's
    /// beginning.
    pub(super) fn load(&mut self, view: &View<'_>, from: u64, to: u64) {
        let before = view.look_behind(from);
        self.haystack.clear();
        self.haystack.extend(before);
        self.haystack.extend_from_slice(view.slice(from, to));
        self.from = from.saturating_sub(u64::from(before.is_some()));
    }

    /// The leftmost-first match that begins at `from` or after it (exactly there if anchored).
    pub(super) fn find(
        &self,
        engine: &mut Engine,
        from: u64,
        anchored: Anchored,
    ) -> Option<(u64, u64)> {
        let skip = usize::try_from(from.checked_sub(self.from)?).ok()?;
        if skip >= self.haystack.len() {
            return None;
        }
        let input = Input::new(&self.haystack).range(skip..).anchored(anchored);
        let mut slots = [None; 2];
        engine.vm.search_slots(&mut engine.cache, &input, &mut slots);
        let [Some(start), Some(end)] = slots else { return None };
        let offset = |at: usize| self.from.saturating_add(u64::try_from(at).unwrap_or(u64::MAX));
        Some((offset(start.get()), offset(end.get())))
    }
}
