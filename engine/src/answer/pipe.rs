//! Judges an answer on its way: what rules find in a frame decides whether it waits, and whether it leaves unchanged,
//! changed in a span, or not at all, with a well-formed ending in its place.
//!
//! What leaves is decided frame by frame, so it does not depend on how the bytes were cut into chunks (invariant 7).

mod bounds;
mod leave;
mod scan;
mod words;

pub use words::Listener;

use std::collections::VecDeque;
use std::rc::Rc;

use super::calls::Calls;
use super::frame_loop::{FrameContent, FrameLoop, ShownFrame};
use super::held::{FrameLists, HeldPiece, QueuedFrame};
use super::hold_reason::HoldReason;
use super::many_by_key::ManyByKey;
use super::output::Output;
use super::rules::Rules;
use super::running::AnswerStop;
use super::texts::{ActedRules, OpenTexts};
use crate::context::record::Record;
use crate::counters::Unchecked;
use crate::dialect::{Dialect, Ending, EndingHow, TextKey};
use crate::limits;
use crate::policy::document::{Fallback, OnHoldLimit};
use crate::policy::program::guard::Action;
use crate::wire::frame::{Frame, Framing};
use crate::wire::json::Doc;
use crate::wire::text::Decoded;

/// The policy's settings for exceptional cases.
#[derive(Debug, Clone, Copy)]
pub struct PipeSettings {
    /// What happens when partial matches hold too much.
    pub on_hold_limit: OnHoldLimit,
    /// What cannot be read is refused, if a rule acts.
    pub block_unreadable: bool,
}

/// Why an answer ends here.
#[derive(Debug, Clone)]
pub enum CutReason {
    /// A rule's canned answer follows.
    Fallback(Rc<Fallback>),
    /// A rule, or something unreadable, ends it.
    Blocked,
    /// A limit has no more for it.
    Spent,
}

/// Applies guardrails and tools rules to an answer that passes.
#[derive(Debug)]
pub struct Pipe {
    rules: Rules,
    calls: Calls,
    settings: PipeSettings,
    texts: OpenTexts,
    /// Frames that wait. A frame that arrives while none does, and need not wait itself, is never queued.
    queue: VecDeque<QueuedFrame<'static>>,
    /// How many have left the queue.
    gone: u64,
    /// Calls that must be seen as a whole and have not been: the frame they began in, counted from the first that
    /// waited.
    begun: ManyByKey,
    queued_bytes: usize,
    /// Why the first of them waits.
    waits_for: Option<HoldReason>,
    /// Memory that the queue takes.
    queued_memory: usize,
    /// What this answer may hold, given the room that all others leave.
    room: usize,
    /// Lists of frames that have left, for reuse.
    spare: FrameLists,
    /// The answer was cut; nothing but its ending leaves any more.
    cut: Option<CutReason>,
    /// Usage events that are in the stream only because the filter asked for them do not leave.
    hide_usage: Option<&'static Dialect>,
    /// Text of the frame that was cut which still leaves, before the ending.
    before: Vec<(TextKey, String)>,
    /// A limit may end the answer.
    limited: bool,
    /// Reused buffer.
    decoded: Decoded,
}

/// What happens to a frame.
enum FrameFate {
    Waits(HoldReason),
    /// The answer ends at this piece of it.
    Stops(usize, AnswerStop),
    Leaves,
}

/// What a frame is judged with, besides the pipe itself.
#[derive(Debug)]
pub struct FrameContext<'a, 'c> {
    /// The loop that read it.
    pub frames: &'a mut FrameLoop,
    /// Receives what leaves.
    pub out: &'a mut Output<'c>,
    /// Receives what is counted.
    pub record: &'a mut Record,
}

impl Pipe {
    /// An answer of which nothing has arrived.
    #[must_use]
    pub fn new(rules: Rules, calls: Calls, settings: PipeSettings) -> Self {
        Self {
            rules,
            calls,
            settings,
            texts: OpenTexts::default(),
            queue: VecDeque::new(),
            gone: 0,
            begun: ManyByKey::default(),
            queued_bytes: 0,
            waits_for: None,
            queued_memory: 0,
            room: limits::HELD_FRAME_BYTES,
            spare: FrameLists::default(),
            cut: None,
            before: Vec::new(),
            hide_usage: None,
            limited: false,
            decoded: Decoded::new(),
        }
    }

    /// Hides this dialect's usage events.
    #[must_use]
    pub fn hiding_usage(mut self, dialect: Option<&'static Dialect>) -> Self {
        self.hide_usage = dialect;
        self
    }

    /// Sets whether a limit may end the answer.
    #[must_use]
    pub fn limited(mut self, limited: bool) -> Self {
        self.limited = limited;
        self
    }

    /// Unix time in seconds, for grants that expire.
    pub fn set_now(&mut self, now: u64) {
        self.calls.set_now(now);
    }

    /// True if what passes may be changed. If false, the bytes themselves leave as they arrive: the pipe only looks at
    /// them, and appends nothing.
    #[must_use]
    pub fn acts(&self) -> bool {
        self.judges() || self.hide_usage.is_some() || self.limited
    }

    /// True if an enforced rule looks at the answer.
    fn judges(&self) -> bool {
        self.rules.act() || self.calls.act()
    }

    /// Handles the next frame; what leaves goes to the output. Once the answer is cut, nothing does.
    pub fn frame(&mut self, shown: ShownFrame<'_>, around: &mut FrameContext<'_, '_>) {
        if self.cut.is_some() {
            return;
        }
        let ShownFrame { frame, content, number, repeat } = shown;
        if matches!(content, FrameContent::Unread(_)) && frame.is_half_event() && self.judges() {
            // Upstream stopped in the middle of an event. No client reads half an event, and it may contain anything:
            // it does not leave, and the answer stays broken off as it arrived.
            around.record.count("hemostat_broken_upstream_total");
            return;
        }
        if let FrameContent::Unread(why) = content {
            return self.unreadable(why, frame, around);
        }
        let payload = frame.payload_bytes();
        if content == FrameContent::Json && self.hides(around.frames.doc(), &payload) {
            return;
        }
        let mut held = self.fresh();
        (held.number, held.repeat) = (number, repeat);
        let mut read = Ok(());
        if content != FrameContent::Nothing || !frame.is_blank_lines() {
            let items = around.frames.take_items();
            read = self.scan(&items, &payload, &mut held, around);
            around.frames.give_back(items);
        }
        if read.is_ok() && around.frames.shortens() && self.leaves_at_once(&held) {
            around.out.push(&frame.raw);
            around.frames.sent(number, &frame.raw, &payload);
            self.texts.settle();
            return self.recycle(held);
        }
        drop(payload);
        held.frame = frame;
        match read {
            Ok(()) => self.push(held, around),
            Err(why) => {
                for call in &held.calls {
                    self.begun.remove(call);
                }
                self.unreadable(why, held.frame, around);
            }
        }
    }

    /// True for an event that is in the stream only because the filter asked for usage.
    fn hides(&self, doc: &Doc, payload: &[u8]) -> bool {
        self.hide_usage.is_some_and(|dialect| {
            payload.trim_ascii_start().starts_with(b"{")
                && dialect.is_usage_event(&doc.root(payload))
        })
    }

    /// The answer has ended: what waits is decided now, and nothing is held afterwards.
    pub fn finish(&mut self, around: &mut FrameContext<'_, '_>) {
        if self.cut.is_none() {
            self.settle_all(around);
        }
    }

    /// Nothing more will arrive: every text and call is judged as it is.
    fn settle_all(&mut self, around: &mut FrameContext<'_, '_>) {
        self.calls.end_all(around.record);
        self.texts.finish_all(&self.rules, around.record);
        self.judge_all(None);
        self.release(around);
    }

    /// Why the answer was cut, once it is.
    #[must_use]
    pub fn cut(&self) -> Option<&CutReason> {
        self.cut.as_ref()
    }

    /// Why the first waiting frame waits; `None` if none does.
    #[must_use]
    pub fn waits_for(&self) -> Option<HoldReason> {
        self.waits_for.filter(|_| !self.queue.is_empty())
    }

    /// The rest of an answer that was cut, for a caller that has been sent what left so far.
    #[must_use]
    pub fn ending(&mut self, frames: &mut FrameLoop, decision: &str, now: u64) -> Vec<u8> {
        let before = std::mem::take(&mut self.before);
        let how = match &self.cut {
            Some(CutReason::Fallback(fallback)) => EndingHow::Canned {
                text: fallback.text.clone(),
                json: fallback.json.clone(),
                refusal: fallback.ends_as_refusal,
            },
            Some(CutReason::Spent) => EndingHow::Spent,
            Some(CutReason::Blocked) | None => EndingHow::Blocked,
        };
        frames.ending(&Ending { before, how, decision: decision.to_owned(), now })
    }

    /// The first call for which this frame waits until it has been seen as a whole.
    fn call_to_scan(&self, front: &mut QueuedFrame<'_>) -> Option<TextKey> {
        while let Some(call) = front.calls.get(front.calls_ready) {
            if self.begun.contains_key(call) {
                return Some(*call);
            }
            front.calls_ready += 1;
        }
        None
    }

    /// A frame with the lists of one that has left.
    fn fresh<'c>(&mut self) -> QueuedFrame<'c> {
        std::mem::take(&mut self.spare).frame()
    }

    /// A frame is no longer needed: its lists are reused.
    fn recycle(&mut self, held: QueuedFrame<'_>) {
        self.spare = FrameLists::of(held);
    }

    /// True if the frame contains nothing that could be changed, and nothing waits before it: most frames without words
    /// are such.
    fn leaves_at_once(&self, held: &QueuedFrame<'_>) -> bool {
        self.queue.is_empty()
            && held.pieces.is_empty()
            && held.calls.is_empty()
            && held.call_pieces.is_empty()
            && self.acts()
            && !self.calls.any_stopped()
    }

    /// The frame leaves if none waits before it and nothing in it is undecided; else it waits.
    fn push(&mut self, mut held: QueuedFrame<'_>, around: &mut FrameContext<'_, '_>) {
        if !self.acts() {
            self.texts.settle();
            return self.recycle(held);
        }
        if self.queue.is_empty() {
            match self.fate(&mut held) {
                FrameFate::Leaves => {
                    self.emit(&held, around);
                    self.texts.settle();
                    return self.recycle(held);
                }
                FrameFate::Stops(at, stop) => return self.stop(&held, at, stop, around.record),
                FrameFate::Waits(why) => self.wait(why, around.record),
            }
        }
        self.queued_bytes += held.bytes();
        let sse = around.frames.framing() == Framing::Sse && held.is_bare();
        match self.queue.back_mut().filter(|back| sse && back.is_bare()) {
            Some(back) => {
                self.queued_memory += back.join(&held);
                self.recycle(held);
            }
            None => {
                held.taken = held.memory();
                self.queued_memory += held.taken;
                self.queue.push_back(held.into_owned());
            }
        }
        if self.queue.len() > 1 {
            self.release(around);
        }
        self.limit(around);
    }

    /// The frame at the front waits for this reason.
    fn wait(&mut self, why: HoldReason, record: &mut Record) {
        self.waits_for = Some(why);
        record.held(why.word());
    }

    /// Releases what need not wait.
    fn release(&mut self, around: &mut FrameContext<'_, '_>) {
        while let Some(mut front) = self.queue.pop_front() {
            match self.fate(&mut front) {
                FrameFate::Waits(why) => {
                    self.queue.push_front(front);
                    return self.wait(why, around.record);
                }
                FrameFate::Stops(at, stop) => return self.stop(&front, at, stop, around.record),
                FrameFate::Leaves => {
                    self.gone += 1;
                    self.queued_bytes -= front.bytes();
                    self.queued_memory -= front.taken;
                    self.emit(&front, around);
                    self.recycle(front);
                }
            }
        }
        self.texts.settle();
    }

    /// What happens to the first frame, as far as it is decided. This is evaluated for every frame that arrives after
    /// it, so what has been decided is not evaluated again.
    fn fate(&mut self, front: &mut QueuedFrame<'_>) -> FrameFate {
        if front.judged_at != self.calls.reopened() {
            (front.judged, front.judged_at) = (0, self.calls.reopened());
        }
        while let Some((call, _)) = front.call_pieces.get(front.judged) {
            if self.calls.waits(*call) {
                return FrameFate::Waits(HoldReason::CallToJudge(*call));
            }
            front.judged += 1;
        }
        while let Some(call) = self.call_to_scan(front) {
            if self.calls.stopped(call).is_none() {
                return FrameFate::Waits(HoldReason::CallToScan(call));
            }
            // Nothing of it leaves, so it need not be examined.
            self.begun.remove(&call);
        }
        let stopped = |call: &TextKey| self.calls.stopped(*call).is_some();
        let any_stopped = self.calls.any_stopped();
        let skip = |piece: &HeldPiece| any_stopped && piece.call.as_ref().is_some_and(stopped);
        if let Some(why) = self.texts.waits_for(front, skip) {
            return FrameFate::Waits(why);
        }
        if any_stopped && front.call_pieces.iter().any(|(call, _)| stopped(call)) {
            front.pieces.retain(|piece| !skip(piece));
            if front.call_pieces.iter().all(|(call, _)| stopped(call)) {
                front.call_stop = None;
            }
        }
        if let Some(stop) = front.call_stop {
            return FrameFate::Stops(0, AnswerStop { start: 0, ..stop });
        }
        match self.texts.first_stop(front) {
            Some((at, stop)) => FrameFate::Stops(at, stop),
            None => FrameFate::Leaves,
        }
    }

    /// Ends the answer at piece number `at` of this frame.
    fn stop(&mut self, front: &QueuedFrame<'_>, at: usize, stop: AnswerStop, record: &mut Record) {
        self.rules.acted(stop.rule, record);
        self.cut = Some(match self.rules.guard(stop.rule).map(|guard| &guard.action) {
            Some(Action::Fallback(fallback)) => CutReason::Fallback(Rc::clone(fallback)),
            _ => CutReason::Blocked,
        });
        self.before = self.texts.before(front, at, stop.start, &self.rules);
        self.drop_queue();
    }

    /// Something that cannot be read: refused if a rule acts and the policy does not say `pass`.
    fn unreadable(&mut self, why: Unchecked, frame: Frame<'_>, around: &mut FrameContext<'_, '_>) {
        let refuse = self.judges() && self.settings.block_unreadable;
        around.record.unchecked(why, refuse);
        if refuse {
            self.cut = Some(CutReason::Blocked);
            self.drop_queue();
            return;
        }
        self.push(QueuedFrame { frame, opaque: true, ..QueuedFrame::default() }, around);
    }
}
