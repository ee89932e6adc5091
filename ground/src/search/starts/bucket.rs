//! Which prefixes share a bucket.
//!
//! A bucket lets through any combination of a lower half and an upper half of its prefixes' bytes: `ab` and `pq`
//! together let `aq` through. So each prefix goes where it adds the least from prose.

use super::halves::{BUCKETS, BYTES};
use super::prefix::{Prefix, often};
use crate::search::byte_set::ByteSet;

/// How frequent bytes are in prose, by upper half and then by lower half.
type ByteFrequencies = [[f32; 16]; 16];

/// The halves of a set's bytes, one bit each.
#[derive(Debug, Clone, Copy, Default)]
struct Bits {
    low: u16,
    high: u16,
}

impl Bits {
    fn of(set: ByteSet) -> Bits {
        set.bytes().fold(Bits::default(), |bits, byte| Bits {
            low: bits.low | 1 << (byte & 15),
            high: bits.high | 1 << (byte >> 4),
        })
    }

    fn with(self, other: Bits) -> Bits {
        Bits { low: self.low | other.low, high: self.high | other.high }
    }

    /// The fraction of prose that it lets through.
    fn share(self, weights: &ByteFrequencies) -> f32 {
        let rows = weights.iter().enumerate().filter(|(half, _)| self.high >> half & 1 == 1);
        let bytes = rows.flat_map(|(_, row)| row.iter().enumerate());
        bytes.filter(|(half, _)| self.low >> half & 1 == 1).map(|(_, weight)| weight).sum()
    }
}

/// What some prefixes let through together.
#[derive(Debug, Clone, Copy, Default)]
struct Sieve {
    places: [Bits; BYTES],
    /// The fraction of prose.
    share: f32,
}

impl Sieve {
    /// The same with one more prefix.
    fn with(mut self, prefix: &Prefix, weights: &ByteFrequencies) -> Sieve {
        for (bits, set) in self.places.iter_mut().zip(prefix.sets()) {
            *bits = bits.with(Bits::of(*set));
        }
        self.share = self.places.iter().map(|bits| bits.share(weights)).product();
        self
    }
}

#[derive(Debug, Default)]
struct Bucket {
    prefixes: Vec<Prefix>,
    sieve: Sieve,
}

/// The prefixes of each bucket, sorted.
pub(super) fn choose(prefixes: &[Prefix]) -> [Vec<Prefix>; BUCKETS] {
    let mut weights: ByteFrequencies = Default::default();
    for (byte, weight) in (0..=u8::MAX).zip(weights.iter_mut().flatten()) {
        *weight = often(byte);
    }
    // The most frequent first: they get buckets of their own, and the rest join similar ones.
    let mut order: Vec<(f32, &Prefix)> =
        prefixes.iter().map(|prefix| (prefix.in_thousand(), prefix)).collect();
    order.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let mut buckets: [Bucket; BUCKETS] = Default::default();
    for (_, prefix) in order {
        let mut best: Option<(f32, &mut Bucket, Sieve)> = None;
        for bucket in &mut buckets {
            let sieve = bucket.sieve.with(prefix, &weights);
            let added = sieve.share - bucket.sieve.share;
            if best.as_ref().is_none_or(|(least, ..)| added < *least) {
                best = Some((added, bucket, sieve));
            }
        }
        if let Some((_, bucket, sieve)) = best {
            bucket.sieve = sieve;
            bucket.prefixes.push(*prefix);
        }
    }
    buckets.map(|mut bucket| {
        bucket.prefixes.sort_unstable();
        bucket.prefixes
    })
}
