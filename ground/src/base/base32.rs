//! Base32 (RFC 4648 §6), for ids that people read aloud.

/// RFC 4648 base32 in lower case, without padding.
pub fn base32(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len().div_ceil(5) * 8);
    // Five bytes make eight letters of five bits.
    for group in bytes.chunks(5) {
        let bits = group.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        let eight = letters(bits << (8 * (5 - group.len()))).to_le_bytes();
        out.extend_from_slice(eight.get(..(group.len() * 8).div_ceil(5)).unwrap_or_default());
    }
    String::from_utf8(out).unwrap_or_default()
}

/// The letters of forty bits, the first in the lowest byte.
fn letters(bits: u64) -> u64 {
    // Twice twenty bits, four times ten, eight times five: each in the low bits of its part of the word, the first part lowest.
    let bits = bits >> 20 | (bits & 0xF_FFFF) << 32;
    let bits = (bits & 0x000F_FC00_000F_FC00) >> 10 | (bits & 0x0000_03FF_0000_03FF) << 16;
    let bits = (bits & 0x03E0_03E0_03E0_03E0) >> 5 | (bits & 0x001F_001F_001F_001F) << 8;
    // From the twenty-sixth on they are digits: adding 102 to their numbers sets the highest bit of their bytes.
    let digits = (bits + EACH * 102) >> 7 & EACH;
    bits + EACH * u64::from(b'a') - digits * u64::from(b'a' + 26 - b'2')
}

/// One in each byte.
const EACH: u64 = 0x0101_0101_0101_0101;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_is_that_of_the_rfc() {
        let cases = ["", "my", "mzxq", "mzxw6", "mzxw6yq", "mzxw6ytb", "mzxw6ytboi"];
        for (length, text) in cases.into_iter().enumerate() {
            assert_eq!(base32(&b"foobar"[..length]), text);
        }
    }

    #[test]
    fn every_five_bits_are_their_letter() {
        let alphabet = b"abcdefghijklmnopqrstuvwxyz234567";
        for (number, own) in alphabet.iter().enumerate() {
            for place in 0..8 {
                let eight = letters((number as u64) << (35 - 5 * place)).to_le_bytes();
                for (at, letter) in eight.iter().enumerate() {
                    assert_eq!(letter, if at == place { own } else { &b'a' }, "{number} {place}");
                }
            }
        }
    }
}
