//! What ends a segment of a path.

/// True for what [`path_stop`](super::path_stop) looks for.
pub(super) fn is_path_stop(byte: u8) -> bool {
    matches!(byte, b'/' | b'\\' | b';' | b'?' | b'#' | 0)
}
