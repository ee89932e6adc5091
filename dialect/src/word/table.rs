//! What words tell.

use super::Word;

/// What each word tells in some place, found by its number.
#[derive(Debug)]
pub(crate) struct WordTable<T>([Option<T>; Word::NUMBERS]);

impl<T: Copy> WordTable<T> {
    /// What these words tell; all others tell nothing.
    #[expect(
        clippy::indexing_slicing,
        reason = "evaluated when this is compiled: it cannot fail later"
    )]
    pub(crate) const fn of(words: &[(T, Word)]) -> Self {
        let mut told = [None; Word::NUMBERS];
        let mut at = 0;
        while at < words.len() {
            let (tells, word) = words[at];
            assert!(told[word.number()].is_none(), "a word stands twice");
            told[word.number()] = Some(tells);
            at += 1;
        }
        Self(told)
    }

    /// What this word tells; `None` if nothing.
    #[inline(always)]
    pub(crate) fn get(&self, word: Word) -> Option<T> {
        *self.0.get(word.number())?
    }
}
