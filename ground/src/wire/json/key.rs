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

/// A name that members are looked up by, with its hash: a list of them is a constant, and none of it is computed where it is
/// used.
#[derive(Debug, Clone, Copy)]
pub struct Name {
    pub(super) text: &'static str,
    pub(super) hash: u16,
}

impl Name {
    /// These names.
    #[must_use]
    #[allow(
        clippy::indexing_slicing,
        reason = "evaluated by the compiler, which refuses what lies outside"
    )]
    pub const fn all<const N: usize>(texts: [&'static str; N]) -> [Self; N] {
        let mut names = [Self { text: "", hash: 0 }; N];
        let mut at = 0;
        while at < N {
            names[at] = Self { text: texts[at], hash: hash(texts[at].as_bytes()) };
            at += 1;
        }
        names
    }
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
