//! The beginning of a text, by which a repetition of the text is distinguished from a piece that continues it.

use crate::limits::{HEAD_BYTES, SUMMED_BYTES};

/// Hardly any two pieces begin with this many equal bytes by chance.
const ALIKE: usize = 3;

/// The first bytes of a text, and a sum over everything that has arrived of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct TextHead {
    bytes: [u8; HEAD_BYTES],
    /// Over all bytes, as long as there are no more than [`SUMMED_BYTES`].
    sum: u64,
    /// How many bytes have arrived.
    fed: usize,
}

impl TextHead {
    /// The text continues.
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

    /// What `said` adds to the text; `None` if it does not begin with all of the text, or if that cannot be told.
    #[must_use]
    pub fn more<'s>(&self, said: &'s str) -> Option<&'s str> {
        let (own, more) = said.split_at_checked(self.fed)?;
        (self.fed <= SUMMED_BYTES && sum(0, own.as_bytes()) == self.sum).then_some(more)
    }

    /// True if nothing has arrived of the text.
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

    /// True if the first bytes of `said` are the text's: a copy of it, though it may continue differently.
    #[must_use]
    pub fn is_like(&self, said: &str) -> bool {
        let own = self.kept().first_chunk::<ALIKE>();
        own.is_some() && own == said.as_bytes().first_chunk()
    }

    /// True if `said` begins like the text.
    #[must_use]
    pub fn begins(&self, said: &str) -> bool {
        self.kept().iter().zip(said.as_bytes()).all(|(own, byte)| own == byte)
    }
}

/// A sum that does not depend on how the bytes arrived (FNV-1a). Two texts of a server hardly ever have the same one by
/// chance, and a server that makes them equal gains nothing that it could not have otherwise.
fn sum(before: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(before, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_and_pieces_are_told_apart_however_the_text_came() {
        for size in 1..9 {
            let mut head = TextHead::default();
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
        let mut long = TextHead::default();
        long.add(&"w".repeat(SUMMED_BYTES));
        assert_eq!(long.more(&"w".repeat(SUMMED_BYTES + 1)), Some("w"));
        long.add("w");
        long.add("w");
        assert_eq!(long.more(&"w".repeat(SUMMED_BYTES + 3)), None);
        assert!(TextHead::default().begins("anything"));
        let mut head = TextHead::default();
        head.add("go to zanzibar");
        for (said, like) in
            [("go on", true), ("go to", true), ("zibar", false), ("go", false), ("", false)]
        {
            assert_eq!(head.is_like(said), like, "{said}");
        }
        assert!(!TextHead::default().is_like(""));
    }
}
