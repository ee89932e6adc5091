//! Distinguishes keys by a small number before their bytes are compared.

/// A number for a key; equal keys have equal numbers. It is computed from the length and three bytes: enough to
/// distinguish most keys of one object, and the compiler evaluates it for names in the code.
#[inline(always)]
pub const fn hash(key: &[u8]) -> u16 {
    let (first, last) = match key {
        [] => return 0,
        [first, .., last] => (*first, *last),
        [only] => (*only, *only),
    };
    let (_, from_middle) = key.split_at(key.len() / 2);
    let middle = match from_middle {
        [middle, ..] => *middle,
        [] => 0,
    };
    let sum = (first as u32)
        .wrapping_mul(0x2532_0F33)
        .wrapping_add((last as u32).wrapping_mul(0xC39D_DC6B))
        .wrapping_add((middle as u32).wrapping_mul(0xEA12_2A2D))
        .wrapping_add((key.len() as u32).wrapping_mul(0xB824_84C5));
    (sum >> 16) as u16
}

/// One of 32 bits for a key with this [`hash`]: in an object whose keys' bits are known, most other names are ruled out
/// at once.
#[inline(always)]
pub(super) const fn key_bit(hash: u16) -> u32 {
    1 << (hash & 31)
}

/// The same for all keys in a 64-bit set, in which each is represented by the lowest six bits of its hash.
#[inline(always)]
pub(super) const fn folded(bits: u64) -> u32 {
    (bits | bits >> 32) as u32
}
