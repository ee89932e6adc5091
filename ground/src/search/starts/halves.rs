//! The few bytes by which a position is judged, by their halves.

use crate::search::byte_set::ByteSet;

/// Bytes by which a position is judged: the one before it, and the first four of a match.
pub(super) const BYTES: usize = 5;

/// The number of sets of prefixes that are distinguished at once.
pub(super) const BUCKETS: usize = 8;

/// The buckets in which a byte may occur, by its lower and its upper half: the intersection counts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Halves {
    pub(super) low: [u8; 16],
    pub(super) high: [u8; 16],
}

impl Halves {
    pub(super) fn add(&mut self, set: ByteSet, bucket: u8) {
        for byte in set.bytes() {
            for (half, own) in [(byte & 15, &mut self.low), (byte >> 4, &mut self.high)] {
                if let Some(buckets) = own.get_mut(usize::from(half)) {
                    *buckets |= bucket;
                }
            }
        }
    }
}
