//! Writing JSON text, server-sent events and replies. What the proxy itself sends is built here from literals of the
//! canned shapes and from decoded texts, so none of it can be malformed.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{ErrorAnswer, Reply};
use crate::base::json_text::escape;
use crate::wire::find;
use crate::wire::frame::Framing;
use crate::wire::json::unescape;
use crate::wire::own::OwnEvents;

/// A JSON text under construction.
#[derive(Debug, Default)]
pub(super) struct Json(String);

impl Json {
    /// Text that is JSON already.
    // One copy: endings are made of a hundred pieces.
    #[inline(never)]
    pub(super) fn raw(&mut self, json: &str) -> &mut Self {
        self.0.push_str(json);
        self
    }

    /// A string, quoted and escaped (RFC 8259 §7: quotes, backslash, control characters; the rest stays UTF-8).
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.0.push('"');
        self.piece(text);
        self.0.push('"');
        self
    }

    /// A part of a string whose quotes are written separately.
    pub(super) fn piece(&mut self, text: &str) -> &mut Self {
        // DEL, and separators that some line splitters take for line ends, are escaped for safety.
        let also = |c| matches!(c, '\x7f' | '\u{85}' | '\u{2028}' | '\u{2029}');
        escape(text, also, &mut self.0);
        self
    }

    /// An integer.
    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{number}");
        self
    }

    /// The text so far.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The finished text.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(&mut self.0)
    }
}

/// A quoted JSON string.
pub fn quoted(text: &str) -> String {
    Json::default().text(text).take()
}

/// [`String::from_utf8_lossy`], but valid text, which is nearly all, is not processed piece by piece.
pub(super) fn lossy(text: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(text) {
        Ok(valid) => valid.into(),
        Err(_) => String::from_utf8_lossy(text),
    }
}

/// JSON text from upstream that is repeated, made acceptable to every reader: invalid UTF-8 and lone surrogates, which
/// many reject, become U+FFFD.
pub(super) fn repaired(json: &[u8]) -> String {
    let json = lossy(json);
    let mut out = String::with_capacity(json.len());
    let mut rest = &*json;
    while let Some((plain, escape)) =
        find::backslash(rest.as_bytes()).and_then(|at| rest.split_at_checked(at))
    {
        out.push_str(plain);
        let (decoded, used) = unescape(escape.as_bytes());
        let (escape, after) = escape.split_at_checked(used).unwrap_or((escape, ""));
        let broken = decoded == char::REPLACEMENT_CHARACTER;
        out.push_str(if broken { "\\ufffd" } else { escape });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A JSON reply.
pub(super) fn json_reply(status: u16, body: String) -> Reply {
    Reply {
        status,
        headers: vec![("content-type", "application/json".to_owned())],
        body: body.into_bytes(),
    }
}

/// A complete stream of events.
pub(super) fn sse_reply(events: &OwnEvents) -> Reply {
    Reply {
        status: 200,
        headers: vec![
            ("content-type", "text/event-stream; charset=utf-8".to_owned()),
            ("cache-control", "no-cache".to_owned()),
        ],
        body: events.written(Framing::Sse),
    }
}

/// An error reply. A block must not be retried, whatever its status. Other errors may be retried only if they may
/// resolve by themselves (timeouts, 429, 5xx): the official SDKs read `x-should-retry`.
pub(super) fn error_reply(error: &ErrorAnswer, body: String) -> Reply {
    let mut reply = json_reply(error.status, body);
    if error.code == "content_blocked" || !matches!(error.status, 408 | 409 | 429 | 500..) {
        reply.headers.push(("x-should-retry", "false".to_owned()));
    }
    reply
}

/// An error for traffic that belongs to no dialect.
#[must_use]
pub fn plain_error(error: &ErrorAnswer) -> Reply {
    let (message, code) = (quoted(&error.message), quoted(error.code));
    error_reply(error, format!("{{\"error\":{{\"message\":{message},\"code\":{code}}}}}"))
}
