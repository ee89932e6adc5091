//! Numbers for what stands beside others: an item by the number that it gives itself, a member by its name.

use crate::base::decimal::double;
use crate::wire::json::Value;

/// A small number for a name that this code does not know, so that texts under it still run on from event to event
/// (FNV-1a).
pub(super) fn name_number(name: &[u8]) -> u32 {
    name.iter().fold(0x811c_9dc5, |sum, &b| (sum ^ u32::from(b)).wrapping_mul(0x0100_0193))
}

/// An item's number: 0 where there is none. Clients take `1.0` and `"1"` for 1; what fits no index gets a number of its
/// own, so that it is not taken for item 0.
pub(super) fn number(value: Option<Value<'_>>) -> u32 {
    let Some(value) = value.filter(|value| !value.is_null()) else { return 0 };
    if let Some(small) = value.as_u64().and_then(|n| u32::try_from(n).ok()) {
        return small;
    }
    let raw = value.content_span().map_or_else(|| value.raw().into(), |_| value.as_bytes());
    let number = std::str::from_utf8(&raw).ok().and_then(|text| double(text.trim()));
    match number {
        Some(n) if n.fract() == 0.0 && (0.0..4_294_967_296.0).contains(&n) => n as u32,
        // However it is written, `-1` is `-1.0`.
        Some(n) => name_number(&n.to_bits().to_be_bytes()) | 0x8000_0000,
        None => name_number(&raw) | 0x8000_0000,
    }
}
