//! Distinguishes keys by a small number before their bytes are compared.

use crate::wire::find::same;

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

/// Names that members are looked up by: a constant, of which nothing is computed where it is used.
#[derive(Debug, Clone, Copy)]
pub struct Names<const N: usize> {
    names: [(&'static str, u16); N],
    /// For each value of a hash's lowest bits the number of the first name that may have it, as [`NameList::first`].
    first: [u8; PLACES],
}

/// [`Names`] of any number.
#[derive(Debug, Clone, Copy)]
pub struct NameList<'a> {
    /// With their hashes.
    names: &'a [(&'static str, u16)],
    first: &'a [u8; PLACES],
}

/// Places in the table of [`Names`]: values of the lowest bits of a hash.
const PLACES: usize = 32;

impl<const N: usize> Names<N> {
    /// These names, of which there are fewer than 256.
    #[must_use]
    #[allow(
        clippy::indexing_slicing,
        reason = "evaluated by the compiler, which refuses what lies outside"
    )]
    pub const fn new(texts: [&'static str; N]) -> Self {
        let mut names = [("", 0); N];
        let mut first = [N as u8; PLACES];
        let mut at = N;
        while at > 0 {
            at -= 1;
            let hash = hash(texts[at].as_bytes());
            names[at] = (texts[at], hash);
            first[hash as usize % PLACES] = at as u8;
        }
        Self { names, first }
    }

    /// The same as a list of any length.
    #[must_use]
    pub fn list(&self) -> NameList<'_> {
        NameList { names: &self.names, first: &self.first }
    }
}

impl NameList<'_> {
    /// The number of this name in the list, if it is there. `hash`: its [`hash`].
    #[inline(always)]
    pub(super) fn number(&self, key: &[u8], own: u16) -> Option<usize> {
        let first = usize::from(*self.first.get(usize::from(own) % PLACES)?);
        let names = self.names.get(first..)?;
        let is = |(text, hash): &(&str, u16)| *hash == own && same(key, text.as_bytes());
        names.iter().position(is).map(|behind| first + behind)
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
