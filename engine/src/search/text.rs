//! One text that grows, scanned as it comes.

use super::folded::Folded;
use super::strand::Strand;
use super::{Hit, Matcher};

/// One text that grows, scanned as it comes. All calls for one text are given the same matcher.
#[derive(Debug, Default)]
pub struct TextScan {
    plain: Strand,
    /// Made when a matcher has patterns for it.
    folded: Option<Box<Folded>>,
    fed: u64,
}

impl TextScan {
    /// Takes the next piece of the text; pushes hits that became certain, in order of `(end of decision, start)`.
    /// A hit's start is never before what [`TextScan::clear`] said earlier.
    pub fn feed(&mut self, matcher: &Matcher, text: &str, hits: &mut Vec<Hit>) {
        self.fed = self.fed.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
        if matcher.is_empty() {
            return;
        }
        let known = hits.len();
        let mut scratch = matcher.take();
        self.plain.feed(matcher.plain(), &mut scratch.plain, text, hits);
        if !matcher.folded().is_empty() {
            let folded = self.folded.get_or_insert_default();
            folded.feed(matcher.folded(), &mut scratch.folded, text, hits);
        }
        matcher.give_back(scratch);
        sort(hits, known);
    }

    /// The text is complete: what was live is decided now. Afterwards `clear() == fed()`.
    pub fn finish(&mut self, matcher: &Matcher, hits: &mut Vec<Hit>) {
        if matcher.is_empty() {
            return;
        }
        let known = hits.len();
        let mut scratch = matcher.take();
        self.plain.conclude(matcher.plain(), &mut scratch.plain, hits);
        if let Some(folded) = &mut self.folded {
            folded.conclude(matcher.folded(), &mut scratch.folded, hits);
        }
        matcher.give_back(scratch);
        sort(hits, known);
    }

    /// Gives up on live partial matches: everything fed so far is decided without them (`on_hold_limit: release`).
    /// Matches that are already complete are still reported; where `\b` or `$` asks what follows, the answer is taken
    /// to be "nothing". Scanning goes on afresh.
    pub fn release(&mut self, matcher: &Matcher, hits: &mut Vec<Hit>) {
        self.finish(matcher, hits);
    }

    /// The text before this offset is decided (bytes of decoded text).
    #[must_use]
    pub fn clear(&self) -> u64 {
        let plain = if self.plain.is_unused() { self.fed } else { self.plain.clear() };
        match &self.folded {
            Some(folded) if !folded.is_unused() => plain.min(folded.clear()),
            _ => plain,
        }
    }

    /// How much has been fed.
    #[must_use]
    pub fn fed(&self) -> u64 {
        self.fed
    }
}

/// Sorts what one call found.
fn sort(hits: &mut [Hit], known: usize) {
    if let Some(found) = hits.get_mut(known..) {
        found.sort_unstable();
    }
}
