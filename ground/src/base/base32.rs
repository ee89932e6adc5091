//! Base32 (RFC 4648 §6), for ids that people read aloud.

/// RFC 4648 base32 in lower case, without padding.
pub fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut out = String::with_capacity(bytes.len().div_ceil(5) * 8);
    // Five bytes make eight letters of five bits.
    for group in bytes.chunks(5) {
        let bits = group.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        let bits = bits << (8 * (5 - group.len()));
        let letters = (group.len() * 8).div_ceil(5);
        let letter = |at: usize| ALPHABET.get((bits >> (35 - 5 * at)) as usize & 31);
        let eight: [u8; 8] = std::array::from_fn(|at| letter(at).copied().unwrap_or_default());
        out.push_str(
            eight.get(..letters).and_then(|own| std::str::from_utf8(own).ok()).unwrap_or_default(),
        );
    }
    out
}

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
}
