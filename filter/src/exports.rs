//! What the module exports (proxy-wasm ABI 0.2.1): every callback that the filter has a use for. Hosts do without the
//! others, and each that they need not call saves every stream some microseconds. Flags are integers here: what the
//! boundary says of a `bool` a host need not keep.

#![expect(unsafe_code, reason = "an exported name is the linker's, and could clash with another")]

use crate::context::Action;
use crate::dispatcher::{act, create, delete, grpc_answered, with_root, with_stream};
use crate::telemetry;

/// By its name hosts know the ABI.
#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

/// Memory that the host fills and gives back ([`crate::host`]).
#[cfg(target_arch = "wasm32")]
#[unsafe(export_name = "malloc")]
extern "C" fn allocate(size: usize) -> *mut u8 {
    Box::into_raw(Box::<[u8]>::new_uninit_slice(size)).cast()
}

/// Comes first. Only `proxy_log` may be called here: hosts forbid the rest until there is a context.
#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    std::panic::set_hook(Box::new(telemetry::report_panic));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(id: u32, root: u32) {
    create(id, root);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(id: u32) {
    delete(id);
}

/// Nothing is done in it, but nginx reads a result whether or not it is exported.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_vm_start(_root: u32, _size: usize) -> u32 {
    1
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(id: u32, size: usize) -> u32 {
    u32::from(with_root(id, |root| root.on_configure(size)) == Some(true))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(id: u32) {
    with_root(id, |root| root.on_tick());
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(id: u32, count: usize, end: u32) -> Action {
    act(id, |stream| stream.on_http_request_headers(count, end != 0))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(id: u32, size: usize, end: u32) -> Action {
    act(id, |stream| stream.on_http_request_body(size, end != 0))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(id: u32, count: usize) -> Action {
    act(id, |stream| stream.on_http_request_trailers(count))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_headers(id: u32, count: usize, end: u32) -> Action {
    act(id, |stream| stream.on_http_response_headers(count, end != 0))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_body(id: u32, size: usize, end: u32) -> Action {
    act(id, |stream| stream.on_http_response_body(size, end != 0))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_trailers(id: u32, count: usize) -> Action {
    act(id, |stream| stream.on_http_response_trailers(count))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_log(id: u32) {
    with_stream(id, |stream| stream.on_log());
}

/// Roots alone make HTTP calls.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_http_call_response(id: u32, token: u32, _headers: u32, size: usize, _: u32) {
    with_root(id, |root| root.on_http_call_response(token, size));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_grpc_receive(id: u32, token: u32, size: usize) {
    grpc_answered(id, token, 0, size);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_grpc_close(id: u32, token: u32, status: u32) {
    grpc_answered(id, token, status, 0);
}
