//! Writes protobuf, as far as it is needed here: varints, fixed numbers and bytes, field by field.
//!
//! <https://protobuf.dev/programming-guides/encoding/>

/// Wire types.
pub const VARINT: u8 = 0;
/// Eight bytes, little endian.
pub const FIXED64: u8 = 1;
/// Bytes with a length: texts and messages too.
pub const BYTES: u8 = 2;
/// Four bytes, little endian.
pub const FIXED32: u8 = 5;

/// A varint: groups of seven bits.
pub fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn tag(field: u8, wire: u8, out: &mut Vec<u8>) {
    varint(u64::from(field) << 3 | u64::from(wire), out);
}

/// A field that is bytes, text or a message.
pub fn bytes(field: u8, value: &[u8], out: &mut Vec<u8>) {
    tag(field, BYTES, out);
    varint(value.len() as u64, out);
    out.extend_from_slice(value);
}

/// An integer field; a negative `int64` as its two's complement.
pub fn number(field: u8, value: u64, out: &mut Vec<u8>) {
    tag(field, VARINT, out);
    varint(value, out);
}

/// A field of eight bytes.
pub fn fixed64(field: u8, value: u64, out: &mut Vec<u8>) {
    tag(field, FIXED64, out);
    out.extend_from_slice(&value.to_le_bytes());
}

/// A field of four bytes.
pub fn fixed32(field: u8, value: u32, out: &mut Vec<u8>) {
    tag(field, FIXED32, out);
    out.extend_from_slice(&value.to_le_bytes());
}
