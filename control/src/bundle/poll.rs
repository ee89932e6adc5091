//! When a source is polled: once per process, not too often, and ever more rarely while it fails.
//!
//! There is no elected poller. All workers look at one shared [`Poll`]; the first that finds it due replaces it by
//! [`Poll::begun`] with compare-and-swap, and that worker alone polls. If it dies, another takes the next turn.

use super::code::{coded, decode, encode};
use crate::limits;

/// The layout's number: values written by another version of this code are not read.
const FORM: u64 = 1;

/// What the workers of a process share about a source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Poll {
    /// The earliest time of the next poll (Unix milliseconds).
    pub next_ms: u64,
    /// The `ETag` of its last answer.
    pub etag: Option<String>,
    /// Consecutive failures.
    pub failures: u64,
    /// When it last answered with a release or with "not modified" (Unix milliseconds); before that, when it was first
    /// polled.
    pub good_ms: u64,
    /// It has answered at least once.
    pub answered: bool,
    /// Operators have been told that it has been silent for long.
    pub told: bool,
    /// Why the last poll failed, while it fails.
    pub error: Option<PollFailure>,
}

/// Why a source provides no release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollFailure {
    /// The reason, for people.
    pub why: String,
    /// When it began to fail (Unix milliseconds).
    pub since_ms: u64,
    /// When it last failed (Unix milliseconds).
    pub last_ms: u64,
}

/// The kind of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PollResult {
    /// A body, and its `ETag`.
    Fresh(Option<String>),
    /// 304: not modified.
    Same,
    /// Anything else, with the reason.
    Failed(String),
}

impl Poll {
    /// True if it is time to poll.
    #[must_use]
    pub fn is_due(&self, now_ms: u64) -> bool {
        now_ms >= self.next_ms
    }

    /// A worker polls now; no other does until the answer had time to arrive.
    #[must_use]
    pub fn begun(&self, now_ms: u64, every_ms: u64) -> Self {
        let good_ms = if self.good_ms == 0 { now_ms } else { self.good_ms };
        let wait = limits::POLL_TIMEOUT_MS.saturating_add(every_ms);
        Self { next_ms: now_ms.saturating_add(wait), good_ms, ..self.clone() }
    }

    /// The answer has arrived. `random` spreads the proxies of a fleet over the interval.
    #[must_use]
    pub fn ended(&self, answer: PollResult, now_ms: u64, every_ms: u64, random: u64) -> Self {
        let failures = match answer {
            PollResult::Failed(_) => self.failures.saturating_add(1),
            PollResult::Fresh(_) | PollResult::Same => 0,
        };
        let error = match &answer {
            PollResult::Failed(why) => {
                let since_ms = self.error.as_ref().map_or(now_ms, |error| error.since_ms);
                let why = why.chars().take(limits::POLL_ERROR_CHARS).collect();
                Some(PollFailure { why, since_ms, last_ms: now_ms })
            }
            PollResult::Fresh(_) | PollResult::Same => None,
        };
        let etag = match answer {
            PollResult::Fresh(etag) => etag.filter(|etag| etag.len() <= limits::ETAG_BYTES),
            PollResult::Same | PollResult::Failed(_) => self.etag.clone(),
        };
        let good_ms = if failures == 0 { now_ms } else { self.good_ms };
        let next_ms = now_ms.saturating_add(pause(every_ms, failures, random));
        let silent = now_ms.saturating_sub(good_ms) >= limits::POLL_SILENT_MS;
        let told = failures > 0 && (self.told || silent);
        let answered = self.answered || failures == 0;
        Self { next_ms, etag, failures, good_ms, answered, told, error }
    }

    /// As bytes, for the memory that workers share.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(FORM, self)
    }

    /// Decodes such bytes; invalid ones mean a fresh start.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Self {
        decode(FORM, bytes).unwrap_or_default()
    }
}

coded!(Poll { next_ms, etag, failures, good_ms, answered, told, error });
coded!(PollFailure { why, since_ms, last_ms });

/// The time until the next poll: twice as long after each failure, up to a bound, and up to a tenth shorter or longer.
fn pause(every_ms: u64, failures: u64, random: u64) -> u64 {
    let doubled = every_ms.saturating_mul(1 << failures.min(16));
    let base = doubled.min(limits::POLL_SLOWEST_MS.max(every_ms));
    let spread = (base / 5).max(1);
    base.saturating_sub(spread / 2).saturating_add(random % spread)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn failures_slow_it_down_and_a_good_answer_brings_it_back() {
        let mut poll = Poll::default().begun(1_000, 500);
        assert_eq!(poll.next_ms, 1_000 + limits::POLL_TIMEOUT_MS + 500);
        let mut pauses = Vec::new();
        for _ in 0..12 {
            poll = poll.ended(PollResult::Failed("status 503".into()), 10_000, 500, 0);
            pauses.push(poll.next_ms - 10_000);
        }
        assert!(pauses.windows(2).all(|pair| pair[0] <= pair[1]), "{pauses:?}");
        assert_eq!(pauses.first(), Some(&900));
        assert!(pauses.iter().all(|pause| *pause <= limits::POLL_SLOWEST_MS));
        assert_eq!((poll.failures, poll.answered), (12, false));
        let error = poll.error.as_ref().unwrap();
        assert_eq!((error.why.as_str(), error.since_ms), ("status 503", 10_000));
        let good = poll.ended(PollResult::Fresh(Some("\"a\"".into())), 20_000, 500, 7);
        assert_eq!((good.failures, good.good_ms, good.answered), (0, 20_000, true));
        assert_eq!(good.error, None, "the next good answer clears it");
        assert!((450..=550).contains(&(good.next_ms - 20_000)));
        let same = good.ended(PollResult::Same, 21_000, 500, 3);
        assert_eq!(same.etag.as_deref(), Some("\"a\""));
    }

    #[test]
    fn an_etag_without_end_is_not_kept() {
        let long = "x".repeat(limits::ETAG_BYTES + 1);
        assert_eq!(Poll::default().ended(PollResult::Fresh(Some(long)), 1, 1, 1).etag, None);
    }

    proptest! {
        #[test]
        fn a_pause_is_within_a_tenth_of_what_is_meant(every in 100_u64..3_600_000, failures: u64, random: u64) {
            let pause = pause(every, failures, random);
            let most = limits::POLL_SLOWEST_MS.max(every);
            prop_assert!(pause * 10 >= every * 9 && pause <= most + most / 10, "{pause}");
        }

        #[test]
        fn bytes_come_back(poll in any::<(u64, Option<String>, u64, u64, bool, bool, Option<String>)>()) {
            let (next_ms, etag, failures, good_ms, answered, told, why) = poll;
            let error = why.map(|why| PollFailure { why, since_ms: good_ms, last_ms: next_ms });
            let poll = Poll { next_ms, etag, failures, good_ms, answered, told, error };
            prop_assert_eq!(Poll::decode(&poll.encode()), poll);
        }

        #[test]
        fn broken_bytes_are_a_fresh_start(bytes: Vec<u8>) {
            let _ = Poll::decode(&bytes);
        }
    }
}
