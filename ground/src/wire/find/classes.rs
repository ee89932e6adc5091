//! The bytes of a block by class.

/// Bytes of a block.
pub const BLOCK: usize = 16;

/// The bytes of a block by class, one bit each, that of the first byte lowest. Other ASCII belongs to none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Classes {
    /// ASCII letters.
    pub letters: u32,
    /// ASCII digits.
    pub digits: u32,
    /// Blanks: space, tab, CR, LF.
    pub blanks: u32,
    /// Everything outside ASCII.
    pub high: u32,
    /// The first bytes of characters that take two bytes in UTF-8.
    pub alphabets: u32,
    /// The first bytes of longer ones.
    pub others: u32,
}
