//! One JSON document per line, as Ollama streams it (<https://github.com/ndjson/ndjson-spec>).
//!
//! A frame is a line with its end, LF or CRLF; a line of blanks has no payload. A last line without an end is a frame too.

use super::frame::{Frame, Piece};
use super::open_frame::{ClosedFrame, KeptBytes, OpenFrame};

/// Cuts a body at the ends of its lines.
#[derive(Debug)]
pub(super) struct NdJson {
    pub(super) open: OpenFrame,
}

impl NdJson {
    pub(super) fn new(limit: usize) -> Self {
        NdJson { open: OpenFrame::new(limit) }
    }

    pub(super) fn next<'c>(&mut self, rest: &mut &'c [u8]) -> Option<Piece<'c>> {
        let end = rest.iter().position(|&byte| byte == b'\n');
        let Some((line, after)) = end.and_then(|end| rest.split_at_checked(end + 1)) else {
            return match self.open.keep(std::mem::take(rest)) {
                KeptBytes::Held => None,
                KeptBytes::Given(piece) => piece,
            };
        };
        *rest = after;
        Some(self.close(line, true))
    }

    pub(super) fn finish(&mut self) -> Option<Piece<'static>> {
        let nothing = self.open.len() == 0 && !self.open.is_oversized();
        (!nothing).then(|| self.close(&[], false))
    }

    fn close<'c>(&mut self, part: &'c [u8], ended: bool) -> Piece<'c> {
        match self.open.close(part) {
            ClosedFrame::TooBig(piece) => piece,
            ClosedFrame::Whole(raw) => {
                let end = raw.trim_ascii_end().len();
                let start = raw.len() - raw.trim_ascii_start().len();
                let payload = std::iter::once(start..end).filter(|line| !line.is_empty());
                // Only its brackets can tell whether a line without an end is complete.
                let truncated = !ended && !matches!(raw.trim_ascii_end(), [.., b'}' | b']']);
                Piece::Frame(Frame {
                    payload: payload.collect(),
                    raw,
                    truncated,
                    ..Frame::default()
                })
            }
        }
    }
}

/// Appends one document as a line.
pub(super) fn write(json: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(json.as_bytes());
    out.push(b'\n');
}
