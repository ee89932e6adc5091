//! A stream as frames: the units that are held and released whole (invariant 5).

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
    /// Binary messages (`application/vnd.amazon.eventstream`, AWS Bedrock).
    EventStream,
}

/// What a frame is beside its bytes if it is a message of an event stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The model's own event, where one stands in the payload as base64: then this is what is read and changed.
    pub inner: Option<Vec<u8>>,
}

/// One frame as it came: an SSE event with its blank line, an array element with the comma before it, a binary message,
/// a whole body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    /// Every byte of the frame, terminators included. The frames of a stream, joined, are the stream.
    pub raw: Vec<u8>,
    /// Where the payload (the JSON text) stands in `raw`. For SSE: one range per `data:` line, joined by `\n` when
    /// read. Empty for frames without data (comments, pings without data, the brackets of an array).
    pub payload: Vec<Range<usize>>,
    /// The `event:` field of an SSE event, if it has one, as a range of `raw`; the last one if it has several. The type
    /// of a message.
    pub event: Option<Range<usize>>,
    /// It is a message of an event stream.
    pub message: Option<Message>,
    /// The stream ended inside this frame (no blank line, no closing bracket).
    pub truncated: bool,
}

impl Frame {
    /// A whole body as one frame, all of it payload. Its size is the host's business: it had it in one piece.
    #[must_use]
    pub fn whole(raw: Vec<u8>) -> Self {
        let payload = std::iter::once(0..raw.len()).filter(|all| !all.is_empty()).collect();
        Frame { raw, payload, ..Frame::default() }
    }

    /// The payload; copied only if it stands in several `data:` lines. Empty if there is none.
    #[must_use]
    pub fn payload_bytes(&self) -> Cow<'_, [u8]> {
        if let Some(Message { inner: Some(event) }) = &self.message {
            return Cow::Borrowed(event);
        }
        let mut lines =
            self.payload.iter().map(|line| self.raw.get(line.clone()).unwrap_or_default());
        let Some(first) = lines.next() else { return Cow::Borrowed(&[]) };
        if self.payload.len() == 1 {
            return Cow::Borrowed(first);
        }
        let mut joined = Vec::with_capacity(self.raw.len());
        joined.extend_from_slice(first);
        for line in lines {
            joined.push(b'\n');
            joined.extend_from_slice(line);
        }
        Cow::Owned(joined)
    }

    /// The `event:` field's value, if the event has one.
    #[must_use]
    pub fn event_name(&self) -> Option<&[u8]> {
        self.raw.get(self.event.clone()?)
    }

    /// The parts of `raw` that a range of the payload stands in: one for each `data:` line it touches, and none for
    /// the line ends between them.
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

/// What a framer gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A complete frame.
    Frame(Frame),
    /// Bytes of a frame that passed the limit: not to be read, in order with the frames. `last` ends that frame.
    Oversized {
        /// The bytes, to be forwarded or dropped as `on_unreadable` says. The last part can be empty.
        raw: Vec<u8>,
        /// True for the frame's last part.
        last: bool,
    },
    /// Bytes that are no frame, of a stream that has lost its frames for good: all that follow are such.
    Lost {
        /// The bytes, to be forwarded or dropped as `on_unreadable` says.
        raw: Vec<u8>,
    },
}

impl Piece {
    /// The bytes it stands for.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        match self {
            Piece::Frame(frame) => &frame.raw,
            Piece::Oversized { raw, .. } | Piece::Lost { raw } => raw,
        }
    }
}
