//! Sixteen positions at once, with WebAssembly vectors.

use core::arch::wasm32::{
    i8x16_shuffle, u8x16, u8x16_bitmask, u8x16_eq, u8x16_ge, u8x16_lt, u8x16_shr, u8x16_splat,
    u8x16_sub, u8x16_swizzle, v128, v128_and, v128_any_true, v128_bitselect, v128_or,
};

use super::halves::{BYTES, Buckets, FIRST};
use crate::base::vector::{self, load};
use crate::wire::find::begun;

const BLOCK: usize = vector::BYTES;

/// The distance between the last position that a block decides and its end: the reach of a match's first bytes.
const REACH: usize = BYTES - 2;

/// The tables, and what the previous block says about its last bytes; before the first block, that all buckets accept
/// them.
struct BlockReader {
    tables: [(v128, v128); FIRST],
    /// The buckets that accept a byte of a word before a match, and any other.
    word: v128,
    other: v128,
    before: [v128; BYTES - 1],
}

impl BlockReader {
    /// The buckets that accept all bytes of a position; each position is given where its last byte is. `missing`: bytes
    /// that have not arrived.
    #[inline(always)]
    fn agreed(&mut self, block: v128, missing: Option<v128>) -> v128 {
        let (lower, upper) = (v128_and(block, u8x16_splat(15)), u8x16_shr(block, 4));
        let present = |stands| missing.map_or(stands, |missing| v128_or(stands, missing));
        let [b, c, d, e] = self.tables.map(|(low, high)| {
            present(v128_and(u8x16_swizzle(low, lower), u8x16_swizzle(high, upper)))
        });
        let a = present(v128_bitselect(self.word, self.other, words(block)));
        let [before_a, before_b, before_c, before_d] = self.before;
        self.before = [a, b, c, d];
        let a = i8x16_shuffle::<12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27>(
            before_a, a,
        );
        let b = i8x16_shuffle::<13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28>(
            before_b, b,
        );
        let c = i8x16_shuffle::<14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29>(
            before_c, c,
        );
        let d = i8x16_shuffle::<15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30>(
            before_d, d,
        );
        v128_and(v128_and(v128_and(a, b), v128_and(c, d)), e)
    }
}

/// The bytes that are part of words.
#[inline(always)]
fn words(block: v128) -> v128 {
    let within =
        |block, first, count| u8x16_lt(u8x16_sub(block, u8x16_splat(first)), u8x16_splat(count));
    // Upper and lower case differ in this bit.
    let letters = within(v128_or(block, u8x16_splat(0x20)), b'a', 26);
    v128_or(v128_or(letters, within(block, b'0', 10)), u8x16_eq(block, u8x16_splat(b'_')))
}

/// The first position at or after `from` at which some bucket accepts all bytes and `is_one` holds; the length of
/// `bytes` if there is none. A byte that has not arrived is accepted by all.
#[inline(always)]
pub(super) fn first(
    buckets: &Buckets,
    bytes: &[u8],
    from: usize,
    is_one: impl Fn(usize) -> bool,
) -> usize {
    let all = u8x16_splat(u8::MAX);
    let tables = buckets.first.each_ref().map(|own| (load(&own.low), load(&own.high)));
    let (word, other) = (u8x16_splat(buckets.before.word), u8x16_splat(buckets.before.other));
    let mut reader = BlockReader { tables, word, other, before: [all; BYTES - 1] };
    let found = |at: usize, agreed: v128| {
        let mut places = u32::from(!u8x16_bitmask(u8x16_eq(agreed, u8x16_splat(0))));
        while places != 0 {
            let place = (at + places.trailing_zeros() as usize).wrapping_sub(REACH);
            places &= places - 1;
            if place >= from && place < bytes.len() && is_one(place) {
                return Some(place);
            }
        }
        None
    };
    let (blocks, tail) = bytes.get(from..).unwrap_or_default().as_chunks::<BLOCK>();
    let mut at = from;
    for block in blocks {
        let agreed = reader.agreed(load(block), None);
        if v128_any_true(agreed)
            && let Some(place) = found(at, agreed)
        {
            return place;
        }
        at += BLOCK;
    }
    // The rest, and as far beyond it as a match's first bytes reach.
    let padded = begun(tail);
    let numbers = u8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for missing in [u8x16_ge(numbers, u8x16_splat(tail.len() as u8)), all] {
        if let Some(place) = found(at, reader.agreed(load(&padded), Some(missing))) {
            return place;
        }
        at += BLOCK;
    }
    bytes.len().max(from)
}
