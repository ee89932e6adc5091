//! An answer on its way: frames come in, are read and scanned, wait while they must, and leave as they came, changed
//! in a span, or as a well-formed end.
//!
//! What leaves is decided frame by frame, so it does not depend on how the bytes were cut into chunks (invariant 7).

mod bounds;
mod leave;

use std::collections::VecDeque;
use std::rc::Rc;

use super::calls::Calls;
use super::held::Held;
use super::rules::Rules;
use super::running::Stop;
use super::texts::Texts;
use crate::context::record::{Record, Unchecked};
use crate::dialect::{Answer, Dialect, Ending, EndingHow, Item, Role, TextKey};
use crate::limits;
use crate::policy::document::{Fallback, OnHoldLimit};
use crate::policy::program::guard::Action;
use crate::wire::frame::{Frame, Framing, Piece};
use crate::wire::framer::Framer;
use crate::wire::json::Doc;

/// What the policy says of trouble.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// What happens when partial matches hold too much.
    pub on_hold_limit: OnHoldLimit,
    /// What cannot be read is refused, where a rule acts.
    pub block_unreadable: bool,
}

/// Why an answer ends here.
#[derive(Debug, Clone)]
pub enum Cut {
    /// A rule's canned answer follows.
    Fallback(Rc<Fallback>),
    /// A rule or something unreadable refuses it.
    Blocked,
    /// A limit has no more for it.
    Spent,
}

/// An answer that passes through.
#[derive(Debug)]
pub struct Pipe {
    framing: Framing,
    framer: Framer,
    reader: Box<dyn Answer>,
    rules: Rules,
    calls: Calls,
    settings: Settings,
    texts: Texts,
    queue: VecDeque<Held>,
    queued_bytes: usize,
    /// What this answer may hold, as far as all others leave room.
    room: usize,
    /// Re-used from frame to frame.
    doc: Doc,
    /// The number of the frame that `doc` is of; 0 if it is of none. Nearly every frame leaves at once and as it came:
    /// what was read of it then need not be read again.
    doc_of: u64,
    /// Frames that have come.
    frames: u64,
    items: Vec<Item>,
    pieces: Vec<Piece>,
    /// The answer has been cut; nothing more leaves but its ending.
    cut: Option<Cut>,
    /// Events that stand in the stream only because the filter asked for usage do not leave.
    hide_usage: Option<&'static dyn Dialect>,
    /// Text of the frame that was cut that still leaves, before the ending.
    before: Vec<(TextKey, String)>,
    /// A limit may end the answer.
    limited: bool,
    /// After so many bytes it must end: a frame that begins there does not leave.
    spent_at: Option<u64>,
    /// Bytes of the frames that were taken.
    passed: u64,
}

impl Pipe {
    /// An answer of which nothing has come.
    #[must_use]
    pub fn new(
        framing: Framing,
        reader: Box<dyn Answer>,
        rules: Rules,
        calls: Calls,
        settings: Settings,
    ) -> Self {
        Self {
            framing,
            framer: Framer::new(framing),
            reader,
            rules,
            calls,
            settings,
            texts: Texts::default(),
            queue: VecDeque::new(),
            queued_bytes: 0,
            room: limits::HELD_FRAME_BYTES,
            doc: Doc::default(),
            doc_of: 0,
            frames: 0,
            items: Vec::new(),
            pieces: Vec::new(),
            cut: None,
            before: Vec::new(),
            hide_usage: None,
            limited: false,
            spent_at: None,
            passed: 0,
        }
    }

    /// With this dialect's usage events taken out.
    #[must_use]
    pub fn hiding_usage(mut self, dialect: Option<&'static dyn Dialect>) -> Self {
        self.hide_usage = dialect;
        self
    }

    /// With an end that a limit may put to it.
    #[must_use]
    pub fn limited(mut self, limited: bool) -> Self {
        self.limited = limited;
        self
    }

    /// Unix time in seconds, for what has an end.
    pub fn set_now(&mut self, now: u64) {
        self.calls.set_now(now);
    }

    /// True if what passes may change. If not, the bytes themselves leave, when they come: the pipe only looks at them,
    /// and appends nothing.
    #[must_use]
    pub fn acts(&self) -> bool {
        self.judges() || self.hide_usage.is_some() || self.limited
    }

    /// True if an enforced rule looks at the answer.
    fn judges(&self) -> bool {
        self.rules.act() || self.calls.act()
    }

    /// Takes the next bytes; appends what leaves to `out`. Once the answer is cut nothing does.
    pub fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>, record: &mut Record) {
        if self.cut.is_some() {
            return;
        }
        let mut pieces = std::mem::take(&mut self.pieces);
        self.framer.feed(chunk, &mut pieces);
        self.take(&mut pieces, out, record);
        self.pieces = pieces;
    }

    /// The answer has ended: what waits is decided now, and nothing is held afterwards.
    pub fn finish(&mut self, out: &mut Vec<u8>, record: &mut Record) {
        if self.cut.is_some() {
            return;
        }
        let mut pieces = std::mem::take(&mut self.pieces);
        self.framer.finish(&mut pieces);
        self.take(&mut pieces, out, record);
        self.pieces = pieces;
        if self.cut.is_none() {
            self.settle_all(out, record);
        }
    }

    /// Nothing more will come: every text and call is judged as it stands.
    fn settle_all(&mut self, out: &mut Vec<u8>, record: &mut Record) {
        self.calls.end_all(record);
        self.texts.finish_all(&self.rules, record);
        let open: Vec<TextKey> = self.open_calls().collect();
        open.into_iter().for_each(|call| self.judge(call, None));
        self.release(out, record);
    }

    /// A whole body, in one piece: appends it to `out` as it leaves, unless it is [`Pipe::cut`], when nothing of it
    /// may.
    pub fn whole(&mut self, body: &[u8], out: &mut Vec<u8>, record: &mut Record) {
        self.frame(Frame::whole(body.to_vec()), out, record);
        if self.cut.is_none() {
            self.settle_all(out, record);
        }
    }

    /// Why the answer was cut, once it is.
    #[must_use]
    pub fn cut(&self) -> Option<&Cut> {
        self.cut.as_ref()
    }

    /// The model that answers, once known.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.reader.model()
    }

    /// The rest of an answer that has been cut, for a caller that has got what left so far.
    #[must_use]
    pub fn ending(&mut self, decision: &str, now: u64) -> Vec<u8> {
        let before = std::mem::take(&mut self.before);
        let how = match &self.cut {
            Some(Cut::Fallback(fallback)) => EndingHow::Canned {
                text: fallback.text.clone(),
                json: fallback.json.clone(),
                refusal: fallback.ends_as_refusal,
            },
            Some(Cut::Spent) => EndingHow::Spent,
            Some(Cut::Blocked) | None => EndingHow::Blocked,
        };
        self.reader.ending(&Ending { before, how, decision: decision.to_owned(), now })
    }

    fn take(&mut self, pieces: &mut Vec<Piece>, out: &mut Vec<u8>, record: &mut Record) {
        for piece in pieces.drain(..) {
            if self.spent_at.is_some_and(|at| self.passed >= at) {
                self.spend(out, record);
            }
            if self.cut.is_some() {
                break;
            }
            self.passed = self.passed.saturating_add(piece.raw().len() as u64);
            match piece {
                Piece::Frame(frame) => self.frame(frame, out, record),
                Piece::Oversized { raw, .. } => self.unread(Unchecked::TooBig, raw, out, record),
                Piece::Lost { raw } => self.unread(Unchecked::Dialect, raw, out, record),
            }
        }
    }

    /// Bytes that are no frame.
    fn unread(&mut self, why: Unchecked, raw: Vec<u8>, out: &mut Vec<u8>, record: &mut Record) {
        self.unreadable(why, Frame { raw, ..Frame::default() }, out, record);
    }

    fn frame(&mut self, frame: Frame, out: &mut Vec<u8>, record: &mut Record) {
        let mut items = std::mem::take(&mut self.items);
        items.clear();
        // A document that is called an event stream: callers that asked for no stream read it all the same.
        let bare =
            frame.payload.is_empty() && matches!(frame.raw.trim_ascii_start(), [b'{' | b'[', ..]);
        let frame = if bare { Frame::whole(frame.raw) } else { frame };
        let payload = frame.payload_bytes();
        self.frames += 1;
        self.doc_of = 0;
        let readable = match payload.trim_ascii() {
            b"" => true,
            b"[DONE]" => {
                self.reader.read_other(&payload, &mut items);
                true
            }
            _ => match self.doc.parse(&payload) {
                Ok(()) => {
                    self.doc_of = self.frames;
                    self.reader.named(frame.event_name().unwrap_or_default());
                    self.reader.read(&self.doc, &payload, &mut items);
                    true
                }
                Err(_) => false,
            },
        };
        let mut held = Held { number: self.frames, ..Held::default() };
        let hidden = |dialect: &&dyn Dialect| {
            !self.doc.is_empty() && dialect.is_usage_event(&self.doc.root(&payload))
        };
        let json = payload.trim_ascii_start().starts_with(b"{");
        if json && readable && self.hide_usage.as_ref().is_some_and(hidden) {
            self.items = items;
            return;
        }
        let read = match readable {
            true => self.scan(&items, &payload, &mut held, record),
            false => Err(Unchecked::Dialect),
        };
        self.items = items;
        drop(payload);
        held.frame = frame;
        match read {
            Ok(()) => self.push(held, out, record),
            Err(why) => self.unreadable(why, held.frame, out, record),
        }
    }

    /// Scans what the dialect found.
    ///
    /// # Errors
    /// More texts or calls are open than may be, or a call cannot be told from what is not one.
    fn scan(
        &mut self,
        items: &[Item],
        payload: &[u8],
        held: &mut Held,
        record: &mut Record,
    ) -> Result<(), Unchecked> {
        for item in items {
            if self.calls.look() && !self.calls.item(item, &self.doc, payload, record) {
                return Err(Unchecked::TooBig);
            }
            match item {
                Item::Text { node, role, .. } => {
                    let call = self.call_of(*node, *role, held, payload);
                    if call.is_some_and(|call| self.calls.stopped(call).is_some()) {
                        continue;
                    }
                    let before = held.pieces.len();
                    let (doc, pieces) = (&self.doc, &mut held.pieces);
                    let read = self.texts.read(item, doc, payload, &self.rules, pieces, record);
                    read.map_err(|_| Unchecked::TooBig)?;
                    held.pieces.iter_mut().skip(before).for_each(|piece| piece.call = call);
                }
                Item::CallPiece { call, node } if self.calls.look() => {
                    held.call_pieces.push((*call, *node));
                }
                Item::Twice if self.calls.act() => return Err(Unchecked::Dialect),
                Item::Unreadable => return Err(Unchecked::Dialect),
                Item::CallPiece { .. }
                | Item::CallName { .. }
                | Item::CallArgs { .. }
                | Item::Twice => {}
                Item::TextEnd(key) => self.texts.finish(*key, &self.rules, record),
                Item::CallBegin { call, .. } if self.rules.holds_calls => held.calls.push(*call),
                Item::CallBegin { .. } => {}
                Item::CallEnd { call } => {
                    self.texts.finish(*call, &self.rules, record);
                    self.judge(*call, Some(held));
                }
                Item::AnswerEnd => {
                    self.texts.finish_all(&self.rules, record);
                    let open: Vec<TextKey> = self.open_calls().chain(held.calls.clone()).collect();
                    open.into_iter().for_each(|call| self.judge(call, Some(held)));
                }
            }
        }
        Ok(())
    }

    /// The call whose arguments hold this text.
    fn call_of(&self, node: u32, role: Role, held: &Held, payload: &[u8]) -> Option<TextKey> {
        if role != Role::ToolArgs || held.call_pieces.is_empty() {
            return None;
        }
        let at = self.doc.value(payload, node)?.span().start;
        let holds = |piece: u32| {
            self.doc.value(payload, piece).is_some_and(|piece| piece.span().contains(&at))
        };
        held.call_pieces.iter().rfind(|(_, piece)| holds(*piece)).map(|(call, _)| *call)
    }

    fn open_calls(&self) -> impl Iterator<Item = TextKey> {
        self.queue.iter().flat_map(|waiting| waiting.calls.clone())
    }

    /// A call has been seen whole: the frame in which it began (in the queue, or `current`) waits for it no longer,
    /// and knows whether any of it may leave.
    fn judge(&mut self, call: TextKey, current: Option<&mut Held>) {
        let stop = self.texts.call_stop(call).filter(|_| self.calls.stopped(call).is_none());
        for waiting in self.queue.iter_mut().chain(current) {
            if waiting.calls.contains(&call) {
                waiting.calls.retain(|waiting| *waiting != call);
                waiting.call_stop = waiting.call_stop.or(stop);
            }
        }
    }

    fn push(&mut self, held: Held, out: &mut Vec<u8>, record: &mut Record) {
        if !self.acts() {
            self.texts.settle();
            return;
        }
        self.queued_bytes += held.bytes();
        self.queue.push_back(held);
        self.release(out, record);
        self.limit(out, record);
    }

    /// Lets out what need not wait.
    fn release(&mut self, out: &mut Vec<u8>, record: &mut Record) {
        while let Some(front) = self.queue.front_mut() {
            if front.call_pieces.iter().any(|(call, _)| self.calls.waits(*call)) {
                return;
            }
            let stopped = |call: &TextKey| self.calls.stopped(*call).is_some();
            if front.call_pieces.iter().any(|(call, _)| stopped(call)) {
                // Nothing of it leaves, so nothing of it is looked at any more.
                front.pieces.retain(|piece| !piece.call.as_ref().is_some_and(stopped));
                front.calls.retain(|call| !stopped(call));
                if front.call_pieces.iter().all(|(call, _)| stopped(call)) {
                    front.call_stop = None;
                }
            }
            if !self.texts.ready(front) {
                return;
            }
            if let Some(stop) = front.call_stop {
                return self.stop(0, Stop { start: 0, ..stop }, record);
            }
            if let Some((at, stop)) = self.texts.first_stop(front) {
                return self.stop(at, stop, record);
            }
            if let Some(held) = self.queue.pop_front() {
                self.queued_bytes -= held.bytes();
                self.emit(held, out, record);
            }
        }
        self.texts.settle();
    }

    /// Ends the answer at the front frame's piece number `at`.
    fn stop(&mut self, at: usize, stop: Stop, record: &mut Record) {
        self.rules.acted(stop.rule, record);
        self.cut = Some(match self.rules.guard(stop.rule).map(|guard| &guard.action) {
            Some(Action::Fallback(fallback)) => Cut::Fallback(Rc::clone(fallback)),
            _ => Cut::Blocked,
        });
        let Some(front) = self.queue.front() else { return };
        self.before = self.texts.before(front, at, stop.start, &self.rules);
        self.drop_queue();
    }

    /// Something that cannot be read: refused where a rule acts and the policy does not say `pass`.
    fn unreadable(&mut self, why: Unchecked, frame: Frame, out: &mut Vec<u8>, record: &mut Record) {
        let refuse = self.judges() && self.settings.block_unreadable;
        record.unchecked(why, refuse);
        if refuse {
            self.cut = Some(Cut::Blocked);
            self.drop_queue();
            return;
        }
        self.push(Held { frame, opaque: true, ..Held::default() }, out, record);
    }
}
