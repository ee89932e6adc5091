//! Finds the few bytes that matter, many at a time: streams are mostly ordinary bytes.
//!
//! WebAssembly with `simd128` examines sixteen at a time, everything else eight. Both give the same results.

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
use words as blocks;
mod base64;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod blocks;
mod classes;
mod letters;
mod path;
#[cfg(any(test, not(all(target_arch = "wasm32", target_feature = "simd128"))))]
mod words;

use crate::base::short::{SHORT, same_short};
pub use classes::{BLOCK, Classes};
pub use letters::Letters;

/// The position of the first CR or LF at or after `from`.
#[inline]
pub fn line_end(bytes: &[u8], from: usize) -> Option<usize> {
    let at = blocks::line_end(bytes, from);
    (at < bytes.len()).then_some(at)
}

/// The position of the first byte at or after `from` that is special in a JSON string: a quote, a backslash, or a
/// control character. The length if there is none.
#[inline(always)]
pub fn string_stop(bytes: &[u8], from: usize) -> usize {
    blocks::string_stop(bytes, from)
}

/// The same for all of `bytes`; `None` if there is none.
pub(super) fn string_stop_in(bytes: &[u8]) -> Option<usize> {
    let at = string_stop(bytes, 0);
    (at < bytes.len()).then_some(at)
}

/// The first position of this byte.
pub fn byte(bytes: &[u8], byte: u8) -> Option<usize> {
    let at = blocks::byte(bytes, byte);
    (at < bytes.len()).then_some(at)
}

/// The position of the first byte at or after `from` that ends a segment of a request target's path, or the part of it that counts:
/// a slash of either kind, `;`, `?`, `#`, or a zero. The length if there is none.
#[must_use]
#[inline(never)]
pub fn path_stop(bytes: &[u8], from: usize) -> usize {
    blocks::path_stop(bytes, from)
}

/// The position of the first byte at or after `from` that base64 does not have: neither of its alphabets (RFC 4648, §4 and
/// §5), nor as padding or as a blank. The length if there is none.
#[inline(never)]
pub fn base64_end(bytes: &[u8], from: usize) -> usize {
    blocks::base64_end(bytes, from)
}

/// The position of the first backslash.
pub fn backslash(bytes: &[u8]) -> Option<usize> {
    byte(bytes, b'\\')
}

/// The backslashes of a block, one bit each, that of the first byte lowest.
#[inline(always)]
pub(super) fn backslashes(block: &[u8; BLOCK]) -> u32 {
    blocks::backslashes(block)
}

/// The bytes of a block that are special in a JSON string ([`string_stop`]), in the same way.
#[inline(always)]
pub(super) fn string_stops(block: &[u8; BLOCK]) -> u32 {
    blocks::string_stops(block)
}

/// The position of the first quote at or after `from` that is followed by one of these letters.
#[inline(never)]
pub fn first_name(bytes: &[u8], from: usize, letters: &Letters) -> Option<usize> {
    blocks::first_name(bytes, from, letters)
}

/// The position of the last quote before `to` that is followed by one of these letters.
#[inline(never)]
pub fn last_name(bytes: &[u8], to: usize, letters: &Letters) -> Option<usize> {
    blocks::last_name(bytes, to, letters)
}

/// A block that begins with these bytes, which are fewer than a block has; zeros follow.
#[must_use]
pub fn begun(bytes: &[u8]) -> [u8; BLOCK] {
    let length = bytes.len() as u32;
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    let half = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes);
    // The first and the last bytes overlap, or meet: of the last ones, those count that the first are not.
    let (low, high) = match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => {
            (word(first), word(last).checked_shr(128_u32.wrapping_sub(8 * length)).unwrap_or(0))
        }
        _ => match (bytes.first_chunk(), bytes.last_chunk()) {
            (Some(first), Some(last)) => {
                let last = half(last).checked_shr(64_u32.wrapping_sub(8 * length)).unwrap_or(0);
                (u64::from(half(first)) | u64::from(last) << 32, 0)
            }
            _ => (bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0),
        },
    };
    (u128::from(low) | u128::from(high) << 64).to_le_bytes()
}

/// Classifies the bytes of a block.
#[inline(always)]
pub fn classes(block: &[u8; BLOCK]) -> Classes {
    blocks::classes(block)
}

/// True for equal bytes, most of which are short.
#[inline]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() <= SHORT { same_short(a, b) } else { a.len() == b.len() && blocks::same(a, b) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    #[test]
    fn a_block_begins_with_fewer_bytes() {
        let bytes: Vec<u8> = (1..=15).collect();
        for length in 0..=bytes.len() {
            let mut block = [0; super::BLOCK];
            block[..length].copy_from_slice(&bytes[..length]);
            assert_eq!(super::begun(&bytes[..length]), block, "{length}");
        }
    }

    proptest! {
        #[test]
        fn a_block_is_sorted_byte_by_byte(block in proptest::array::uniform16(
            prop_oneof![2 => any::<u8>(), 1 => proptest::sample::select(&b"\\\"\n\x1f !/0z"[..])])) {
            let of = |is: fn(u8) -> bool| {
                block.iter().enumerate().fold(0, |bits, (at, byte)| bits | u32::from(is(*byte)) << at)
            };
            let classes = super::Classes {
                letters: of(|b| b.is_ascii_alphabetic()),
                digits: of(|b| b.is_ascii_digit()),
                blanks: of(|b| b" \n\r\t".contains(&b)),
                high: of(|b| !b.is_ascii()),
                alphabets: of(|b| (0xc0..0xe0).contains(&b)),
                others: of(|b| b >= 0xe0),
            };
            prop_assert_eq!(super::classes(&block), classes);
            prop_assert_eq!(super::backslashes(&block), of(|b| b == b'\\'));
            prop_assert_eq!(super::string_stops(&block), of(|b| matches!(b, b'"' | b'\\' | 0..0x20)));
        }

        #[test]
        fn finds_what_a_plain_loop_finds(bytes in proptest::collection::vec(
            prop_oneof![4 => any::<u8>(), 1 => Just(b'\n'), 1 => Just(b'\\'), 1 => Just(b'"'),
                1 => Just(0x1f_u8), 1 => Just(0x20_u8), 4 => Just(b'x'), 1 => Just(0x0b_u8),
                1 => proptest::sample::select(&b"/;?#\0"[..])], 0..60),
            from in 0_usize..60) {
            let from = from.min(bytes.len());
            let first = |is: fn(u8) -> bool| {
                bytes.iter().skip(from).position(|b| is(*b)).map(|at| at + from)
            };
            prop_assert_eq!(super::line_end(&bytes, from), first(|b| matches!(b, b'\n' | b'\r')));
            prop_assert_eq!(
                super::base64_end(&bytes, from),
                first(|b| !super::base64::is_base64(b)).unwrap_or(bytes.len())
            );
            prop_assert_eq!(
                super::path_stop(&bytes, from),
                first(super::path::is_path_stop).unwrap_or(bytes.len())
            );
            prop_assert_eq!(super::backslash(&bytes), bytes.iter().position(|b| *b == b'\\'));
            prop_assert_eq!(
                super::string_stop(&bytes, from),
                first(|b| matches!(b, b'"' | b'\\' | 0..0x20)).unwrap_or(bytes.len())
            );
        }

        #[test]
        fn names_are_found_from_both_ends(bytes in proptest::collection::vec(
            proptest::sample::select(&b"\"\"xfm,:.5 rsui\x16v"[..]), 0..120), at in 0_usize..130) {
            let is = |pair: &[u8]| matches!(pair, [b'"', b'f' | b'm' | b'u']);
            let mut letters = super::Letters::of(b"fmui");
            letters.remove(b'i');
            letters.remove(b'y');
            let last = bytes.windows(2).take(at).rposition(is);
            prop_assert_eq!(super::last_name(&bytes, at, &letters), last);
            let first = bytes.windows(2).skip(at).position(is).map(|from| at + from);
            prop_assert_eq!(super::first_name(&bytes, at, &letters), first);
        }

        #[test]
        fn the_same_is_equal(a in proptest::collection::vec(0_u8..2, 0..40), at in 0_usize..40, b in any::<u8>()) {
            let mut other = a.clone();
            prop_assert!(super::same(&a, &other));
            if let Some(byte) = other.get_mut(at) {
                *byte = b;
            }
            prop_assert_eq!(super::same(&a, &other), a == other);
            other.push(0);
            prop_assert!(!super::same(&a, &other) || a == other);
        }
    }
}
