//! CRC-32 as Ethernet and gzip have it (ISO 3309; reflected polynomial 0xEDB88320).

const POLYNOMIAL: u32 = 0xEDB8_8320;

/// The remainder of each byte, made when this is compiled.
const TABLE: [u32; 256] = table();

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated when this is compiled: it cannot fail later"
)]
const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut rest = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            rest = if rest & 1 == 1 { (rest >> 1) ^ POLYNOMIAL } else { rest >> 1 };
            bit += 1;
        }
        table[byte] = rest;
        byte += 1;
    }
    table
}

/// The checksum of these bytes.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        let at = usize::from(sum.to_le_bytes()[0] ^ byte);
        TABLE.get(at).copied().unwrap_or_default() ^ (sum >> 8)
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_check_value() {
        assert_eq!(super::crc32(b""), 0);
        assert_eq!(super::crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(super::crc32(&[0; 32]), 0x190A_55AD);
    }
}
