//! The frames of an answer as they arrive: each is metered, then decided about.

use super::Exchange;
use super::answering::{Answering, FrameJudge};
use crate::answer::frame_loop::{NextFrame, ShownFrame};
use crate::answer::{KnownEvents, Output};
use crate::context::facts::Now;
use crate::mcp;

impl Exchange {
    /// Part of the answer has arrived: every frame that it completes is metered, then decided about. Returns what is known of
    /// its events afterwards.
    pub(super) fn some_of_answer(
        &mut self,
        answer: &mut Answering,
        chunk: &[u8],
        end: bool,
        out: &mut Output<'_>,
        now: Now,
    ) -> KnownEvents {
        self.end_if_cut(answer, out, now);
        if answer.is_cut() && !self.charges.is_metered() {
            return KnownEvents::Nothing;
        }
        if let FrameJudge::Messages(messages) = &mut answer.judge {
            messages.begin(out);
        }
        let mut rest = chunk;
        let mut events = KnownEvents::Words;
        // Where a limit may end the answer, it is asked frame by frame.
        let asks = self.charges.is_metered() && self.charges.may_be_spent();
        let words =
            |own: &mut Self, answer: &mut Answering, rest: &mut &[u8], out: &mut Output<'_>| {
                let Self { charges, cx, .. } = own;
                !asks && answer.words(rest, out, &mut cx.record, charges.listener())
            };
        // Most chunks are one or more events that add a word and nothing else.
        let all = words(self, answer, &mut rest, out);
        self.end_if_cut(answer, out, now);
        if !all {
            let mut start = chunk.len() - rest.len();
            while let Some(next) = answer.frames.next_frame(&mut rest) {
                events.add(chunk, start);
                let shown = match next {
                    NextFrame::Word(found) if !asks => {
                        let Self { charges, cx, .. } = &mut *self;
                        answer.word(found, out, &mut cx.record, charges.listener())
                    }
                    next => Some(answer.frames.shown(next)),
                };
                if let Some(shown) = shown {
                    self.one_frame(answer, shown, out);
                }
                self.end_if_cut(answer, out, now);
                words(self, answer, &mut rest, out);
                self.end_if_cut(answer, out, now);
                start = chunk.len() - rest.len();
            }
        }
        let events = events.end(chunk, all || answer.frames.is_between_events());
        if end {
            if let Some(shown) = answer.frames.last() {
                self.one_frame(answer, shown, out);
                self.end_if_cut(answer, out, now);
            }
            answer.finish(out, &mut self.cx.record);
            self.end_if_cut(answer, out, now);
        }
        events
    }

    /// The ending is written at the frame that is cut: what follows in the same chunk may name another model or id, and must not
    /// matter.
    #[inline(always)]
    fn end_if_cut(&mut self, answer: &mut Answering, out: &mut Output<'_>, now: Now) {
        if self.cut_ns.is_none() && answer.is_cut() {
            self.after_cut(answer, out, now.ns());
        }
    }

    /// The whole answer, in one piece.
    pub(super) fn all_of_answer(
        &mut self,
        answer: &mut Answering,
        body: &[u8],
        out: &mut Output<'_>,
    ) {
        let shown = answer.frames.whole(body);
        self.one_frame(answer, shown, out);
        answer.finish(out, &mut self.cx.record);
    }

    fn one_frame(&mut self, answer: &mut Answering, shown: ShownFrame<'_>, out: &mut Output<'_>) {
        let mut affords = true;
        if self.charges.is_metered() {
            let payload = shown.frame.payload_bytes();
            let view = answer.frames.view(shown.content, &payload);
            affords = self.charges.meter(&mut self.cx, &view);
        }
        answer.decide(shown, affords, out, &mut self.cx.record);
        if let FrameJudge::Messages(messages) = &mut answer.judge
            && messages.take_wants_input()
        {
            mcp::call_wants_input(&mut self.cx, &self.tools);
        }
    }
}
