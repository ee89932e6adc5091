//! Server-sent events (WHATWG HTML §9.2.6, "Interpreting an event stream") as frames.
//!
//! A frame is everything up to and including a blank line. Further blank lines are frames of their own, without
//! payload: several that arrive together are one. Lines end with LF, CRLF or CR, in any mixture, and with nothing else:
//! U+2028 and similar characters occur unescaped in JSON strings.
//!
//! If a blank line is written as a lone CR at the end of what has arrived, an LF may follow and belong to it. The frame
//! waits for one more byte only if the line before ended with CRLF: such a stream will send its LF. Otherwise the frame
//! is complete, so that a stream of CRs does not stall; should an LF follow after all, it is the first byte of the next
//! frame, and not a blank line there. Either way nothing depends on where the chunks were cut.

use std::ops::Range;

use super::find;
use super::frame::{Frame, PayloadLines, Piece};
use super::open_frame::{ClosedFrame, KeptBytes, OpenFrame};
use crate::limits;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// What the last byte leaves open, if it was a CR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AfterCr {
    /// The last byte was not a CR.
    Nothing,
    /// An LF here belongs to the line end before it.
    Line,
    /// An LF here belongs to the blank line before it, and the frame ends with or before this byte.
    BlankLine,
}

/// Reads an event stream. All positions are offsets in the frame: the held bytes, then those of the chunk.
#[derive(Debug)]
pub(super) struct Sse {
    pub(super) open: OpenFrame,
    payload: PayloadLines,
    event: Option<Range<usize>>,
    /// Where the current line begins; `None` if it began in bytes that were given away (then it is not blank).
    line: Option<usize>,
    after_cr: AfterCr,
    /// The last line ended with CRLF.
    crlf: bool,
    /// A line of the stream has ended with LF.
    lf: bool,
    /// A line of this event, or the blank one before it, ended with a lone CR.
    lone_cr: bool,
    /// Nothing but a BOM has arrived yet: it is not part of a field's name.
    beginning: bool,
}

impl Sse {
    pub(super) fn new(limit: usize) -> Self {
        Sse {
            open: OpenFrame::new(limit),
            payload: PayloadLines::default(),
            event: None,
            line: Some(0),
            after_cr: AfterCr::Nothing,
            crlf: false,
            lf: false,
            lone_cr: false,
            beginning: true,
        }
    }

    pub(super) fn next<'c>(&mut self, rest: &mut &'c [u8]) -> Option<Piece<'c>> {
        if matches!(rest, [b'\n' | b'\r', ..])
            && let Some(piece) = self.blank_lines(rest)
        {
            return Some(piece);
        }
        if self.is_between_events()
            && let Some(piece) = self.plain(rest)
        {
            return Some(piece);
        }
        // How much has been examined of what the frame has not taken yet.
        let mut at = 0;
        loop {
            if self.after_cr != AfterCr::Nothing {
                let Some(&byte) = rest.get(at) else { break };
                at += self.resolve_cr(byte, self.open.len() + at);
                if std::mem::replace(&mut self.after_cr, AfterCr::Nothing) == AfterCr::BlankLine {
                    return Some(self.dispatch(rest, at));
                }
                continue;
            }
            let Some(end) = find::line_end(rest, at) else { break };
            at = end;
            let blank = self.read_line(rest, &mut at);
            let cr = rest.get(at) == Some(&b'\r');
            at += 1;
            self.line = Some(self.open.len() + at);
            if cr {
                let waits = blank && self.crlf;
                self.after_cr = if waits { AfterCr::BlankLine } else { AfterCr::Line };
                if waits {
                    continue;
                }
            }
            self.crlf = false;
            self.lf |= !cr;
            if blank {
                return Some(self.dispatch(rest, at));
            }
        }
        let end = self.open.len() + rest.len();
        match self.open.keep(std::mem::take(rest)) {
            KeptBytes::Held => None,
            KeptBytes::Given(piece) => {
                self.line = (self.line == Some(end)).then_some(0);
                piece
            }
        }
    }

    /// Adjacent blank lines, written alike, with no event before them: all that have arrived form one frame, since they
    /// carry nothing. `None` if it is unclear what the first byte is.
    fn blank_lines<'c>(&mut self, rest: &mut &'c [u8]) -> Option<Piece<'c>> {
        if !self.is_empty() {
            return None;
        }
        let line: &[u8] = match (self.after_cr, *rest) {
            (AfterCr::Nothing, [b'\n', ..]) => b"\n",
            // Otherwise the LF belongs to the frame after it.
            (AfterCr::Nothing, [b'\r', b'\n', ..]) if self.crlf => b"\r\n",
            (AfterCr::Line, [b'\r', ..]) => b"\r",
            _ => return None,
        };
        let most = self.open.limit() / line.len() * line.len();
        let written = rest.iter().take(most).zip(line.iter().cycle());
        let bytes = written.take_while(|(own, wanted)| own == wanted).count();
        let (raw, after) = rest.split_at_checked(bytes / line.len() * line.len())?;
        if raw.is_empty() {
            return None;
        }
        *rest = after;
        self.crlf = line.len() > 1;
        self.lf |= line != b"\r";
        let mixed = line == b"\r" && self.lf;
        Some(Piece::Frame(Frame { raw: raw.into(), mixed, ..Frame::default() }))
    }

    /// An event that has arrived as a whole, with lines that all end with LF or all with CRLF: nearly every one is, and
    /// needs no state. `None` for any other.
    fn plain<'c>(&mut self, rest: &mut &'c [u8]) -> Option<Piece<'c>> {
        let (mut payload, mut event) = (PayloadLines::default(), None);
        let (mut line, mut at) = (*rest, 0);
        let first = find::line_end(line, 0)?;
        let end: &[u8] = if line.get(first) == Some(&b'\n') { b"\n" } else { b"\r\n" };
        if first == 0 && end.len() > 1 {
            // The end of a blank line depends on the line before it.
            return None;
        }
        let mut length = first;
        let length = loop {
            let (own, after) = line.split_at_checked(length)?;
            line = after.strip_prefix(end)?;
            if own.is_empty() {
                break at + end.len();
            }
            if let Some(value) = field(own, b"data") {
                payload.push(at + value.start..at + value.end);
            } else if let Some(value) = field(own, b"event") {
                event = Some(at + value.start..at + value.end);
            }
            at += length + end.len();
            length = find::line_end(line, 0)?;
        };
        if length > self.open.limit() || payload.len() > limits::EVENT_LINES {
            return None;
        }
        let (raw, after) = rest.split_at_checked(length)?;
        *rest = after;
        self.crlf = end.len() > 1;
        self.lf = true;
        Some(Piece::Frame(Frame { raw: raw.into(), payload, event, ..Frame::default() }))
    }

    /// True if nothing of an event has arrived, and nothing that follows belongs to the last one.
    #[inline(always)]
    pub(super) fn is_between_events(&self) -> bool {
        self.after_cr == AfterCr::Nothing && self.is_empty()
    }

    /// True if nothing of an event has arrived.
    #[inline(always)]
    fn is_empty(&self) -> bool {
        !self.beginning
            && self.line == Some(0)
            && self.open.len() == 0
            && !self.open.is_oversized()
            && self.payload.is_empty()
            && self.event.is_none()
    }

    /// An event was taken by other code.
    #[inline(always)]
    pub(super) fn passed(&mut self, event: &[u8]) {
        self.crlf = matches!(event, [.., b'\r', b'\n']);
    }

    pub(super) fn give_up(&mut self) -> Option<Piece<'static>> {
        let end = self.open.len();
        // The LF of the preceding blank line is not an event, and costs nothing to keep.
        if self.is_only_lf() {
            return None;
        }
        let given = self.open.give_away()?;
        self.line = (self.line == Some(end)).then_some(0);
        self.payload = PayloadLines::default();
        Some(given)
    }

    /// Memory that is kept for the incomplete event, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.open.memory() + self.payload.len() * size_of::<Range<usize>>()
    }

    pub(super) fn finish(&mut self) -> Option<Piece<'static>> {
        let waited = std::mem::replace(&mut self.after_cr, AfterCr::Nothing);
        if self.open.len() == 0 && !self.open.is_oversized() {
            return None;
        }
        let truncated = waited != AfterCr::BlankLine && !self.is_only_lf();
        if truncated {
            self.read_line(&mut [].as_slice(), &mut 0);
        }
        Some(self.close(&[], truncated))
    }

    /// True if nothing of an event has arrived except the LF of the preceding blank line.
    fn is_only_lf(&self) -> bool {
        !self.open.is_oversized() && self.open.held() == b"\n" && self.line == Some(1)
    }

    /// Reads the byte after a CR; returns how many bytes of it belong to that line end.
    fn resolve_cr(&mut self, byte: u8, position: usize) -> usize {
        self.crlf = byte == b'\n';
        self.lf |= self.crlf;
        if !self.crlf {
            self.lone_cr = true;
            return 0;
        }
        self.line = Some(position + 1);
        1
    }

    /// Reads the line that ends at `rest[at]` and returns true if it is blank. A line that began in an earlier chunk is
    /// first joined with the held bytes.
    fn read_line(&mut self, rest: &mut &[u8], at: &mut usize) -> bool {
        let Some(start) = self.line else { return false };
        if self.open.is_oversized() {
            self.beginning = false;
            return start == self.open.len() + *at;
        }
        let held = self.open.len();
        let line = if start >= held {
            rest.get(start - held..*at).unwrap_or_default()
        } else {
            let Some((part, after)) = rest.split_at_checked(*at) else { return false };
            if self.open.extend(part) {
                (*rest, *at) = (after, 0);
                self.open.held().get(start..).unwrap_or_default()
            } else {
                // Already too big: it only matters whether it is blank, and it is not.
                return false;
            }
        };
        let bom = std::mem::take(&mut self.beginning) && line.starts_with(BOM);
        let (line, start) = if bom {
            (line.get(BOM.len()..).unwrap_or_default(), start + 3)
        } else {
            (line, start)
        };
        if line.is_empty() {
            return true;
        }
        if let Some(value) = field(line, b"data") {
            self.payload.push(start + value.start..start + value.end);
            if self.payload.len() > limits::EVENT_LINES {
                self.open.give_up();
            }
        } else if let Some(value) = field(line, b"event") {
            self.event = Some(start + value.start..start + value.end);
        }
        false
    }

    /// Ends the frame before `rest[at]`.
    fn dispatch<'c>(&mut self, rest: &mut &'c [u8], at: usize) -> Piece<'c> {
        let (part, after) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        *rest = after;
        self.close(part, false)
    }

    fn close<'c>(&mut self, part: &'c [u8], truncated: bool) -> Piece<'c> {
        self.line = Some(0);
        let payload = std::mem::take(&mut self.payload);
        let event = self.event.take();
        let mixed = std::mem::take(&mut self.lone_cr) && self.lf;
        match self.open.close(part) {
            ClosedFrame::Whole(raw) => {
                Piece::Frame(Frame { raw, payload, event, truncated, mixed, message: None })
            }
            ClosedFrame::TooBig(piece) => piece,
        }
    }
}

/// The value of the field `name` in a line, as a range of it; `None` if the line is another field or a comment. One
/// space after the colon is not part of it.
fn field(line: &[u8], name: &[u8]) -> Option<Range<usize>> {
    let rest = line.strip_prefix(name)?;
    match rest {
        [] => Some(line.len()..line.len()),
        [b':', b' ', ..] => Some(name.len() + 2..line.len()),
        [b':', ..] => Some(name.len() + 1..line.len()),
        _ => None,
    }
}

/// Appends one event; `name` is its `event:` line, if it has one.
pub(super) fn write(name: &str, data: &str, crlf: bool, out: &mut Vec<u8>) {
    let end: &[u8] = if crlf { b"\r\n" } else { b"\n" };
    if !name.is_empty() {
        for part in [b"event: ", name.as_bytes(), end] {
            out.extend_from_slice(part);
        }
    }
    for part in [b"data: ", data.as_bytes(), end, end] {
        out.extend_from_slice(part);
    }
}
