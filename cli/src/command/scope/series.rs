//! Counts over time, in a bounded number of buckets.

use std::ops::AddAssign;

/// The maximum number of buckets of a series: a day of minutes. Longer logs have wider buckets.
pub(crate) const BUCKETS: i64 = 1440;

/// The narrowest bucket, in milliseconds: a thirty-second part of a minute, so that wider ones become minutes. With
/// minutes, a log of only a few minutes would have no past to compare with.
const NARROWEST_MS: u64 = 60_000 / 32;

/// The width of buckets, and which are in use; shared by all series of a survey.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    pub(crate) width_ms: u64,
    span: Option<(i64, i64)>,
}

impl Default for Grid {
    fn default() -> Self {
        Self { width_ms: NARROWEST_MS, span: None }
    }
}

impl Grid {
    /// The bucket of a moment.
    pub(crate) fn bucket(&self, at_ms: u64) -> i64 {
        i64::try_from(at_ms / self.width_ms).unwrap_or(i64::MAX)
    }

    /// When a bucket begins (Unix milliseconds).
    pub(crate) fn begins(&self, bucket: i64) -> u64 {
        u64::try_from(bucket).unwrap_or(0).saturating_mul(self.width_ms)
    }

    /// Extends the grid to a moment; true if buckets have become twice as wide, so that every series must be coarsened.
    pub(crate) fn take_in(&mut self, at_ms: u64) -> bool {
        let at = self.bucket(at_ms);
        let (first, last) =
            self.span.map_or((at, at), |(first, last)| (first.min(at), last.max(at)));
        self.span = Some((first, last));
        if last - first < BUCKETS {
            return false;
        }
        self.width_ms *= 2;
        self.span = Some((first.div_euclid(2), last.div_euclid(2)));
        true
    }

    /// The first bucket and how many there are.
    pub(crate) fn span(&self) -> (i64, usize) {
        self.span.map_or((0, 0), |(first, last)| {
            (first, usize::try_from(last - first + 1).unwrap_or_default())
        })
    }
}

/// One count over time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Series<T> {
    base: i64,
    counts: Vec<T>,
}

impl<T: Copy + Default + AddAssign> Series<T> {
    /// Adds to a bucket of the grid.
    pub(crate) fn add(&mut self, bucket: i64, amount: T) {
        if self.counts.is_empty() {
            self.base = bucket;
        }
        if bucket < self.base {
            let missing = usize::try_from(self.base - bucket).unwrap_or_default();
            self.counts.splice(0..0, std::iter::repeat_n(T::default(), missing));
            self.base = bucket;
        }
        let at = usize::try_from(bucket - self.base).unwrap_or_default();
        if self.counts.len() <= at {
            self.counts.resize(at + 1, T::default());
        }
        if let Some(count) = self.counts.get_mut(at) {
            *count += amount;
        }
    }

    /// Buckets become twice as wide.
    pub(crate) fn coarsen(&mut self) {
        let old = std::mem::take(self);
        for (at, count) in old.counts.into_iter().enumerate() {
            self.add((old.base + at as i64).div_euclid(2), count);
        }
    }

    /// Its buckets that are not before the first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, T)> + '_ {
        self.counts.iter().enumerate().map(|(at, count)| (self.base + at as i64, *count))
    }

    /// Adds the series to a row of buckets that begins with `first`, with `per` buckets of the series for each bucket
    /// of the row.
    pub(crate) fn add_to(&self, row: &mut [T], first: i64, per: usize) {
        for (bucket, count) in self.iter() {
            let at = usize::try_from(bucket - first).unwrap_or(usize::MAX) / per.max(1);
            if let Some(own) = row.get_mut(at) {
                *own += count;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_order_and_the_span_nothing_is_lost() {
        let times: Vec<u64> =
            (0..5000).map(|at: u64| 1_795_489_920_000 + (at * 7919 % 5000) * 100_000).collect();
        let (mut grid, mut series) = (Grid::default(), Series::<u32>::default());
        for at in &times {
            while grid.take_in(*at) {
                series.coarsen();
            }
            series.add(grid.bucket(*at), 1);
        }
        let (first, many) = grid.span();
        assert!(many as i64 <= BUCKETS && grid.width_ms == 480_000, "{many} of {}", grid.width_ms);
        let mut row = vec![0; many];
        series.add_to(&mut row, first, 1);
        assert_eq!(row.iter().sum::<u32>(), 5000);
        for (at, count) in row.iter().enumerate() {
            let begin = grid.begins(first + at as i64);
            let own = times.iter().filter(|at| (begin..begin + grid.width_ms).contains(at)).count();
            assert_eq!(*count as usize, own);
        }
    }
}
