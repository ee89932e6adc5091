//! Eight bytes at a time, as numbers.

use super::base64::is_base64;
use super::classes::Classes;
use super::letters::{Letters, is_name};
use super::path::is_path_stop;

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The high bit of every byte of `word` that may be zero. A byte above a zero byte can be reported wrongly (because of
/// the borrow), never one below: the lowest reported one is a true zero.
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(LOW) & !word & HIGH
}

const fn repeated(byte: u8) -> u64 {
    LOW * byte as u64
}

/// The position of the first byte at or after `from` for which `is` holds; `marks` tells the same for eight bytes at
/// once by their high bits, of which the lowest must be true. The length if there is none.
#[inline(always)]
fn first(bytes: &[u8], from: usize, marks: impl Fn(u64) -> u64, is: impl Fn(u8) -> bool) -> usize {
    let (words, rest) = bytes.get(from..).unwrap_or_default().as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let found = marks(u64::from_le_bytes(*word));
        if found != 0 {
            return from + index * 8 + (found.trailing_zeros() / 8) as usize;
        }
    }
    let offset = rest.iter().position(|&byte| is(byte)).unwrap_or(rest.len());
    bytes.len() - rest.len() + offset
}

pub(super) fn line_end(bytes: &[u8], from: usize) -> usize {
    first(
        bytes,
        from,
        |word| zeros(word ^ repeated(b'\n')) | zeros(word ^ repeated(b'\r')),
        |byte| matches!(byte, b'\n' | b'\r'),
    )
}

#[inline(always)]
pub(super) fn string_stop(bytes: &[u8], from: usize) -> usize {
    first(
        bytes,
        from,
        |word| {
            // A byte is below 0x20 if subtracting 0x20 borrows and it had no high bit of its own.
            let controls = word.wrapping_sub(repeated(0x20)) & !word & HIGH;
            zeros(word ^ repeated(b'"')) | zeros(word ^ repeated(b'\\')) | controls
        },
        |byte| matches!(byte, b'"' | b'\\' | 0..0x20),
    )
}

/// The bytes of a block for which `is` holds, by bits.
#[inline(always)]
fn bits(block: &[u8; 16], is: impl Fn(u8) -> bool) -> u32 {
    block.iter().rev().fold(0, |bits, byte| bits << 1 | u32::from(is(*byte)))
}

pub(super) fn string_stops(block: &[u8; 16]) -> u32 {
    bits(block, |byte| matches!(byte, b'"' | b'\\' | 0..0x20))
}

pub(super) fn backslashes(block: &[u8; 16]) -> u32 {
    bits(block, |byte| byte == b'\\')
}

pub(super) fn byte(bytes: &[u8], byte: u8) -> usize {
    first(bytes, 0, |word| zeros(word ^ repeated(byte)), |own| own == byte)
}

pub(super) fn path_stop(bytes: &[u8], from: usize) -> usize {
    let other = bytes.iter().skip(from).position(|byte| is_path_stop(*byte));
    other.map_or(bytes.len(), |at| from + at)
}

pub(super) fn base64_end(bytes: &[u8], from: usize) -> usize {
    let other = bytes.iter().skip(from).position(|byte| !is_base64(*byte));
    other.map_or(bytes.len(), |at| from + at)
}

pub(super) fn first_name(bytes: &[u8], from: usize, letters: &Letters) -> Option<usize> {
    let rest = bytes.get(from..)?;
    Some(from + rest.windows(2).position(|pair| is_name(pair, letters))?)
}

pub(super) fn last_name(bytes: &[u8], to: usize, letters: &Letters) -> Option<usize> {
    let before = bytes.get(..to.saturating_add(1)).unwrap_or(bytes);
    before.windows(2).rposition(|pair| is_name(pair, letters))
}

pub(super) fn classes(block: &[u8; 16]) -> Classes {
    let mut classes = Classes::default();
    for (at, byte) in block.iter().enumerate() {
        let own = match byte {
            b'a'..=b'z' | b'A'..=b'Z' => &mut classes.letters,
            b'0'..=b'9' => &mut classes.digits,
            b' ' | b'\n' | b'\r' | b'\t' => &mut classes.blanks,
            0..=0x7F => continue,
            0x80..=0xFF => &mut classes.high,
        };
        *own |= 1 << at;
        match byte {
            0xC0..=0xDF => classes.alphabets |= 1 << at,
            0xE0..=0xFF => classes.others |= 1 << at,
            _ => {}
        }
    }
    classes
}

/// True for equal bytes of the same length, which is not short.
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    let word = |bytes: Option<&[u8; 8]>| bytes.map(|bytes| u64::from_le_bytes(*bytes));
    let ((first, _), (second, _)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let equal = |(x, y): (&[u8; 8], &[u8; 8])| u64::from_le_bytes(*x) == u64::from_le_bytes(*y);
    // The last eight, some of them again.
    first.iter().zip(second).all(equal) && word(a.last_chunk()) == word(b.last_chunk())
}
