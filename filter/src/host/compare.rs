//! Comparing bytes, in place of what the compiler brings for wasm: that goes byte by byte, and names of headers, counters
//! and members are compared everywhere.

/// C's `memcmp`, eight bytes at a time. The compiler's own is weak: this one takes its place.
#[cfg(target_arch = "wasm32")]
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
    let mut at = 0;
    // SAFETY: whoever calls it gives `len` readable bytes at both places (C11 §7.24.4.1), and nothing behind them is read;
    // the reads say themselves that they are not aligned.
    unsafe {
        while at + 8 <= len {
            let (x, y) = (a.add(at).cast::<u64>(), b.add(at).cast::<u64>());
            let (x, y) = (x.read_unaligned(), y.read_unaligned());
            if x != y {
                // The first byte that differs decides: the lowest in a word that is read from little-endian memory.
                return if x.swap_bytes() < y.swap_bytes() { -1 } else { 1 };
            }
            at += 8;
        }
        while at < len {
            let (x, y) = (*a.add(at), *b.add(at));
            if x != y {
                return i32::from(x) - i32::from(y);
            }
            at += 1;
        }
    }
    0
}
