//! Sixteen bytes as one WebAssembly vector.

use core::arch::wasm32::{u64x2, v128};

/// Bytes in a vector.
pub const BYTES: usize = 16;

/// The vector of a block.
#[inline(always)]
pub fn load(block: &[u8; BYTES]) -> v128 {
    // As one number, so that the compiler emits a single load: assembled from sixteen bytes, a block would take sixty
    // instructions.
    let number = u128::from_le_bytes(*block);
    u64x2(number as u64, (number >> 64) as u64)
}
