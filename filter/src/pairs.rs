//! Header maps as they cross the boundary (proxy-wasm ABI 0.2.1): `u32 n`, then `n` times `u32 name length, u32 value
//! length`, then `n` times `name \0 value \0`; integers are little-endian. Names and values are bytes: nothing in HTTP
//! makes them UTF-8.

use std::ops::Range;

use hemostat_engine::base::headers::{HeaderField, Headers};

/// Bytes of one integer.
const INT: usize = 4;

/// Reads a map where it stands. `None`: the bytes are not one. Lengths are believed only as far as the bytes that are
/// there.
#[must_use]
pub fn decode(bytes: Vec<u8>) -> Option<Headers> {
    if bytes.is_empty() {
        return Some(Headers::default());
    }
    let (count, rest) = int(&bytes)?;
    let (mut sizes, _) = rest.split_at_checked(count.checked_mul(2 * INT)?)?;
    let mut at = INT + sizes.len();
    let mut fields = Vec::with_capacity(count);
    for _ in 0..count {
        let (name_len, after_name) = int(sizes)?;
        let (value_len, after_value) = int(after_name)?;
        sizes = after_value;
        let name = text(&bytes, at, name_len)?;
        let value = text(&bytes, name.end + 1, value_len)?;
        at = value.end + 1;
        fields.push(HeaderField::at(&bytes, name, value));
    }
    (at == bytes.len()).then(|| Headers::in_block(bytes, fields))
}

/// Writes a map. `None`: a length does not fit the format.
#[must_use]
pub fn encode(pairs: &[(&[u8], &[u8])]) -> Option<Vec<u8>> {
    let texts: usize = pairs.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
    let mut bytes = Vec::with_capacity(INT + pairs.len() * 2 * INT + texts);
    bytes.extend(u32::try_from(pairs.len()).ok()?.to_le_bytes());
    for (name, value) in pairs {
        bytes.extend(u32::try_from(name.len()).ok()?.to_le_bytes());
        bytes.extend(u32::try_from(value.len()).ok()?.to_le_bytes());
    }
    for (name, value) in pairs {
        for text in [name, value] {
            bytes.extend_from_slice(text);
            bytes.push(0);
        }
    }
    Some(bytes)
}

/// The integer at the front, and what follows it.
fn int(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (int, rest) = bytes.split_first_chunk::<INT>()?;
    Some((usize::try_from(u32::from_le_bytes(*int)).ok()?, rest))
}

/// Where the text of this length stands that begins there; a zero byte follows it.
fn text(bytes: &[u8], start: usize, len: usize) -> Option<Range<usize>> {
    let end = start.checked_add(len)?;
    (bytes.get(end) == Some(&0)).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The example of the ABI's layout, written out by hand.
    const ONE: &[u8] = b"\x01\0\0\0\x05\0\0\0\x02\0\0\0:path\0/x\0";

    #[test]
    fn layout_is_the_abis() {
        let one = decode(ONE.to_vec()).unwrap();
        assert_eq!(one.iter().collect::<Vec<_>>(), [(&b":path"[..], &b"/x"[..])]);
        assert_eq!(encode(&[(b":path", b"/x")]).as_deref(), Some(ONE));
        assert_eq!(decode(Vec::new()), Some(Headers::default()));
        assert_eq!(decode(b"\0\0\0\0".to_vec()), Some(Headers::default()));
    }

    #[test]
    fn hostile_counts_and_lengths_are_refused() {
        // A count that would ask for 32 GiB, a length past the end, a missing zero, bytes left over.
        for bytes in [
            &b"\xff\xff\xff\xff"[..],
            b"\xff\xff\xff\xff\x05\0\0\0",
            b"\x01\0\0\0\xff\xff\xff\xff\x02\0\0\0:path\0/x\0",
            b"\x01\0\0\0\x05\0\0\0\x02\0\0\0:path./x\0",
            b"\x01\0\0\0\x05\0\0\0\x02\0\0\0:path\0/x",
            b"\x01\0\0\0\x05\0\0\0\x02\0\0\0:path\0/x\0.",
            b"\x01",
        ] {
            assert_eq!(decode(bytes.to_vec()), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(pairs: Vec<(Vec<u8>, Vec<u8>)>) {
            let view: Vec<_> = pairs.iter().map(|(n, v)| (n.as_slice(), v.as_slice())).collect();
            let bytes = encode(&view).unwrap();
            prop_assert_eq!(decode(bytes), Some(pairs.into()));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = decode(bytes);
        }

        #[test]
        fn a_cut_or_changed_map_never_panics(
            pairs: Vec<(Vec<u8>, Vec<u8>)>, cut: proptest::sample::Index,
            at: proptest::sample::Index, byte: u8,
        ) {
            let view: Vec<_> = pairs.iter().map(|(n, v)| (n.as_slice(), v.as_slice())).collect();
            let mut bytes = encode(&view).unwrap();
            let cut = cut.index(bytes.len());
            // Every proper prefix lacks something; the empty one is the host's way to say "no headers".
            prop_assert!(cut == 0 || decode(bytes[..cut].to_vec()).is_none());
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = decode(bytes);
        }
    }
}
