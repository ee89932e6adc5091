//! What the host knows, as bytes.

use std::borrow::Cow;
use std::rc::Rc;

pub use crate::base::headers::Headers;

/// What the host knows once a request's headers have arrived.
#[derive(Debug, Clone, Default)]
pub struct RequestFacts {
    /// All headers in order, pseudo-headers included, as bytes.
    pub headers: Headers,
    /// Values of [`crate::policy::Program::properties`], in that order; `None` where the host has no such property.
    pub properties: Vec<Option<Vec<u8>>>,
    /// The proxy's own request id, if it has one.
    pub request_id: Option<Rc<[u8]>>,
    /// Unix time in nanoseconds.
    pub now_ns: u64,
    /// Makes decision ids of one process distinct: a number that the process never passes twice.
    pub nonce: u64,
}

/// The values of one header.
pub fn values<'a>(headers: &'a Headers, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    headers.values(name)
}

/// The first value of a header as text; bad UTF-8 becomes U+FFFD.
#[must_use]
pub fn text<'a>(headers: &'a Headers, name: &'a str) -> Option<Cow<'a, str>> {
    // Values are nearly always UTF-8, and this check takes half the time of the lossy conversion.
    values(headers, name).next().map(|value| match std::str::from_utf8(value) {
        Ok(text) => text.into(),
        Err(_) => String::from_utf8_lossy(value),
    })
}

/// The media type of a `content-type`, lower case, without parameters (RFC 9110 §8.3).
#[must_use]
pub fn media_type(headers: &Headers) -> Option<Cow<'_, [u8]>> {
    let value = headers.value("content-type")?;
    let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
    let essence = value.get(..end).unwrap_or_default().trim_ascii();
    if essence.iter().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return Some(essence.into());
    }
    let text = String::from_utf8_lossy(essence).trim().to_ascii_lowercase();
    Some(text.into_bytes().into())
}

/// True if a body has a content coding that is not decoded here (RFC 9110 §8.4).
#[must_use]
pub fn is_encoded(headers: &Headers) -> bool {
    values(headers, "content-encoding").any(|value| {
        let value = value.trim_ascii();
        !value.is_empty() && !value.eq_ignore_ascii_case(b"identity")
    })
}

/// Unix time in nanoseconds: given, or read from the clock only where it matters. Most chunks of most answers need no
/// time.
#[derive(Debug, Clone, Copy)]
pub enum Now {
    /// The time itself.
    At(u64),
    /// A function that reads the clock.
    Ask(fn() -> u64),
}

impl Now {
    /// The time in nanoseconds, read from the clock if need be.
    #[must_use]
    pub fn ns(self) -> u64 {
        match self {
            Self::At(now) => now,
            Self::Ask(clock) => clock(),
        }
    }
}

impl From<u64> for Now {
    fn from(now: u64) -> Self {
        Self::At(now)
    }
}

/// Unix time in seconds.
#[must_use]
pub fn seconds(now_ns: u64) -> u64 {
    now_ns / 1_000_000_000
}
