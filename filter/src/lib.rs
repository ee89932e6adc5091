//! The Hemostat filter: glue between a proxy-wasm host and the engine.
