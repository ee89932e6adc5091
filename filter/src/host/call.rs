//! Calls of our own to other servers.

use std::time::Duration;

use proxy_wasm::types::Status;

use super::HostError;

/// Asks a server of a cluster by `GET`. The answer comes to the context that asks.
///
/// This is the SDK's own call, for the SDK must know the token: an answer to one that it does not know is a panic. It
/// panics on a status that is neither of the three which Envoy gives, so it is made only where a configuration names a
/// `source`.
///
/// # Errors
/// `BAD_ARGUMENT`: there is no such cluster; `INTERNAL_FAILURE`: the host cannot call now.
pub fn get(
    cluster: &str,
    authority: &str,
    path: &str,
    headers: &[(&str, &str)],
    timeout_ms: u64,
) -> Result<u32, HostError> {
    let fixed = [(":method", "GET"), (":authority", authority), (":path", path)];
    let all = fixed.iter().chain(headers).copied().collect();
    let timeout = Duration::from_millis(timeout_ms);
    match proxy_wasm::hostcalls::dispatch_http_call(cluster, all, None, Vec::new(), timeout) {
        Ok(token) => Ok(token),
        Err(Status::BadArgument) => Err(HostError::BAD_ARGUMENT),
        Err(_) => Err(HostError::INTERNAL_FAILURE),
    }
}
