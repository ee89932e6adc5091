//! `[DONE]`, the frame without JSON that ends the streams of OpenAI and of those who took over its format.

const DONE: &[u8] = b"[DONE]";

/// True for this frame.
pub(super) fn is(payload: &[u8]) -> bool {
    payload.trim_ascii() == DONE
}

/// True if these bytes, which a caller has been sent, contain it.
pub(super) fn is_in(bytes: &[u8]) -> bool {
    bytes.windows(DONE.len()).any(|window| window == DONE)
}
