//! One growing text, scanned as it arrives.

use super::normalized::NormalizedSearch;
use super::text_search::TextSearch;
use super::{Hit, Matcher};

/// One growing text, scanned as it arrives. All calls for one text must pass the same matcher.
#[derive(Debug, Default, Clone)]
pub struct StreamSearch {
    plain: TextSearch,
    /// Created when a matcher has patterns for it.
    normalized: Option<Box<NormalizedSearch>>,
    fed: u64,
}

impl StreamSearch {
    /// Reads the next piece of the text; pushes hits that have become certain, ordered by `(end of decision, start)`. A
    /// hit never starts before what [`StreamSearch::clear`] returned earlier.
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

    /// Decides what is live as if the text ended here: it is complete, or a hold is given up (`on_hold_limit:
    /// release`). Where `\b` or `$` depends on what follows, nothing does. Afterwards `clear() == fed()`; what is fed
    /// later is a new beginning.
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

    /// Searches a complete short text ([`crate::limits::SHORT_TEXT_BYTES`]), and finds what [`StreamSearch::feed`] and
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

    /// Skips the next piece of a text that was [closed](StreamSearch::close).
    pub fn pass(&mut self, text: &str) {
        self.fed = self.fed.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
    }

    /// The text is complete and decided: only its length is still needed.
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

    /// How much has been fed, in bytes of decoded text.
    #[must_use]
    #[inline(always)]
    pub fn fed(&self) -> u64 {
        self.fed
    }
}

/// Sorts what one call found.
fn sort(hits: &mut [Hit], known: usize) {
    if let Some(found) = hits.get_mut(known..) {
        // Hits are nearly always in order, and the size-optimised sort does not check for that.
        if !found.is_sorted() {
            found.sort_unstable();
        }
    }
}
