//! The frame that is being read, whatever its framing.

use std::borrow::Cow;

use super::frame::Piece;

/// The bytes of the frame that is being read, up to the limit.
#[derive(Debug)]
pub(super) struct OpenFrame {
    raw: Vec<u8>,
    limit: usize,
    /// The frame passed the limit: its bytes are given away as they come.
    oversized: bool,
}

impl OpenFrame {
    pub(super) fn new(limit: usize) -> Self {
        OpenFrame { raw: Vec::new(), limit, oversized: false }
    }

    /// How long a frame may be.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// How many bytes are held.
    pub(super) fn len(&self) -> usize {
        self.raw.len()
    }

    /// Memory that is kept for it.
    pub(super) fn memory(&self) -> usize {
        self.raw.capacity()
    }

    /// What is held.
    pub(super) fn held(&self) -> &[u8] {
        &self.raw
    }

    /// True once the frame has passed the limit.
    pub(super) fn is_oversized(&self) -> bool {
        self.oversized
    }

    /// The frame's next bytes, which do not end it. Gives them away with what is held, if the frame is too big: what is
    /// held is empty then.
    pub(super) fn keep<'c>(&mut self, part: &'c [u8]) -> Kept<'c> {
        if self.extend(part) {
            return Kept::Held;
        }
        let raw = self.take(part);
        Kept::Given((!raw.is_empty()).then_some(Piece::Oversized { raw, last: false }))
    }

    /// The frame's next bytes, wanted beside those held. Returns false if they pass the limit: they are not taken then.
    pub(super) fn extend(&mut self, part: &[u8]) -> bool {
        self.oversized |= part.len() > self.limit.saturating_sub(self.raw.len());
        if !self.oversized {
            self.raw.extend_from_slice(part);
        }
        !self.oversized
    }

    /// From now on the frame's bytes are given away, whatever its length.
    pub(super) fn give_up(&mut self) {
        self.oversized = true;
    }

    /// From now on the frame's bytes are given away, and what is held of them first. `None`: nothing is.
    pub(super) fn give_away(&mut self) -> Option<Piece<'static>> {
        if self.raw.is_empty() {
            return None;
        }
        self.oversized = true;
        Some(Piece::Oversized { raw: Cow::Owned(std::mem::take(&mut self.raw)), last: false })
    }

    /// The frame's last bytes.
    pub(super) fn close<'c>(&mut self, part: &'c [u8]) -> Closed<'c> {
        self.oversized |= part.len() > self.limit.saturating_sub(self.raw.len());
        let oversized = std::mem::take(&mut self.oversized);
        let raw = self.take(part);
        if oversized {
            Closed::TooBig(Piece::Oversized { raw, last: true })
        } else {
            Closed::Whole(raw)
        }
    }

    /// What is held and this part of the chunk, which is not copied where nothing is held.
    fn take<'c>(&mut self, part: &'c [u8]) -> Cow<'c, [u8]> {
        if self.raw.is_empty() {
            return Cow::Borrowed(part);
        }
        let mut raw = std::mem::take(&mut self.raw);
        raw.extend_from_slice(part);
        Cow::Owned(raw)
    }
}

/// What became of bytes that do not end their frame.
pub(super) enum Kept<'c> {
    /// They wait for the rest of it.
    Held,
    /// The frame is too big: they were given away, if there were any.
    Given(Option<Piece<'c>>),
}

/// A frame that has come to its end.
pub(super) enum Closed<'c> {
    /// All of it.
    Whole(Cow<'c, [u8]>),
    /// It was too big: the last part of it.
    TooBig(Piece<'c>),
}
