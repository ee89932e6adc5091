//! Which prefixes share a bucket.
//!
//! A bucket lets through any combination of a lower half and an upper half of its prefixes' bytes: `ab` and `pq`
//! together let `aq` through. So each prefix goes where it adds the least, and moves later if another place is better.

use super::halves::{BUCKETS, Before, FIRST};
use super::prefix::{Prefix, often};
use crate::search::byte_set::ByteSet;

/// How many times each prefix may move. The first moves gain the most.
const MOVES: usize = 3;

/// If there are more prefixes than this, they stay where they were put: to move one takes a look at all others.
const MOVED: usize = 256;

/// The fraction of text that is part of words.
const IN_WORDS: f32 = 0.8;

/// How frequent bytes are in text, by upper half and then by lower half.
type ByteFrequencies = [[f32; 16]; 16];

/// Roughly how often a byte occurs, in prose or in code and data.
fn in_text(byte: u8) -> f32 {
    often(byte).max(match byte {
        b' ' => 0.2,
        b'0'..=b'9' | b'\n' => 0.02,
        b'A'..=b'Z' => 0.005,
        b'!'..=b'~' if !byte.is_ascii_alphabetic() => 0.01,
        _ => 0.0,
    })
}

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

    /// The fraction of text that it lets through.
    fn share(self, weights: &ByteFrequencies) -> f32 {
        let rows = weights.iter().enumerate().filter(|(half, _)| self.high >> half & 1 == 1);
        let bytes = rows.flat_map(|(_, row)| row.iter().enumerate());
        bytes.filter(|(half, _)| self.low >> half & 1 == 1).map(|(_, weight)| weight).sum()
    }
}

/// What some prefixes let through together.
#[derive(Debug, Clone, Copy, Default)]
struct Sieve {
    before: Before,
    first: [Bits; FIRST],
}

impl Sieve {
    fn of(prefix: &Prefix) -> Sieve {
        let mut before = Before::default();
        before.add(*prefix.before(), 1);
        Sieve { before, first: prefix.first().map(Bits::of) }
    }

    fn with(mut self, other: Sieve) -> Sieve {
        self.before.word |= other.before.word;
        self.before.other |= other.before.other;
        self.first.iter_mut().zip(other.first).for_each(|(own, other)| *own = own.with(other));
        self
    }

    /// The fraction of text that it lets through.
    fn share(&self, weights: &ByteFrequencies) -> f32 {
        let Before { word, other } = self.before;
        let before = f32::from(word) * IN_WORDS + f32::from(other) * (1.0 - IN_WORDS);
        before * self.first.iter().map(|bits| bits.share(weights)).product::<f32>()
    }
}

#[derive(Debug, Default)]
struct Bucket {
    prefixes: Vec<(Prefix, Sieve)>,
    sieve: Sieve,
    share: f32,
}

/// Puts a prefix into the bucket to which it adds the least.
fn put(buckets: &mut [Bucket], prefix: (Prefix, Sieve), weights: &ByteFrequencies) {
    let mut best: Option<(f32, &mut Bucket, Sieve, f32)> = None;
    for bucket in buckets {
        let sieve = bucket.sieve.with(prefix.1);
        let share = sieve.share(weights);
        let added = share - bucket.share;
        if best.as_ref().is_none_or(|(least, ..)| added < *least) {
            best = Some((added, bucket, sieve, share));
        }
    }
    if let Some((_, bucket, sieve, share)) = best {
        (bucket.sieve, bucket.share) = (sieve, share);
        bucket.prefixes.push(prefix);
    }
}

/// Takes the first prefix out of a bucket.
fn take(bucket: &mut Bucket, weights: &ByteFrequencies) -> Option<(Prefix, Sieve)> {
    let prefix = (!bucket.prefixes.is_empty()).then(|| bucket.prefixes.remove(0))?;
    let rest = bucket.prefixes.iter().fold(Sieve::default(), |all, (_, own)| all.with(*own));
    (bucket.sieve, bucket.share) = (rest, rest.share(weights));
    Some(prefix)
}

/// The prefixes of each bucket, sorted.
pub(super) fn choose(prefixes: &[Prefix]) -> [Vec<Prefix>; BUCKETS] {
    let mut weights: ByteFrequencies = Default::default();
    for (byte, weight) in (0..=u8::MAX).zip(weights.iter_mut().flatten()) {
        *weight = in_text(byte);
    }
    // The most frequent first: they get buckets of their own, and the rest join similar ones.
    let mut order: Vec<(f32, &Prefix)> =
        prefixes.iter().map(|prefix| (prefix.in_thousand(), prefix)).collect();
    order.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let mut buckets: [Bucket; BUCKETS] = Default::default();
    for (_, prefix) in order {
        put(&mut buckets, (*prefix, Sieve::of(prefix)), &weights);
    }
    let moves = if prefixes.len() > MOVED { 0 } else { MOVES };
    for at in (0..BUCKETS).cycle().take(moves * BUCKETS) {
        for _ in 0..buckets.get(at).map_or(0, |bucket| bucket.prefixes.len()) {
            let taken = buckets.get_mut(at).and_then(|bucket| take(bucket, &weights));
            taken.into_iter().for_each(|prefix| put(&mut buckets, prefix, &weights));
        }
    }
    buckets.map(|bucket| {
        let mut all: Vec<Prefix> = bucket.prefixes.iter().map(|(prefix, _)| *prefix).collect();
        all.sort_unstable();
        all
    })
}
