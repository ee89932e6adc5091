//! Which bytes base64 has.

/// True for a byte of base64: of one of its alphabets (RFC 4648, §4 and §5), padding, or a blank.
pub(super) const fn is_base64(byte: u8) -> bool {
    let sign = matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=');
    sign || byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
