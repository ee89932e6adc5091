//! Hemostat's scenarios: the built module in the wasmtime host.
//!
//! One binary, so that the module is compiled once. They need `dist/hemostat.wasm` (`./just wasm`).

#[path = "../../../engine/tests/support/mod.rs"]
mod native;
mod rig;

mod corpus;
mod cuts;
mod faults;
mod generic_host;
mod hostile;
mod local_replies;
mod other_traffic;
mod reconfiguration;
mod work;
