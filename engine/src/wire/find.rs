//! Finding the few bytes that matter, eight at a time: streams are mostly ordinary bytes.

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The high bit of every byte of `word` that may be zero. A byte above a zero byte can be reported wrongly (the
/// borrow), never one below: whoever takes the lowest finds a true zero.
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(LOW) & !word & HIGH
}

const fn repeated(byte: u8) -> u64 {
    LOW * byte as u64
}

/// Where the first byte stands for which `is` holds; `marks` says so of eight bytes at once by their high bits, of
/// which the lowest must be true.
fn first(bytes: &[u8], marks: impl Fn(u64) -> u64, is: impl Fn(u8) -> bool) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let found = marks(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(index * 8 + (found.trailing_zeros() / 8) as usize);
        }
    }
    let offset = rest.iter().position(|&byte| is(byte))?;
    Some(words.len() * 8 + offset)
}

/// The first CR or LF.
pub(super) fn line_end(bytes: &[u8]) -> Option<usize> {
    first(
        bytes,
        |word| zeros(word ^ repeated(b'\n')) | zeros(word ^ repeated(b'\r')),
        |byte| matches!(byte, b'\n' | b'\r'),
    )
}

/// The first byte of a JSON string that is not ordinary: a quote, a backslash, or a control character.
pub(super) fn string_stop(bytes: &[u8]) -> Option<usize> {
    first(
        bytes,
        |word| {
            // A byte is below 0x20 when taking 0x20 from it borrows and it had no high bit of its own.
            let controls = word.wrapping_sub(repeated(0x20)) & !word & HIGH;
            zeros(word ^ repeated(b'"')) | zeros(word ^ repeated(b'\\')) | controls
        },
        |byte| matches!(byte, b'"' | b'\\' | 0..0x20),
    )
}

/// The first backslash.
pub(super) fn backslash(bytes: &[u8]) -> Option<usize> {
    first(bytes, |word| zeros(word ^ repeated(b'\\')), |byte| byte == b'\\')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_a_plain_loop_finds(bytes in proptest::collection::vec(
            prop_oneof![4 => any::<u8>(), 1 => Just(b'\n'), 1 => Just(b'\\'), 1 => Just(b'"'),
                1 => Just(0x1f_u8), 1 => Just(0x20_u8), 4 => Just(b'x'), 1 => Just(0x0b_u8)], 0..40)) {
            prop_assert_eq!(super::line_end(&bytes), bytes.iter().position(|b| matches!(b, b'\n' | b'\r')));
            prop_assert_eq!(super::backslash(&bytes), bytes.iter().position(|b| *b == b'\\'));
            prop_assert_eq!(
                super::string_stop(&bytes),
                bytes.iter().position(|b| matches!(b, b'"' | b'\\' | 0..0x20))
            );
        }
    }
}
