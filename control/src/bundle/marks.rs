//! Counter values when what is in force came into force, and about a minute ago: the difference to now shows what a
//! lever does, without the years before it.

use super::code::{coded, decode, encode};
use super::digest::Digest;
use crate::base::sorted_map::SortedMap;
use crate::limits::{MARKED_COUNTERS, MARKS_EVERY_MS, RATE_LEAST_MS};

/// The layout's number: values written by another version of this code are not read.
const FORM: u64 = 1;

/// Counter values at three times.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marks {
    /// [`super::Releases::stamp`] of what was in force.
    pub stamp: u64,
    /// When it came into force.
    begin: CounterMark,
    /// At the last two turns, the earlier one first.
    last: CounterMark,
    before: CounterMark,
}

/// Counter values at one time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct CounterMark {
    /// Unix milliseconds.
    at_ms: u64,
    /// Value by [`number`] of the name; zeros are left out.
    counts: SortedMap<u64, u64>,
}

/// A short number for a name: the first bytes of its digest.
fn number(name: &str) -> u64 {
    Digest::of(name.as_bytes()).as_bytes().first_chunk().map_or(0, |b| u64::from_le_bytes(*b))
}

impl CounterMark {
    fn new(at_ms: u64, counts: &[(String, u64)]) -> Self {
        let counted = counts.iter().filter(|(_, count)| *count > 0).take(MARKED_COUNTERS);
        Self { at_ms, counts: counted.map(|(name, count)| (number(name), *count)).collect() }
    }

    fn since(&self, name: &str, now: u64) -> u64 {
        now.saturating_sub(self.counts.get(&number(name)).copied().unwrap_or_default())
    }
}

impl Marks {
    /// A policy comes into force now.
    #[must_use]
    pub fn begin(stamp: u64, now_ms: u64, counts: &[(String, u64)]) -> Self {
        let mark = CounterMark::new(now_ms, counts);
        Self { stamp, begin: mark.clone(), last: mark.clone(), before: mark }
    }

    /// True if it is time for the next turn, or if the clock was set back.
    #[must_use]
    pub fn is_due(&self, now_ms: u64) -> bool {
        now_ms >= self.due_ms() || now_ms < self.last.at_ms
    }

    /// When the next turn is due (Unix milliseconds).
    #[must_use]
    pub fn due_ms(&self) -> u64 {
        self.last.at_ms.saturating_add(MARKS_EVERY_MS)
    }

    /// The next turn: the last values become the earlier ones.
    #[must_use]
    pub fn turned(self, now_ms: u64, counts: &[(String, u64)]) -> Self {
        Self { before: self.last, last: CounterMark::new(now_ms, counts), ..self }
    }

    /// When what is in force came into force (Unix milliseconds).
    #[must_use]
    pub fn since_ms(&self) -> u64 {
        self.begin.at_ms
    }

    /// How much a counter has grown since then; `now` is its current value.
    #[must_use]
    pub fn since_begin(&self, name: &str, now: u64) -> u64 {
        self.begin.since(name, now)
    }

    /// The length of the period that [`Marks::per_minute`] looks at, in milliseconds: half a minute to a minute, or
    /// less if a policy came into force within it.
    #[must_use]
    pub fn window_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.before.at_ms)
    }

    /// The rate of a counter, in thousandths per minute; `now` is its current value. `None` if it is too early to tell.
    #[must_use]
    pub fn per_minute(&self, name: &str, now: u64, now_ms: u64) -> Option<u64> {
        let window = self.window_ms(now_ms);
        if window < RATE_LEAST_MS {
            return None;
        }
        Some(self.before.since(name, now).saturating_mul(60_000_000) / window)
    }

    /// As bytes, for the memory that workers share.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(FORM, self)
    }

    /// Decodes such bytes; `None` if they are invalid or of another version.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        decode(FORM, bytes)
    }
}

coded!(Marks { stamp, begin, last, before });
coded!(CounterMark { at_ms, counts });

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts(a: u64) -> Vec<(String, u64)> {
        vec![("a".to_owned(), a), ("b".to_owned(), 0)]
    }

    #[test]
    fn what_was_counted_before_is_not_counted_again() {
        let marks = Marks::begin(7, 100_000, &counts(500));
        assert_eq!((marks.since_begin("a", 512), marks.since_begin("b", 3)), (12, 3));
        assert_eq!(marks.per_minute("a", 501, 100_900), None, "too early to say");
        assert_eq!(marks.per_minute("a", 512, 110_000), Some(72_000), "12 in 10 seconds");
        // Two turns later the first events are no longer part of the rate.
        let marks = marks.turned(130_000, &counts(512)).turned(160_000, &counts(512));
        assert_eq!(marks.per_minute("a", 512, 170_000), Some(0));
        assert_eq!((marks.since_begin("a", 512), marks.since_ms()), (12, 100_000));
        assert_eq!(Marks::decode(&marks.encode()), Some(marks));
    }

    #[test]
    fn a_counter_that_begins_anew_is_no_underflow() {
        assert_eq!(Marks::begin(7, 0, &counts(500)).since_begin("a", 3), 0);
    }

    proptest! {
        #[test]
        fn a_window_is_never_longer_than_two_turns(steps in proptest::collection::vec(0_u64..10_000, 1..100)) {
            let (mut now, mut marks) = (1_000_000, Marks::begin(1, 1_000_000, &[]));
            for step in steps {
                now += step;
                if marks.is_due(now) {
                    marks = marks.turned(now, &[]);
                }
                prop_assert!(marks.window_ms(now) <= 2 * (MARKS_EVERY_MS + 10_000));
            }
        }

        #[test]
        fn broken_bytes_are_none(bytes: Vec<u8>) {
            let _ = Marks::decode(&bytes);
        }
    }
}
