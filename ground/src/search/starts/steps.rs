//! Positions where something may begin, one after the other: the scalar form of [`vectors`](super).

use super::halves::{Buckets, Halves, is_word};

/// The first position at or after `from` at which some bucket accepts all bytes and `is_one` holds; the length of
/// `bytes` if there is none. A byte that has not arrived is accepted by all.
pub(super) fn first(
    buckets: &Buckets,
    bytes: &[u8],
    from: usize,
    is_one: impl Fn(usize) -> bool,
) -> usize {
    let of_first = |halves: &Halves, at: usize| {
        let Some(byte) = bytes.get(at) else { return u8::MAX };
        let of = |table: &[u8; 16], half: u8| table.get(usize::from(half)).copied();
        of(&halves.low, byte & 15).unwrap_or(0) & of(&halves.high, byte >> 4).unwrap_or(0)
    };
    let agree = |at: usize| {
        let before = match at.checked_sub(1).and_then(|before| bytes.get(before)) {
            None => u8::MAX,
            Some(byte) if is_word(*byte) => buckets.before.word,
            Some(_) => buckets.before.other,
        };
        let first = buckets.first.iter().zip(at..);
        first.fold(before, |all, (own, at)| all & of_first(own, at))
    };
    let found = (from..bytes.len()).find(|at| {
        let agreed = agree(*at);
        agreed != 0 && is_one(*at)
    });
    found.unwrap_or(bytes.len().max(from))
}
