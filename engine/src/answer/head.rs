//! How a text begins: what says it once more is told by that from a piece that goes on with it.

use crate::limits::{HEAD_BYTES, SUMMED_BYTES};

/// As many bytes are the same by chance in hardly any piece of a text.
const ALIKE: usize = 3;

/// The first bytes of a text, and a sum of all that has come of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Head {
    bytes: [u8; HEAD_BYTES],
    len: usize,
    /// How many bytes are in the sum; one more than [`SUMMED_BYTES`] if there were too many.
    summed: usize,
    sum: u64,
}

impl Head {
    /// The text goes on.
    #[inline(always)]
    pub fn add(&mut self, piece: &str) {
        if self.len < HEAD_BYTES {
            self.fill(piece.as_bytes());
        }
        if self.summed <= SUMMED_BYTES {
            let room = SUMMED_BYTES - self.summed;
            if let Some(piece) = Some(piece.as_bytes()).filter(|piece| piece.len() <= room) {
                (self.summed, self.sum) = (self.summed + piece.len(), sum(self.sum, piece));
            } else {
                self.summed = SUMMED_BYTES + 1;
            }
        }
    }

    /// What `said` says more than the text; `None` if it does not say all of the text before that, or if that cannot be told.
    #[must_use]
    pub fn more<'s>(&self, said: &'s str) -> Option<&'s str> {
        let (own, more) = said.split_at_checked(self.summed)?;
        (self.summed <= SUMMED_BYTES && sum(0, own.as_bytes()) == self.sum).then_some(more)
    }

    /// True if nothing has come of the text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn fill(&mut self, piece: &[u8]) {
        let free = self.bytes.get_mut(self.len..).unwrap_or_default();
        free.iter_mut().zip(piece).for_each(|(free, byte)| *free = *byte);
        self.len = HEAD_BYTES.min(self.len + piece.len());
    }

    /// True if the first bytes of `said` are the text's: a copy of it, though it may go on otherwise.
    #[must_use]
    pub fn is_like(&self, said: &str) -> bool {
        let (own, said) = (self.bytes.get(..self.len), said.as_bytes());
        own.and_then(|own| own.first_chunk::<ALIKE>()) == said.first_chunk::<ALIKE>()
            && self.len >= ALIKE
    }

    /// True if `said` begins as the text does.
    #[must_use]
    pub fn begins(&self, said: &str) -> bool {
        self.bytes.iter().take(self.len).zip(said.as_bytes()).all(|(own, byte)| own == byte)
    }
}

/// A sum that is the same however the bytes came (FNV-1a). Two texts of a server have the same one by chance hardly ever, and
/// a server that wants them to have gains nothing that it could not say otherwise.
fn sum(before: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(before, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_and_pieces_are_told_apart_however_the_text_came() {
        for size in 1..9 {
            let mut head = Head::default();
            for piece in "go to zanzibar and back".as_bytes().chunks(size) {
                head.add(std::str::from_utf8(piece).unwrap());
            }
            for (said, begins) in [
                ("go to zanzibar and back", true),
                ("go to zanzibar and nowhere", true),
                ("go to", true),
                ("", true),
                ("zibar", false),
                ("go to zanzibar...", false),
            ] {
                assert_eq!(head.begins(said), begins, "{said} {size}");
            }
            for (said, more) in [
                ("go to zanzibar and back", Some("")),
                ("go to zanzibar and back again", Some(" again")),
                ("go to zanzibar and bach again", None),
                ("go to zanzibar", None),
            ] {
                assert_eq!(head.more(said), more, "{said} {size}");
            }
        }
        let mut long = Head::default();
        long.add(&"w".repeat(SUMMED_BYTES));
        assert_eq!(long.more(&"w".repeat(SUMMED_BYTES + 1)), Some("w"));
        long.add("w");
        long.add("w");
        assert_eq!(long.more(&"w".repeat(SUMMED_BYTES + 3)), None);
        assert!(Head::default().begins("anything"));
        let mut head = Head::default();
        head.add("go to zanzibar");
        for (said, like) in
            [("go on", true), ("go to", true), ("zibar", false), ("go", false), ("", false)]
        {
            assert_eq!(head.is_like(said), like, "{said}");
        }
        assert!(!Head::default().is_like(""));
    }
}
