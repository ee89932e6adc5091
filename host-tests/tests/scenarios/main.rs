//! Hemostat's scenarios: the built module in the wasmtime host.
//!
//! One binary, so that the module is compiled once. They need `dist/hemostat.wasm` (`./just wasm`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a helper of a test may panic as the test itself may"
)]

mod rig;

mod attacks;
mod corpus;
mod cuts;
mod faults;
mod fleet;
mod fuel;
mod generic_host;
mod held;
mod hints;
mod hostile;
mod local_replies;
mod one_message;
mod order;
mod other_traffic;
mod reconfiguration;
mod running;
mod shapes;
mod unknown_places;
mod wide;
mod work;

use testkit as native;
