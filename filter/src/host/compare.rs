//! Comparing bytes, in place of what the compiler brings for wasm: that goes byte by byte, and names of headers, counters
//! and members are compared everywhere.

/// C's `memcmp`, eight bytes at a time. The compiler's own is weak: this one takes its place.
#[cfg(target_arch = "wasm32")]
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
    // SAFETY: whoever calls it gives `len` readable bytes at both places (C11 §7.24.4.1), and nothing behind them is read;
    // the reads say themselves that they are not aligned.
    let word = |at| unsafe {
        let (x, y) = (a.add(at).cast::<u64>(), b.add(at).cast::<u64>());
        (x.read_unaligned(), y.read_unaligned())
    };
    let mut at = 0;
    while at + 8 <= len {
        let (x, y) = word(at);
        if x != y {
            return order(x, y);
        }
        at += 8;
    }
    if at > 0 {
        // The last eight; of those that were compared before, none differs.
        let (x, y) = word(len - 8);
        return if x == y { 0 } else { order(x, y) };
    }
    while at < len {
        // SAFETY: as above.
        let (x, y) = unsafe { (*a.add(at), *b.add(at)) };
        if x != y {
            return i32::from(x) - i32::from(y);
        }
        at += 1;
    }
    0
}

/// How words that differ in memory are ordered: the first byte that differs decides, which is the lowest in a word that is read
/// from little-endian memory.
#[cfg(target_arch = "wasm32")]
#[cold]
fn order(x: u64, y: u64) -> i32 {
    if x.swap_bytes() < y.swap_bytes() { -1 } else { 1 }
}
