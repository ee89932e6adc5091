//! A wasmtime host for proxy-wasm modules.
