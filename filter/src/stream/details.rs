//! What the host reports about the origin of an answer.

use crate::host;
use crate::telemetry::Trouble;

/// The proxy's response code details for this answer.
pub(super) fn details() -> Option<Vec<u8>> {
    host::property(&["response", "code_details"]).unwrap_or_else(|error| {
        Trouble { call: "property", error }.report();
        None
    })
}

/// Whether the proxy made this answer itself. Envoy gives every answer of an upstream the details `via_upstream`, and
/// its own ones others (`response_timeout`, `direct_response`, `request_payload_too_large` …). A host that gives no
/// details cannot tell: its answers count as the upstream's, which is what guards look at.
pub(super) fn is_local() -> bool {
    const UPSTREAM: &[u8] = b"via_upstream";
    /// The details of an answer from a cache filter: a model made it once.
    const CACHE: &[u8] = b"cache.";
    details().is_some_and(|details| {
        !details.is_empty() && details != UPSTREAM && !details.starts_with(CACHE)
    })
}
