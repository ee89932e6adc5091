//! Calls of our own to other servers.

use std::time::Duration;

use hemostat_engine::base::callout::Callout;
use hemostat_engine::policy::document::CaptureTo;
#[cfg(target_arch = "wasm32")]
use proxy_wasm::hostcalls::{dispatch_grpc_call, dispatch_http_call};
use proxy_wasm::types::Status;

use super::HostError;

// The SDK imports its calls on every target, so that native tests would not link: they have a host that calls nobody.
#[cfg(not(target_arch = "wasm32"))]
use nobody::{dispatch_grpc_call, dispatch_http_call};
#[cfg(not(target_arch = "wasm32"))]
mod nobody {
    use super::{Duration, Status};

    type Fields<'a, V> = Vec<(&'a str, V)>;

    pub(super) fn dispatch_http_call(
        _: &str,
        _: Fields<'_, &str>,
        _: Option<&[u8]>,
        _: Fields<'_, &str>,
        _: Duration,
    ) -> Result<u32, Status> {
        Err(Status::InternalFailure)
    }

    pub(super) fn dispatch_grpc_call(
        _: &str,
        _: &str,
        _: &str,
        _: Fields<'_, &[u8]>,
        _: Option<&[u8]>,
        _: Duration,
    ) -> Result<u32, Status> {
        Err(Status::InternalFailure)
    }
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
    let all = fixed.iter().chain(headers).copied().collect();
    send(cluster, all, None, timeout_ms)
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
    let headers = vec![
        (":method", "POST"),
        (":authority", authority),
        (":path", path),
        ("content-type", "application/json"),
        ("content-length", length.as_str()),
        ("user-agent", concat!("hemostat/", env!("CARGO_PKG_VERSION"))),
    ];
    send(cluster, headers, Some(body.as_bytes()), timeout_ms)
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
    send(&to.cluster, headers, Some(body), timeout_ms)
}

/// Makes a call. The answer comes to the context that makes it, by the number that this gives.
///
/// This is the SDK's own call, for the SDK must know the token: an answer to one that it does not know is a panic. It
/// panics on a status that is neither of the three which Envoy gives, so it is made only where a configuration or a
/// policy names a cluster to call.
///
/// # Errors
/// `BAD_ARGUMENT`: there is no such cluster; `INTERNAL_FAILURE`: the host cannot call now.
fn send(
    cluster: &str,
    headers: Vec<(&str, &str)>,
    body: Option<&[u8]>,
    timeout_ms: u64,
) -> Result<u32, HostError> {
    let timeout = Duration::from_millis(timeout_ms);
    match dispatch_http_call(cluster, headers, body, Vec::new(), timeout) {
        Ok(token) => Ok(token),
        Err(Status::BadArgument) => Err(HostError::BAD_ARGUMENT),
        Err(_) => Err(HostError::INTERNAL_FAILURE),
    }
}

/// Makes a gRPC call. The answer comes to the context that makes it. Only for hosts configured as Envoy: others trap.
///
/// As [`get`], it is the SDK's own call, and panics on a status that is none of the three which Envoy gives. The target
/// is a message that names the cluster: Envoy ends the whole process over some bare names.
///
/// # Errors
/// `PARSE_FAILURE`: there is no such cluster; `INTERNAL_FAILURE`: the host cannot call now.
pub fn grpc(call: &Callout) -> Result<u32, HostError> {
    let Callout { target, service, method, message, timeout_ms } = call;
    let timeout = Duration::from_millis(*timeout_ms);
    let sent = dispatch_grpc_call(target, service, method, Vec::new(), Some(message), timeout);
    sent.map_err(|status| match status {
        Status::ParseFailure => HostError::PARSE_FAILURE,
        _ => HostError::INTERNAL_FAILURE,
    })
}
