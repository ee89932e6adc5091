//! How an answer's body can be read, judged by its headers, and by its first bytes if they are wrong.

use crate::context::Context;
use crate::context::facts::{self, Headers};
use crate::counters::Unchecked;
use crate::wire::find::same;
use crate::wire::frame::Framing;

/// True for a body that begins like an event stream, and unlike any JSON.
pub(crate) fn looks_like_events(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body).trim_ascii_start();
    [&b"data:"[..], b"event:", b"id:", b"retry:", b":"].iter().any(|field| body.starts_with(field))
}

/// A JSON document, and an event `[DONE]` that some servers append to it (empty if there is none).
pub(crate) fn before_events(body: &[u8]) -> (&[u8], &[u8]) {
    let json = matches!(body.trim_ascii_start(), [b'{' | b'[', ..]);
    let end = body.trim_ascii_end();
    let Some(rest) = end.strip_suffix(b"[DONE]").filter(|_| json) else { return (body, &[]) };
    let Some(head) = rest.trim_ascii_end().strip_suffix(b"data:") else { return (body, &[]) };
    body.split_at_checked(head.trim_ascii_end().len()).unwrap_or((body, &[]))
}

/// The status of an answer; 0 if it cannot be read.
pub(crate) fn status(headers: &Headers) -> u16 {
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
    let more = |number: u16, byte| number.checked_mul(10)?.checked_add(digit(byte)?);
    headers.value(":status").and_then(|text| text.iter().try_fold(0, more)).unwrap_or(0)
}

/// How an answer's body can be read.
pub(crate) enum Readable {
    /// As it arrives.
    Stream(Framing),
    /// When it is complete.
    Whole,
    /// Not at all.
    No(Unchecked),
    /// It has no body, or is not an answer of the model.
    Nothing,
}

/// How the body can be read, judged by its headers. The response's own content type decides, not what was asked for.
pub(crate) fn readable(cx: &Context, headers: &Headers, status: u16) -> Readable {
    let ok = (200..300).contains(&status);
    // A message was accepted, and its answer arrives elsewhere, or there is none.
    let taken = status == 202 && cx.is_mcp();
    if taken || status == 204 || status == 304 || status < 200 {
        return Readable::Nothing;
    }
    if facts::is_encoded(headers) {
        return Readable::No(Unchecked::Encoding);
    }
    let json_stream = cx.call.as_ref().filter(|call| call.stream && ok);
    let json_stream = json_stream.map_or(Framing::Json, |call| call.recognised.json_stream);
    let Some(kind) = facts::media_type(headers).filter(|kind| !kind.is_empty()) else {
        return match json_stream {
            // A stream without a content type.
            Framing::Json if asked_for_stream(cx, ok) => Readable::Stream(Framing::Sse),
            _ => json(json_stream),
        };
    };
    let is = |own: &str| same(&kind, own.as_bytes());
    if is("text/event-stream") {
        Readable::Stream(Framing::Sse)
    } else if is("application/json") {
        json(json_stream)
    } else if is("application/vnd.amazon.eventstream") {
        Readable::Stream(Framing::EventStream)
    } else if is("application/x-ndjson") && json_stream == Framing::NdJson {
        Readable::Stream(Framing::NdJson)
    } else if kind.ends_with(b"+json") {
        Readable::Whole
    } else {
        Readable::No(Unchecked::Dialect)
    }
}

/// How JSON can be read, where an answer in JSON that streams is framed like this.
fn json(stream: Framing) -> Readable {
    match stream {
        Framing::JsonArray | Framing::NdJson => Readable::Stream(stream),
        _ => Readable::Whole,
    }
}

/// The framing of an answer that passes as a stream, whether or not it can be read; `None` if it is not one. `read`: how its body
/// can be read.
pub(crate) fn stream_framing(cx: &Context, headers: &Headers, read: &Readable) -> Option<Framing> {
    cx.recognised.as_ref()?;
    match read {
        Readable::Stream(framing) => Some(*framing),
        Readable::No(Unchecked::Encoding) => {
            let events = same(&facts::media_type(headers)?, b"text/event-stream");
            events.then_some(Framing::Sse)
        }
        _ => None,
    }
}

fn asked_for_stream(cx: &Context, ok: bool) -> bool {
    ok && !cx.is_mcp() && cx.call.as_ref().is_some_and(|call| call.stream)
}
