//! How a frame leaves, and what the dialect is told about it.

use super::{ActedRules, FrameContext, Pipe, QueuedFrame};
use crate::dialect::{self, Leaves};
use crate::wire::edit::{self, Edit};

impl Pipe {
    /// A frame leaves: unchanged, changed in a span, or with replacements of stopped calls.
    pub(super) fn emit(&mut self, held: &QueuedFrame<'_>, around: &mut FrameContext<'_, '_>) {
        let FrameContext { out, record, .. } = around;
        if held.opaque {
            out.push(&held.frame.raw);
            return;
        }
        let payload = held.frame.payload_bytes();
        let mut edits: Vec<Edit> = Vec::new();
        let mut acted = ActedRules::default();
        for piece in &held.pieces {
            self.texts.rewrite(piece, &payload, &self.rules, &mut edits, &mut acted);
        }
        acted.record(&self.rules, record);
        let leaves = match self.stops_near(held) {
            true => self.leaves(held, &payload, around),
            false => Leaves::default(),
        };
        let FrameContext { frames, out, .. } = around;
        edits.extend(leaves.edits);
        if leaves.dropped {
            // Only its replacement leaves.
        } else if edits.is_empty() {
            out.push(&held.frame.raw);
            frames.left(held, &payload);
        } else {
            let raw = edit::apply(&held.frame, &edits);
            frames.sent(0, &raw, &edit::apply_to(&payload, &edits));
            out.push(&raw);
        }
        if !leaves.after.is_empty() {
            out.push(&frames.sent_ours(&leaves.after));
        }
    }

    /// True if calls were stopped, or may have been, in this frame or before it.
    fn stops_near(&self, held: &QueuedFrame<'_>) -> bool {
        self.calls.act() && (!held.call_pieces.is_empty() || self.calls.any_stopped())
    }

    /// How a frame leaves if calls were stopped in it or before it.
    fn leaves(
        &self,
        held: &QueuedFrame<'_>,
        payload: &[u8],
        around: &mut FrameContext<'_, '_>,
    ) -> Leaves {
        let mut pieces: Vec<dialect::CallPiece<'_>> = held
            .call_pieces
            .iter()
            .map(|&(call, node)| dialect::CallPiece {
                call,
                node,
                stopped: self.calls.stopped(call),
            })
            .collect();
        pieces.sort_by_key(|piece| piece.node);
        around.frames.leave(held.number, payload, &pieces)
    }
}
