//! How a text begins: what says it once more is told by that from a piece that goes on with it.

use crate::limits::{HEAD_BYTES, SUMMED_BYTES};

/// As many bytes are the same by chance in hardly any piece of a text.
const ALIKE: usize = 3;

/// The first bytes of a text, and a sum of all that has come of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Head {
    bytes: [u8; HEAD_BYTES],
    /// Of all bytes, as long as there are no more than [`SUMMED_BYTES`].
    sum: u64,
    /// How many bytes have come.
    fed: usize,
}

impl Head {
    /// The text goes on.
    #[inline(always)]
    pub fn add(&mut self, piece: &str) {
        if self.fed < HEAD_BYTES {
            self.fill(piece.as_bytes());
        }
        self.fed = self.fed.saturating_add(piece.len());
        if self.fed <= SUMMED_BYTES {
            self.sum = sum(self.sum, piece.as_bytes());
        }
    }

    /// What `said` says more than the text; `None` if it does not say all of the text before that, or if that cannot be told.
    #[must_use]
    pub fn more<'s>(&self, said: &'s str) -> Option<&'s str> {
        let (own, more) = said.split_at_checked(self.fed)?;
        (self.fed <= SUMMED_BYTES && sum(0, own.as_bytes()) == self.sum).then_some(more)
    }

    /// True if nothing has come of the text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fed == 0
    }

    /// The bytes that are kept.
    fn kept(&self) -> &[u8] {
        self.bytes.get(..self.fed).unwrap_or(&self.bytes)
    }

    fn fill(&mut self, piece: &[u8]) {
        let free = self.bytes.get_mut(self.fed..).unwrap_or_default();
        free.iter_mut().zip(piece).for_each(|(free, byte)| *free = *byte);
    }

    /// True if the first bytes of `said` are the text's: a copy of it, though it may go on otherwise.
    #[must_use]
    pub fn is_like(&self, said: &str) -> bool {
        let own = self.kept().first_chunk::<ALIKE>();
        own.is_some() && own == said.as_bytes().first_chunk()
    }

    /// True if `said` begins as the text does.
    #[must_use]
    pub fn begins(&self, said: &str) -> bool {
        self.kept().iter().zip(said.as_bytes()).all(|(own, byte)| own == byte)
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
