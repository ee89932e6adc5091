//! How much may wait, and how much an answer may use.

use std::collections::VecDeque;

use super::{CutReason, FrameContext, Pipe};
use crate::answer::texts::OpenTexts;
use crate::counters::Unchecked;
use crate::dialect::TextKey;
use crate::limits;
use crate::policy::document::OnHoldLimit;
use crate::wire::frame::Framing;

impl Pipe {
    /// Sets how much room other answers leave for what waits here, in bytes.
    pub fn set_room(&mut self, room: usize) {
        self.room = room.min(limits::HELD_FRAME_BYTES);
        self.calls.set_room(self.room.max(limits::HELD_FLOOR_BYTES));
    }

    /// Bytes of frames that wait.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Memory of everything that is kept, in bytes: the queue, open texts and what was found in them, calls.
    #[must_use]
    #[inline]
    pub fn memory(&self) -> usize {
        self.queued_memory + self.texts.memory() + self.calls.memory()
    }

    /// A limit has no more for the answer: it ends here.
    pub fn spend(&mut self, around: &mut FrameContext<'_, '_>) {
        self.end_here(CutReason::Spent, around);
    }

    /// Ends the answer here, for this reason: what waits is judged as if upstream had ended it.
    pub fn end_here(&mut self, why: CutReason, around: &mut FrameContext<'_, '_>) {
        if self.cut.is_none() {
            self.settle_all(around);
        }
        if self.cut.is_none() {
            self.cut = Some(why);
            self.drop_queue();
        }
    }

    /// Keeps what waits within bounds.
    pub(super) fn limit(&mut self, around: &mut FrameContext<'_, '_>) {
        // A whole body is in the host's memory already: nothing of it is held here.
        if self.cut.is_some() || around.frames.framing() == Framing::Json {
            return;
        }
        let passes =
            |pipe: &Self| pipe.queued_bytes > limits::HELD_CALL_BYTES || pipe.memory() > pipe.room;
        while passes(self) {
            // A call that is too long to be judged is denied, and the rest of the answer continues.
            let Some(front) = self.queue.front() else { break };
            let waiting = front.call_pieces.iter().map(|(call, _)| *call);
            let waiting: Vec<TextKey> = waiting.filter(|call| self.calls.waits(*call)).collect();
            if waiting.is_empty() {
                break;
            }
            around.record.unchecked(Unchecked::HoldLimit, true);
            waiting.into_iter().for_each(|call| self.calls.too_long(call));
            self.release(around);
        }
        let call = self.queue.front().is_some_and(|front| {
            let open = front.calls.get(front.calls_ready..).unwrap_or_default();
            open.iter().any(|call| self.begun.contains_key(call))
        });
        let too_much_call = call && passes(self);
        let too_much_text =
            self.texts.held() > limits::HELD_TEXT_BYTES || self.memory() > self.room;
        if !too_much_call && !too_much_text {
            return;
        }
        // A call that is too long to be judged is denied, whatever the policy says about text.
        let refuse = too_much_call || self.settings.on_hold_limit == OnHoldLimit::Block;
        around.record.unchecked(Unchecked::HoldLimit, refuse);
        if refuse {
            self.cut = Some(CutReason::Blocked);
            self.drop_queue();
        } else {
            self.texts.release(&self.rules);
            self.release(around);
        }
    }

    pub(super) fn drop_queue(&mut self) {
        self.queue = VecDeque::new();
        self.begun.clear();
        (self.queued_bytes, self.queued_memory) = (0, 0);
        self.texts = OpenTexts::default();
    }
}
