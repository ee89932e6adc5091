//! A stream as frames: the units that are held and released as a whole (invariant 5).

use std::borrow::Cow;
use std::ops::Range;

/// How an answer's bytes are cut into frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events (WHATWG HTML, "Server-sent events").
    Sse,
    /// One JSON array whose elements are the events (Gemini without `alt=sse`).
    JsonArray,
    /// One JSON document: the whole body is one frame.
    Json,
    /// One JSON document per line (Ollama).
    NdJson,
    /// Binary messages (`application/vnd.amazon.eventstream`, AWS Bedrock).
    EventStream,
}

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// True for bytes that begin like a JSON document.
#[must_use]
pub fn is_document(raw: &[u8]) -> bool {
    // Nearly all begin like an event.
    if matches!(raw, [b'a'..=b'z', ..]) {
        return false;
    }
    let raw = raw.strip_prefix(BOM).unwrap_or(raw);
    matches!(raw.trim_ascii_start(), [b'{' | b'[', ..])
}

/// The properties of a frame that is a message of an event stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventStreamMessage {
    /// The model's own event, if the payload contains one as base64: it is what is read and changed.
    pub inner: Option<Vec<u8>>,
}

/// The position of a payload in a frame: one range, or one for each `data:` line. Nearly every event has one line, and
/// needs no allocation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PayloadLines {
    first: Option<Range<usize>>,
    more: Vec<Range<usize>>,
}

impl PayloadLines {
    /// Adds a line after the others.
    pub(super) fn push(&mut self, line: Range<usize>) {
        match &self.first {
            None => self.first = Some(line),
            Some(_) => self.more.push(line),
        }
    }

    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.more.len()
    }

    /// The first one.
    #[must_use]
    pub fn first(&self) -> Option<&Range<usize>> {
        self.first.as_ref()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Range<usize>> {
        self.first.iter().chain(&self.more)
    }
}

impl FromIterator<Range<usize>> for PayloadLines {
    fn from_iter<I: IntoIterator<Item = Range<usize>>>(lines: I) -> Self {
        let mut all = Self::default();
        lines.into_iter().for_each(|line| all.push(line));
        all
    }
}

/// One frame as it arrived: an SSE event with its blank line, an array element with the comma before it, a binary
/// message, a whole body. Its bytes are borrowed from its chunk if it arrived in one: only a frame that was cut between
/// chunks, and one that waits ([`Frame::into_owned`]), owns its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Every byte of the frame, terminators included. The frames of a stream, joined, are the stream.
    pub raw: Cow<'a, [u8]>,
    /// The position of the payload (the JSON text) in `raw`. For SSE: one range per `data:` line, joined by `\n` when
    /// read. Empty for frames without data (comments, pings without data, the brackets of an array).
    pub payload: PayloadLines,
    /// The `event:` field of an SSE event, if it has one, as a range of `raw`; the last one if it has several. For a
    /// message, its type.
    pub event: Option<Range<usize>>,
    /// Set for a message of an event stream.
    pub message: Option<EventStreamMessage>,
    /// The stream ended inside this frame (no blank line, no closing bracket).
    pub truncated: bool,
    /// Readers differ about where its lines end: one ends with a lone CR, in a stream whose lines have ended with LF.
    /// According to the standard that ends a line; many clients split at LF, and read another event or none.
    pub mixed: bool,
}

impl<'a> Frame<'a> {
    /// A whole body as one frame, all of it payload. The host bounds its size, since it had the body in one piece.
    #[must_use]
    pub fn whole(raw: impl Into<Cow<'a, [u8]>>) -> Self {
        let raw = raw.into();
        let payload = std::iter::once(0..raw.len()).filter(|all| !all.is_empty()).collect();
        Frame { raw, payload, ..Frame::default() }
    }

    /// The frame with bytes of its own, to outlive its chunk.
    #[must_use]
    pub fn into_owned(self) -> Frame<'static> {
        Frame {
            raw: Cow::Owned(self.raw.into_owned()),
            payload: self.payload,
            event: self.event,
            message: self.message,
            truncated: self.truncated,
            mixed: self.mixed,
        }
    }

    /// The payload; copied only if it spans several `data:` lines. Empty if there is none.
    #[must_use]
    pub fn payload_bytes(&self) -> Cow<'_, [u8]> {
        if let Some(EventStreamMessage { inner: Some(event) }) = &self.message {
            return Cow::Borrowed(event);
        }
        let line = |line: &Range<usize>| self.raw.get(line.clone()).unwrap_or_default();
        let Some(first) = self.payload.first().map(line) else { return Cow::Borrowed(&[]) };
        if self.payload.more.is_empty() {
            return Cow::Borrowed(first);
        }
        let mut joined = Vec::with_capacity(self.raw.len());
        joined.extend_from_slice(first);
        for more in self.payload.more.iter().map(line) {
            joined.push(b'\n');
            joined.extend_from_slice(more);
        }
        Cow::Owned(joined)
    }

    /// An event that is preceded by a JSON document outside of any field: some servers append `data: [DONE]` to an
    /// answer that is not a stream, and clients that asked for none read the document. Then the document is the
    /// payload. True if anything else is appended to it.
    #[must_use]
    pub fn document_first(mut self) -> (Self, bool) {
        if self.message.is_some() || !is_document(&self.raw) {
            return (self, false);
        }
        let starts = self.payload.iter().chain(&self.event).map(|range| range.start).min();
        let Some(start) = starts else { return (self, false) };
        let before = self.raw.get(..start).unwrap_or_default();
        let line = before.iter().rposition(|b| matches!(b, b'\n' | b'\r')).map_or(0, |at| at + 1);
        if line == 0 {
            return (self, false);
        }
        if self.payload_bytes().trim_ascii() != b"[DONE]" {
            return (self, true);
        }
        self.payload = std::iter::once(0..line).collect();
        self.event = None;
        (self, false)
    }

    /// True for bytes in an event stream that are neither fields nor comments: a document, a page, plain text.
    #[must_use]
    pub fn is_no_event(&self) -> bool {
        let known = |line: &[u8]| {
            let name = line.split(|&b| b == b':').next().unwrap_or_default();
            matches!(name, b"" | b"data" | b"event" | b"id" | b"retry")
        };
        let raw = self.raw.strip_prefix(BOM).unwrap_or(&self.raw);
        self.payload.is_empty()
            && !self.is_blank_lines()
            && !raw.split(|b| matches!(b, b'\n' | b'\r')).all(known)
    }

    /// True for the beginning of an event in which the stream ended. What is not an event at all
    /// ([`Frame::is_no_event`]) does not count.
    #[must_use]
    pub fn is_half_event(&self) -> bool {
        let raw = self.raw.strip_prefix(BOM).unwrap_or(&self.raw);
        let last = raw.rsplit(|b| matches!(b, b'\n' | b'\r')).next().unwrap_or_default();
        let begins = |field: &&[u8]| field.starts_with(last);
        let names: [&[u8]; 5] = [b"data", b"event", b"id", b"retry", BOM];
        let begun = !last.is_empty() && names.iter().any(begins);
        self.truncated && (begun || !self.is_no_event())
    }

    /// True for blank lines and nothing else: they carry nothing, and how many form one frame depends on how they
    /// arrived.
    #[must_use]
    pub fn is_blank_lines(&self) -> bool {
        self.payload.is_empty() && self.raw.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
    }

    /// The `event:` field's value, if the event has one.
    #[must_use]
    pub fn event_name(&self) -> Option<&[u8]> {
        self.raw.get(self.event.clone()?)
    }

    /// The parts of `raw` that a range of the payload covers: one for each `data:` line it touches, without the line
    /// ends between them.
    pub fn raw_ranges(&self, payload: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let mut line_start = 0;
        self.payload.iter().filter_map(move |line| {
            let len = line.len();
            let start = payload.start.saturating_sub(line_start).min(len);
            let end = payload.end.saturating_sub(line_start).min(len);
            let touched = payload.start <= line_start + len && payload.end >= line_start;
            line_start += len + 1;
            touched.then_some(line.start + start..line.start + end)
        })
    }
}

/// What a framer returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A complete frame.
    Frame(Frame<'a>),
    /// Bytes of a frame that exceeds the limit: not to be read, in order with the frames. `last` ends that frame.
    Oversized {
        /// The bytes, to be forwarded or dropped as `on_unreadable` says. The last part can be empty.
        raw: Cow<'a, [u8]>,
        /// True for the frame's last part.
        last: bool,
    },
    /// Bytes that are not part of a frame, in a stream whose frames are lost for good: so are all that follow.
    Lost {
        /// The bytes, to be forwarded or dropped as `on_unreadable` says.
        raw: Cow<'a, [u8]>,
    },
}

impl Piece<'_> {
    /// The piece with bytes of its own.
    #[must_use]
    pub fn into_owned(self) -> Piece<'static> {
        let owned = |raw: Cow<'_, [u8]>| Cow::Owned(raw.into_owned());
        match self {
            Piece::Frame(frame) => Piece::Frame(frame.into_owned()),
            Piece::Oversized { raw, last } => Piece::Oversized { raw: owned(raw), last },
            Piece::Lost { raw } => Piece::Lost { raw: owned(raw) },
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        match self {
            Piece::Frame(frame) => &frame.raw,
            Piece::Oversized { raw, .. } | Piece::Lost { raw } => raw,
        }
    }
}
