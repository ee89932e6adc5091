//! Callouts that guests made: recorded, and answered by the test.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::headers::Headers;

/// An HTTP callout (`proxy_http_call`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpCall {
    /// Its number in this worker.
    pub token: u32,
    /// The root context that gets the answer.
    pub root: u32,
    /// The context that made the call.
    pub context: u32,
    /// The cluster.
    pub cluster: Vec<u8>,
    /// The request headers.
    pub headers: Headers,
    /// The request body.
    pub body: Vec<u8>,
    /// The request trailers.
    pub trailers: Headers,
    /// How long the guest waits.
    pub timeout: Duration,
}

/// The answer to an [`HttpCall`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallAnswer {
    /// The response headers; none at all means that the call was reset.
    pub headers: Headers,
    /// The response body.
    pub body: Vec<u8>,
    /// The response trailers.
    pub trailers: Headers,
}

impl CallAnswer {
    /// An answer with this status and body.
    #[must_use]
    pub fn new(status: u16, body: impl AsRef<[u8]>) -> CallAnswer {
        CallAnswer {
            headers: [(":status", status.to_string())].into_iter().collect(),
            body: body.as_ref().to_vec(),
            trailers: Headers::new(),
        }
    }

    /// No answer: the connection was cut.
    #[must_use]
    pub fn reset() -> CallAnswer {
        CallAnswer::default()
    }

    /// Envoy's answer for a cluster without a healthy host.
    #[must_use]
    pub fn no_healthy_upstream() -> CallAnswer {
        CallAnswer::new(503, "no healthy upstream")
    }

    /// Envoy's answer for a call that takes too long.
    #[must_use]
    pub fn timeout() -> CallAnswer {
        CallAnswer::new(504, "upstream request timeout")
    }
}

/// A gRPC call or stream (`proxy_grpc_call`, `proxy_grpc_stream`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its number in this worker.
    pub token: u32,
    /// The root context that gets the answer.
    pub root: u32,
    /// The cluster, out of the serialized `GrpcService` or as a bare name.
    pub cluster: Vec<u8>,
    /// The service, such as `envoy.service.ratelimit.v3.RateLimitService`.
    pub service: Vec<u8>,
    /// The method.
    pub method: Vec<u8>,
    /// The initial metadata.
    pub metadata: Headers,
    /// The messages that the guest sent.
    pub sent: Vec<Vec<u8>>,
    /// A stream; otherwise a unary call.
    pub stream: bool,
    /// The guest ended its side.
    pub half_closed: bool,
    /// How long the guest waits; zero for a stream.
    pub timeout: Duration,
}

/// The callouts of one VM.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    last_token: u32,
    pub(crate) http: BTreeMap<u32, HttpCall>,
    pub(crate) grpc: BTreeMap<u32, Call>,
    /// What the guest reads during `proxy_on_http_call_response`.
    pub(crate) answer: Option<CallAnswer>,
    /// What the guest reads during `proxy_on_grpc_receive`.
    pub(crate) message: Option<Vec<u8>>,
    /// What `proxy_get_status` says.
    pub(crate) status: (i32, Vec<u8>),
}

impl Calls {
    pub(crate) fn next_token(&mut self) -> u32 {
        self.last_token = self.last_token.saturating_add(1);
        self.last_token
    }
}

/// How Envoy understands the upstream string of a gRPC call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum GrpcTarget {
    /// A cluster, named by a serialized `GrpcService` or bare.
    Cluster(Vec<u8>),
    /// It parses as a `GrpcService`, but without a target: Envoy 1.40 aborts.
    Unset,
}

/// Reads the string as Envoy does: first as a protobuf message, and as a name when that fails.
pub(crate) fn grpc_target(upstream: &[u8]) -> GrpcTarget {
    let mut rest = upstream;
    let mut target = GrpcTarget::Unset;
    while !rest.is_empty() {
        let Some((field, value)) = take_field(&mut rest) else {
            return GrpcTarget::Cluster(upstream.to_vec());
        };
        // GrpcService { EnvoyGrpc envoy_grpc = 1 { string cluster_name = 1 } }
        if field == 1 {
            let mut inner = value;
            let name = take_field(&mut inner).filter(|(f, _)| *f == 1).map(|(_, name)| name);
            target = GrpcTarget::Cluster(name.unwrap_or_default().to_vec());
        }
    }
    target
}

/// One protobuf field: its number, and its bytes where it has a length.
fn take_field<'a>(rest: &mut &'a [u8]) -> Option<(u64, &'a [u8])> {
    let tag = take_varint(rest)?;
    let len = match tag & 7 {
        0 => {
            take_varint(rest)?;
            0
        }
        1 => 8,
        2 => usize::try_from(take_varint(rest)?).ok()?,
        5 => 4,
        _ => return None,
    };
    let (value, tail) = rest.split_at_checked(len)?;
    *rest = tail;
    (tag >> 3 != 0).then_some((tag >> 3, value))
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_abort_envoy_are_found() {
        for name in ["inference", "model", "envoy"] {
            assert_eq!(grpc_target(name.as_bytes()), GrpcTarget::Unset, "{name}");
        }
        for name in ["ratelimit", "limits", "rls"] {
            assert_eq!(grpc_target(name.as_bytes()), GrpcTarget::Cluster(name.into()), "{name}");
        }
    }

    #[test]
    fn a_serialized_service_names_its_cluster() {
        assert_eq!(grpc_target(b"\x0a\x05\x0a\x03rls"), GrpcTarget::Cluster(b"rls".to_vec()));
    }
}
