//! Starts at which no match begins, by two bytes: in text that is full of matches most starts are dead at their first.

/// What is known of starts: the byte before one, and the first of it.
#[derive(Debug, Default)]
pub(super) struct DeadStarts {
    /// A bit for each pair that is known to begin no match. Empty until one is.
    pairs: Vec<u64>,
}

/// Words of all bits.
const WORDS: usize = 256 * 256 / 64;

/// Where the bit of a start stands.
fn bit_of(before: u8, first: u8) -> (usize, u64) {
    (usize::from(before) * 4 + usize::from(first / 64), 1 << (first % 64))
}

impl DeadStarts {
    /// True if it is known that no match begins with `first` behind `before`.
    pub fn has(&self, before: u8, first: u8) -> bool {
        let (word, bit) = bit_of(before, first);
        self.pairs.get(word).is_some_and(|own| own & bit != 0)
    }

    /// No match begins so.
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
