//! What places are told by: a few bytes, by their halves.

use crate::search::byte_set::ByteSet;

/// Bytes that a place is told by: the one before it, and the first four of a match.
pub(super) const BYTES: usize = 5;

/// So many sets of prefixes are told apart at once.
pub(super) const BUCKETS: usize = 8;

/// In which buckets a byte may stand, by its lower and its upper half: in those of both.
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
