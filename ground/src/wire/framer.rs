//! Chunks in, frames out.
//!
//! For every way of cutting a stream into chunks the frames are the same (except for how many blank lines between two
//! events form one, which carry nothing), and their bytes joined are the stream (invariants 5 and 7). A framer never
//! keeps more than its limit: what would exceed it is given away in parts as it arrives, unread (invariant 8).

use super::array::Array;
use super::eventstream::EventStream;
use super::frame::{Framing, Piece};
use super::ndjson::NdJson;
use super::sse::Sse;
use super::whole::Whole;
use crate::limits;

/// Cuts one stream into frames.
#[derive(Debug)]
pub struct Framer {
    kind: FramerKind,
}

#[derive(Debug)]
enum FramerKind {
    Sse(Sse),
    Array(Array),
    Whole(Whole),
    Messages(EventStream),
    PayloadLines(NdJson),
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
            Framing::Sse => FramerKind::Sse(Sse::new(limit)),
            Framing::JsonArray => FramerKind::Array(Array::new(limit)),
            Framing::Json => FramerKind::Whole(Whole::new(limit)),
            Framing::EventStream => FramerKind::Messages(EventStream::new(limit)),
            Framing::NdJson => FramerKind::PayloadLines(NdJson::new(limit)),
        };
        Framer { kind }
    }

    /// Reads the next bytes of the stream; pushes what they complete, with bytes of its own. For callers that have the
    /// whole stream: others ask for one piece after the other ([`Framer::next`]).
    pub fn feed(&mut self, chunk: &[u8], out: &mut Vec<Piece<'static>>) {
        let mut rest = chunk;
        while let Some(piece) = self.next(&mut rest) {
            out.push(piece.into_owned());
        }
    }

    /// The next piece that is completed by the bytes in `rest`, which are taken from its front. `None` if they complete
    /// none; then all of them are taken. Pieces borrow from the chunk, unless they began before it.
    pub fn next<'c>(&mut self, rest: &mut &'c [u8]) -> Option<Piece<'c>> {
        match &mut self.kind {
            FramerKind::Sse(sse) => sse.next(rest),
            FramerKind::Array(array) => array.next(rest),
            FramerKind::Whole(whole) => whole.next(rest),
            FramerKind::Messages(messages) => messages.next(rest),
            FramerKind::PayloadLines(lines) => lines.next(rest),
        }
    }

    /// True between two server-sent events: nothing of the next one has arrived, and nothing is left open by the last.
    #[must_use]
    #[inline(always)]
    pub fn is_between_events(&self) -> bool {
        matches!(&self.kind, FramerKind::Sse(sse) if sse.is_between_events())
    }

    /// An event, from its first line to its blank one, was taken from the stream by code that knows where it ends.
    #[inline(always)]
    pub fn passed(&mut self, event: &[u8]) {
        if let FramerKind::Sse(sse) = &mut self.kind {
            sse.passed(event);
        }
    }

    /// The stream has ended: pushes what is left. Afterwards nothing is held, and nothing more may be fed.
    pub fn finish(&mut self, out: &mut Vec<Piece<'static>>) {
        out.extend(self.last());
    }

    /// The stream has ended: returns what is left. Afterwards nothing is held, and nothing more may be fed.
    pub fn last(&mut self) -> Option<Piece<'static>> {
        match &mut self.kind {
            FramerKind::Sse(sse) => sse.finish(),
            FramerKind::Array(array) => array.finish(),
            FramerKind::Whole(whole) => whole.finish(),
            FramerKind::Messages(messages) => messages.finish(),
            FramerKind::PayloadLines(lines) => lines.finish(),
        }
    }

    /// Stops keeping the incomplete frame: what has arrived of it is given away, and the rest as it arrives, as if the
    /// frame were too long.
    pub fn give_up(&mut self) -> Option<Piece<'static>> {
        match &mut self.kind {
            FramerKind::Sse(sse) => sse.give_up(),
            FramerKind::Array(array) => array.give_up(),
            FramerKind::Whole(whole) => whole.open.give_away(),
            FramerKind::Messages(messages) => messages.give_up(),
            FramerKind::PayloadLines(lines) => lines.open.give_away(),
        }
    }

    /// Memory that is kept for the incomplete frame, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        match &self.kind {
            FramerKind::Sse(sse) => sse.memory(),
            FramerKind::Array(array) => array.open.memory(),
            FramerKind::Whole(whole) => whole.open.memory(),
            FramerKind::Messages(messages) => messages.memory(),
            FramerKind::PayloadLines(lines) => lines.open.memory(),
        }
    }

    /// Bytes taken and not yet returned.
    #[must_use]
    pub fn held(&self) -> usize {
        match &self.kind {
            FramerKind::Sse(sse) => sse.open.len(),
            FramerKind::Array(array) => array.open.len(),
            FramerKind::Whole(whole) => whole.open.len(),
            FramerKind::Messages(messages) => messages.held(),
            FramerKind::PayloadLines(lines) => lines.open.len(),
        }
    }
}
