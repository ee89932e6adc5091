//! A frame with some spans of its payload changed, and no other byte (invariant 5).

use std::cmp::Reverse;
use std::ops::Range;

use super::eventstream;
use super::frame::{EventStreamMessage, Frame};
use crate::base::base64;

/// One change to a frame's payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced: offsets in the payload, as [`Frame::payload_bytes`] returns it.
    pub at: Range<usize>,
    /// The replacement: JSON, or a part of it that fits.
    pub with: Vec<u8>,
}

/// The frame's bytes with these changes, which may be given in any order. Of overlapping changes, the one that begins
/// first (of those, the longest) is made, over everything they cover. Nothing but these spans changes: where a span
/// covers several `data:` lines, the line ends and field names between them stay.
///
/// A CR or LF in `with` becomes a space, which is the same to JSON (it has them only between values) and cannot end
/// a line of the frame. A message of an event stream gets new lengths and checksums.
#[must_use]
pub fn apply(frame: &Frame<'_>, edits: &[Edit]) -> Vec<u8> {
    if let Some(message) = &frame.message {
        return apply_to_message(frame, message, edits);
    }
    let added: usize = edits.iter().map(|edit| edit.with.len()).sum();
    let mut out = Vec::with_capacity(frame.raw.len() + added);
    let mut copied = 0;
    let mut lines = frame.payload.iter().peekable();
    // Where the first line of `lines` begins in the payload.
    let mut line_start = 0;
    for (at, with) in merge(edits) {
        let mut with = Some(with);
        while let Some(line) = lines.peek() {
            let line_end = line_start + line.len();
            if at.start <= line_end {
                let from = line.start + at.start.saturating_sub(line_start);
                let to = line.start + at.end.min(line_end).saturating_sub(line_start);
                out.extend_from_slice(frame.raw.get(copied..from).unwrap_or_default());
                let with = with.take().unwrap_or_default();
                out.extend(with.iter().map(|byte| match byte {
                    b'\r' | b'\n' => b' ',
                    byte => *byte,
                }));
                copied = to.max(from);
            }
            if at.end <= line_end {
                break;
            }
            line_start = line_end + 1;
            lines.next();
        }
    }
    out.extend_from_slice(frame.raw.get(copied..).unwrap_or_default());
    out
}

/// The same for a payload on its own.
#[must_use]
pub fn apply_to(payload: &[u8], edits: &[Edit]) -> Vec<u8> {
    apply(&Frame::whole(payload.to_vec()), edits)
}

/// A message's payload with the changes, which apply to the model's own event if it has one as base64.
fn apply_to_message(frame: &Frame<'_>, message: &EventStreamMessage, edits: &[Edit]) -> Vec<u8> {
    let outer = frame.payload.first().cloned().unwrap_or_default();
    let bytes = frame.raw.get(outer).unwrap_or_default();
    let payload = match (&message.inner, eventstream::inner(bytes)) {
        (Some(event), Some((at, _))) => {
            let with = base64::encode(&apply_to(event, edits)).into_bytes();
            apply_to(bytes, &[Edit { at, with }])
        }
        _ => apply_to(bytes, edits),
    };
    eventstream::with_payload(frame, &payload)
}

/// The changes in order, with overlapping ones merged.
fn merge(edits: &[Edit]) -> Vec<(Range<usize>, &[u8])> {
    let mut sorted: Vec<&Edit> = edits.iter().collect();
    // An insertion comes before a replacement that directly follows it.
    sorted.sort_by_key(|edit| (edit.at.start, !edit.at.is_empty(), Reverse(edit.at.end)));
    let mut merged: Vec<(Range<usize>, &[u8])> = Vec::with_capacity(sorted.len());
    for edit in sorted {
        let end = edit.at.end.max(edit.at.start);
        match merged.last_mut() {
            Some((last, _)) if edit.at.start < last.end => last.end = last.end.max(end),
            _ => merged.push((edit.at.start..end, &edit.with)),
        }
    }
    merged
}
