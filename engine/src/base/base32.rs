//! Base32 (RFC 4648 §6), for ids that people read aloud.

/// RFC 4648 base32 in lower case, without padding.
pub(crate) fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let (mut out, mut buffer, mut bits) =
        (String::with_capacity(bytes.len().div_ceil(5) * 8), 0u32, 0u32);
    for &byte in bytes {
        buffer = buffer << 8 | u32::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            let index = (buffer >> bits) as usize & 31;
            out.push(ALPHABET.get(index).map_or('a', |&c| char::from(c)));
        }
        buffer &= (1 << bits) - 1;
    }
    if bits > 0 {
        let index = (buffer << (5 - bits)) as usize & 31;
        out.push(ALPHABET.get(index).map_or('a', |&c| char::from(c)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_is_that_of_the_rfc() {
        assert_eq!(base32(b"foobar"), "mzxw6ytboi");
    }
}
