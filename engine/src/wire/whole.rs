//! A whole body as one frame.

use super::frame::{Frame, Piece};
use super::framer::Open;

/// Collects a body until it ends.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) open: Open,
}

impl Whole {
    pub(super) fn new(limit: usize) -> Self {
        Whole { open: Open::new(limit) }
    }

    pub(super) fn feed(&mut self, chunk: &[u8], out: &mut Vec<Piece>) {
        self.open.keep(chunk, out);
    }

    pub(super) fn finish(&mut self, out: &mut Vec<Piece>) {
        if let Some(raw) = self.open.close(&[], out)
            && !raw.is_empty()
        {
            out.push(Piece::Frame(Frame::whole(raw)));
        }
    }
}
