//! Sixteen bytes at a time, with WebAssembly vectors.

use core::arch::wasm32::{
    u8x16, u8x16_bitmask, u8x16_eq, u8x16_lt, u8x16_splat, u8x16_sub, u8x16_swizzle, v128,
    v128_and, v128_any_true, v128_not, v128_or, v128_xor,
};

use super::base64::is_base64;
use super::classes::Classes;
use super::letters::{Letters, is_name};
use super::path::is_path_stop;
use crate::base::vector::load;

/// The position of the first byte of a block that `marks` sets.
#[inline(always)]
fn in_block(block: &[u8; 16], marks: impl Fn(v128) -> v128) -> Option<usize> {
    let found = u8x16_bitmask(marks(load(block)));
    (found != 0).then(|| found.trailing_zeros() as usize)
}

/// The position of the first byte at or after `from` that `marks` sets; `is` is the same test for one byte. The length
/// if there is none.
///
/// The first block is inlined into the caller, since most searches end near.
#[inline(always)]
fn first(
    bytes: &[u8],
    from: usize,
    marks: impl Fn(v128) -> v128,
    is: impl Fn(u8) -> bool,
) -> usize {
    let mut at = from;
    if let Some(block) = bytes.get(from..).and_then(<[u8]>::first_chunk) {
        if let Some(offset) = in_block(block, &marks) {
            return from + offset;
        }
        at += 16;
    }
    further(bytes, at, marks, is)
}

/// The same, for targets further away: in the next block, or in one of many, of which four are looked at at a time.
#[inline(never)]
fn further(
    bytes: &[u8],
    from: usize,
    marks: impl Fn(v128) -> v128,
    is: impl Fn(u8) -> bool,
) -> usize {
    let mut at = from;
    // Most keys and ids end here.
    if let Some(block) = bytes.get(from..).and_then(<[u8]>::first_chunk) {
        if let Some(offset) = in_block(block, &marks) {
            return from + offset;
        }
        at += 16;
    }
    while let Some(four) = bytes.get(at..).and_then(<[u8]>::first_chunk::<64>) {
        let (blocks, _) = four.as_chunks();
        let [a, b, c, d] = blocks else { break };
        let any = |x, y| v128_or(marks(load(x)), marks(load(y)));
        if v128_any_true(v128_or(any(a, b), any(c, d))) {
            break;
        }
        at += 64;
    }
    while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        if let Some(offset) = in_block(block, &marks) {
            return at + offset;
        }
        at += 16;
    }
    if let Some(block) = bytes.last_chunk() {
        // The last sixteen, some of which were examined before.
        let before = (at + 16).saturating_sub(bytes.len()) as u32;
        let found = u32::from(u8x16_bitmask(marks(load(block)))).checked_shr(before).unwrap_or(0);
        return if found == 0 { bytes.len() } else { at + found.trailing_zeros() as usize };
    }
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().position(|&byte| is(byte)).map_or(bytes.len(), |offset| at + offset)
}

pub(super) fn line_end(bytes: &[u8], from: usize) -> usize {
    first(
        bytes,
        from,
        |v| v128_or(u8x16_eq(v, u8x16_splat(b'\n')), u8x16_eq(v, u8x16_splat(b'\r'))),
        |byte| matches!(byte, b'\n' | b'\r'),
    )
}

/// What is special in a JSON string.
#[inline(always)]
fn special(block: v128) -> v128 {
    let quote = u8x16_eq(block, u8x16_splat(b'"'));
    let back = u8x16_eq(block, u8x16_splat(b'\\'));
    v128_or(v128_or(quote, back), u8x16_lt(block, u8x16_splat(0x20)))
}

#[inline(always)]
pub(super) fn string_stop(bytes: &[u8], from: usize) -> usize {
    first(bytes, from, special, |byte| matches!(byte, b'"' | b'\\' | 0..0x20))
}

#[inline(always)]
pub(super) fn string_stops(block: &[u8; 16]) -> u32 {
    u32::from(u8x16_bitmask(special(load(block))))
}

#[inline(always)]
pub(super) fn backslashes(block: &[u8; 16]) -> u32 {
    u32::from(u8x16_bitmask(u8x16_eq(load(block), u8x16_splat(b'\\'))))
}

pub(super) fn byte(bytes: &[u8], byte: u8) -> usize {
    first(bytes, 0, |v| u8x16_eq(v, u8x16_splat(byte)), |own| own == byte)
}

/// In blocks of which the last lies in part before `from`: a path has few of them.
pub(super) fn path_stop(bytes: &[u8], from: usize) -> usize {
    let stops = |v| {
        let is = |byte| u8x16_eq(v, u8x16_splat(byte));
        let ends = v128_or(v128_or(is(b'?'), is(b'#')), is(0));
        v128_or(v128_or(v128_or(is(b'/'), is(b'\\')), is(b';')), ends)
    };
    let mut at = from;
    while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        if let Some(offset) = in_block(block, stops) {
            return at + offset;
        }
        at += 16;
    }
    let Some(last) = bytes.last_chunk() else {
        let rest = bytes.get(at..).unwrap_or_default();
        return rest
            .iter()
            .position(|byte| is_path_stop(*byte))
            .map_or(bytes.len(), |offset| at + offset);
    };
    let before = (at + 16).saturating_sub(bytes.len()) as u32;
    match u32::from(u8x16_bitmask(stops(load(last)))).checked_shr(before).unwrap_or(0) {
        0 => bytes.len(),
        found => at + found.trailing_zeros() as usize,
    }
}

pub(super) fn base64_end(bytes: &[u8], from: usize) -> usize {
    let others = |block| {
        let is = |byte| u8x16_eq(block, u8x16_splat(byte));
        // From `/` to `9`.
        let digits = within(block, b'/', 11);
        let signs = v128_or(v128_or(is(b'+'), is(b'-')), v128_or(is(b'_'), is(b'=')));
        let blanks = v128_or(v128_or(is(b' '), is(b'\r')), within(block, b'\t', 2));
        v128_not(v128_or(v128_or(letters(block), digits), v128_or(signs, blanks)))
    };
    let mut at = from;
    while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        if let Some(offset) = in_block(block, others) {
            return at + offset;
        }
        at += 16;
    }
    let other = bytes.iter().skip(at).position(|byte| !is_base64(*byte));
    other.map_or(bytes.len(), |offset| at + offset)
}

/// A range of `count` values from `first` on.
#[inline(always)]
fn within(block: v128, first: u8, count: u8) -> v128 {
    u8x16_lt(u8x16_sub(block, u8x16_splat(first)), u8x16_splat(count))
}

/// ASCII letters.
#[inline(always)]
fn letters(block: v128) -> v128 {
    // Upper and lower case differ in this bit.
    within(v128_or(block, u8x16_splat(0x20)), b'a', 26)
}

/// Which of these bytes are quotes, and the byte behind each of them a letter of the table.
#[inline(always)]
fn names(quotes: &[u8; 16], behind: &[u8; 16], table: v128) -> u32 {
    let behind = load(behind);
    let letters = u8x16_swizzle(table, v128_and(behind, u8x16_splat(15)));
    let quotes = u8x16_eq(load(quotes), u8x16_splat(b'"'));
    u32::from(u8x16_bitmask(v128_and(quotes, u8x16_eq(letters, behind))))
}

/// The same for the thirty-two bytes from `at` on, by bits; `None` if there are fewer than thirty-three.
#[inline(always)]
fn names_of_two(bytes: &[u8], at: usize, table: v128) -> Option<u32> {
    let both: &[u8; 33] = bytes.get(at..)?.first_chunk()?;
    let (quotes, behind): (&[u8; 32], &[u8; 32]) = (both.first_chunk()?, both.last_chunk()?);
    let ([quotes, quotes2], [behind, behind2]) = (quotes.as_chunks().0, behind.as_chunks().0)
    else {
        return None;
    };
    Some(names(quotes, behind, table) | names(quotes2, behind2, table) << 16)
}

#[inline(always)]
pub(super) fn first_name(bytes: &[u8], from: usize, letters: &Letters) -> Option<usize> {
    let table = load(&letters.0);
    let mut at = from;
    while let Some(found) = names_of_two(bytes, at, table) {
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize);
        }
        at += 32;
    }
    let rest = bytes.get(at..)?;
    Some(at + rest.windows(2).position(|pair| is_name(pair, letters))?)
}

#[inline(always)]
pub(super) fn last_name(bytes: &[u8], to: usize, letters: &Letters) -> Option<usize> {
    let table = load(&letters.0);
    // Every examined quote is followed by a letter.
    let mut end = to.min(bytes.len().saturating_sub(1));
    while let Some(at) = end.checked_sub(32) {
        let found = names_of_two(bytes, at, table)?;
        if found != 0 {
            return Some(at + 31 - found.leading_zeros() as usize);
        }
        end = at;
    }
    let rest = bytes.get(..=end).unwrap_or(bytes);
    rest.windows(2).rposition(|pair| is_name(pair, letters))
}

#[inline(always)]
pub(super) fn classes(block: &[u8; 16]) -> Classes {
    let block = load(block);
    let bits = |marks: v128| u32::from(u8x16_bitmask(marks));
    let letters = bits(letters(block));
    let digits = bits(within(block, b'0', 10));
    // In the table, there is nothing for a byte above fifteen.
    let controls = u8x16(0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0, 255, 0, 0);
    let blanks = bits(v128_or(u8x16_eq(block, u8x16_splat(b' ')), u8x16_swizzle(controls, block)));
    let high = bits(block);
    let alphabets = bits(within(block, 0xC0, 0x20));
    let others = bits(within(block, 0xE0, 0x20));
    Classes { letters, digits, blanks, high, alphabets, others }
}

#[inline(always)]
fn differ(x: &[u8; 16], y: &[u8; 16]) -> v128 {
    v128_xor(load(x), load(y))
}

#[inline(always)]
fn two_differ(x: &[u8; 32], y: &[u8; 32]) -> v128 {
    let ((xs, _), (ys, _)) = (x.as_chunks(), y.as_chunks());
    let ([x, x2], [y, y2]) = (xs, ys) else { return u8x16_splat(1) };
    v128_or(differ(x, y), differ(x2, y2))
}

#[inline(always)]
fn four_differ(x: &[u8; 64], y: &[u8; 64]) -> v128 {
    let ((xs, _), (ys, _)) = (x.as_chunks(), y.as_chunks());
    let ([x, x2], [y, y2]) = (xs, ys) else { return u8x16_splat(1) };
    v128_or(two_differ(x, y), two_differ(x2, y2))
}

/// True for equal bytes of the same length, which is not short.
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    let ((first, _), (second, _)) = (a.as_chunks(), b.as_chunks());
    for (x, y) in first.iter().zip(second) {
        if v128_any_true(four_differ(x, y)) {
            return false;
        }
    }
    // The rest, and some bytes before it again.
    if let (Some(x), Some(y)) = (a.last_chunk(), b.last_chunk()) {
        return !v128_any_true(four_differ(x, y));
    }
    if let (Some(x), Some(y), Some(last_x), Some(last_y)) =
        (a.first_chunk(), b.first_chunk(), a.last_chunk(), b.last_chunk())
    {
        return !v128_any_true(v128_or(two_differ(x, y), two_differ(last_x, last_y)));
    }
    match (a.first_chunk(), b.first_chunk(), a.last_chunk(), b.last_chunk()) {
        (Some(x), Some(y), Some(last_x), Some(last_y)) => {
            !v128_any_true(v128_or(differ(x, y), differ(last_x, last_y)))
        }
        _ => a == b,
    }
}
