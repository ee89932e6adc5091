//! A JSON array whose elements are the events, as Gemini streams it: `[{…}\n,\r\n{…}\n]\n`.
//!
//! A frame is an element with what precedes it (bracket, comma, blanks); the element alone is its payload. The closing
//! bracket is a frame without payload, and so is what follows it. Only strings and the balance of brackets are tracked
//! here; whether an element is JSON is decided by its reader. Anything found where an element, a comma or a blank is
//! expected is payload too: nothing passes unread. A body that is not an array is one frame.

use std::ops::Range;

use super::find;
use super::frame::{Frame, Piece};
use super::open_frame::{ClosedFrame, KeptBytes, OpenFrame};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ArrayState {
    /// Before the opening bracket.
    Start,
    /// Not an array: all of it is one frame.
    NoArray,
    /// Between elements.
    Between,
    /// In an element: inside brackets.
    Nested,
    /// In an element: inside a string.
    InString,
    /// In an element: after a backslash in a string.
    Escape,
    /// In an element that is neither a string nor in brackets.
    Bare,
    /// After the closing bracket.
    After,
}

/// Reads an array. Positions are offsets in the frame: the held bytes, then those of the chunk.
#[derive(Debug)]
pub(super) struct Array {
    pub(super) open: OpenFrame,
    state: ArrayState,
    /// Open brackets in the element.
    depth: u64,
    /// Where the payload begins; `None` before it, or if that was given away.
    start: Option<usize>,
}

impl Array {
    pub(super) fn new(limit: usize) -> Self {
        Array { open: OpenFrame::new(limit), state: ArrayState::Start, depth: 0, start: None }
    }

    pub(super) fn next<'c>(&mut self, rest: &mut &'c [u8]) -> Option<Piece<'c>> {
        let mut at = 0;
        while let Some(&byte) = rest.get(at) {
            if self.state == ArrayState::InString {
                let ordinary = rest.get(at..).and_then(find::string_stop_in);
                if ordinary != Some(0) {
                    at = ordinary.map_or(rest.len(), |offset| at + offset);
                    continue;
                }
            }
            let step = self.step(byte, self.open.len() + at);
            at += usize::from(step != ByteRole::EndBefore);
            if step != ByteRole::Inside {
                let (part, after) = rest.split_at_checked(at).unwrap_or((rest, &[]));
                *rest = after;
                return Some(self.close(part, false));
            }
        }
        match self.open.keep(std::mem::take(rest)) {
            KeptBytes::Held => None,
            KeptBytes::Given(piece) => {
                self.start = None;
                piece
            }
        }
    }

    pub(super) fn give_up(&mut self) -> Option<Piece<'static>> {
        let given = self.open.give_away()?;
        self.start = None;
        Some(given)
    }

    pub(super) fn finish(&mut self) -> Option<Piece<'static>> {
        if self.open.len() == 0 && !self.open.is_oversized() {
            return None;
        }
        let truncated =
            !matches!(self.state, ArrayState::Start | ArrayState::NoArray | ArrayState::After);
        Some(self.close(&[], truncated))
    }

    /// Reads one byte at `position`.
    fn step(&mut self, byte: u8, position: usize) -> ByteRole {
        let blank = matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        match (self.state, byte) {
            (ArrayState::Start | ArrayState::Between | ArrayState::After, _) if blank => {}
            (ArrayState::Start, b'[') => self.state = ArrayState::Between,
            (ArrayState::Start, _) => {
                self.state = ArrayState::NoArray;
                self.start = Some(position);
            }
            (ArrayState::After, _) => self.start = self.start.or(Some(position)),
            (ArrayState::Between, b',') => {}
            (ArrayState::Between, b']') => {
                self.state = ArrayState::After;
                return ByteRole::EndAfter;
            }
            (ArrayState::Between, _) => return self.begin(byte, position),
            (ArrayState::Nested, b'"') => self.state = ArrayState::InString,
            (ArrayState::Nested, b'{' | b'[') => self.depth += 1,
            (ArrayState::Nested, b'}' | b']') => {
                self.depth -= 1;
                return self.end_at_depth_0();
            }
            (ArrayState::InString, b'\\') => self.state = ArrayState::Escape,
            (ArrayState::InString, b'"') => return self.end_at_depth_0(),
            (ArrayState::Escape, _) => self.state = ArrayState::InString,
            (ArrayState::Bare, b',' | b']') => {
                self.state = ArrayState::Between;
                return ByteRole::EndBefore;
            }
            (ArrayState::Bare, _) if blank => {
                self.state = ArrayState::Between;
                return ByteRole::EndBefore;
            }
            (
                ArrayState::NoArray | ArrayState::Nested | ArrayState::InString | ArrayState::Bare,
                _,
            ) => {}
        }
        ByteRole::Inside
    }

    fn begin(&mut self, byte: u8, position: usize) -> ByteRole {
        self.start = Some(position);
        self.depth = u64::from(matches!(byte, b'{' | b'['));
        self.state = match byte {
            b'{' | b'[' => ArrayState::Nested,
            b'"' => ArrayState::InString,
            _ => ArrayState::Bare,
        };
        ByteRole::Inside
    }

    fn end_at_depth_0(&mut self) -> ByteRole {
        let inside = self.depth > 0;
        self.state = if inside { ArrayState::Nested } else { ArrayState::Between };
        if inside { ByteRole::Inside } else { ByteRole::EndAfter }
    }

    fn close<'c>(&mut self, part: &'c [u8], truncated: bool) -> Piece<'c> {
        let start = self.start.take();
        match self.open.close(part) {
            ClosedFrame::TooBig(piece) => piece,
            ClosedFrame::Whole(raw) => {
                let payload = start.map(|start| Range { start, end: raw.len() });
                let payload = payload.into_iter().collect();
                Piece::Frame(Frame { raw, payload, truncated, ..Frame::default() })
            }
        }
    }
}

/// The role of a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ByteRole {
    /// It is part of the frame, which continues.
    Inside,
    /// It is the frame's last.
    EndAfter,
    /// It is the next frame's first.
    EndBefore,
}

/// What was sent of an array before the events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ArrayProgress {
    /// Nothing.
    #[default]
    Nothing,
    /// Its bracket.
    Opened,
    /// An element.
    Element,
}

/// Appends these elements and ends the array; without elements nothing is written.
pub(super) fn write(
    begun: ArrayProgress,
    elements: &mut dyn Iterator<Item = &str>,
    out: &mut Vec<u8>,
) {
    let mut before: &[u8] = match begun {
        ArrayProgress::Nothing => b"[",
        ArrayProgress::Opened => b"",
        ArrayProgress::Element => BETWEEN,
    };
    let none = out.len();
    for element in elements {
        out.extend_from_slice(before);
        out.extend_from_slice(element.as_bytes());
        before = BETWEEN;
    }
    if out.len() > none {
        out.extend_from_slice(b"\n]\n");
    }
}

/// What Google's servers write between elements.
const BETWEEN: &[u8] = b",\r\n";
