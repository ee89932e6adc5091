//! One text that grows, scanned as it comes.

use super::normalized::NormalizedSearch;
use super::text_search::TextSearch;
use super::{Hit, Matcher};

/// One text that grows, scanned as it comes. All calls for one text are given the same matcher.
#[derive(Debug, Default, Clone)]
pub struct StreamSearch {
    plain: TextSearch,
    /// Made when a matcher has patterns for it.
    normalized: Option<Box<NormalizedSearch>>,
    fed: u64,
}

impl StreamSearch {
    /// Takes the next piece of the text; pushes hits that became certain, in order of `(end of decision, start)`.
    /// A hit's start is never before what [`StreamSearch::clear`] said earlier.
    pub fn feed(&mut self, matcher: &Matcher, text: &str, hits: &mut Vec<Hit>) {
        self.fed = self.fed.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
        if matcher.is_empty() {
            return;
        }
        let known = hits.len();
        let mut scratch = matcher.take();
        self.plain.feed(matcher.plain(), &mut scratch.plain, text, hits);
        if !matcher.normalized().is_empty() {
            let normalized = self.normalized.get_or_insert_default();
            normalized.feed(matcher.normalized(), &mut scratch.normalized, text, hits);
        }
        matcher.give_back(scratch);
        sort(hits, known);
    }

    /// Decides what is live as if the text ended here: it is complete, or a hold is given up (`on_hold_limit: release`).
    /// Where `\b` or `$` asks what follows, the answer is "nothing". Afterwards `clear() == fed()`; what is fed later
    /// begins afresh.
    pub fn finish(&mut self, matcher: &Matcher, hits: &mut Vec<Hit>) {
        if matcher.is_empty() {
            return;
        }
        let known = hits.len();
        let mut scratch = matcher.take();
        self.plain.conclude(matcher.plain(), &mut scratch.plain, hits);
        if let Some(normalized) = &mut self.normalized {
            normalized.conclude(matcher.normalized(), &mut scratch.normalized, hits);
        }
        matcher.give_back(scratch);
        sort(hits, known);
    }

    /// Takes a short text that is complete ([`crate::limits::SHORT_TEXT_BYTES`]), and finds what [`StreamSearch::feed`] and
    /// [`StreamSearch::finish`] would.
    pub fn find_in(&mut self, matcher: &Matcher, text: &str, hits: &mut Vec<Hit>) {
        self.fed = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let known = hits.len();
        let mut scratch = matcher.take();
        TextSearch::find_in(matcher.plain(), &mut scratch.plain, text, hits);
        NormalizedSearch::find_in(matcher.normalized(), &mut scratch.normalized, text, hits);
        matcher.give_back(scratch);
        sort(hits, known);
    }

    /// Takes the next piece of a text that was [closed](StreamSearch::close), without looking at it.
    pub fn pass(&mut self, text: &str) {
        self.fed = self.fed.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
    }

    /// The text is complete and decided: nothing of it is needed any more but how long it was.
    pub fn close(&mut self) {
        *self = Self { fed: self.fed, ..Self::default() };
    }

    /// The text before this offset is decided (bytes of decoded text).
    #[must_use]
    #[inline(always)]
    pub fn clear(&self) -> u64 {
        let plain = if self.plain.is_unused() { self.fed } else { self.plain.clear() };
        match &self.normalized {
            Some(normalized) if !normalized.is_unused() => plain.min(normalized.clear()),
            _ => plain,
        }
    }

    /// How much has been fed.
    #[must_use]
    #[inline(always)]
    pub fn fed(&self) -> u64 {
        self.fed
    }
}

/// Sorts what one call found.
fn sort(hits: &mut [Hit], known: usize) {
    if let Some(found) = hits.get_mut(known..) {
        // Nearly always they come in order, and the sort that is built for size does not look.
        if !found.is_sorted() {
            found.sort_unstable();
        }
    }
}
