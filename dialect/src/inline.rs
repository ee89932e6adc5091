//! Text that travels as a file: base64, or a `data:` URL (RFC 2397).
//!
//! What a caller claims about a file (its media type, its name) is not trusted: bytes that begin like text are text,
//! and are scanned as such. Files are never rewritten: a redaction in a file blocks.

use std::borrow::Cow;

use crate::limits::INLINE_HEAD_BYTES;
use crate::wire::find;

/// The parts of a `data:` URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DataUrl<'a> {
    /// The media type, without parameters.
    pub kind: &'a [u8],
    /// The data is base64.
    pub base64: bool,
    /// The data, as written.
    pub data: &'a [u8],
}

/// Splits a `data:` URL; `None` if the text is not one.
pub(super) fn address(text: &[u8]) -> Option<DataUrl<'_>> {
    let text = text.trim_ascii_start();
    let (scheme, rest) = text.split_at_checked(5)?;
    if !scheme.eq_ignore_ascii_case(b"data:") {
        return None;
    }
    let comma = rest.iter().position(|byte| *byte == b',').unwrap_or(rest.len());
    let (head, data) = rest.split_at_checked(comma)?;
    let mut parts = head.split(|byte| *byte == b';');
    let kind = parts.next().unwrap_or_default();
    let base64 = parts.any(|part| part.trim_ascii().eq_ignore_ascii_case(b"base64"));
    Some(DataUrl { kind, base64, data: data.strip_prefix(b",").unwrap_or(data) })
}

/// What a file's content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileContent {
    /// Text, in base64 or percent-encoded: [`text`] decodes it.
    Encoded,
    /// Not encoded at all.
    Plain,
    /// Bytes that are not text.
    Binary,
}

/// Decides by the beginning.
pub(super) fn content(value: &[u8]) -> FileContent {
    let (data, base64) = match address(value) {
        Some(address) => (address.data, address.base64),
        None => (value, true),
    };
    if !base64 {
        return FileContent::Encoded;
    }
    for most in [FIRST_BYTES, INLINE_HEAD_BYTES] {
        let Some(head) = from_base64(data, most) else { return FileContent::Plain };
        let cut = head.len() >= most;
        let valid = match std::str::from_utf8(&head) {
            Ok(_) => true,
            Err(error) => cut && error.error_len().is_none(),
        };
        if !valid || head.contains(&0) {
            return FileContent::Binary;
        }
        if !cut {
            break;
        }
    }
    FileContent::Encoded
}

/// Most binary formats begin with bytes that are not text: no more of them is decoded.
const FIRST_BYTES: usize = 48;

/// The text of a file that is [`FileContent::Encoded`].
pub fn text(value: &[u8]) -> String {
    let bytes = match address(value) {
        Some(address) if !address.base64 => from_percent(address.data),
        Some(address) => from_base64(address.data, usize::MAX).unwrap_or_default(),
        None => from_base64(value, usize::MAX).unwrap_or_default(),
    };
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(bad) => String::from_utf8_lossy(bad.as_bytes()).into_owned(),
    }
}

/// Decodes as the most lenient reader does: either alphabet, whitespace and padding anywhere. `None` if there is
/// anything else. At most `most` bytes are returned, but all of the input is checked.
fn from_base64(text: &[u8], most: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity((text.len() / 4 * 3 + 3).min(most));
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    let text = percent_free(text);
    for (at, byte) in text.iter().enumerate() {
        if out.len() >= most {
            return (find::base64_end(&text, at) == text.len()).then_some(out);
        }
        let sextet = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' | b' ' | b'\n' | b'\r' | b'\t' => continue,
            _ => return None,
        };
        buffer = (buffer << 6) | u32::from(sextet);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((buffer >> bits) as u8);
            buffer &= (1 << bits) - 1;
        }
    }
    Some(out)
}

/// An address may percent-encode `+`, `/` and `=`.
fn percent_free(text: &[u8]) -> Cow<'_, [u8]> {
    if find::byte(text, b'%').is_some() { from_percent(text).into() } else { text.into() }
}

fn from_percent(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match (byte, digit(text.get(at + 1)), digit(text.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_file_is_what_its_bytes_are() {
        for (value, is, says) in [
            ("emFuemliYXI=", FileContent::Encoded, "zanzibar"),
            ("data:text/plain;base64,emFuemliYXI", FileContent::Encoded, "zanzibar"),
            (
                "DATA:application/pdf;charset=x;BASE64,emFu\nemliYXI%3D",
                FileContent::Encoded,
                "zanzibar",
            ),
            ("data:,zan%7aibar", FileContent::Encoded, "zanzibar"),
            ("data:text/plain;charset=utf-8,zan zibar", FileContent::Encoded, "zan zibar"),
            ("zanzibar, as it is", FileContent::Plain, ""),
            ("AAAA", FileContent::Binary, "\0\0\0"),
            ("/////w==", FileContent::Binary, "\u{fffd}\u{fffd}\u{fffd}\u{fffd}"),
            ("", FileContent::Encoded, ""),
        ] {
            assert_eq!(content(value.as_bytes()), is, "{value}");
            assert_eq!(text(value.as_bytes()), says, "{value}");
        }
    }

    proptest! {
        #[test]
        fn text_in_base64_is_read_however_it_is_written(
            said in "[ -~é€]{0,40}", url in any::<bool>(), padded in any::<bool>(), blank in 1_usize..9,
        ) {
            let mut code = crate::base::base64::encode(said.as_bytes());
            if url { code = code.replace('+', "-").replace('/', "_"); }
            if !padded { code = code.trim_end_matches('=').to_owned(); }
            let lines: Vec<String> = code.as_bytes().chunks(blank)
                .map(|line| String::from_utf8(line.to_vec()).unwrap()).collect();
            let code = lines.join("\r\n");
            prop_assert_eq!(text(code.as_bytes()), said.clone());
            prop_assert_eq!(content(code.as_bytes()), FileContent::Encoded);
        }

        /// What is told by the first bytes is what all that are looked at tell.
        #[test]
        fn a_file_is_told_by_all_of_its_beginning(
            said in prop::collection::vec(prop_oneof![30 => 0x20_u8..0x7f, 1 => any::<u8>()], 0..200),
            times in 1_usize..80, other in prop::option::of(any::<prop::sample::Index>()),
        ) {
            let bytes = said.repeat(times);
            let mut code = crate::base::base64::encode(&bytes).into_bytes();
            if let (Some(other), false) = (other, code.is_empty()) {
                let at = other.index(code.len());
                code[at] = b'!';
            }
            let head = bytes.get(..INLINE_HEAD_BYTES).unwrap_or(&bytes);
            let valid = match std::str::from_utf8(head) {
                Ok(_) => true,
                Err(error) => head.len() == INLINE_HEAD_BYTES && error.error_len().is_none(),
            };
            let is = match () {
                () if code.contains(&b'!') => FileContent::Plain,
                () if valid && !head.contains(&0) => FileContent::Encoded,
                () => FileContent::Binary,
            };
            prop_assert_eq!(content(&code), is);
        }

        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            let _ = (address(&bytes), content(&bytes), text(&bytes));
        }
    }
}
