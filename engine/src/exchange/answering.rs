//! An answer on its way: the loop over its frames, and what decides about each.

use crate::answer::frame_loop::{FoundWord, ShownFrame};
use crate::answer::{CutReason, FrameContext, FrameLoop, HoldReason, Listener, Output, Pipe};
use crate::context::record::Record;
use crate::mcp::Messages;

/// An answer whose body is read.
#[derive(Debug)]
pub(super) struct Answering {
    pub frames: FrameLoop,
    pub judge: FrameJudge,
}

/// What decides about an answer's frames.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one an answer, in a box of its own")]
pub(super) enum FrameJudge {
    /// Nothing: the answer is only metered, and passes as it arrives.
    Nobody,
    /// Guardrails and tools rules, on what a model says.
    Model(Pipe),
    /// The same, for the messages of a tool server.
    Messages(Messages),
}

impl Answering {
    /// True if what passes may be changed.
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
    pub(super) fn cut(&self) -> Option<&CutReason> {
        match &self.judge {
            FrameJudge::Model(pipe) => pipe.cut(),
            FrameJudge::Nobody | FrameJudge::Messages(_) => None,
        }
    }

    /// Bytes that wait: whole frames, and what has arrived of the next one.
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

    /// Memory of waiting frames, and memory of everything that is kept: those, and the incomplete frame.
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
    pub(super) fn words(
        &mut self,
        rest: &mut &[u8],
        out: &mut Output<'_>,
        record: &mut Record,
        listener: Option<&mut dyn Listener>,
    ) -> bool {
        let Self { frames, judge } = self;
        match judge {
            FrameJudge::Model(pipe) => {
                pipe.words(rest, &mut FrameContext { frames, out, record }, listener)
            }
            FrameJudge::Nobody | FrameJudge::Messages(_) => false,
        }
    }

    /// Takes a frame that continues one text and leaves at once, or waits for that text alone. Returns its view if it must be
    /// handled like any other frame.
    pub(super) fn word<'c>(
        &mut self,
        found: FoundWord<'c>,
        out: &mut Output<'_>,
        record: &mut Record,
        listener: Option<&mut dyn Listener>,
    ) -> Option<ShownFrame<'c>> {
        let Self { frames, judge } = self;
        match judge {
            FrameJudge::Model(pipe) => {
                pipe.word_frame(found, &mut FrameContext { frames, out, record }, listener)
            }
            FrameJudge::Nobody | FrameJudge::Messages(_) => Some(frames.show_found(found)),
        }
    }

    pub(super) fn decide(
        &mut self,
        shown: ShownFrame<'_>,
        affords: bool,
        out: &mut Output<'_>,
        record: &mut Record,
    ) {
        let Self { frames, judge } = self;
        let mut around = FrameContext { frames, out, record };
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

    pub(super) fn finish(&mut self, out: &mut Output<'_>, record: &mut Record) {
        let Self { frames, judge } = self;
        if let FrameJudge::Model(pipe) = judge {
            pipe.finish(&mut FrameContext { frames, out, record });
        }
    }
}
