//! A whole body as one frame.

use super::frame::{Frame, Piece};
use super::open_frame::{ClosedFrame, KeptBytes, OpenFrame};

/// Collects a body until it ends.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) open: OpenFrame,
}

impl Whole {
    pub(super) fn new(limit: usize) -> Self {
        Whole { open: OpenFrame::new(limit) }
    }

    pub(super) fn next<'c>(&mut self, rest: &mut &'c [u8]) -> Option<Piece<'c>> {
        match self.open.keep(std::mem::take(rest)) {
            KeptBytes::Held => None,
            KeptBytes::Given(piece) => piece,
        }
    }

    pub(super) fn finish(&mut self) -> Option<Piece<'static>> {
        match self.open.close(&[]) {
            ClosedFrame::Whole(raw) => (!raw.is_empty()).then(|| Piece::Frame(Frame::whole(raw))),
            ClosedFrame::TooBig(piece) => Some(piece),
        }
    }
}
