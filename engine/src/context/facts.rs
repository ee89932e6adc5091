//! What the host knows, as bytes.

use std::rc::Rc;

pub use crate::base::headers::Headers;

/// What the host knows when a request's headers have come.
#[derive(Debug, Clone, Default)]
pub struct RequestFacts {
    /// All headers in order, pseudo-headers included, as bytes.
    pub headers: Headers,
    /// Values of [`crate::policy::Program::properties`], in that order; `None` where the host has none.
    pub properties: Vec<Option<Vec<u8>>>,
    /// The proxy's own request id, if it has one.
    pub request_id: Option<Rc<[u8]>>,
    /// Unix time in nanoseconds.
    pub now_ns: u64,
    /// Makes decision ids of one process distinct: any number that the process does not give twice.
    pub nonce: u64,
}

/// The values of one header.
pub fn values<'a>(headers: &'a Headers, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    headers.values(name)
}

/// The first value of a header as text; bad UTF-8 becomes U+FFFD.
#[must_use]
pub fn text<'a>(headers: &'a Headers, name: &'a str) -> Option<std::borrow::Cow<'a, str>> {
    // Nearly always it is UTF-8, which is found out in half the time.
    values(headers, name).next().map(|value| match std::str::from_utf8(value) {
        Ok(text) => text.into(),
        Err(_) => String::from_utf8_lossy(value),
    })
}

/// The media type of a `content-type`, lower case, without parameters (RFC 9110 §8.3).
#[must_use]
pub fn media_type(headers: &Headers) -> Option<String> {
    let value = text(headers, "content-type")?;
    let essence = value.split(';').next().unwrap_or_default().trim();
    Some(essence.to_ascii_lowercase())
}

/// True if a body is encoded in a way that cannot be read here (RFC 9110 §8.4).
#[must_use]
pub fn is_encoded(headers: &Headers) -> bool {
    values(headers, "content-encoding").any(|value| {
        let value = value.trim_ascii();
        !value.is_empty() && !value.eq_ignore_ascii_case(b"identity")
    })
}

/// Unix time in nanoseconds: known, or asked for where it matters. Most chunks of most answers need none.
#[derive(Debug, Clone, Copy)]
pub enum Now {
    /// It is this.
    At(u64),
    /// This tells it.
    Ask(fn() -> u64),
}

impl Now {
    /// The time.
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
