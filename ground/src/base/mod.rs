//! The ground floor: used by every room, and using nothing of the engine.

pub mod base32;
pub mod base64;
pub mod callout;
pub mod decimal;
pub mod headers;
pub mod json_text;
pub mod protobuf;
pub(crate) mod short;
pub mod sorted_map;
pub mod time;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub mod vector;
