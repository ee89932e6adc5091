//! Handles what a dialect found in a frame, item by item: texts are searched, calls are started and judged.

use super::{FrameContext, Pipe};
use crate::answer::held::{HeldPiece, QueuedFrame};
use crate::counters::Unchecked;
use crate::dialect::{Item, Role, TextKey};
use crate::limits;
use crate::wire::frame::Framing;
use crate::wire::json::{self, Value};

impl Pipe {
    /// Scans what the dialect found.
    ///
    /// # Errors
    /// Too many texts or calls are open, or it is unclear whether something is a call.
    pub(super) fn scan(
        &mut self,
        items: &[Item],
        payload: &[u8],
        held: &mut QueuedFrame<'_>,
        around: &mut FrameContext<'_, '_>,
    ) -> Result<(), Unchecked> {
        self.texts.next_frame(&self.rules, around.record);
        let escapes = around.frames.doc().may_have_escapes();
        if escapes && around.frames.framing() != Framing::Json && json::has_half(payload) {
            self.texts.is_refused();
        }
        if around.frames.shortens() && around.frames.framing() != Framing::Json {
            self.texts.remember();
        }
        let (frames, record) = (&*around.frames, &mut *around.record);
        let doc = frames.doc();
        let mut in_order = true;
        for item in items {
            if self.calls.look() && !self.calls.item(item, doc, payload, record) {
                return Err(Unchecked::TooBig);
            }
            match item {
                Item::Text { node, role, .. } => {
                    let in_call = *role == Role::ToolArgs && !held.call_pieces.is_empty();
                    let call = in_call.then(|| frames.call_of(*node, &held.call_pieces, in_order));
                    let call = call.flatten();
                    if call.is_some_and(|call| self.calls.stopped(call).is_some()) {
                        continue;
                    }
                    let before = held.pieces.len();
                    let pieces = &mut held.pieces;
                    let read = self.texts.read(item, doc, payload, &self.rules, pieces, record);
                    read.map_err(|_| Unchecked::TooBig)?;
                    let pieces = held.pieces.len() * size_of::<HeldPiece>();
                    if self.texts.memory() + pieces > limits::FOUND_BYTES {
                        return Err(Unchecked::TooBig);
                    }
                    held.pieces.iter_mut().skip(before).for_each(|piece| piece.call = call);
                }
                Item::CallPiece { call, node } if self.calls.look() => {
                    in_order &= held.call_pieces.last().is_none_or(|(_, last)| last <= node);
                    held.call_pieces.push((*call, *node));
                }
                Item::Twice if self.calls.act() => return Err(Unchecked::Dialect),
                Item::Unreadable => return Err(Unchecked::Dialect),
                Item::CallPiece { .. }
                | Item::CallName { .. }
                | Item::CallArgs { .. }
                | Item::Twice => {}
                Item::TextAgain { node, text } => {
                    let value = doc.value(payload, *node);
                    let said = value.as_ref().and_then(Value::as_str).unwrap_or_default();
                    let read = self.texts.again(*text, *node, &said, &self.rules, record);
                    read.map_err(|_| Unchecked::TooBig)?;
                }
                Item::TextEnd(key) => _ = self.texts.finish(*key, &self.rules, record),
                Item::CallBegin { call, .. } if self.rules.holds_calls => {
                    // A call that began in an earlier frame holds that one, and so this.
                    if !self.begun.contains_key(call) {
                        self.begun.insert(*call, self.gone + self.queue.len() as u64);
                        held.calls.push(*call);
                    }
                }
                Item::CallBegin { .. } => {}
                Item::CallEnd { call } => {
                    if self.texts.finish(*call, &self.rules, record)
                        && let Some(began) = self.begun.remove(call)
                    {
                        self.judge(*call, began, Some(held));
                    }
                }
                Item::AnswerEnd => {
                    self.texts.finish_all(&self.rules, record);
                    self.judge_all(Some(held));
                }
            }
        }
        Ok(())
    }

    /// Treats every call that has begun as seen as a whole.
    pub(super) fn judge_all(&mut self, mut current: Option<&mut QueuedFrame<'_>>) {
        for (call, began) in std::mem::take(&mut self.begun).into_entries() {
            self.judge(call, began, current.as_deref_mut());
        }
    }

    /// A call has been seen as a whole: the frame in which it `began` (in the queue, or `current`) no longer waits for
    /// it, and learns whether any of it may leave.
    fn judge(&mut self, call: TextKey, began: u64, current: Option<&mut QueuedFrame<'_>>) {
        let stop = self.texts.call_stop(call).filter(|_| self.calls.stopped(call).is_none());
        let at = usize::try_from(began.saturating_sub(self.gone)).unwrap_or(usize::MAX);
        let frame_stop = match self.queue.get_mut(at) {
            Some(waiting) => Some(&mut waiting.call_stop),
            None => current.map(|current| &mut current.call_stop),
        };
        if let Some(known) = frame_stop {
            *known = known.or(stop);
        }
    }
}
