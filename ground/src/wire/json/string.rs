//! Decodes the content of JSON strings (RFC 8259 §7).

use crate::wire::find::{BLOCK, backslash, backslashes, begun};

/// Decodes a string's content (RFC 8259 §7); lone surrogates and bytes that are not UTF-8 become U+FFFD.
#[must_use]
pub fn decode(raw: &[u8]) -> String {
    let mut out = Vec::new();
    decode_into(raw, &mut out);
    match String::from_utf8(out) {
        Ok(text) => text,
        Err(bad) => String::from_utf8_lossy(bad.as_bytes()).into_owned(),
    }
}

/// One character that is written with an escape: where it stands in the text and where in the bytes, and its lengths
/// there.
#[derive(Debug, Clone, Copy)]
pub(in crate::wire) struct Escape {
    pub(in crate::wire) text: usize,
    pub(in crate::wire) raw: usize,
    pub(in crate::wire) text_len: u8,
    pub(in crate::wire) raw_len: u8,
}

/// Appends a string's decoded content to `out`. Bytes that are not UTF-8 are copied: what is appended is UTF-8 just where
/// `raw` is.
pub(in crate::wire) fn decode_into(raw: &[u8], out: &mut Vec<u8>) {
    // What is copied is a block each time, of which only what precedes its first escape stays: in code, there is an escape
    // every few bytes, and a copy of a length that is known costs a tenth of one that is not.
    out.reserve(raw.len().saturating_add(BLOCK));
    let mut at = 0;
    while let Some(rest) = raw.get(at..).filter(|rest| !rest.is_empty()) {
        let (block, length) = match rest.first_chunk() {
            Some(block) => (*block, BLOCK),
            None => (begun(rest), rest.len()),
        };
        let plain = length.min(backslashes(&block).trailing_zeros() as usize);
        let end = out.len().wrapping_add(plain);
        out.extend_from_slice(&block);
        at = at.wrapping_add(plain);
        if plain == length {
            out.truncate(end);
            continue;
        }
        let letter = rest.get(plain.wrapping_add(1));
        if let Some(meant) = letter.and_then(|letter| simple(*letter)) {
            // In the place of the backslash, which was copied too.
            out.truncate(end.wrapping_add(1));
            if let Some(last) = out.last_mut() {
                *last = meant;
            }
            at = at.wrapping_add(2);
            continue;
        }
        out.truncate(end);
        let (decoded, used) = unescape(rest.get(plain..).unwrap_or_default());
        out.extend_from_slice(decoded.encode_utf8(&mut [0; 4]).as_bytes());
        at = at.wrapping_add(used);
    }
}

/// By letter: what it means after a backslash, where it is one of those that stand for one character; else 0.
static SIMPLE: [u8; 128] = simple_escapes();

#[allow(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which refuses what lies outside"
)]
const fn simple_escapes() -> [u8; 128] {
    let mut meant = [0; 128];
    let pairs = *b"\"\"\\\\//b\x08f\x0cn\nr\rt\t";
    let mut at = 0;
    while at < pairs.len() {
        meant[pairs[at] as usize] = pairs[at + 1];
        at += 2;
    }
    meant
}

/// The character for which this letter stands after a backslash, if it is one of RFC 8259's except `u`. A look-up, and not a
/// `match`: which escape comes next cannot be foreseen.
#[inline(always)]
pub(super) fn simple(letter: u8) -> Option<u8> {
    SIMPLE.get(usize::from(letter)).copied().filter(|meant| *meant != 0)
}

/// Adds the escapes of a part of a string's content, which is UTF-8 and begins at these positions of text and bytes;
/// returns those where it ends.
pub(in crate::wire) fn escapes(
    content: &[u8],
    (mut text, mut raw): (usize, usize),
    all: &mut Vec<Escape>,
) -> (usize, usize) {
    let mut rest = content;
    while let Some((plain, escape)) = backslash(rest).and_then(|at| rest.split_at_checked(at)) {
        let (decoded, used) = unescape(escape);
        (text, raw) = (text + plain.len(), raw + plain.len());
        // Both are lengths of one character's spelling: at most 12.
        let (text_len, raw_len) = (decoded.len_utf8() as u8, used as u8);
        all.push(Escape { text, raw, text_len, raw_len });
        (text, raw) = (text + decoded.len_utf8(), raw + used);
        rest = escape.get(used..).unwrap_or_default();
    }
    (text + rest.len(), raw + rest.len())
}

/// Decodes the escape at the start of `raw` (which begins with `\`): the character, and how many bytes it took.
pub fn unescape(raw: &[u8]) -> (char, usize) {
    match raw.get(1) {
        Some(b'u') => {
            let Some(high) = hex4(raw.get(2..6)) else { return (char::REPLACEMENT_CHARACTER, 2) };
            if let Some(c) = char::from_u32(high) {
                return (c, 6);
            }
            if (0xD800..0xDC00).contains(&high)
                && raw.get(6..8) == Some(b"\\u")
                && let Some(low) = hex4(raw.get(8..12))
                && (0xDC00..0xE000).contains(&low)
            {
                let c = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                return (char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER), 12);
            }
            (char::REPLACEMENT_CHARACTER, 6)
        }
        // Not an escape of JSON: an ASCII character stands for itself, anything else is not part of it.
        Some(&c) if c.is_ascii() => (char::from(simple(c).unwrap_or(c)), 2),
        _ => (char::REPLACEMENT_CHARACTER, 1),
    }
}

/// True if a document, or a part of one, contains half of a surrogate pair. Readers differ about it: some accept it,
/// some replace it by U+FFFD, and some reject the whole document (RFC 8259 §8.2).
#[must_use]
pub fn has_half(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some((_, escape)) = backslash(rest).and_then(|at| rest.split_at_checked(at)) {
        let (decoded, used) = unescape(escape);
        let code = escape.get(2..6).filter(|_| used == 6 && decoded == char::REPLACEMENT_CHARACTER);
        if code.is_some_and(|code| !code.eq_ignore_ascii_case(b"fffd")) {
            return true;
        }
        rest = escape.get(used..).unwrap_or_default();
    }
    false
}

/// Four hexadecimal digits, as in `\\uXXXX`.
pub(super) fn hex4(digits: Option<&[u8]>) -> Option<u32> {
    digits?.iter().try_fold(0, |sum, &d| Some(sum * 16 + (d as char).to_digit(16)?))
}
