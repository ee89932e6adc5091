//! The host calls of ABI 0.2.1, in one table.

mod basics;
mod buffers;
mod callouts;
mod maps;
mod metrics;
mod shared;
mod streams;

use wasmtime::{Caller, Linker};

use crate::abi::Status;
use crate::memory::{Fail, stop};
use crate::state::HostState;

/// Makes the list of names and the function that links them out of one table.
macro_rules! host_calls {
    ($($name:ident($($arg:ident: $ty:ty),*) => $call:path;)*) => {
        /// The names of all host calls.
        pub(crate) const NAMES: &[&str] = &[$(stringify!($name)),*];

        /// Links all host calls as imports of module `env`.
        pub(crate) fn define(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
            $(linker.func_wrap(
                "env",
                stringify!($name),
                |mut guest: Caller<'_, HostState>, $($arg: $ty),*| -> wasmtime::Result<i32> {
                    enter(&mut guest, stringify!($name), |guest| $call(guest, $($arg),*))
                },
            )?;)*
            Ok(())
        }
    };
}

host_calls! {
    proxy_log(level: i32, ptr: i32, len: i32) => basics::log;
    proxy_get_log_level(ret: i32) => basics::get_log_level;
    proxy_get_current_time_nanoseconds(ret: i32) => basics::current_time;
    proxy_set_tick_period_milliseconds(ms: i32) => basics::set_tick_period;
    proxy_set_effective_context(id: i32) => basics::set_effective_context;
    proxy_done() => basics::done;
    proxy_get_property(path: i32, len: i32, ret_ptr: i32, ret_len: i32) => basics::get_property;
    proxy_set_property(path: i32, len: i32, value: i32, value_len: i32) => basics::set_property;
    proxy_call_foreign_function(name: i32, len: i32, args: i32, args_len: i32, ret_ptr: i32, ret_len: i32)
        => basics::call_foreign_function;
    proxy_get_buffer_bytes(kind: i32, start: i32, max: i32, ret_ptr: i32, ret_len: i32) => buffers::get;
    proxy_get_buffer_status(kind: i32, ret_len: i32, ret_flags: i32) => buffers::status;
    proxy_set_buffer_bytes(kind: i32, start: i32, size: i32, ptr: i32, len: i32) => buffers::set;
    proxy_get_header_map_size(kind: i32, ret: i32) => maps::size;
    proxy_get_header_map_pairs(kind: i32, ret_ptr: i32, ret_len: i32) => maps::get_pairs;
    proxy_set_header_map_pairs(kind: i32, ptr: i32, len: i32) => maps::set_pairs;
    proxy_get_header_map_value(kind: i32, key: i32, key_len: i32, ret_ptr: i32, ret_len: i32)
        => maps::get_value;
    proxy_add_header_map_value(kind: i32, key: i32, key_len: i32, value: i32, value_len: i32)
        => maps::add_value;
    proxy_replace_header_map_value(kind: i32, key: i32, key_len: i32, value: i32, value_len: i32)
        => maps::replace_value;
    proxy_remove_header_map_value(kind: i32, key: i32, key_len: i32) => maps::remove_value;
    proxy_get_shared_data(key: i32, len: i32, ret_ptr: i32, ret_len: i32, ret_cas: i32)
        => shared::get_data;
    proxy_set_shared_data(key: i32, len: i32, value: i32, value_len: i32, cas: i32)
        => shared::set_data;
    proxy_register_shared_queue(name: i32, len: i32, ret: i32) => shared::register_queue;
    proxy_resolve_shared_queue(vm: i32, vm_len: i32, name: i32, len: i32, ret: i32)
        => shared::resolve_queue;
    proxy_enqueue_shared_queue(id: i32, ptr: i32, len: i32) => shared::enqueue;
    proxy_dequeue_shared_queue(id: i32, ret_ptr: i32, ret_len: i32) => shared::dequeue;
    proxy_continue_stream(kind: i32) => streams::resume;
    proxy_close_stream(kind: i32) => streams::close;
    proxy_send_local_response(code: i32, details: i32, details_len: i32, body: i32, body_len: i32,
        headers: i32, headers_len: i32, grpc_status: i32) => streams::send_local_response;
    proxy_http_call(cluster: i32, cluster_len: i32, headers: i32, headers_len: i32, body: i32,
        body_len: i32, trailers: i32, trailers_len: i32, timeout_ms: i32, ret: i32)
        => callouts::http_call;
    proxy_grpc_call(upstream: i32, upstream_len: i32, service: i32, service_len: i32, method: i32,
        method_len: i32, metadata: i32, metadata_len: i32, message: i32, message_len: i32,
        timeout_ms: i32, ret: i32) => callouts::grpc_call;
    proxy_grpc_stream(upstream: i32, upstream_len: i32, service: i32, service_len: i32, method: i32,
        method_len: i32, metadata: i32, metadata_len: i32, ret: i32) => callouts::grpc_stream;
    proxy_grpc_send(token: i32, ptr: i32, len: i32, end: i32) => callouts::grpc_send;
    proxy_grpc_cancel(token: i32) => callouts::grpc_cancel;
    proxy_grpc_close(token: i32) => callouts::grpc_close;
    proxy_get_status(ret_code: i32, ret_ptr: i32, ret_len: i32) => callouts::get_status;
    proxy_define_metric(kind: i32, name: i32, len: i32, ret: i32) => metrics::define;
    proxy_increment_metric(id: i32, delta: i64) => metrics::increment;
    proxy_record_metric(id: i32, value: i64) => metrics::record;
    proxy_get_metric(id: i32, ret: i32) => metrics::get;
}

/// What all host calls share: the phase, planned faults, and the status.
fn enter<'b>(
    guest: &mut Caller<'b, HostState>,
    name: &'static str,
    call: impl FnOnce(&mut Caller<'b, HostState>) -> Result<(), Fail>,
) -> wasmtime::Result<i32> {
    let state = guest.data();
    let result = if state.restricted && name != "proxy_log" {
        Err(stop(&format!("`{name}` may not be called during `_initialize`")))
    } else if state.allocating {
        // An allocator that calls the host, which calls the allocator, would never return.
        Err(Fail::Status(Status::InternalFailure))
    } else if let Some(status) = state.host.process().faults.on_call(name) {
        Err(Fail::Status(status))
    } else {
        call(guest)
    };
    match result {
        Ok(()) => Ok(Status::Ok.code()),
        Err(Fail::Status(status)) => Ok(status.code()),
        Err(Fail::Stop(error)) => Err(error),
    }
}
