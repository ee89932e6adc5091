//! Sets of words.

use super::{COUNT, Word};

/// Some of the words: a bit for each.
#[derive(Debug)]
pub(crate) struct WordSet([u64; COUNT / 64 + 1]);

impl WordSet {
    /// These words.
    #[expect(
        clippy::indexing_slicing,
        reason = "evaluated when this is compiled: it cannot fail later"
    )]
    pub(crate) const fn of<const N: usize>(words: [Word; N]) -> Self {
        let mut bits = [0; COUNT / 64 + 1];
        let mut at = 0;
        while at < N {
            let number = words[at].number();
            bits[number / 64] |= 1 << (number % 64);
            at += 1;
        }
        Self(bits)
    }

    /// True if the word is one of them.
    pub(crate) fn has(&self, word: Word) -> bool {
        let bits = self.0.get(word.number() / 64).copied().unwrap_or(0);
        bits >> (word.number() % 64) & 1 == 1
    }
}
