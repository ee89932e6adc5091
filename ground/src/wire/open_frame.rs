//! The frame that is being read, in any framing.

use std::borrow::Cow;

use super::frame::Piece;

/// The bytes of the frame that is being read, up to the limit.
#[derive(Debug)]
pub(super) struct OpenFrame {
    raw: Vec<u8>,
    limit: usize,
    /// The frame exceeds the limit: its bytes are given away as they arrive.
    oversized: bool,
}

impl OpenFrame {
    pub(super) fn new(limit: usize) -> Self {
        OpenFrame { raw: Vec::new(), limit, oversized: false }
    }

    /// The maximum length of a frame, in bytes.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// How many bytes are held.
    pub(super) fn len(&self) -> usize {
        self.raw.len()
    }

    /// Memory that is kept for it, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.raw.capacity()
    }

    /// The held bytes.
    pub(super) fn held(&self) -> &[u8] {
        &self.raw
    }

    /// True once the frame exceeds the limit.
    pub(super) fn is_oversized(&self) -> bool {
        self.oversized
    }

    /// Keeps the frame's next bytes, which do not end it. If the frame becomes too big, they are given away with the
    /// held ones, and nothing is held.
    pub(super) fn keep<'c>(&mut self, part: &'c [u8]) -> KeptBytes<'c> {
        if self.extend(part) {
            return KeptBytes::Held;
        }
        let raw = self.take(part);
        KeptBytes::Given((!raw.is_empty()).then_some(Piece::Oversized { raw, last: false }))
    }

    /// Appends the frame's next bytes to the held ones. Returns false, and takes nothing, if they exceed the limit.
    pub(super) fn extend(&mut self, part: &[u8]) -> bool {
        self.oversized |= part.len() > self.limit.saturating_sub(self.raw.len());
        if !self.oversized {
            self.raw.extend_from_slice(part);
        }
        !self.oversized
    }

    /// Gives the frame's bytes away from now on, whatever its length.
    pub(super) fn give_up(&mut self) {
        self.oversized = true;
    }

    /// Gives the frame's bytes away from now on, and returns the held ones; `None` if there are none.
    pub(super) fn give_away(&mut self) -> Option<Piece<'static>> {
        if self.raw.is_empty() {
            return None;
        }
        self.oversized = true;
        Some(Piece::Oversized { raw: Cow::Owned(std::mem::take(&mut self.raw)), last: false })
    }

    /// Takes the frame's last bytes.
    pub(super) fn close<'c>(&mut self, part: &'c [u8]) -> ClosedFrame<'c> {
        self.oversized |= part.len() > self.limit.saturating_sub(self.raw.len());
        let oversized = std::mem::take(&mut self.oversized);
        let raw = self.take(part);
        if oversized {
            ClosedFrame::TooBig(Piece::Oversized { raw, last: true })
        } else {
            ClosedFrame::Whole(raw)
        }
    }

    /// The held bytes and this part of the chunk, which is not copied if nothing is held.
    fn take<'c>(&mut self, part: &'c [u8]) -> Cow<'c, [u8]> {
        if self.raw.is_empty() {
            return Cow::Borrowed(part);
        }
        let mut raw = std::mem::take(&mut self.raw);
        raw.extend_from_slice(part);
        Cow::Owned(raw)
    }
}

/// What happened to bytes that do not end their frame.
pub(super) enum KeptBytes<'c> {
    /// They wait for the rest of it.
    Held,
    /// The frame is too big: they were given away, if there were any.
    Given(Option<Piece<'c>>),
}

/// A frame that is complete.
pub(super) enum ClosedFrame<'c> {
    /// All of it.
    Whole(Cow<'c, [u8]>),
    /// It was too big: its last part.
    TooBig(Piece<'c>),
}
