//! A window on a text, addressed by the text's own offsets.

/// The part of a text that is available.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextView<'t> {
    pub(super) bytes: &'t [u8],
    /// Where it begins in the text.
    pub(super) from: u64,
    /// The byte before it; `None` only at the text's beginning.
    pub(super) before: Option<u8>,
}

impl<'t> TextView<'t> {
    #[inline(always)]
    pub(super) fn end(&self) -> u64 {
        self.from.saturating_add(u64::try_from(self.bytes.len()).unwrap_or(u64::MAX))
    }

    /// The position of an offset in `bytes`.
    #[inline(always)]
    pub(super) fn index(&self, offset: u64) -> usize {
        usize::try_from(offset.saturating_sub(self.from)).unwrap_or(usize::MAX)
    }

    pub(super) fn offset(&self, index: usize) -> u64 {
        self.from.saturating_add(u64::try_from(index).unwrap_or(u64::MAX))
    }

    #[inline(always)]
    pub(super) fn slice(&self, from: u64, to: u64) -> &'t [u8] {
        self.bytes.get(self.index(from)..self.index(to)).unwrap_or_default()
    }

    /// The same text, as if it ended there.
    pub(super) fn until(&self, end: u64) -> TextView<'t> {
        TextView { bytes: self.slice(self.from, end), ..*self }
    }

    pub(super) fn look_behind(&self, offset: u64) -> Option<u8> {
        match self.index(offset).checked_sub(1) {
            None => self.before,
            Some(index) => self.bytes.get(index).copied(),
        }
    }

    /// Where the character after the one at `offset` begins.
    pub(super) fn next_char(&self, offset: u64) -> u64 {
        let rest = self.slice(offset, self.end());
        let skipped = rest.iter().skip(1).take_while(|&&byte| byte & 0xC0 == 0x80).count();
        offset.saturating_add(1).saturating_add(u64::try_from(skipped).unwrap_or(u64::MAX))
    }
}
