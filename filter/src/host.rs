//! Every host call (proxy-wasm ABI 0.2.1), as a function that returns a `Result`: the only room that names them, and but for
//! the names of exports the only one with `unsafe`.
//!
//! Any status is a value, for a panic would reset every stream of the worker, and everything that comes from traffic is
//! bytes.

#![expect(unsafe_code, reason = "the ABI is raw pointers; all of it is wrapped in this file")]

#[cfg(any(test, target_arch = "wasm32"))]
mod allocator;
pub mod call;
mod compare;
pub mod shared;

use std::fmt;

use hemostat_engine::base::headers::Headers;

use crate::pairs;

/// Declares host calls: imported in wasm, and for native tests a host that implements none of them.
macro_rules! host_calls {
    ($(fn $name:ident($($arg:ident: $kind:ty),* $(,)?);)*) => {
        #[cfg(target_arch = "wasm32")]
        mod abi {
            #[link(wasm_import_module = "env")]
            unsafe extern "C" {
                $(pub fn $name($($arg: $kind),*) -> u32;)*
            }
        }
        #[cfg(not(target_arch = "wasm32"))]
        #[expect(clippy::too_many_arguments, reason = "the ABI's calls have as many as they have")]
        mod abi {
            $(pub unsafe fn $name($(_: $kind),*) -> u32 {
                const UNIMPLEMENTED: u32 = 12;
                UNIMPLEMENTED
            })*
        }
    };
}

host_calls! {
    fn proxy_log(level: u32, text: *const u8, text_len: usize);
    fn proxy_get_current_time_nanoseconds(time: *mut u64);
    fn proxy_get_property(path: *const u8, path_len: usize, ptr: *mut *mut u8, len: *mut usize);
    fn proxy_set_property(path: *const u8, path_len: usize, value: *const u8, value_len: usize);
    fn proxy_get_header_map_pairs(map: u32, ptr: *mut *mut u8, len: *mut usize);
    fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_len: usize,
        value: *const u8,
        value_len: usize,
    );
    fn proxy_remove_header_map_value(map: u32, name: *const u8, name_len: usize);
    fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        max: usize,
        ptr: *mut *mut u8,
        len: *mut usize,
    );
    fn proxy_set_buffer_bytes(
        buffer: u32,
        start: usize,
        size: usize,
        bytes: *const u8,
        bytes_len: usize,
    );
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_len: usize,
        body: *const u8,
        body_len: usize,
        headers: *const u8,
        headers_len: usize,
        grpc_status: i32,
    );
    fn proxy_close_stream(stream: u32);
    fn proxy_continue_stream(stream: u32);
    fn proxy_set_effective_context(context: u32);
    fn proxy_define_metric(kind: u32, name: *const u8, name_len: usize, id: *mut u32);
    fn proxy_increment_metric(id: u32, by: i64);
    fn proxy_record_metric(id: u32, value: u64);
    fn proxy_get_metric(id: u32, value: *mut u64);
    fn proxy_set_tick_period_milliseconds(period: u32);
    fn proxy_get_shared_data(
        key: *const u8,
        key_len: usize,
        ptr: *mut *mut u8,
        len: *mut usize,
        cas: *mut u32,
    );
    fn proxy_set_shared_data(
        key: *const u8,
        key_len: usize,
        value: *const u8,
        value_len: usize,
        cas: u32,
    );
    fn proxy_http_call(
        cluster: *const u8,
        cluster_len: usize,
        headers: *const u8,
        headers_len: usize,
        body: *const u8,
        body_len: usize,
        trailers: *const u8,
        trailers_len: usize,
        timeout: u32,
        token: *mut u32,
    );
    fn proxy_grpc_call(
        target: *const u8,
        target_len: usize,
        service: *const u8,
        service_len: usize,
        method: *const u8,
        method_len: usize,
        metadata: *const u8,
        metadata_len: usize,
        message: *const u8,
        message_len: usize,
        timeout: u32,
        token: *mut u32,
    );
}

/// A status other than OK, as the host gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostError(u32);

impl HostError {
    /// There is no such thing (now).
    pub const NOT_FOUND: Self = Self(1);
    /// The host does not take this (now).
    pub const BAD_ARGUMENT: Self = Self(2);
    /// What the host gave cannot be read.
    pub const PARSE_FAILURE: Self = Self(4);
    /// The host gave less than it had announced.
    pub const EMPTY: Self = Self(7);
    /// Somebody else was faster.
    pub const CAS_MISMATCH: Self = Self(8);
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            1 => "not found",
            2 => "bad argument",
            3 => "serialization failure",
            4 => "parse failure",
            6 => "invalid memory access",
            7 => "empty",
            8 => "cas mismatch",
            10 => "internal failure",
            12 => "unimplemented",
            _ => "unknown",
        };
        write!(f, "status {} ({name})", self.0)
    }
}

/// How loud a log line is.
#[derive(Debug, Clone, Copy)]
#[repr(u32)]
pub enum Level {
    /// What happened, as it should.
    Info = 2,
    /// Something is not as it should be, and traffic goes on.
    Warn = 3,
    /// A configuration was refused.
    Error = 4,
    /// The filter itself is broken.
    Critical = 5,
}

/// A header map.
#[derive(Debug, Clone, Copy)]
#[repr(u32)]
pub enum Map {
    /// The request's headers.
    Request = 0,
    /// The response's headers.
    Response = 2,
    /// The headers of the answer to a call of our own; only while it is handed over.
    Call = 6,
}

/// A body, or another run of bytes that the host keeps.
#[derive(Debug, Clone, Copy)]
#[repr(u32)]
pub enum Buffer {
    /// The request's body.
    Request = 0,
    /// The response's body.
    Response = 1,
    /// The body of the answer to a call of our own; only while it is handed over.
    Call = 4,
    /// The message that answers a gRPC call of our own; only while it is handed over.
    Grpc = 5,
    /// The plugin's configuration; only while it is being configured.
    Configuration = 7,
}

/// All bytes of a buffer, wherever it ends.
pub const ALL: usize = u32::MAX as usize;

/// Writes a line to the proxy's log. A failure is ignored: there is nowhere left to report it.
pub fn log(level: Level, line: &str) {
    // SAFETY: the host reads `line` during the call.
    let _ = unsafe { abi::proxy_log(level as u32, line.as_ptr(), line.len()) };
}

/// Unix time in nanoseconds.
///
/// # Errors
/// The host fails the call.
pub fn now_ns() -> Result<u64, HostError> {
    let mut now = 0;
    // SAFETY: the host writes 8 bytes to `now` during the call.
    check(unsafe { abi::proxy_get_current_time_nanoseconds(&raw mut now) })?;
    Ok(now)
}

/// A property, by its path; `None`: the host has none.
///
/// # Errors
/// The host fails the call.
pub fn property<S: AsRef<str>>(path: &[S]) -> Result<Option<Vec<u8>>, HostError> {
    let path = path.iter().map(AsRef::as_ref).collect::<Vec<_>>().join("\0");
    // SAFETY: the host reads `path` and writes to `ptr` and `len` during the call.
    let value =
        take(|ptr, len| unsafe { abi::proxy_get_property(path.as_ptr(), path.len(), ptr, len) });
    match value {
        Ok(value) => Ok(Some(value)),
        Err(HostError::NOT_FOUND) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Stores a value with the stream (in Envoy: filter state `wasm.KEY`).
///
/// # Errors
/// The host fails the call.
pub fn set_property(key: &str, value: &[u8]) -> Result<(), HostError> {
    // SAFETY: the host reads both during the call.
    check(unsafe { abi::proxy_set_property(key.as_ptr(), key.len(), value.as_ptr(), value.len()) })
}

/// All headers of a map. Hosts give an empty one where the map is not to be had.
///
/// # Errors
/// The host fails the call; `PARSE_FAILURE` if what it gave is no header map.
pub fn headers(map: Map) -> Result<Headers, HostError> {
    // SAFETY: the host writes to `ptr` and `len` during the call.
    let bytes = take(|ptr, len| unsafe { abi::proxy_get_header_map_pairs(map as u32, ptr, len) })?;
    pairs::decode(bytes).ok_or(HostError::PARSE_FAILURE)
}

/// Puts one value in place of all of this header's.
///
/// # Errors
/// The host fails the call.
pub fn set_header(map: Map, name: &str, value: &[u8]) -> Result<(), HostError> {
    // SAFETY: the host reads both during the call.
    check(unsafe {
        abi::proxy_replace_header_map_value(
            map as u32,
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
        )
    })
}

/// Removes every value of a header.
///
/// # Errors
/// The host fails the call. That there was no such header is no failure.
pub fn remove_header(map: Map, name: &str) -> Result<(), HostError> {
    // SAFETY: the host reads `name` during the call.
    let status =
        unsafe { abi::proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len()) };
    match check(status) {
        Err(HostError::NOT_FOUND) => Ok(()),
        other => other,
    }
}

/// The bytes of a buffer, of which the host has announced `expected`.
///
/// # Errors
/// The host fails the call; `EMPTY` if it gives fewer than it had announced.
pub fn bytes(buffer: Buffer, expected: usize) -> Result<Vec<u8>, HostError> {
    bytes_from(buffer, 0, expected)
}

/// The same without the first `start` bytes.
///
/// # Errors
/// The host fails the call, or gives less than it announced.
pub fn bytes_from(buffer: Buffer, start: usize, expected: usize) -> Result<Vec<u8>, HostError> {
    // SAFETY: the host writes to `ptr` and `len` during the call.
    let bytes = take(|ptr, len| unsafe {
        abi::proxy_get_buffer_bytes(buffer as u32, start, ALL, ptr, len)
    });
    match bytes {
        // Some hosts have no buffer at all for a body of no bytes.
        Err(HostError::NOT_FOUND) if expected == 0 => Ok(Vec::new()),
        Ok(bytes) if bytes.len() < expected => Err(HostError::EMPTY),
        other => other,
    }
}

/// The bytes of a chunk that passes. One without bytes, as the last of many bodies is, is not asked for.
///
/// # Errors
/// The host fails the call; `EMPTY` if it gives fewer than it had announced.
pub fn chunk(buffer: Buffer, size: usize) -> Result<Vec<u8>, HostError> {
    if size == 0 { Ok(Vec::new()) } else { bytes(buffer, size) }
}

/// Puts these bytes in place of the whole buffer.
///
/// # Errors
/// The host fails the call.
pub fn replace_bytes(buffer: Buffer, bytes: &[u8]) -> Result<(), HostError> {
    // SAFETY: the host reads `bytes` during the call.
    check(unsafe {
        abi::proxy_set_buffer_bytes(buffer as u32, 0, ALL, bytes.as_ptr(), bytes.len())
    })
}

/// Answers in the upstream's place. `details` tells the access log why.
///
/// # Errors
/// The host fails the call; `BAD_ARGUMENT` if the headers do not fit the format.
pub fn reply(
    status: u16,
    details: &str,
    headers: &[(&[u8], &[u8])],
    body: &[u8],
) -> Result<(), HostError> {
    /// `grpc_status` of an answer that is not gRPC.
    const NO_GRPC: i32 = -1;
    let headers = pairs::encode(headers).ok_or(HostError::BAD_ARGUMENT)?;
    // SAFETY: the host reads all of them during the call.
    check(unsafe {
        abi::proxy_send_local_response(
            u32::from(status),
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            NO_GRPC,
        )
    })
}

/// Resets the response, and with it the request upstream. Only for hosts configured as Envoy: others trap.
///
/// # Errors
/// The host fails the call.
pub fn reset_response() -> Result<(), HostError> {
    const HTTP_RESPONSE: u32 = 1;
    // SAFETY: no pointers.
    check(unsafe { abi::proxy_close_stream(HTTP_RESPONSE) })
}

/// From now on calls are for this context, until the host calls back for another. Only for hosts configured as Envoy.
///
/// # Errors
/// The host fails the call.
pub fn act_for(context: u32) -> Result<(), HostError> {
    // SAFETY: no pointers.
    check(unsafe { abi::proxy_set_effective_context(context) })
}

/// Lets a request go on that a callback has paused.
///
/// # Errors
/// The host fails the call.
pub fn resume_request() -> Result<(), HostError> {
    const HTTP_REQUEST: u32 = 0;
    // SAFETY: no pointers.
    check(unsafe { abi::proxy_continue_stream(HTTP_REQUEST) })
}

/// Defines a counter. To be called once per VM and name: Envoy keeps an entry for every call.
///
/// # Errors
/// The host fails the call.
pub fn define_counter(name: &str) -> Result<u32, HostError> {
    const COUNTER: u32 = 0;
    define_metric(COUNTER, name)
}

/// Adds to a counter.
///
/// # Errors
/// The host fails the call.
pub fn increment(counter: u32, by: u64) -> Result<(), HostError> {
    let by = i64::try_from(by).unwrap_or(i64::MAX);
    // SAFETY: no pointers.
    check(unsafe { abi::proxy_increment_metric(counter, by) })
}

/// Defines a gauge, as [`define_counter`] does a counter.
///
/// # Errors
/// The host fails the call.
pub fn define_gauge(name: &str) -> Result<u32, HostError> {
    const GAUGE: u32 = 1;
    define_metric(GAUGE, name)
}

/// Defines a histogram, as [`define_counter`] does a counter.
///
/// # Errors
/// The host fails the call.
pub fn define_histogram(name: &str) -> Result<u32, HostError> {
    const HISTOGRAM: u32 = 2;
    define_metric(HISTOGRAM, name)
}

fn define_metric(kind: u32, name: &str) -> Result<u32, HostError> {
    let mut id = 0;
    // SAFETY: the host reads `name` and writes 4 bytes to `id` during the call.
    check(unsafe { abi::proxy_define_metric(kind, name.as_ptr(), name.len(), &raw mut id) })?;
    Ok(id)
}

/// Sets a gauge, or puts a value into a histogram.
///
/// # Errors
/// The host fails the call.
pub fn record(gauge: u32, value: u64) -> Result<(), HostError> {
    // SAFETY: no pointers.
    check(unsafe { abi::proxy_record_metric(gauge, value) })
}

/// The value of a counter.
///
/// # Errors
/// The host fails the call.
pub fn read_counter(counter: u32) -> Result<u64, HostError> {
    let mut value = 0;
    // SAFETY: the host writes 8 bytes to `value` during the call.
    check(unsafe { abi::proxy_get_metric(counter, &raw mut value) })?;
    Ok(value)
}

/// Asks the host to call `on_tick` this often.
///
/// # Errors
/// The host fails the call.
pub fn tick_every(milliseconds: u64) -> Result<(), HostError> {
    let period = u32::try_from(milliseconds).map_err(|_| HostError::BAD_ARGUMENT)?;
    // SAFETY: no pointers.
    check(unsafe { abi::proxy_set_tick_period_milliseconds(period) })
}

fn check(status: u32) -> Result<(), HostError> {
    if status == 0 { Ok(()) } else { Err(HostError(status)) }
}

/// Makes a call that gives bytes, and takes them.
fn take(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Vec<u8>, HostError> {
    let mut ptr = std::ptr::null_mut();
    let mut len = 0;
    check(call(&raw mut ptr, &raw mut len))?;
    if ptr.is_null() || len == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: the host allocated exactly `len` bytes with the allocator that the module exports (a boxed slice of bytes)
    // and gave them away with this call, so nobody else frees or reads them.
    Ok(unsafe { Vec::from_raw_parts(ptr, len, len) })
}
