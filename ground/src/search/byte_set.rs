//! A set of bytes.

use regex_syntax::hir::ClassUnicode;

/// A set of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ByteSet([u64; 4]);

impl ByteSet {
    pub(super) const NONE: ByteSet = ByteSet([0; 4]);
    pub(super) const ALL: ByteSet = ByteSet([u64::MAX; 4]);
    /// Bytes that belong to characters of several bytes.
    pub(super) const HIGH: ByteSet = ByteSet([0, 0, u64::MAX, u64::MAX]);

    /// The ASCII bytes of a class, and whether it has other characters as well.
    pub(super) fn ascii_of(class: &ClassUnicode) -> (ByteSet, bool) {
        let (mut ascii, mut others) = (ByteSet::NONE, false);
        for range in class.ranges() {
            let byte = |c: char| u8::try_from(c).unwrap_or(u8::MAX).min(0x7F);
            if range.start().is_ascii() {
                (byte(range.start())..=byte(range.end())).for_each(|byte| ascii.add(byte));
            }
            others |= !range.end().is_ascii();
        }
        (ascii, others)
    }

    pub(super) fn has(&self, byte: u8) -> bool {
        let word = self.0.get(usize::from(byte >> 6)).copied().unwrap_or_default();
        word >> (byte & 63) & 1 == 1
    }

    pub(super) fn add(&mut self, byte: u8) {
        if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }

    pub(super) fn with(mut self, other: ByteSet) -> ByteSet {
        self.0.iter_mut().zip(other.0).for_each(|(own, other)| *own |= other);
        self
    }

    pub(super) fn common(mut self, other: ByteSet) -> ByteSet {
        self.0.iter_mut().zip(other.0).for_each(|(own, other)| *own &= other);
        self
    }

    pub(super) fn others(self) -> ByteSet {
        ByteSet(self.0.map(|word| !word))
    }

    pub(super) fn is_within(self, other: ByteSet) -> bool {
        self.common(other) == self
    }

    pub(super) fn bytes(self) -> impl Iterator<Item = u8> {
        self.0.into_iter().zip([0, 64, 128, 192]).flat_map(|(mut word, first)| {
            std::iter::from_fn(move || {
                let bit = word.trailing_zeros() as u8;
                word = if word == 0 { return None } else { word & (word - 1) };
                Some(first + bit)
            })
        })
    }
}

impl FromIterator<u8> for ByteSet {
    fn from_iter<I: IntoIterator<Item = u8>>(bytes: I) -> ByteSet {
        let mut set = ByteSet::NONE;
        bytes.into_iter().for_each(|byte| set.add(byte));
        set
    }
}
