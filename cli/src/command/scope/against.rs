//! Counts of another period, to compare with: an hour before, the same hours of the day before.

use std::ops::RangeInclusive;

use super::condition::Conditions;
use super::count::{Call, Grouping, Sums};
use crate::shared::access_log::Entry;
use crate::shared::error::{Error, Result};
use crate::shared::records::Period;
use crate::shared::when;

/// Counts of another period.
#[derive(Debug)]
pub(crate) struct Against {
    /// Unix milliseconds.
    pub(super) window: RangeInclusive<u64>,
    pub(super) all: Sums,
    pub(super) groups: Vec<Grouping>,
}

impl Against {
    /// Counts for this period (up to now if it has no end), moved back by `back` seconds.
    ///
    /// # Errors
    /// The two periods overlap, or the period has no beginning.
    pub(super) fn new(by: &[String], period: Period, back: u64) -> Result<Self> {
        let until = period.until.unwrap_or_else(when::now);
        let since = period.since.ok_or_else(|| {
            Error::failed("`--against` needs `--since`: how long is the time to compare?")
        })?;
        let lasts = until.saturating_sub(since);
        if back < lasts {
            return Err(Error::failed(format!(
                "`--against` must go back at least as far as the time is long, {lasts} s: else calls would be counted twice"
            )));
        }
        let moved = |at: u64| at.saturating_sub(back).saturating_mul(1000);
        // If the two touch, the moment between them belongs to the later one.
        let end =
            moved(until).saturating_add(999).min((since.saturating_mul(1000)).saturating_sub(1));
        let groups = by.iter().map(|names| Grouping::named(names)).collect();
        Ok(Self { window: moved(since)..=end, all: Sums::default(), groups })
    }

    pub(super) fn add(&mut self, conditions: &Conditions, entry: &Entry<'_>) {
        let mut hit = false;
        conditions.outcomes(entry, &mut |_| hit = true);
        let call = Call::of(entry, hit);
        self.all.add(&call);
        self.groups.iter_mut().for_each(|group| group.add(entry, &call));
    }
}
