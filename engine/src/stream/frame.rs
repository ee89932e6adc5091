//! A stream as frames: the units that are held and released whole (invariant 5).

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
}

/// One frame as it came: an SSE event with its blank line, an array element with the comma before it, a whole body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    /// Every byte of the frame, terminators included. The frames of a stream, joined, are the stream.
    pub raw: Vec<u8>,
    /// Where the payload (the JSON text) stands in `raw`. For SSE: one range per `data:` line, joined by `\n` when
    /// read. Empty for frames without data (comments, pings without data, the brackets of an array).
    pub payload: Vec<Range<usize>>,
    /// The `event:` field of an SSE event, if it has one, as a range of `raw`.
    pub event: Option<Range<usize>>,
    /// The stream ended inside this frame (no blank line, no closing bracket).
    pub truncated: bool,
}

/// Why a frame cannot be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameTrouble {
    /// Longer than [`crate::limits::EVENT_BYTES`]: its bytes come as [`Piece::Oversized`] parts.
    TooBig,
}

/// What a framer gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A complete frame.
    Frame(Frame),
    /// Bytes of a frame that passed the limit: not to be read, in order with the frames. `last` ends that frame.
    Oversized {
        /// The bytes, to be forwarded or dropped as `on_unreadable` says.
        raw: Vec<u8>,
        /// True for the frame's last part.
        last: bool,
    },
}
