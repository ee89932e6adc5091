//! How a frame leaves, and what the dialect is told of it.

use super::{Held, Pipe};
use crate::context::record::Record;
use crate::dialect::{self, Leaves};
use crate::wire::edit::{self, Edit};
use crate::wire::frame::Piece;
use crate::wire::framer::Framer;

impl Pipe {
    /// A frame leaves: as it came, changed in a span, or with what takes the place of stopped calls.
    pub(super) fn emit(&mut self, held: Held, out: &mut Vec<u8>, record: &mut Record) {
        if held.opaque {
            out.extend_from_slice(&held.frame.raw);
            return;
        }
        let payload = held.frame.payload_bytes();
        let mut edits: Vec<Edit> = Vec::new();
        for piece in &held.pieces {
            self.texts.rewrite(piece, &payload, &self.rules, &mut edits, record);
        }
        let leaves = self.leaves(&held, &payload);
        edits.extend(leaves.edits);
        if leaves.dropped {
            // Only what takes its place leaves.
        } else if edits.is_empty() {
            out.extend_from_slice(&held.frame.raw);
            self.sent(held.number, &held.frame.raw, &payload);
        } else {
            let raw = edit::apply(&held.frame, &edits);
            self.sent(0, &raw, &edit::apply_to(&payload, &edits));
            out.extend_from_slice(&raw);
        }
        if !leaves.after.is_empty() {
            let mut framer = Framer::new(self.framing);
            let mut pieces = Vec::new();
            framer.feed(&leaves.after, &mut pieces);
            for piece in pieces {
                if let Piece::Frame(frame) = piece {
                    self.sent(0, &frame.raw, &frame.payload_bytes());
                }
            }
            out.extend_from_slice(&leaves.after);
        }
    }

    /// What becomes of a frame where calls were stopped, in it or before it.
    fn leaves(&mut self, held: &Held, payload: &[u8]) -> Leaves {
        let concerned = !held.call_pieces.is_empty() || self.calls.any_stopped();
        if !self.calls.act() || !concerned || !self.read_again(held.number, payload) {
            return Leaves::default();
        }
        let pieces: Vec<dialect::Piece<'_>> = held
            .call_pieces
            .iter()
            .map(|&(call, node)| dialect::Piece { call, node, stopped: self.calls.stopped(call) })
            .collect();
        self.reader.leave(&self.doc, payload, &pieces)
    }

    /// Makes `doc` that of this payload, unless it is: of the frame with this number, 0 for one that did not come so.
    fn read_again(&mut self, number: u64, payload: &[u8]) -> bool {
        if number == 0 || number != self.doc_of {
            self.doc_of = 0;
            if self.doc.parse(payload).is_err() {
                return false;
            }
            self.doc_of = number;
        }
        true
    }

    /// Tells the dialect what the caller has got.
    fn sent(&mut self, number: u64, raw: &[u8], payload: &[u8]) {
        if payload.is_empty() {
            self.reader.sent_other(raw);
        } else if self.read_again(number, payload) {
            self.reader.sent(&self.doc, payload);
        } else {
            self.reader.sent_other(payload);
        }
    }
}
