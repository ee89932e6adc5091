//! Replies of the filter itself, and the header with the length of a body.

use hemostat_engine::dialect::Reply;

use crate::host::{self, Map};
use crate::telemetry::Trouble;

/// What callers get when the host fails a call that their request or answer depends on.
pub(super) const HOST_FAILED: Canned = Canned {
    details: "hemostat_host",
    body: br#"{"error":{"type":"hemostat","code":"host","message":"the proxy failed to read or change this"}}"#,
};

/// What callers get while there is no policy. Hosts that heed a refused configuration never come here.
pub(super) const NO_POLICY: Canned = Canned {
    details: "hemostat_no_policy",
    body: br#"{"error":{"type":"hemostat","code":"no_policy","message":"the proxy has no usable policy"}}"#,
};

/// A reply of the glue's own, in which the engine has no part.
pub(super) struct Canned {
    pub(super) details: &'static str,
    pub(super) body: &'static [u8],
}

impl Canned {
    pub(super) fn send(&self) -> Result<(), Trouble> {
        const UNAVAILABLE: u16 = 503;
        let headers: [(&[u8], &[u8]); 2] =
            [(b"content-type", b"application/json"), (b"retry-after", b"1")];
        host::reply(UNAVAILABLE, self.details, &headers, self.body)
            .map_err(Trouble::with("send_local_response"))
    }
}

/// Sends the engine's answer.
pub(super) fn send(reply: &Reply) -> Result<(), Trouble> {
    let headers: Vec<(&[u8], &[u8])> =
        reply.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    host::reply(reply.status, &format!("hemostat_{}", reply.status), &headers, &reply.body)
        .map_err(Trouble::with("send_local_response"))
}

/// Gives a body of this length its new `content-length`.
pub(super) fn set_length(map: Map, len: usize) -> Result<(), Trouble> {
    host::set_header(map, CONTENT_LENGTH, len.to_string().as_bytes())
        .map_err(Trouble::with("set_header"))
}

/// The header that a changed body must change too.
pub(super) const CONTENT_LENGTH: &str = "content-length";
