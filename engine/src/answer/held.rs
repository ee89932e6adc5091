//! Frames that wait, with the pieces of text in them that a rule may still change.

use std::ops::Range;

use super::place::{Location, TextEdit};
use super::repeats::Repeat;
use super::rules::Rules;
use super::running::{AnswerStop, ChangedSpan, TextId};
use crate::dialect::TextKey;
use crate::limits;
use crate::wire::frame::Frame;
use crate::wire::json::NodeId;

/// A frame that has arrived and not left.
#[derive(Debug, Default)]
pub struct QueuedFrame<'a> {
    /// Its number among the frames of the answer, from 1.
    pub number: u64,
    /// What it repeats, if it does.
    pub repeat: Option<Repeat>,
    /// Its bytes.
    pub frame: Frame<'a>,
    /// The pieces of text in it that acting rules look at, in the order of its bytes.
    pub pieces: Vec<HeldPiece>,
    /// Tool calls that begin in it, each once, which a guardrail must see as a whole.
    pub calls: Vec<TextKey>,
    /// How many of them have been seen as a whole.
    pub calls_ready: usize,
    /// The verdict on a call that began in it: nothing of that call may leave.
    pub call_stop: Option<AnswerStop>,
    /// Pieces of calls in it, each with the value to remove.
    pub call_pieces: Vec<(TextKey, NodeId)>,
    /// How many of those belong to calls that need not wait, as of [`QueuedFrame::judged_at`].
    pub judged: usize,
    /// The value of [`Calls::reopened`](super::Calls::reopened) at that time.
    pub judged_at: u64,
    /// It could not be read and leaves unchanged.
    pub opaque: bool,
    /// How many of its pieces are decided.
    pub ready: usize,
    /// The memory reserved for it: [`QueuedFrame::memory`] when it arrived.
    pub taken: usize,
}

/// The lists of a frame that has left, for reuse: allocating them costs more than most frames do.
#[derive(Debug, Default)]
pub struct FrameLists {
    pieces: Vec<HeldPiece>,
    calls: Vec<TextKey>,
    call_pieces: Vec<(TextKey, NodeId)>,
}

impl FrameLists {
    /// A frame with these lists.
    #[must_use]
    pub fn frame<'a>(self) -> QueuedFrame<'a> {
        let Self { pieces, calls, call_pieces } = self;
        QueuedFrame {
            number: 0,
            repeat: None,
            frame: Frame::default(),
            pieces,
            calls,
            calls_ready: 0,
            call_stop: None,
            call_pieces,
            judged: 0,
            judged_at: 0,
            opaque: false,
            ready: 0,
            taken: 0,
        }
    }

    /// Those of a frame that is no longer needed; empty if they are long.
    #[must_use]
    pub fn of(held: QueuedFrame<'_>) -> Self {
        let QueuedFrame { mut pieces, mut calls, mut call_pieces, .. } = held;
        if pieces.capacity() + calls.capacity() + call_pieces.capacity() > limits::SPARE_ENTRIES {
            return Self::default();
        }
        pieces.clear();
        calls.clear();
        call_pieces.clear();
        Self { pieces, calls, call_pieces }
    }
}

impl QueuedFrame<'_> {
    /// The frame with bytes of its own, to outlive its chunk.
    #[must_use]
    pub fn into_owned(self) -> QueuedFrame<'static> {
        let Self { number, frame, pieces, calls, calls_ready, call_stop, call_pieces, .. } = self;
        let Self { repeat, judged, judged_at, opaque, ready, taken, .. } = self;
        let frame = frame.into_owned();
        QueuedFrame {
            number,
            repeat,
            frame,
            pieces,
            calls,
            calls_ready,
            call_stop,
            call_pieces,
            judged,
            judged_at,
            opaque,
            ready,
            taken,
        }
    }

    /// True for a frame that carries nothing: blank lines, comments, events without data.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        let blank =
            |line: &Range<usize>| self.frame.raw.get(line.clone()).is_some_and(<[u8]>::is_empty);
        !self.opaque
            && self.pieces.is_empty()
            && self.calls.is_empty()
            && self.call_pieces.is_empty()
            && self.frame.payload.iter().all(blank)
    }

    /// Appends another frame that carries nothing to this one, which does not either. Returns how much more memory it
    /// takes.
    pub fn join(&mut self, other: &QueuedFrame<'_>) -> usize {
        self.frame.raw.to_mut().extend_from_slice(&other.frame.raw);
        self.taken += other.bytes();
        other.bytes()
    }

    /// Bytes that wait.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.frame.raw.len()
    }

    /// Memory in bytes: a blank line is a frame too, and takes a hundred times its byte.
    #[must_use]
    pub fn memory(&self) -> usize {
        let inner = self.frame.message.as_ref().and_then(|message| message.inner.as_ref());
        size_of::<Self>()
            + self.frame.raw.len()
            + inner.map_or(0, Vec::capacity)
            + self.frame.payload.len() * size_of::<Range<usize>>()
            + self.pieces.capacity() * size_of::<HeldPiece>()
            // Once here, and once where they are looked up.
            + self.calls.capacity() * 4 * size_of::<TextKey>()
            + self.call_pieces.capacity() * size_of::<(TextKey, NodeId)>()
    }
}

/// A piece of a text, in a frame.
#[derive(Debug)]
pub struct HeldPiece {
    /// The text.
    pub text: TextId,
    /// The dialect's key for it, if it continues from frame to frame.
    pub key: Option<TextKey>,
    /// The first byte of the text that belongs to the piece.
    pub start: u64,
    /// The end of the piece in the text.
    pub end: u64,
    /// Where it is written.
    pub place: Location,
    /// The call that it belongs to: if that was stopped, the piece is left alone.
    pub call: Option<TextKey>,
    /// It is signed: in a request, a redaction of it blocks.
    pub signed: bool,
    /// What else is replaced if a rule changes this piece: the span of a value in the payload, and the replacement.
    pub erase: Option<(Range<usize>, &'static str)>,
}

impl HeldPiece {
    /// A piece of which only its position and its text are known.
    #[must_use]
    pub fn new(key: Option<TextKey>, place: Location) -> Self {
        Self { text: 0, key, start: 0, end: 0, place, call: None, signed: false, erase: None }
    }

    /// A text offset as an offset in the piece, clamped to it.
    #[must_use]
    pub fn local(&self, offset: u64) -> usize {
        let within = offset.clamp(self.start, self.end) - self.start;
        usize::try_from(within).unwrap_or(usize::MAX)
    }

    /// A redaction as a change of this piece, up to `end`. The replacement is inserted where the redaction begins;
    /// further pieces that it covers only lose text.
    #[must_use]
    pub fn change<'a>(&self, span: ChangedSpan, rules: &'a Rules, end: u64) -> TextEdit<'a> {
        TextEdit {
            at: self.local(span.start)..self.local(span.end.min(end)),
            with: if span.start >= self.start { rules.replacement(span.rule) } else { "" },
        }
    }
}
