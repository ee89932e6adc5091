//! What headers tell about a request: whether it is MCP, may be, or its body must be examined.

use super::super::path::{RequestTarget, query_has_key};
use crate::base::headers::Headers;
use crate::wire::find::same;
use crate::wire::frame::Framing;
use crate::{CallKind, DialectId, Recognised};

/// How certain the headers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// A header or a path specific to MCP: it is MCP unless its body is other JSON.
    Own,
    /// The `accept` that MCP clients must send, and hardly any others do: it is MCP if its body is JSON-RPC.
    Accepts,
    /// Nothing, but the body is declared as JSON or not declared at all.
    MayBeJson,
    /// Nothing, and the body is declared as something else.
    No,
}

/// What MCP is recognised as; `stored`: there is no body (GET, DELETE).
#[must_use]
pub fn recognised(stored: bool) -> Recognised {
    Recognised {
        dialect: DialectId::Mcp,
        kind: if stored { CallKind::StoredAnswer } else { CallKind::Generate },
        model: None,
        stream: false,
        json_stream: Framing::Json,
        envelope: None,
    }
}

/// A request without a body that is MCP: the stream on which a server sends its own messages or resumes a broken one
/// (GET), the end of a session (DELETE).
#[must_use]
pub fn without_body(method: &str, target: &str, headers: &Headers) -> Option<Recognised> {
    let (delete, get) = (method.eq_ignore_ascii_case("DELETE"), method.eq_ignore_ascii_case("GET"));
    // Nearly every request is neither.
    let mcp = (delete || get)
        && (has_own_header(headers)
            || (get && accepts(headers, "text/event-stream") && at_mcp(target)));
    mcp.then(|| recognised(true))
}

/// What is known of a POST before its body has arrived.
#[must_use]
pub fn of_post(target: &str, headers: &Headers) -> Sign {
    if has_own_header(headers) || at_mcp(target) {
        return Sign::Own;
    }
    if accepts(headers, "application/json") && accepts(headers, "text/event-stream") {
        return Sign::Accepts;
    }
    let mut kinds = values(headers, "content-type").map(media_type).peekable();
    let ends = |kind: &[u8], end: &str| {
        let from = kind.len().checked_sub(end.len());
        from.and_then(|at| kind.get(at..)).is_some_and(|own| is(own, end))
    };
    let json = |kind: &[u8]| {
        kind.is_empty() || ends(kind, "/json") || ends(kind, "+json") || is(kind, "text/plain")
    };
    if kinds.peek().is_none() || kinds.any(json) { Sign::MayBeJson } else { Sign::No }
}

/// True for a POST in the first revision's transport, HTTP with server-sent events: its answer arrives on another
/// stream, and the response to the POST itself is not read. The address, given by the server, identifies the session,
/// and the client does not accept a stream here, as clients of the later transport must.
#[must_use]
pub fn is_old_transport(target: &str, headers: &Headers) -> bool {
    let session = query_has_key(target, |key| {
        ["sessionid", "session_id"].iter().any(|own| key.eq_ignore_ascii_case(own))
    });
    session
        && !accepts(headers, "text/event-stream")
        && values(headers, "mcp-session-id").next().is_none()
}

/// True for a path that ends in `mcp`, as in the servers' own examples.
fn at_mcp(target: &str) -> bool {
    RequestTarget::parse(target).is(0, "mcp")
}

fn has_own_header(headers: &Headers) -> bool {
    ["mcp-session-id", "mcp-protocol-version", "mcp-method", "mcp-name"]
        .iter()
        .any(|name| values(headers, name).next().is_some())
}

fn values<'a>(headers: &'a Headers, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    headers.values(name)
}

/// The media type, without parameters.
fn media_type(value: &[u8]) -> &[u8] {
    value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
}

/// True for this media type, in any case.
fn is(own: &[u8], kind: &str) -> bool {
    same(own, kind.as_bytes()) || own.eq_ignore_ascii_case(kind.as_bytes())
}

fn accepts(headers: &Headers, kind: &str) -> bool {
    values(headers, "accept")
        .flat_map(|value| value.split(|byte| *byte == b','))
        .any(|one| is(media_type(one), kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> Headers {
        pairs.iter().copied().collect()
    }

    #[test]
    fn what_headers_say_of_a_post() {
        for (target, pairs, sign) in [
            ("/x", vec![("mcp-session-id", "1")], Sign::Own),
            ("/x", vec![("Mcp-Method", "ping")], Sign::Own),
            ("/servers/a/MCP/?x=1", vec![], Sign::Own),
            ("/x", vec![("accept", "application/json, text/event-stream")], Sign::Accepts),
            (
                "/x",
                vec![("accept", "text/event-stream;q=0.5"), ("accept", "Application/JSON")],
                Sign::Accepts,
            ),
            ("/x", vec![("accept", "*/*")], Sign::MayBeJson),
            ("/x", vec![("content-type", "application/json; charset=utf-8")], Sign::MayBeJson),
            ("/x", vec![("content-type", "multipart/form-data; boundary=a")], Sign::No),
            ("/x", vec![("content-type", "application/grpc")], Sign::No),
        ] {
            assert_eq!(of_post(target, &headers(&pairs)), sign, "{target} {pairs:?}");
        }
    }

    #[test]
    fn streams_and_ends_of_sessions() {
        let session = headers(&[("mcp-session-id", "1")]);
        let browser = headers(&[("accept", "text/html")]);
        let stream = headers(&[("accept", "text/event-stream")]);
        assert!(without_body("GET", "/x", &session).is_some());
        assert!(without_body("DELETE", "/x", &session).is_some());
        assert!(without_body("GET", "/mcp", &stream).is_some());
        assert!(without_body("GET", "/mcp", &browser).is_none());
        assert!(without_body("GET", "/x", &stream).is_none());
        assert!(without_body("DELETE", "/mcp", &stream).is_none());
        assert!(without_body("PUT", "/mcp", &session).is_none());
    }
}
