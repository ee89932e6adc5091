//! One growing text of an answer: what the acting rules found in it, and how much of it is decided.

use crate::dialect::{Role, TextKey};
use crate::search::{Hit, StreamSearch};

use super::head::TextHead;
use super::rules::Rules;
use crate::context::record::Record;

/// The number of a running text within its stream.
pub type TextId = u64;

/// A part of a text that is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangedSpan {
    /// Where it begins: bytes of decoded text from the text's beginning.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
    /// The rule whose replacement is used.
    pub rule: usize,
}

/// Where an answer must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AnswerStop {
    /// Where its match begins.
    pub start: u64,
    /// The rule.
    pub rule: usize,
}

/// A growing text.
#[derive(Debug)]
pub struct GrowingText {
    /// Its number.
    pub id: TextId,
    /// The dialect's key for it; `None` for a text that was whole in one value.
    pub key: Option<TextKey>,
    role: Role,
    /// How it begins, if it has a key.
    pub head: TextHead,
    act: StreamSearch,
    watch: StreamSearch,
    /// Redactions, merged, in order.
    spans: Vec<ChangedSpan>,
    stop: Option<AnswerStop>,
    /// Nothing more will arrive.
    pub ended: bool,
    /// It has ended since the last settlement, or something was found in it.
    pub listed: bool,
    /// Copies of it will follow, for which what was found is needed.
    pub keeps: bool,
    /// The state of the search for acting rules if the text ended in the middle of a possible match. Some servers
    /// continue a text that they have ended.
    before_end: Option<Box<StreamSearch>>,
    /// The same text without the string at its end, while both readings of it are searched.
    aside: Option<Box<AsideSearch>>,
    /// Everything that arrived of it has left.
    left: bool,
    /// Everything before this offset had left when the text continued.
    base: u64,
}

/// The search in a text without a string that came at its end and may not be part of it.
#[derive(Debug, Clone)]
struct AsideSearch {
    search: StreamSearch,
    /// How much of the text preceded that string.
    from: u64,
    /// The length of that string, as far as the text has arrived since.
    apart: u64,
    /// The string is being read at the moment.
    waits: bool,
}

impl AsideSearch {
    /// Before this offset of the text nothing needs to be held because of it.
    fn clear(&self) -> u64 {
        match self.search.fed() > self.from {
            true => self.search.clear().max(self.from) + self.apart,
            false => u64::MAX,
        }
    }
}

impl GrowingText {
    /// A text of which nothing has arrived.
    #[must_use]
    pub fn new(id: TextId, key: Option<TextKey>, role: Role) -> Self {
        Self {
            id,
            key,
            role,
            head: TextHead::default(),
            act: StreamSearch::default(),
            watch: StreamSearch::default(),
            spans: Vec::new(),
            stop: None,
            ended: false,
            listed: false,
            keeps: false,
            before_end: None,
            aside: None,
            left: false,
            base: 0,
        }
    }

    /// The text continues after its end, which was in the middle of a possible match: the match is found across it,
    /// although what came before the end may have left.
    pub fn go_on(&mut self) -> bool {
        let Some(search) = self.before_end.take() else { return false };
        self.ended = false;
        if std::mem::take(&mut self.left) {
            self.base = self.fed();
        }
        self.act = *search;
        true
    }

    /// The next string is at the text's end, and begins differently from the text: it is its last piece, or a copy that
    /// differs. If the text is in the middle of a possible match, both are searched from here on.
    pub fn step_aside(&mut self) {
        let in_match = self.key.is_some() && self.act.clear() < self.act.fed();
        if in_match && self.aside.is_none() {
            let (search, from) = (self.act.clone(), self.act.fed());
            self.aside = Some(Box::new(AsideSearch { search, from, apart: 0, waits: true }));
        }
        self.aside.iter_mut().for_each(|aside| aside.waits = true);
    }

    /// The string has been read.
    pub fn step_back(&mut self) {
        self.aside.iter_mut().for_each(|aside| aside.waits = false);
    }

    /// Feeds the next piece, as a continuation of what preceded a string that may not be part of the text.
    fn feed_aside(&mut self, text: &str, rules: &Rules, hits: &mut Vec<Hit>) {
        let Some(mut aside) = self.aside.take() else { return };
        if let Some(matcher) = rules.acting(self.role).filter(|_| !aside.waits) {
            aside.apart = self.act.fed().saturating_sub(aside.search.fed());
            aside.search.feed(matcher, text, hits);
            self.found_from(aside.from + aside.apart, aside.apart, rules, hits);
        }
        self.aside = Some(aside).filter(|aside| aside.search.clear() < aside.search.fed());
    }

    /// Finishes that search as if nothing followed.
    fn finish_aside(
        &mut self,
        aside: Option<Box<AsideSearch>>,
        rules: &Rules,
        hits: &mut Vec<Hit>,
    ) {
        if let (Some(mut aside), Some(matcher)) = (aside, rules.acting(self.role)) {
            aside.search.finish(matcher, hits);
            self.found_from(aside.from + aside.apart, aside.apart, rules, hits);
        }
    }

    /// True if it has ended and may continue.
    #[must_use]
    pub fn may_go_on(&self) -> bool {
        self.before_end.is_some()
    }

    /// Reads the next piece.
    pub fn feed(&mut self, text: &str, rules: &Rules, record: &mut Record, hits: &mut Vec<Hit>) {
        // What is whole in one value is never repeated as a running text is.
        if self.key.is_some() {
            self.head.add(text);
        }
        if let Some(matcher) = rules.acting(self.role) {
            if self.aside.is_some() {
                self.feed_aside(text, rules, hits);
            }
            if self.is_over() {
                self.act.pass(text);
            } else {
                self.act.feed(matcher, text, hits);
                if !hits.is_empty() {
                    self.found(rules, hits);
                }
                if self.is_over() {
                    self.act.close();
                    self.aside = None;
                }
            }
        }
        if let Some(matcher) = rules.watching(self.role) {
            self.watch.feed(matcher, text, hits);
            rules.watched(self.role, hits, record);
        }
    }

    /// True if the text ends at a match, and no match that begins before that one can still be found: nothing after it
    /// leaves, so nothing is searched.
    fn is_over(&self) -> bool {
        self.stop.is_some_and(|stop| stop.start < self.act.clear())
    }

    /// The text is complete.
    pub fn finish(&mut self, rules: &Rules, record: &mut Record, hits: &mut Vec<Hit>) {
        self.ended = true;
        let in_match = self.act.clear() < self.act.fed() || self.aside.is_some();
        if self.key.is_some() && in_match {
            self.before_end = Some(Box::new(self.act.clone()));
        }
        if let Some(matcher) = rules.acting(self.role) {
            let aside = self.aside.clone();
            self.finish_aside(aside, rules, hits);
            self.act.finish(matcher, hits);
            self.found(rules, hits);
        }
        if let Some(matcher) = rules.watching(self.role) {
            self.watch.finish(matcher, hits);
            rules.watched(self.role, hits, record);
        }
        self.act.close();
        self.watch.close();
    }

    /// A complete short text ([`crate::limits::SHORT_TEXT_BYTES`]).
    #[must_use]
    pub fn short(
        id: TextId,
        role: Role,
        text: &str,
        rules: &Rules,
        record: &mut Record,
        hits: &mut Vec<Hit>,
    ) -> Self {
        let mut own = Self { ended: true, ..Self::new(id, None, role) };
        if let Some(matcher) = rules.watching(role) {
            own.act.find_in(matcher, text, hits);
            rules.watched(role, hits, record);
        }
        if let Some(matcher) = rules.acting(role) {
            own.act.find_in(matcher, text, hits);
            own.found(rules, hits);
        }
        own
    }

    /// Gives up partial matches (`on_hold_limit: release`).
    pub fn release(&mut self, rules: &Rules, hits: &mut Vec<Hit>) {
        if let Some(matcher) = rules.acting(self.role) {
            let aside = self.aside.take();
            self.finish_aside(aside, rules, hits);
            self.act.finish(matcher, hits);
            self.found(rules, hits);
        }
    }

    fn found(&mut self, rules: &Rules, hits: &mut Vec<Hit>) {
        self.found_from(0, 0, rules, hits);
    }

    /// Adds what a search found that is this many bytes behind the text, as far as it is after `from`.
    fn found_from(&mut self, from: u64, behind: u64, rules: &Rules, hits: &mut Vec<Hit>) {
        let base = self.base.max(from);
        for hit in hits.drain(..) {
            let rule = hit.tag as usize;
            let (start, end) = (base.max(hit.start + behind), hit.end + behind);
            if !rules.acts(rule, self.role) || end <= base {
                continue;
            }
            if rules.stops(rule) {
                let stop = AnswerStop { start, rule };
                self.stop = Some(self.stop.map_or(stop, |other| other.min(stop)));
            } else {
                merge(&mut self.spans, ChangedSpan { start, end, rule });
            }
        }
    }

    /// The text before this offset is decided. A redaction that extends past what is decided may still grow by merging
    /// with the next one, and the merged span takes the *first* rule's replacement: so it waits from its beginning.
    #[must_use]
    pub fn clear(&self) -> u64 {
        let aside = self.aside.as_ref().filter(|_| !self.ended);
        let clear = aside.map_or(u64::MAX, |aside| aside.clear()).min(self.act.clear());
        if self.spans.is_empty() {
            return clear;
        }
        // Others may follow it: matches of another pattern, past the live one.
        let at = self.spans.partition_point(|span| span.end <= clear);
        self.spans.get(at).map_or(clear, |span| clear.min(span.start))
    }

    /// True if all of it is decided, and no rule acts on the part that has not left.
    #[must_use]
    #[inline(always)]
    pub fn is_decided(&self) -> bool {
        self.spans.is_empty()
            && self.stop.is_none()
            && self.aside.is_none()
            && self.act.clear() == self.act.fed()
    }

    /// How much of it has arrived.
    #[must_use]
    #[inline(always)]
    pub fn fed(&self) -> u64 {
        self.act.fed()
    }

    /// Decoded bytes that wait.
    #[must_use]
    pub fn held(&self) -> usize {
        usize::try_from(self.fed().saturating_sub(self.clear())).unwrap_or(usize::MAX)
    }

    /// Approximate memory in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        let before = self.before_end.as_ref().map_or(0, |_| size_of::<StreamSearch>());
        let aside = self.aside.as_ref().map_or(0, |_| size_of::<AsideSearch>());
        size_of::<Self>() + self.spans.capacity() * size_of::<ChangedSpan>() + before + aside
    }

    /// Its memory, and how much of it waits.
    // One copy: ten places ask, most of them where something was found.
    #[must_use]
    #[inline(never)]
    pub fn weight(&self) -> (usize, usize) {
        let held = if self.is_decided() { 0 } else { self.held() };
        (self.memory(), held)
    }

    /// The redactions that overlap `start..end`.
    pub fn spans(&self, start: u64, end: u64) -> impl Iterator<Item = ChangedSpan> {
        let first = self.spans.partition_point(|span| span.end <= start);
        let from = self.spans.get(first..).unwrap_or_default();
        from.iter().copied().take_while(move |span| span.start < end)
    }

    /// The stop that begins in `start..end`.
    #[must_use]
    pub fn stop(&self, start: u64, end: u64) -> Option<AnswerStop> {
        self.stop.filter(|stop| (start..end).contains(&stop.start))
    }

    /// The stop, wherever it begins.
    #[must_use]
    pub fn any_stop(&self) -> Option<AnswerStop> {
        self.stop
    }

    /// True if a rule acts on any of it.
    #[must_use]
    pub fn touched_at_all(&self) -> bool {
        self.stop.is_some() || !self.spans.is_empty()
    }

    /// Everything that arrived has left: what was found in it is no longer needed.
    pub fn settle(&mut self) {
        self.left = self.ended;
        if !self.keeps {
            self.spans.clear();
        }
    }
}

/// Adds a redaction; overlapping ones become one, with the first rule's replacement (POLICY "Several hits").
pub fn merge(spans: &mut Vec<ChangedSpan>, mut new: ChangedSpan) {
    // They are nearly always in order.
    if spans.last().is_none_or(|last| last.end <= new.start) {
        return spans.push(new);
    }
    // They are in order and do not overlap: those that the new one touches are adjacent.
    let first = spans.partition_point(|old| old.end <= new.start);
    let last = spans.partition_point(|old| old.start < new.end).max(first);
    for old in spans.get(first..last).unwrap_or_default() {
        new = ChangedSpan {
            start: old.start.min(new.start),
            end: old.end.max(new.end),
            rule: old.rule.min(new.rule),
        };
    }
    spans.splice(first..last, [new]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn merged(list: &[(u64, u64, usize)]) -> Vec<(u64, u64, usize)> {
        let mut spans = Vec::new();
        for &(start, end, rule) in list {
            merge(&mut spans, ChangedSpan { start, end, rule });
        }
        spans.iter().map(|span| (span.start, span.end, span.rule)).collect()
    }

    #[test]
    fn overlapping_redactions_take_the_first_rules_replacement() {
        assert_eq!(merged(&[(0, 4, 1), (3, 8, 0)]), [(0, 8, 0)]);
        assert_eq!(merged(&[(3, 8, 0), (0, 4, 1)]), [(0, 8, 0)]);
        assert_eq!(merged(&[(5, 9, 2), (0, 2, 1), (1, 6, 3)]), [(0, 9, 1)]);
    }

    #[test]
    fn neighbours_stay_apart() {
        assert_eq!(merged(&[(4, 8, 0), (0, 4, 0)]), [(0, 4, 0), (4, 8, 0)]);
    }

    proptest! {
        #[test]
        fn spans_cover_what_was_found_and_are_found_where_they_stand(
            list in proptest::collection::vec((0_u64..60, 1_u64..8, 0_usize..4), 0..12),
            from in 0_u64..60, length in 0_u64..20,
        ) {
            let list: Vec<_> = list.iter().map(|&(at, n, rule)| (at, at + n, rule)).collect();
            let spans = merged(&list);
            prop_assert!(spans.windows(2).all(|two| two[0].1 <= two[1].0), "in order, apart");
            let inside = |at: u64, all: &[(u64, u64, usize)]| {
                all.iter().any(|(start, end, _)| (*start..*end).contains(&at))
            };
            for at in 0..70 {
                prop_assert_eq!(inside(at, &spans), inside(at, &list));
            }
            for (start, end, rule) in &spans {
                let within = list.iter().filter(|one| one.0 >= *start && one.1 <= *end);
                prop_assert_eq!(within.map(|one| one.2).min(), Some(*rule));
            }
            let mut text = GrowingText::new(1, None, Role::Output);
            for &(start, end, rule) in &list {
                merge(&mut text.spans, ChangedSpan { start, end, rule });
            }
            let touching = spans.iter().filter(|span| span.0 < from + length && span.1 > from).count();
            prop_assert_eq!(text.spans(from, from + length).count(), touching);
        }
    }
}
