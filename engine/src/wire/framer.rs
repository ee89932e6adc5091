//! Chunks in, frames out.
//!
//! For every way of cutting a stream into chunks the frames are the same, and their bytes joined are the stream
//! (invariants 5 and 7). A framer never keeps more than its limit: what would pass it is given away in parts as it
//! arrives, unread (invariant 8).

use super::array::Array;
use super::eventstream::EventStream;
use super::frame::{Framing, Piece};
use super::sse::Sse;
use super::whole::Whole;
use crate::limits;

/// Cuts one stream into frames.
#[derive(Debug)]
pub struct Framer {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Sse(Sse),
    Array(Array),
    Whole(Whole),
    Messages(EventStream),
}

impl Framer {
    /// A framer whose frames are at most [`limits::EVENT_BYTES`] long.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        Self::with_limit(framing, limits::EVENT_BYTES)
    }

    /// A framer whose frames are at most `limit` bytes long.
    #[must_use]
    pub fn with_limit(framing: Framing, limit: usize) -> Self {
        let kind = match framing {
            Framing::Sse => Kind::Sse(Sse::new(limit)),
            Framing::JsonArray => Kind::Array(Array::new(limit)),
            Framing::Json => Kind::Whole(Whole::new(limit)),
            Framing::EventStream => Kind::Messages(EventStream::new(limit)),
        };
        Framer { kind }
    }

    /// Takes the next bytes of the stream; pushes what they complete.
    pub fn feed(&mut self, chunk: &[u8], out: &mut Vec<Piece>) {
        match &mut self.kind {
            Kind::Sse(sse) => sse.feed(chunk, out),
            Kind::Array(array) => array.feed(chunk, out),
            Kind::Whole(whole) => whole.feed(chunk, out),
            Kind::Messages(messages) => messages.feed(chunk, out),
        }
    }

    /// The stream has ended: pushes what is left. Afterwards nothing is held, and nothing more is to be fed.
    pub fn finish(&mut self, out: &mut Vec<Piece>) {
        match &mut self.kind {
            Kind::Sse(sse) => sse.finish(out),
            Kind::Array(array) => array.finish(out),
            Kind::Whole(whole) => whole.finish(out),
            Kind::Messages(messages) => messages.finish(out),
        }
    }

    /// Bytes taken and not yet given out.
    #[must_use]
    pub fn held(&self) -> usize {
        match &self.kind {
            Kind::Sse(sse) => sse.open.len(),
            Kind::Array(array) => array.open.len(),
            Kind::Whole(whole) => whole.open.len(),
            Kind::Messages(messages) => messages.held(),
        }
    }
}

/// The bytes of the frame that is being read, up to the limit.
#[derive(Debug)]
pub(super) struct Open {
    raw: Vec<u8>,
    limit: usize,
    /// The frame passed the limit: its bytes are given away as they come.
    oversized: bool,
}

impl Open {
    pub(super) fn new(limit: usize) -> Self {
        Open { raw: Vec::new(), limit, oversized: false }
    }

    /// How many bytes are held.
    pub(super) fn len(&self) -> usize {
        self.raw.len()
    }

    /// What is held.
    pub(super) fn held(&self) -> &[u8] {
        &self.raw
    }

    /// True once the frame has passed the limit.
    pub(super) fn is_oversized(&self) -> bool {
        self.oversized
    }

    /// The frame's next bytes, which do not end it. Returns true if they were given away: what is held is empty then.
    pub(super) fn keep(&mut self, part: &[u8], out: &mut Vec<Piece>) -> bool {
        if self.extend(part) {
            return false;
        }
        let raw = self.take(part);
        if !raw.is_empty() {
            out.push(Piece::Oversized { raw, last: false });
        }
        true
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

    /// The frame's last bytes. Gives all of it, or `None` if it was too big and has been given away.
    pub(super) fn close(&mut self, part: &[u8], out: &mut Vec<Piece>) -> Option<Vec<u8>> {
        self.oversized |= part.len() > self.limit.saturating_sub(self.raw.len());
        let oversized = std::mem::take(&mut self.oversized);
        let raw = self.take(part);
        if !oversized {
            return Some(raw);
        }
        out.push(Piece::Oversized { raw, last: true });
        None
    }

    fn take(&mut self, part: &[u8]) -> Vec<u8> {
        let mut raw = std::mem::take(&mut self.raw);
        // Most frames begin and end in one chunk: one allocation, one copy.
        raw.reserve_exact(part.len());
        raw.extend_from_slice(part);
        raw
    }
}
