//! Keys and texts that are written with escapes, which is rare.

use std::borrow::Cow;

use super::string::decode;

/// A separate function, so that the usual case stays small: keys are hardly ever written with escapes.
#[cold]
pub(super) fn decoded<'a>(raw: &[u8]) -> Cow<'a, [u8]> {
    decode(raw).into_bytes().into()
}

/// The maximum number of bytes that spell one decoded byte (`\u0061` is `a`; no other spelling is longer).
pub(super) const SPELLED_BYTES: usize = 6;

/// A key may be as long as the body, and is compared with every name: what is too long to be the name is not decoded.
#[cold]
pub(super) fn decodes_to(raw: &[u8], name: &[u8]) -> bool {
    raw.len() <= name.len() * SPELLED_BYTES && decode(raw).as_bytes() == name
}

/// The longest name in any format, in bytes, with a margin.
const NAME_BYTES: usize = 64;

/// A string with escapes, to be compared with names: decoded if it can be one. A longer one is returned as written,
/// with its backslashes, and equals no name.
#[cold]
pub(super) fn spelled<'a>(raw: &'a [u8]) -> Cow<'a, [u8]> {
    if raw.len() <= NAME_BYTES * SPELLED_BYTES { decoded(raw) } else { raw.into() }
}
