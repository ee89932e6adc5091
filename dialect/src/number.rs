//! Numbers for siblings: an item by the number that it gives itself, a member by its name.

use crate::base::decimal::double;
use crate::wire::json::Value;

/// A small number for a name that is not known here, so that texts under it still continue from event to event
/// (FNV-1a).
pub(super) fn name_number(name: &[u8]) -> u32 {
    name.iter().fold(0x811c_9dc5, |sum, &b| (sum ^ u32::from(b)).wrapping_mul(0x0100_0193))
}

/// An item's number: 0 if it has none. Clients read `1.0` and `"1"` as 1. A value that is not an index gets a number of
/// its own, so that it is not confused with item 0.
pub(super) fn number(value: Option<Value<'_>>) -> u32 {
    let Some(value) = value.filter(|value| !value.is_null()) else { return 0 };
    if let Some(small) = value.as_u64().and_then(|n| u32::try_from(n).ok()) {
        return small;
    }
    let raw = value.content_span().map_or_else(|| value.raw().into(), |_| value.as_bytes());
    let number = std::str::from_utf8(&raw).ok().and_then(|text| double(text.trim()));
    match number {
        Some(n) if n.fract() == 0.0 && (0.0..4_294_967_296.0).contains(&n) => n as u32,
        // `-1` and `-1.0` get the same number.
        Some(n) => name_number(&n.to_bits().to_be_bytes()) | 0x8000_0000,
        None => name_number(&raw) | 0x8000_0000,
    }
}
