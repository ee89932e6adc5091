//! CRC-32 as in Ethernet and gzip (ISO 3309; reflected polynomial 0xEDB88320).

const POLYNOMIAL: u32 = 0xEDB8_8320;

/// The remainder of each byte followed by none, one, two and three zeros, computed at compile time: four bytes are
/// processed at once, and none has to wait for the one before it.
const TABLES: [[u32; 256]; 4] = tables();

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated when this is compiled: it cannot fail later"
)]
const fn tables() -> [[u32; 256]; 4] {
    let mut tables = [[0; 256]; 4];
    let mut byte = 0;
    while byte < 256 {
        let mut rest = byte as u32;
        let mut table = 0;
        while table < 4 {
            let mut bit = 0;
            while bit < 8 {
                rest = if rest & 1 == 1 { (rest >> 1) ^ POLYNOMIAL } else { rest >> 1 };
                bit += 1;
            }
            tables[table][byte] = rest;
            table += 1;
        }
        byte += 1;
    }
    tables
}

/// The checksum of these bytes.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let [last, third, second, first] = &TABLES;
    let (words, rest) = bytes.as_chunks::<4>();
    let mut sum = u32::MAX;
    for word in words {
        let [a, b, c, d] = (sum ^ u32::from_le_bytes(*word)).to_le_bytes();
        sum = of(first, a) ^ of(second, b) ^ of(third, c) ^ of(last, d);
    }
    for byte in rest {
        sum = of(last, sum.to_le_bytes()[0] ^ byte) ^ (sum >> 8);
    }
    !sum
}

#[inline(always)]
fn of(table: &[u32; 256], byte: u8) -> u32 {
    table.get(usize::from(byte)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bytes_taken_by_fours_and_one_by_one_have_the_same_sum(
            bytes in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let one = |sum: u32, byte: &u8| (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
                (sum >> 1) ^ (super::POLYNOMIAL & (sum & 1).wrapping_neg())
            });
            prop_assert_eq!(super::crc32(&bytes), !bytes.iter().fold(u32::MAX, one));
        }
    }

    #[test]
    fn the_check_value() {
        assert_eq!(super::crc32(b""), 0);
        assert_eq!(super::crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(super::crc32(&[0; 32]), 0x190A_55AD);
    }
}
