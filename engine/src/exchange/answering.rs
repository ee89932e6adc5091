//! An answer on its way: the loop over its frames, and what decides about each.

use super::Exchange;
use crate::answer::frame_loop::{FoundWord, NextFrame, Shown};
use crate::answer::{Around, Cut, FrameLoop, HoldReason, KnownEvents, Listener, Output, Pipe};
use crate::context::facts::Now;
use crate::context::record::Record;
use crate::mcp;
use crate::mcp::Messages;

/// An answer whose body is looked at.
#[derive(Debug)]
pub(super) struct Answering {
    pub frames: FrameLoop,
    pub judge: FrameJudge,
}

/// What decides about an answer's frames.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one an answer, in a box of its own")]
pub(super) enum FrameJudge {
    /// Nothing: the answer is only metered, and passes as it comes.
    Nobody,
    /// Guardrails and tools rules, on what a model says.
    Model(Pipe),
    /// The same, on what a server of tools says.
    Messages(Messages),
}

impl Answering {
    /// True if what passes may change.
    pub(super) fn acts(&self) -> bool {
        match &self.judge {
            FrameJudge::Nobody => false,
            FrameJudge::Model(pipe) => pipe.acts(),
            FrameJudge::Messages(messages) => messages.acts(),
        }
    }

    /// True once nothing but an ending leaves any more.
    #[inline(always)]
    pub(super) fn is_cut(&self) -> bool {
        match &self.judge {
            FrameJudge::Nobody => false,
            FrameJudge::Model(pipe) => pipe.cut().is_some(),
            FrameJudge::Messages(messages) => messages.is_cut(),
        }
    }

    /// Why a model's answer was cut, once it is.
    pub(super) fn cut(&self) -> Option<&Cut> {
        match &self.judge {
            FrameJudge::Model(pipe) => pipe.cut(),
            FrameJudge::Nobody | FrameJudge::Messages(_) => None,
        }
    }

    /// Bytes that wait: whole frames, and what has come of the next one.
    pub(super) fn held_bytes(&self) -> usize {
        let queued = match &self.judge {
            FrameJudge::Model(pipe) => pipe.held_bytes(),
            FrameJudge::Nobody | FrameJudge::Messages(_) => 0,
        };
        queued + self.frames.held()
    }

    /// Why the first of the waiting frames waits.
    pub(super) fn waits_for(&self) -> Option<HoldReason> {
        match &self.judge {
            FrameJudge::Model(pipe) => pipe.waits_for(),
            FrameJudge::Nobody | FrameJudge::Messages(_) => None,
        }
    }

    /// The room that other answers leave for what waits here, and for everything that is kept here.
    /// `waits`: memory that waiting frames take now.
    pub(super) fn set_room(&mut self, held: usize, kept: usize, waits: usize) {
        self.frames.set_room(kept.saturating_sub(waits));
        if let FrameJudge::Model(pipe) = &mut self.judge {
            pipe.set_room(held);
        }
    }

    /// Memory that waiting frames take, and that everything kept takes: those, and the frame that is not whole.
    #[inline]
    pub(super) fn memory(&self) -> (usize, usize) {
        let held = match &self.judge {
            FrameJudge::Model(pipe) => pipe.memory(),
            FrameJudge::Nobody | FrameJudge::Messages(_) => 0,
        };
        (held, held + self.frames.memory())
    }

    /// Unix time in seconds, for grants and rules that expire.
    pub(super) fn set_now(&mut self, now: u64) {
        if let FrameJudge::Model(pipe) = &mut self.judge {
            pipe.set_now(now);
        }
    }

    /// Takes events off the front of `rest` that continue a text and leave at once; true if nothing is left.
    fn words(
        &mut self,
        rest: &mut &[u8],
        out: &mut Output<'_>,
        record: &mut Record,
        listener: Option<&mut dyn Listener>,
    ) -> bool {
        let Self { frames, judge } = self;
        match judge {
            FrameJudge::Model(pipe) => {
                pipe.words(rest, &mut Around { frames, out, record }, listener)
            }
            FrameJudge::Nobody | FrameJudge::Messages(_) => false,
        }
    }

    /// Takes a frame that continues one text and leaves at once, or waits for that text alone. Returns its view if it must be
    /// handled like any other frame.
    fn word<'c>(
        &mut self,
        found: FoundWord<'c>,
        out: &mut Output<'_>,
        record: &mut Record,
        listener: Option<&mut dyn Listener>,
    ) -> Option<Shown<'c>> {
        let Self { frames, judge } = self;
        match judge {
            FrameJudge::Model(pipe) => {
                pipe.word_frame(found, &mut Around { frames, out, record }, listener)
            }
            FrameJudge::Nobody | FrameJudge::Messages(_) => Some(frames.show_found(found)),
        }
    }

    fn decide(
        &mut self,
        shown: Shown<'_>,
        affords: bool,
        out: &mut Output<'_>,
        record: &mut Record,
    ) {
        let Self { frames, judge } = self;
        let mut around = Around { frames, out, record };
        match judge {
            FrameJudge::Nobody => {}
            FrameJudge::Model(pipe) => {
                if !affords {
                    pipe.spend(&mut around);
                }
                pipe.frame(shown, &mut around);
            }
            FrameJudge::Messages(messages) => messages.frame(&shown, &mut around),
        }
    }

    fn finish(&mut self, out: &mut Output<'_>, record: &mut Record) {
        let Self { frames, judge } = self;
        if let FrameJudge::Model(pipe) = judge {
            pipe.finish(&mut Around { frames, out, record });
        }
    }
}

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

    fn one_frame(&mut self, answer: &mut Answering, shown: Shown<'_>, out: &mut Output<'_>) {
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
