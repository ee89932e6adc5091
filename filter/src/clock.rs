//! A clock that never fails, and numbers that are unique within a process.

use std::cell::Cell;

use crate::host;

thread_local! {
    /// When this VM first asked for the time.
    static START_NS: Cell<u64> = const { Cell::new(0) };
    /// The last time that the host gave.
    static LAST_NS: Cell<u64> = const { Cell::new(0) };
}

/// 2^64 divided by the golden ratio, odd. Multiples of it keep the widest distance from each other that a 64-bit
/// circle allows: any two of the first `n` are at least about 2^64 / (√5 · n) apart.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Unix time in nanoseconds. Where the host fails to tell, the last time it gave is used again: a rule that has expired
/// stays expired.
pub fn now_ns() -> u64 {
    match host::now_ns() {
        Ok(now) => {
            LAST_NS.set(now);
            if START_NS.get() == 0 {
                START_NS.set(now);
            }
            now
        }
        Err(_) => LAST_NS.get(),
    }
}

/// A number for this stream that no other stream of the process gets.
///
/// Context ids are distinct in one VM but every worker's VM counts from the same start, and proxy-wasm has no
/// randomness. What differs is the nanosecond at which a VM starts (they start one after another). Within a VM an odd
/// factor keeps distinct ids distinct. Across VMs `start + id × GOLDEN` could only meet if their starts were as far
/// apart as two multiples of GOLDEN are: over 1.9 seconds for 2^32 streams, over two hours for a million. For VMs that
/// a proxy starts later than that (reloads) a meeting is as likely as in 64 random bits.
pub fn nonce(context_id: u32) -> u64 {
    nonce_of(START_NS.get(), context_id)
}

fn nonce_of(start_ns: u64, context_id: u32) -> u64 {
    start_ns.wrapping_add(u64::from(context_id).wrapping_mul(GOLDEN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn workers_that_start_within_a_second_never_share_a_nonce() {
        let start = 1_764_000_000_000_000_000;
        let workers = [0, 1, 1_000, 1_000_000, 999_999_999].map(|later: u64| start + later);
        let ids = 100_000;
        let seen: BTreeSet<u64> =
            workers.iter().flat_map(|start| (0..ids).map(move |id| nonce_of(*start, id))).collect();
        assert_eq!(seen.len(), workers.len() * ids as usize);
    }

    #[test]
    fn a_host_without_a_clock_is_no_panic() {
        assert_eq!(now_ns(), 0);
    }
}
