//! Decodes the content of JSON strings (RFC 8259 §7).

use crate::wire::find::backslash;

/// Decodes a string's content (RFC 8259 §7); lone surrogates and bytes that are not UTF-8 become U+FFFD.
#[must_use]
pub fn decode(raw: &[u8]) -> String {
    let mut out = Vec::new();
    decode_into(raw, &mut out, &mut |_| {});
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

/// Appends a string's decoded content to `out`, and tells `note` of each escape. Bytes that are not UTF-8 are copied: what
/// is appended is UTF-8 just where `raw` is.
pub(in crate::wire) fn decode_into(raw: &[u8], out: &mut Vec<u8>, note: &mut dyn FnMut(Escape)) {
    out.reserve(raw.len());
    let mut rest = raw;
    while let Some((plain, escape)) = backslash(rest).and_then(|at| rest.split_at_checked(at)) {
        out.extend_from_slice(plain);
        let text = out.len();
        let used = match escape.get(1) {
            Some(b'n') => {
                out.push(b'\n');
                2
            }
            Some(own @ (b'"' | b'\\' | b'/')) => {
                out.push(*own);
                2
            }
            _ => {
                let (decoded, used) = unescape(escape);
                out.extend_from_slice(decoded.encode_utf8(&mut [0; 4]).as_bytes());
                used
            }
        };
        // Both are lengths of one character's spelling: at most 12.
        let (text_len, raw_len) = ((out.len() - text) as u8, used as u8);
        note(Escape { text, raw: raw.len() - escape.len(), text_len, raw_len });
        rest = escape.get(used..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

/// Decodes the escape at the start of `raw` (which begins with `\`): the character, and how many bytes it took.
pub fn unescape(raw: &[u8]) -> (char, usize) {
    let simple = |c| (c, 2);
    match raw.get(1) {
        Some(b'n') => simple('\n'),
        Some(b't') => simple('\t'),
        Some(b'r') => simple('\r'),
        Some(b'b') => simple('\u{8}'),
        Some(b'f') => simple('\u{c}'),
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
        Some(&c) if c.is_ascii() => simple(c as char),
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
