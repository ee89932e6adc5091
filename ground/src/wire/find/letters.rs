//! What names begin with.

/// Letters that names begin with, each where its last four bits say, so that one look tells whether a letter is among them: no two
/// of them share these bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Letters(pub(super) [u8; 16]);

impl Letters {
    /// These letters; of two that share their last four bits the second. A zero is none.
    #[must_use]
    pub fn of(letters: &[u8]) -> Self {
        let mut all = Self(std::array::from_fn(|place| nobody(place as u8)));
        letters.iter().filter(|letter| **letter != 0).for_each(|letter| all.set(*letter, *letter));
        all
    }

    /// Takes out one of them, if it is.
    pub fn remove(&mut self, letter: u8) {
        if self.has(letter) {
            self.set(letter, nobody(letter));
        }
    }

    /// True for one of them.
    #[must_use]
    pub fn has(&self, letter: u8) -> bool {
        self.0.get(usize::from(letter & 15)) == Some(&letter)
    }

    fn set(&mut self, letter: u8, own: u8) {
        if let Some(place) = self.0.get_mut(usize::from(letter & 15)) {
            *place = own;
        }
    }
}

/// What stands in a place without a letter: a byte whose place is another.
fn nobody(place: u8) -> u8 {
    !place & 15
}

/// True for a quote that is followed by one of the letters.
pub(super) fn is_name(pair: &[u8], letters: &Letters) -> bool {
    matches!(pair, [b'"', letter] if letters.has(*letter))
}
