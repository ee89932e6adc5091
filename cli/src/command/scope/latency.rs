//! Durations of calls over time, as a sketch. A bin is a quarter of an octave, so percentiles are accurate to 9 %.

use std::collections::BTreeMap;

/// Four per octave, up to 17 minutes.
const BINS: usize = 81;

/// Milliseconds by bucket of the grid.
#[derive(Debug, Default)]
pub(crate) struct Latency {
    buckets: BTreeMap<i64, Box<[u32; BINS]>>,
}

impl Latency {
    pub(crate) fn add(&mut self, bucket: i64, ms: u64) {
        let bin = ((ms.max(1) as f64).log2() * 4.0).round() as usize;
        let own = self.buckets.entry(bucket).or_insert_with(|| Box::new([0; BINS]));
        if let Some(count) = own.get_mut(bin.min(BINS - 1)) {
            *count = count.saturating_add(1);
        }
    }

    pub(crate) fn coarsen(&mut self) {
        for (bucket, bins) in std::mem::take(&mut self.buckets) {
            let into =
                self.buckets.entry(bucket.div_euclid(2)).or_insert_with(|| Box::new([0; BINS]));
            into.iter_mut()
                .zip(bins.iter())
                .for_each(|(into, own)| *into = into.saturating_add(*own));
        }
    }

    /// A percentile (0 to 1) over a range of buckets, in milliseconds; `None` if there are no calls.
    pub(crate) fn percentile(&self, buckets: std::ops::Range<i64>, share: f64) -> Option<f64> {
        let mut all = [0_u64; BINS];
        for (_, bins) in self.buckets.range(buckets) {
            all.iter_mut().zip(bins.iter()).for_each(|(all, own)| *all += u64::from(*own));
        }
        let count: u64 = all.iter().sum();
        let mut left = (count as f64 * share).ceil().max(1.0) as u64;
        for (bin, own) in all.iter().enumerate() {
            if *own >= left {
                return Some((bin as f64 / 4.0).exp2());
            }
            left -= own;
        }
        None
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_right_to_a_tenth() {
        let mut latency = Latency::default();
        (1..=1000).for_each(|ms| latency.add(ms % 7, ms as u64 * 3));
        for (share, exact) in [(0.5, 1500.0), (0.95, 2850.0), (0.99, 2970.0)] {
            let found = latency.percentile(0..7, share).unwrap();
            assert!((found / exact - 1.0_f64).abs() < 0.1, "{share}: {found} for {exact}");
        }
        latency.coarsen();
        assert!(latency.percentile(0..4, 0.5).is_some() && latency.percentile(4..9, 0.5).is_none());
    }
}
