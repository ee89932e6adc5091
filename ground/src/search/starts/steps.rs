//! Positions where something may begin, one after the other: the scalar form of [`vectors`](super).

use super::halves::{BYTES, Halves};

/// The first position at or after `from` at which some bucket accepts all bytes and `is_one` holds; the length of
/// `bytes` if there is none. A byte that has not arrived is accepted by all.
pub(super) fn first(
    halves: &[Halves; BYTES],
    bytes: &[u8],
    from: usize,
    is_one: impl Fn(usize) -> bool,
) -> usize {
    let buckets = |halves: &Halves, at: Option<usize>| {
        let Some(byte) = at.and_then(|at| bytes.get(at)) else { return u8::MAX };
        let of = |table: &[u8; 16], half: u8| table.get(usize::from(half)).copied();
        of(&halves.low, byte & 15).unwrap_or(0) & of(&halves.high, byte >> 4).unwrap_or(0)
    };
    let agree = |at: usize| {
        let places = halves.iter().zip(0..);
        places.fold(u8::MAX, |all, (own, place)| all & buckets(own, (at + place).checked_sub(1)))
    };
    let found = (from..bytes.len()).find(|at| {
        let agreed = agree(*at);
        agreed != 0 && is_one(*at)
    });
    found.unwrap_or(bytes.len().max(from))
}
