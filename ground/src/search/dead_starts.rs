//! Starts at which no match begins, identified by two bytes: in text that is full of matches most starts die at their
//! first byte.

/// Known dead starts: the byte before a start, and its first byte.
#[derive(Debug, Default)]
pub(super) struct DeadStarts {
    /// One bit per pair that is known to begin no match. Empty until there is one.
    pairs: Vec<u64>,
}

/// Words that hold all bits.
const WORDS: usize = 256 * 256 / 64;

/// The position of a start's bit.
fn bit_of(before: u8, first: u8) -> (usize, u64) {
    (usize::from(before) * 4 + usize::from(first / 64), 1 << (first % 64))
}

impl DeadStarts {
    /// True if it is known that no match begins with `first` after `before`.
    pub fn has(&self, before: u8, first: u8) -> bool {
        let (word, bit) = bit_of(before, first);
        self.pairs.get(word).is_some_and(|own| own & bit != 0)
    }

    /// Records that no match begins like this.
    pub fn note(&mut self, before: u8, first: u8) {
        self.pairs.resize(WORDS, 0);
        let (word, bit) = bit_of(before, first);
        if let Some(own) = self.pairs.get_mut(word) {
            *own |= bit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pair_is_known_by_itself() {
        let mut dead = DeadStarts::default();
        let noted = |before: u8, first: u8| (usize::from(before) * 7 + usize::from(first)) % 5 == 0;
        let all = || (0..=255_u8).flat_map(|before| (0..=255_u8).map(move |first| (before, first)));
        assert!(all().all(|(before, first)| !dead.has(before, first)));
        for (before, first) in all().filter(|pair| noted(pair.0, pair.1)) {
            dead.note(before, first);
        }
        assert!(all().all(|(before, first)| dead.has(before, first) == noted(before, first)));
    }
}
