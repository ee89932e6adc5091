//! The only loop over an answer's frames: each is cut off, parsed and read by its dialect once, and all observers look
//! at the same [`FrameView`]. Guardrails and tools rules decide about it ([`super::Pipe`]), the meter of limits counts
//! it, MCP judges its messages.
//!
//! ```text
//! chunk ── next ─→ piece ── read ─→ ShownFrame ── view ─→ meter
//!                                       └────────────────→ Pipe::frame, or MCP's messages ─→ Output
//! ```
//! A frame borrows from its chunk; only one that was cut between chunks, or waits, owns its bytes.

mod repeated;

use super::held::QueuedFrame;
use super::repeats::{LearnedWord, Repeat, Repeats, TemplateId};
use crate::counters::Unchecked;
use crate::dialect::{self, Answer, Ending, Item, Leaves, TextKey};
use crate::limits;
use crate::wire::frame::{Frame, Framing, Piece, is_document};
use crate::wire::framer::Framer;
use crate::wire::json::{Doc, NodeId};
use crate::wire::own::OwnEvents;
use crate::wire::text::Decoded;

/// Frames of one answer, and the dialect that reads them.
#[derive(Debug)]
pub struct FrameLoop {
    framing: Framing,
    framer: Framer,
    /// Reads a model's answer; `None` for MCP, whose messages are read by the code that judges them.
    reader: Option<Box<dyn Answer>>,
    /// Reused from frame to frame.
    doc: Doc,
    /// The number of the frame that `doc` belongs to; 0 for none. Nearly every frame leaves at once and unchanged: then
    /// it need not be parsed again.
    doc_of: u64,
    /// How many frames have arrived.
    frames: u64,
    items: Vec<Item>,
    /// Recognises frames that need neither be parsed nor read; `None` to parse and read every frame.
    repeats: Option<Repeats>,
    /// How many bytes there were when [`FrameLoop::word`] found that they begin with no learned event, so that they
    /// need not be compared again; 0 if it has not looked. If the number is out of date, a known event is parsed: only
    /// time is lost.
    unlike: usize,
    /// A frame may take a shorter way than those that wait.
    shortens: bool,
    /// Memory that an incomplete frame may take, given the room that all others leave.
    room: usize,
    /// The frame that is given away was not too long: there was no room for it.
    short: bool,
    /// The template of the frame that `doc` belongs to, if known; and that of the frame that was sent last.
    like: Option<TemplateId>,
    sent_like: Option<TemplateId>,
    decoded: Decoded,
}

/// One frame, cut off and read.
#[derive(Debug)]
pub struct ShownFrame<'c> {
    /// Its bytes.
    pub frame: Frame<'c>,
    /// Its content.
    pub content: FrameContent,
    /// Its number among the frames of the answer, from 1.
    pub number: u64,
    /// What it repeats, if it was recognised by its bytes.
    pub repeat: Option<Repeat>,
}

/// A frame that continues one text and contains nothing else. It was recognised by its document, which is not written
/// until it is needed ([`FrameLoop::show_found`]).
#[derive(Debug)]
pub(crate) struct FoundWord<'c> {
    pub(super) frame: Frame<'c>,
    pub(super) word: LearnedWord,
    number: u64,
}

/// The next frame of an answer.
#[derive(Debug)]
pub(crate) enum NextFrame<'c> {
    /// One that only continues a text, and has no view yet.
    Word(FoundWord<'c>),
    /// Any other, with its view.
    Shown(ShownFrame<'c>),
}

/// The content of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameContent {
    /// No payload, or a blank one.
    Nothing,
    /// Known content that is not JSON: `[DONE]`.
    Other,
    /// JSON.
    Json,
    /// Something that cannot be read.
    Unread(Unchecked),
}

/// A frame as observers see it.
#[derive(Debug, Clone, Copy)]
pub struct FrameView<'v> {
    /// Its content.
    pub content: FrameContent,
    /// Its payload; empty if there is none.
    pub payload: &'v [u8],
    /// The parsed payload, if it is JSON.
    pub doc: &'v Doc,
    /// What the dialect found in it.
    pub items: &'v [Item],
    /// The answer is a stream; if false, this is all of it.
    pub streamed: bool,
    /// How it is written, if events like it may be repeated with another word.
    pub like: Option<TemplateId>,
}

impl FrameLoop {
    /// An answer of which nothing has arrived.
    #[must_use]
    pub fn new(framing: Framing, reader: Option<Box<dyn Answer>>) -> Self {
        Self {
            framing,
            framer: Framer::new(framing),
            reader,
            doc: Doc::default(),
            doc_of: 0,
            frames: 0,
            items: Vec::new(),
            repeats: (framing != Framing::Json).then(Repeats::default),
            unlike: 0,
            shortens: true,
            room: limits::KEPT_VM_BYTES,
            short: false,
            like: None,
            sent_like: None,
            decoded: Decoded::new(),
        }
    }

    /// The same, but every frame is parsed and read, which is always correct: the reference for the shorter way.
    #[must_use]
    pub fn without_repeats(mut self) -> Self {
        self.repeats = None;
        self.shortens = false;
        self
    }

    /// True if a frame may take a shorter way when nothing of it can be changed.
    pub(super) fn shortens(&self) -> bool {
        self.shortens
    }

    /// How many frames were neither parsed nor read.
    #[must_use]
    pub fn repeated_frames(&self) -> u64 {
        self.repeats.as_ref().map_or(0, Repeats::found)
    }

    /// Sets how much room other answers leave for an incomplete frame, in bytes.
    pub fn set_room(&mut self, room: usize) {
        self.room = room;
    }

    /// Memory that is kept for the incomplete frame, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.framer.memory()
    }

    /// The framing of the answer.
    #[must_use]
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// Bytes that have arrived of an incomplete frame.
    #[must_use]
    pub fn held(&self) -> usize {
        self.framer.held()
    }

    /// The next frame that is completed by the bytes in `rest`, read, and taken from its front; `None` if there is
    /// none.
    pub fn next<'c>(&mut self, rest: &mut &'c [u8]) -> Option<ShownFrame<'c>> {
        let next = self.next_frame(rest)?;
        Some(self.shown(next))
    }

    /// The view of a frame. Nothing else may be asked of the loop between the two calls.
    pub(crate) fn shown<'c>(&mut self, next: NextFrame<'c>) -> ShownFrame<'c> {
        match next {
            NextFrame::Word(found) => self.show_found(found),
            NextFrame::Shown(shown) => shown,
        }
    }

    /// The result of [`FrameLoop::next`], for callers that need no view of a frame which only continues a text.
    pub(crate) fn next_frame<'c>(&mut self, rest: &mut &'c [u8]) -> Option<NextFrame<'c>> {
        if rest.is_empty() && self.framer.is_between_events() {
            self.trim();
            return None;
        }
        if std::mem::take(&mut self.unlike) != rest.len()
            && let Some(shown) = self.repeated(rest)
        {
            return Some(NextFrame::Shown(shown));
        }
        if let Some(piece) = self.framer.next(rest) {
            return Some(self.piece(piece));
        }
        // Everything is taken: the beginning of an incomplete frame is kept now, if there is room for it.
        self.trim();
        if self.framer.memory() <= self.room {
            return None;
        }
        let piece = self.framer.give_up()?;
        self.short = true;
        Some(self.piece(piece))
    }

    /// Frees what only an unusual frame needs.
    fn trim(&mut self) {
        if self.items.capacity() > limits::SPARE_ENTRIES {
            self.items = Vec::new();
        }
        if self.doc.capacity() > limits::SPARE_ENTRIES {
            (self.doc, self.doc_of) = (Doc::default(), 0);
            self.repeats.iter_mut().for_each(Repeats::clear);
        }
    }

    /// True for a stream of server-sent events in which no event has begun that is not complete.
    #[must_use]
    pub fn is_between_events(&self) -> bool {
        self.framer.is_between_events()
    }

    /// The answer has ended: what is left of it.
    pub fn last(&mut self) -> Option<ShownFrame<'static>> {
        let piece = self.framer.last()?;
        let next = self.piece(piece);
        Some(self.shown(next))
    }

    /// A whole body. The host bounds its size, since it had the body in one piece.
    pub fn whole<'c>(&mut self, body: &'c [u8]) -> ShownFrame<'c> {
        let next = self.read(Frame::whole(body));
        self.shown(next)
    }

    fn piece<'c>(&mut self, piece: Piece<'c>) -> NextFrame<'c> {
        let (why, raw) = match piece {
            Piece::Frame(frame) => return self.read(frame),
            Piece::Oversized { raw, last } => {
                let short = self.short;
                self.short &= !last;
                (if short { Unchecked::Memory } else { Unchecked::TooBig }, raw)
            }
            Piece::Lost { raw } => (Unchecked::Dialect, raw),
        };
        self.frames += 1;
        self.doc_of = 0;
        self.like = None;
        self.items.clear();
        let frame = Frame { raw, ..Frame::default() };
        let content = FrameContent::Unread(why);
        NextFrame::Shown(ShownFrame { frame, content, number: self.frames, repeat: None })
    }

    fn read<'c>(&mut self, frame: Frame<'c>) -> NextFrame<'c> {
        // A document that is declared as an event stream: callers that asked for no stream read it anyway.
        let bare = frame.payload.is_empty() && is_document(&frame.raw);
        let frame = if bare { Frame::whole(frame.raw) } else { frame };
        let (frame, glued) = frame.document_first();
        let strange = self.framing == Framing::Sse && (glued || frame.mixed || frame.is_no_event());
        self.frames += 1;
        self.doc_of = 0;
        self.like = None;
        self.items.clear();
        if self.knows_document(&frame) {
            return self.known_frame(frame);
        }
        let payload = frame.payload_bytes();
        let content = match payload.trim_ascii() {
            _ if strange => FrameContent::Unread(Unchecked::Dialect),
            b"" => FrameContent::Nothing,
            b"[DONE]" => {
                self.repeats.iter_mut().for_each(Repeats::forget);
                if let Some(reader) = &mut self.reader {
                    reader.read_other(&payload, &mut self.items);
                }
                FrameContent::Other
            }
            _ if self.doc.parse(&payload).is_err() => FrameContent::Unread(Unchecked::Dialect),
            _ => {
                self.doc_of = self.frames;
                if let Some(reader) = &mut self.reader {
                    reader.named(frame.event_name().unwrap_or_default());
                    reader.read(&self.doc, &payload, &mut self.items);
                    if let Some(repeats) = &mut self.repeats {
                        let root = self.doc.root(&payload);
                        let document = (self.framing != Framing::Sse).then_some(&*payload);
                        self.like = repeats.read(
                            &frame,
                            document,
                            &root,
                            &self.doc,
                            &self.items,
                            reader.as_ref(),
                        );
                    }
                }
                FrameContent::Json
            }
        };
        drop(payload);
        NextFrame::Shown(ShownFrame { frame, content, number: self.frames, repeat: None })
    }

    /// The view of the frame that was read last; `payload` is its own.
    #[must_use]
    pub fn view<'v>(&'v self, content: FrameContent, payload: &'v [u8]) -> FrameView<'v> {
        let streamed = self.framing != Framing::Json;
        let (doc, items) = (&self.doc, &self.items);
        FrameView { content, payload, doc, items, streamed, like: self.like }
    }

    /// Parses this payload into `doc`, unless it is there already: of the frame with this number, or 0 for a payload
    /// that did not arrive like that.
    fn read_again(&mut self, number: u64, payload: &[u8]) -> bool {
        if number == 0 || number != self.doc_of {
            (self.doc_of, self.like) = (0, None);
            if self.doc.parse(payload).is_err() {
                return false;
            }
            self.doc_of = number;
        }
        true
    }

    /// How a frame leaves if calls were stopped in it or before it.
    pub(super) fn leave(
        &mut self,
        number: u64,
        payload: &[u8],
        pieces: &[dialect::CallPiece<'_>],
    ) -> Leaves {
        if !self.read_again(number, payload) {
            return Leaves::default();
        }
        let Some(reader) = &mut self.reader else { return Leaves::default() };
        let mut leaves = reader.leave(&self.doc, payload, pieces);
        dialect::take_out_strays(&self.doc, payload, pieces, &mut leaves);
        leaves
    }

    /// Tells the dialect that a frame has left unchanged.
    pub(super) fn left(&mut self, held: &QueuedFrame<'_>, payload: &[u8]) {
        let again = held.repeat.filter(|own| Some(own.like) == self.sent_like);
        let [piece] = held.pieces.as_slice() else {
            return self.sent(held.number, &held.frame.raw, payload);
        };
        if let Some(Repeat { key: Some(key), number, .. }) = again
            && piece.key == Some(key)
            && let Some(reader) = &mut self.reader
            && (!reader.keeps_words()
                || reader.sent_word(key, piece.place.text(payload, &mut self.decoded), number))
        {
            return;
        }
        self.sent(held.number, &held.frame.raw, payload);
        if let Some(own) = held.repeat {
            self.sent_like = Some(own.like);
        }
    }

    /// Tells the dialect what the caller has been sent.
    pub fn sent(&mut self, number: u64, raw: &[u8], payload: &[u8]) {
        let like = self.like.filter(|_| number != 0 && number == self.doc_of);
        let before = std::mem::replace(&mut self.sent_like, like);
        if like.is_some()
            && like == before
            && let Some(reader) = &mut self.reader
        {
            if reader.keeps_words() {
                reader.sent_again(&self.doc, payload, &self.items);
            }
            return;
        }
        let read = !payload.is_empty() && self.read_again(number, payload);
        let Some(reader) = &mut self.reader else { return };
        match (payload, read) {
            (b"", _) => reader.sent_other(raw),
            (_, true) => reader.sent(&self.doc, payload),
            (_, false) => reader.sent_other(payload),
        }
    }

    /// The proxy's own events leave: writes them in the answer's framing.
    pub(super) fn sent_ours(&mut self, events: &OwnEvents) -> Vec<u8> {
        for event in events.all() {
            self.sent(0, b"", event.data.as_bytes());
        }
        events.written(self.framing)
    }

    /// The rest of an answer for a caller that has been sent what was [`FrameLoop::sent`].
    pub fn ending(&mut self, ending: &Ending) -> Vec<u8> {
        let Some(reader) = &mut self.reader else { return Vec::new() };
        reader.ending(ending).written(self.framing)
    }

    /// The model that answers, if known.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.reader.as_ref()?.model()
    }

    /// Takes the items of the frame that was read last; to be returned.
    pub(super) fn take_items(&mut self) -> Vec<Item> {
        std::mem::take(&mut self.items)
    }

    pub(super) fn give_back(&mut self, items: Vec<Item>) {
        self.items = items;
    }

    /// The document of the frame that was read last.
    #[must_use]
    pub fn doc(&self) -> &Doc {
        &self.doc
    }

    /// The innermost of these pieces of calls that contains this value of the frame that was read last. `in_order`:
    /// they are in the order of their values.
    pub(super) fn call_of(
        &self,
        node: NodeId,
        calls: &[(TextKey, NodeId)],
        in_order: bool,
    ) -> Option<TextKey> {
        let mut value = self.doc.value(&[], node);
        while let Some(here) = value {
            let id = here.id();
            let piece = if in_order {
                let after = calls.partition_point(|(_, piece)| *piece <= id);
                after.checked_sub(1).and_then(|last| calls.get(last)).filter(|last| last.1 == id)
            } else {
                calls.iter().rfind(|(_, piece)| *piece == id)
            };
            if let Some((call, _)) = piece {
                return Some(*call);
            }
            value = here.parent();
        }
        None
    }
}
