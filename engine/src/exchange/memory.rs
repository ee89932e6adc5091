//! The memory that an exchange keeps between callbacks, reserved from the VM's budget before it is taken.

use super::Exchange;
use super::answering::Answering;
use crate::counters::Unchecked;
use crate::limits;

impl Exchange {
    /// Tells an answer how much it may keep.
    pub(super) fn make_room(&self, answer: &mut Answering) {
        let memory = &self.cx.memory;
        answer.set_room(memory.held.room(), memory.kept.room(), memory.held.taken());
    }

    /// Records what an answer keeps until its next chunk. Once it is cut, nothing of it is kept.
    pub(super) fn account(&mut self, answer: &Answering) {
        let (held, kept) = answer.memory();
        self.cx.memory.held.set(held);
        self.cx.memory.kept.set(kept);
    }

    /// Keeps a part of a body that is watched as it passes, if it is not too long and there is room for it.
    pub(super) fn keep_peeked(&mut self, chunk: &[u8]) {
        if self.cx.no_body.is_some() {
            return;
        }
        let wanted = self.peeked.len().saturating_add(chunk.len());
        let capacity = match self.peeked.capacity() {
            enough if enough >= wanted => enough,
            // Twice as much each time, so that a long body is not copied once a chunk.
            less => wanted.max(less.saturating_mul(2)).min(limits::PEEKED_BYTES),
        };
        self.cx.no_body = if wanted > limits::PEEKED_BYTES {
            Some(Unchecked::TooBig)
        } else if !self.cx.memory.kept.ask(capacity) {
            Some(Unchecked::Memory)
        } else {
            self.peeked.reserve_exact(capacity.saturating_sub(self.peeked.len()));
            self.peeked.extend_from_slice(chunk);
            None
        };
        if self.cx.no_body.is_some() {
            self.drop_peeked();
        }
    }

    /// Drops what was kept of a body.
    pub(super) fn drop_peeked(&mut self) {
        self.peeked = Vec::new();
        self.cx.memory.kept.set(0);
    }
}
