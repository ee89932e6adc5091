//! Which bytes of a block are of which class.

/// Bytes of a block.
pub const BLOCK: usize = 16;

/// Which bytes of a block are of which class, a bit each, the first byte's the lowest. Blanks (space, tab, CR, LF) and the
/// bytes behind the first of a character are of none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Classes {
    /// ASCII letters.
    pub letters: u32,
    /// ASCII digits.
    pub digits: u32,
    /// Other ASCII.
    pub signs: u32,
    /// The first bytes of characters of two bytes in UTF-8.
    pub alphabets: u32,
    /// The first bytes of longer ones.
    pub others: u32,
}
