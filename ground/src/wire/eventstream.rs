//! `application/vnd.amazon.eventstream`: binary messages, each with its length, its headers and two checksums.
//!
//! ```text
//! length u32 | length of headers u32 | CRC-32 of these 8 bytes | headers | payload | CRC-32 of all before it
//! header: length of name u8 | name | type u8 | value
//! ```
//! Numbers are big-endian. A message is a frame, and its payload the frame's, unless it contains a model's own event as
//! base64 (Bedrock's `chunk`): then that event is the payload. (Source: the AWS SDKs' event stream encoding; the format
//! of Bedrock's events: botocore's model of `bedrock-runtime`.)
//!
//! A message with a wrong checksum, or with headers that cannot be read, makes everything after it unreadable too,
//! since only this message tells where the next one begins.

use std::borrow::Cow;
use std::ops::Range;

use super::crc32::crc32;
use super::frame::{EventStreamMessage, Frame, Piece};
use super::json::Doc;
use crate::base::base64;

/// The two lengths and their checksum.
const PRELUDE: usize = 12;
/// The checksum after the payload.
const TRAILER: usize = 4;

/// Reads a stream of messages.
#[derive(Debug)]
pub(super) struct EventStream {
    /// The message that is being read.
    held: Vec<u8>,
    /// Its length; 0 until that has arrived.
    total: usize,
    /// Bytes still to come of a message that is too long to be held.
    passing: usize,
    /// Something was not a message: nothing after it is one for certain.
    lost: bool,
    limit: usize,
}

impl EventStream {
    pub(super) fn new(limit: usize) -> Self {
        let limit = limit.max(PRELUDE);
        Self { held: Vec::new(), total: 0, passing: 0, lost: false, limit }
    }

    /// Bytes taken and not yet returned.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    pub(super) fn next<'c>(&mut self, rest: &mut &'c [u8]) -> Option<Piece<'c>> {
        while !rest.is_empty() {
            if self.lost {
                return Some(Piece::Lost { raw: Cow::Borrowed(std::mem::take(rest)) });
            }
            let held = self.held.len();
            let wanted = match (self.passing, self.total) {
                (0, 0) => PRELUDE - held,
                (0, total) => total - held,
                (passing, _) => passing,
            };
            let (part, after) = rest.split_at_checked(wanted).unwrap_or((rest, &[]));
            if self.passing > 0 {
                *rest = after;
                self.passing -= part.len();
                let last = self.passing == 0;
                return Some(Piece::Oversized { raw: Cow::Borrowed(part), last });
            }
            if part.len() < wanted {
                self.held.extend_from_slice(part);
                *rest = after;
                return None;
            }
            if self.total > 0 {
                *rest = after;
                let raw = self.take(part);
                return Some(self.message(raw));
            }
            // The lengths are read in place: what follows them is usually there too.
            let mut prelude = [0; PRELUDE];
            for (to, from) in prelude.iter_mut().zip(self.held.iter().chain(part)) {
                *to = *from;
            }
            match length(&prelude) {
                Some(total) if total <= self.limit => self.total = total,
                Some(total) => {
                    *rest = after;
                    self.passing = total - PRELUDE;
                    return Some(Piece::Oversized { raw: self.take(part), last: false });
                }
                None => {
                    *rest = after;
                    self.lost = true;
                    return Some(Piece::Lost { raw: self.take(part) });
                }
            }
        }
        None
    }

    pub(super) fn give_up(&mut self) -> Option<Piece<'static>> {
        // Before its length has arrived it is a few bytes, and its end is not known.
        if self.total == 0 {
            return None;
        }
        self.passing = self.total - self.held.len();
        self.total = 0;
        let raw = Cow::Owned(std::mem::take(&mut self.held));
        Some(Piece::Oversized { raw, last: false })
    }

    /// Memory that is kept for the incomplete message, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.held.capacity()
    }

    pub(super) fn finish(&mut self) -> Option<Piece<'static>> {
        if !self.held.is_empty() {
            return Some(Piece::Lost { raw: std::mem::take(&mut self.held).into() });
        }
        let cut = std::mem::take(&mut self.passing) > 0;
        cut.then_some(Piece::Oversized { raw: Cow::Borrowed(&[]), last: true })
    }

    /// The held bytes and this part of the chunk, which is not copied if nothing is held.
    fn take<'c>(&mut self, part: &'c [u8]) -> Cow<'c, [u8]> {
        if self.held.is_empty() {
            return Cow::Borrowed(part);
        }
        let mut raw = std::mem::take(&mut self.held);
        raw.extend_from_slice(part);
        Cow::Owned(raw)
    }

    /// A message is complete.
    fn message<'c>(&mut self, raw: Cow<'c, [u8]>) -> Piece<'c> {
        match parts(&raw) {
            Some(parts) => {
                self.total = 0;
                Piece::Frame(frame(raw, parts))
            }
            None => {
                self.lost = true;
                Piece::Lost { raw }
            }
        }
    }
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let digits = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(digits)).ok()
}

fn checked(bytes: &[u8], at: usize) -> Option<()> {
    let sum = usize::try_from(crc32(bytes.get(..at)?)).ok()?;
    (number(bytes, at)? == sum).then_some(())
}

/// A message's length, according to its prelude.
fn length(prelude: &[u8]) -> Option<usize> {
    checked(prelude, 8)?;
    let (total, headers) = (number(prelude, 0)?, number(prelude, 4)?);
    (total >= PRELUDE + TRAILER && headers <= total - PRELUDE - TRAILER).then_some(total)
}

/// The parts of a message.
#[derive(Debug, Default)]
struct MessageParts {
    payload: Range<usize>,
    /// The value of `:event-type` or `:exception-type`.
    event: Option<Range<usize>>,
}

/// Splits a complete message; `None` if its checksum is wrong or its headers cannot be read.
fn parts(raw: &[u8]) -> Option<MessageParts> {
    let end = raw.len().checked_sub(TRAILER)?;
    checked(raw, end)?;
    let headers = PRELUDE + number(raw, 4)?;
    let mut parts = MessageParts { payload: headers..end, event: None };
    let mut at = PRELUDE;
    while at < headers {
        let name_end = at + 1 + usize::from(*raw.get(at)?);
        let name = raw.get(at + 1..name_end)?;
        let value = value(raw, name_end)?;
        at = value.end;
        if at > headers || name.is_empty() {
            return None;
        }
        if matches!(name, b":event-type" | b":exception-type") {
            if parts.event.is_some() {
                // Readers differ in which of two they use.
                return None;
            }
            parts.event = Some(value);
        }
    }
    Some(parts)
}

/// The range of a header's value whose type is at `at`.
fn value(raw: &[u8], at: usize) -> Option<Range<usize>> {
    let start = at + 1;
    let (start, length) = match raw.get(at)? {
        // true, false
        0 | 1 => (start, 0),
        // byte, i16, i32, i64
        2 => (start, 1),
        3 => (start, 2),
        4 => (start, 4),
        5 => (start, 8),
        // bytes, string
        6 | 7 => {
            let length = raw.get(start..start + 2)?.try_into().ok()?;
            (start + 2, usize::from(u16::from_be_bytes(length)))
        }
        // time, UUID
        8 => (start, 8),
        9 => (start, 16),
        _ => return None,
    };
    Some(start..start + length)
}

fn frame(raw: Cow<'_, [u8]>, parts: MessageParts) -> Frame<'_> {
    let payload = parts.payload.clone();
    let bytes = raw.get(payload.clone()).unwrap_or_default();
    let chunk = parts.event.clone().and_then(|event| raw.get(event)) == Some(b"chunk");
    let inner = if chunk { inner(bytes).and_then(|(_, text)| base64::decode(&text)) } else { None };
    let lines = std::iter::once(payload).filter(|payload| !payload.is_empty()).collect();
    let message = Some(EventStreamMessage { inner });
    Frame { raw, payload: lines, event: parts.event, message, ..Frame::default() }
}

/// The base64 of a `chunk`, and its range in the payload.
pub(super) fn inner(payload: &[u8]) -> Option<(Range<usize>, String)> {
    let mut doc = Doc::default();
    doc.parse(payload).ok()?;
    let bytes = doc.root(payload).unique("bytes").ok()??;
    Some((bytes.content_span()?, bytes.as_str()?.into_owned()))
}

/// The bytes of a message with another payload: lengths and checksums are updated, its headers stay.
pub(super) fn with_payload(frame: &Frame<'_>, payload: &[u8]) -> Vec<u8> {
    let behind = || frame.raw.len().saturating_sub(TRAILER);
    let end = frame.payload.first().map_or_else(behind, |outer| outer.start);
    let mut out = Vec::new();
    sealed(frame.raw.get(PRELUDE..end).unwrap_or_default(), payload, &mut out);
    out
}

/// Appends a message with these headers and this payload.
fn sealed(headers: &[u8], payload: &[u8], out: &mut Vec<u8>) {
    // The length is far below 4 GiB: a frame with the changes of rules, or a text of the policy.
    let length = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    let start = out.len();
    out.extend_from_slice(&length(PRELUDE + headers.len() + payload.len() + TRAILER));
    out.extend_from_slice(&length(headers.len()));
    let sum = crc32(out.get(start..).unwrap_or_default());
    out.extend_from_slice(&sum.to_be_bytes());
    out.extend_from_slice(headers);
    out.extend_from_slice(payload);
    let sum = crc32(out.get(start..).unwrap_or_default());
    out.extend_from_slice(&sum.to_be_bytes());
}

/// Appends an event whose payload is JSON.
pub fn event(kind: &str, json: &str, out: &mut Vec<u8>) {
    message("event", ":event-type", kind, json, out);
}

/// Appends an exception, which ends the stream: clients raise it.
pub fn exception(kind: &str, json: &str, out: &mut Vec<u8>) {
    message("exception", ":exception-type", kind, json, out);
}

/// Appends a model's own event in Bedrock's wrapping.
pub fn chunk(event_json: &[u8], out: &mut Vec<u8>) {
    event("chunk", &format!(r#"{{"bytes":"{}"}}"#, base64::encode(event_json)), out);
}

fn message(class: &str, kind_name: &str, kind: &str, json: &str, out: &mut Vec<u8>) {
    let mut headers = Vec::new();
    let named =
        [(kind_name, kind), (":content-type", "application/json"), (":message-type", class)];
    for (name, value) in named {
        // Names and values come from this code, and are short.
        headers.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        headers.extend_from_slice(name.as_bytes());
        headers.push(7);
        headers.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    sealed(&headers, json.as_bytes(), out);
}
