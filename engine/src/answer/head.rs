//! How a text begins: what says it once more is told by that from a piece that goes on with it.

use crate::limits::HEAD_BYTES;

/// As many bytes are the same by chance in hardly any piece of a text.
const ALIKE: usize = 3;

/// The first bytes of a text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Head {
    bytes: [u8; HEAD_BYTES],
    len: usize,
}

impl Head {
    /// The text goes on.
    #[inline(always)]
    pub fn add(&mut self, piece: &str) {
        if self.len < HEAD_BYTES {
            self.fill(piece.as_bytes());
        }
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
        }
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
