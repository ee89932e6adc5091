//! Keys and texts that are written with escapes, which hardly any are.

use std::borrow::Cow;

use super::string::decode;

/// Apart from its caller, so that the usual case stays small: keys are hardly ever written with escapes.
#[cold]
pub(super) fn decoded<'a>(raw: &[u8]) -> Cow<'a, [u8]> {
    decode(raw).into_bytes().into()
}

/// Bytes that one decoded byte is written in at most (`\u0061` is `a`; no other spelling is longer).
pub(super) const SPELLED_BYTES: usize = 6;

/// A key may be as long as the body, and is asked about once for every name: what is too long to be the name is not
/// decoded.
#[cold]
pub(super) fn decodes_to(raw: &[u8], name: &[u8]) -> bool {
    raw.len() <= name.len() * SPELLED_BYTES && decode(raw).as_bytes() == name
}

/// The longest name that any format has, in bytes, with room.
const NAME_BYTES: usize = 64;

/// What is written with escapes, to be compared with names: decoded if it can be one. What is longer is given as it
/// is written, backslash and all, and equals none.
#[cold]
pub(super) fn spelled<'a>(raw: &'a [u8]) -> Cow<'a, [u8]> {
    if raw.len() <= NAME_BYTES * SPELLED_BYTES { decoded(raw) } else { raw.into() }
}
