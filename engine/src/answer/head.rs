//! How a text begins: what says it once more is told by that from a piece that goes on with it.

use crate::limits::HEAD_BYTES;

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
    }
}
