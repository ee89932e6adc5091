//! Calls of our own to other servers.

use std::cell::RefCell;

use hemostat_engine::base::callout::Callout;
use hemostat_engine::policy::document::CaptureTo;

use super::{HostError, abi, check};
use crate::pairs;

thread_local! {
    /// gRPC calls under way: the host's number of each, and the context that made it.
    static CALLERS: RefCell<Vec<(u32, u32)>> = const { RefCell::new(Vec::new()) };
}

/// Asks a server of a cluster by `GET`.
///
/// # Errors
/// As [`send`].
pub fn get(
    cluster: &str,
    authority: &str,
    path: &str,
    headers: &[(&str, &str)],
    timeout_ms: u64,
) -> Result<u32, HostError> {
    let fixed = [(":method", "GET"), (":authority", authority), (":path", path)];
    send(cluster, &[&fixed, headers].concat(), &[], timeout_ms)
}

/// Brings JSON to a server of a cluster by `POST`.
///
/// # Errors
/// As [`send`].
pub fn post_json(
    cluster: &str,
    authority: &str,
    path: &str,
    body: &str,
    timeout_ms: u64,
) -> Result<u32, HostError> {
    let length = body.len().to_string();
    let headers = [
        (":method", "POST"),
        (":authority", authority),
        (":path", path),
        ("content-type", "application/json"),
        ("content-length", length.as_str()),
        ("user-agent", concat!("hemostat/", env!("CARGO_PKG_VERSION"))),
    ];
    send(cluster, &headers, body.as_bytes(), timeout_ms)
}

/// Brings spans to a receiver of OTLP/HTTP by `POST`.
///
/// # Errors
/// As [`send`].
pub fn post_protobuf(to: &CaptureTo, body: &[u8], timeout_ms: u64) -> Result<u32, HostError> {
    let length = body.len().to_string();
    let mut headers = vec![
        (":method", "POST"),
        (":authority", to.authority.as_str()),
        (":path", to.path.as_str()),
        ("content-type", "application/x-protobuf"),
        ("content-length", length.as_str()),
        ("user-agent", concat!("hemostat/", env!("CARGO_PKG_VERSION"))),
    ];
    headers.extend(to.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    send(&to.cluster, &headers, body, timeout_ms)
}

/// Makes a call. The answer comes to the context that makes it, by the number that this gives.
///
/// # Errors
/// The host fails the call: `BAD_ARGUMENT` if there is no such cluster, `INTERNAL_FAILURE` if it cannot call now.
fn send(
    cluster: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    timeout_ms: u64,
) -> Result<u32, HostError> {
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    let headers = pairs::encode(&headers).ok_or(HostError::BAD_ARGUMENT)?;
    let trailers = pairs::encode(&[]).unwrap_or_default();
    let mut token = 0;
    // SAFETY: the host reads what is given and writes 4 bytes to `token` during the call.
    check(unsafe {
        abi::proxy_http_call(
            cluster.as_ptr(),
            cluster.len(),
            headers.as_ptr(),
            headers.len(),
            body.as_ptr(),
            body.len(),
            trailers.as_ptr(),
            trailers.len(),
            milliseconds(timeout_ms),
            &raw mut token,
        )
    })?;
    Ok(token)
}

/// Makes a gRPC call for this context, to which the answer comes. Only for hosts configured as Envoy: others trap.
///
/// The target is a message that names the cluster: Envoy ends the whole process over some bare names.
///
/// # Errors
/// The host fails the call: `PARSE_FAILURE` if there is no such cluster, `INTERNAL_FAILURE` if it cannot call now.
pub fn grpc(context: u32, call: &Callout) -> Result<u32, HostError> {
    let Callout { target, service, method, message, timeout_ms } = call;
    let metadata = pairs::encode(&[]).unwrap_or_default();
    let mut token = 0;
    // SAFETY: as above.
    check(unsafe {
        abi::proxy_grpc_call(
            target.as_ptr(),
            target.len(),
            service.as_ptr(),
            service.len(),
            method.as_ptr(),
            method.len(),
            metadata.as_ptr(),
            metadata.len(),
            message.as_ptr(),
            message.len(),
            milliseconds(*timeout_ms),
            &raw mut token,
        )
    })?;
    CALLERS.with_borrow_mut(|callers| callers.push((token, context)));
    Ok(token)
}

/// The context that made a gRPC call, once: a call ends once.
pub fn caller(token: u32) -> Option<u32> {
    CALLERS.with_borrow_mut(|callers| {
        let at = callers.iter().position(|call| call.0 == token)?;
        Some(callers.swap_remove(at).1)
    })
}

/// A context is gone. Its calls are not answered any more.
pub fn forget(context: u32) {
    CALLERS.with_borrow_mut(|callers| callers.retain(|call| call.1 != context));
}

fn milliseconds(time: u64) -> u32 {
    u32::try_from(time).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_ends_once_and_not_after_its_context() {
        CALLERS.with_borrow_mut(|callers| callers.extend([(1, 7), (2, 8), (3, 7)]));
        forget(7);
        assert_eq!([1, 2, 3, 2].map(caller), [None, Some(8), None, None]);
    }
}
