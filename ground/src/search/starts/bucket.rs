//! Which prefixes share a bucket.
//!
//! A bucket lets through what has some lower half and some upper half of its prefixes' bytes, in any combination: `ab` and
//! `pq` together let `aq` through. So each prefix goes where it adds least to what prose brings there.

use super::prefix::{Prefix, often};
use super::{BUCKETS, BYTES, ByteSet};

/// The halves of a set's bytes, a bit each.
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
}

/// How often bytes of an upper half stand in prose, by their lower halves.
type Weights = [[f32; 16]; 16];

/// How much of prose a bucket lets through.
fn lets_through(places: &[Bits; BYTES], weights: &Weights) -> f32 {
    let set = |bits: &[f32], mask: u16| -> f32 {
        let chosen = bits.iter().enumerate().filter(|(half, _)| mask >> half & 1 == 1);
        chosen.map(|(_, weight)| weight).sum()
    };
    let place = |bits: &Bits| -> f32 {
        let chosen = weights.iter().enumerate().filter(|(half, _)| bits.high >> half & 1 == 1);
        chosen.map(|(_, row)| set(row, bits.low)).sum()
    };
    places.iter().map(place).product()
}

/// The prefixes of each bucket, in the order in which they came.
pub(super) fn choose(prefixes: &[Prefix]) -> [Vec<Prefix>; BUCKETS] {
    let mut weights: Weights = Default::default();
    for (byte, weight) in (0..=u8::MAX).zip(weights.iter_mut().flatten()) {
        *weight = often(byte);
    }
    // The most frequent first: they take buckets of their own, and the rest goes beside its likes.
    let mut order: Vec<usize> = (0..prefixes.len()).collect();
    let frequent = |at: &usize| prefixes.get(*at).map_or(0.0, Prefix::in_thousand);
    order.sort_by(|a, b| frequent(b).total_cmp(&frequent(a)));
    let mut chosen = vec![0; prefixes.len()];
    let mut buckets: [Option<([Bits; BYTES], f32)>; BUCKETS] = [None; BUCKETS];
    for at in order {
        let (Some(prefix), Some(number)) = (prefixes.get(at), chosen.get_mut(at)) else { continue };
        let mut own = [Bits::default(); BYTES];
        own.iter_mut().zip(prefix.sets()).for_each(|(bits, set)| *bits = Bits::of(*set));
        let mut best: Option<(f32, usize, [Bits; BYTES], f32)> = None;
        for (bucket, known) in buckets.iter().enumerate() {
            let mut both = own;
            let mut before = 0.0;
            if let Some((places, much)) = known {
                both.iter_mut().zip(places).for_each(|(bits, known)| *bits = bits.with(*known));
                before = *much;
            }
            let much = lets_through(&both, &weights);
            if best.is_none_or(|(added, ..)| much - before < added) {
                best = Some((much - before, bucket, both, much));
            }
        }
        let Some((_, bucket, places, much)) = best else { continue };
        *number = bucket;
        if let Some(known) = buckets.get_mut(bucket) {
            *known = Some((places, much));
        }
    }
    let mut all = std::array::from_fn(|_| Vec::new());
    for (prefix, number) in prefixes.iter().zip(chosen) {
        if let Some(bucket) = all.get_mut(number) {
            bucket.push(*prefix);
        }
    }
    all
}
