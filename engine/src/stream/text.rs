//! Decoded text and its way back to the bytes it was written in.
