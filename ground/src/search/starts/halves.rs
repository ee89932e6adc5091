//! The few bytes by which a position is judged: those of a match by their halves, and the one before it by its kind.

use crate::search::byte_set::ByteSet;

/// Bytes by which a position is judged: the one before it, and the first four of a match.
pub(super) const BYTES: usize = 5;

/// The first bytes of a match.
pub(super) const FIRST: usize = BYTES - 1;

/// The number of sets of prefixes that are distinguished at once.
pub(super) const BUCKETS: usize = 8;

/// What lets a position through: the buckets in which the byte before it may occur, and its first bytes.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    pub(super) before: Before,
    pub(super) first: [Halves; FIRST],
}

/// The buckets in which a byte may come before a match, by whether it is part of a word. Assertions ask for little else, and
/// no combination of halves is all that is not part of one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Before {
    pub(super) word: u8,
    pub(super) other: u8,
}

impl Before {
    pub(super) fn add(&mut self, set: ByteSet, bucket: u8) {
        for byte in set.bytes() {
            *(if is_word(byte) { &mut self.word } else { &mut self.other }) |= bucket;
        }
    }
}

/// True for what is part of a word: `\w`.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

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
