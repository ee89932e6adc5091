//! Revision 2026-07-28 repeats parts of the body in headers, so that proxies can route without reading it. Here the
//! body counts; a header that contradicts it is refused, as the revision requires (`HeaderMismatch`).

use super::message::{MessageKind, RpcMessage};
use crate::base::base64;
use crate::base::headers::Headers;
use crate::wire::json::{Doc, Value};

/// The first revision without sessions. Revisions are dates, and are compared as text.
const MODERN: &str = "2026-07-28";

fn values<'a>(headers: &'a Headers, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    headers.values(name).map(<[u8]>::trim_ascii)
}

/// True if headers or body say that this is the stateless revision, or a later one.
#[must_use]
pub fn is_modern(headers: &Headers, doc: &Doc, body: &[u8]) -> bool {
    let is = |version: &[u8]| version.len() == MODERN.len() && version >= MODERN.as_bytes();
    let meta = |message: Value<'_>| {
        let meta = message.get("params")?.get("_meta")?;
        meta.get("io.modelcontextprotocol/protocolVersion")?.as_str().map(|v| is(v.as_bytes()))
    };
    values(headers, "mcp-protocol-version").any(is)
        || (!doc.is_empty() && meta(doc.root(body)).unwrap_or(false))
}

/// True if a header contradicts the body. A missing header is for the server to refuse.
#[must_use]
pub fn is_mismatch(headers: &Headers, doc: &Doc, body: &[u8], messages: &[RpcMessage]) -> bool {
    let [message] = messages else {
        // The revision has no batches.
        return !messages.is_empty();
    };
    if message.kind == MessageKind::Response {
        return false;
    }
    let params = doc.value(body, message.node).and_then(|message| message.get("params"));
    let text = |name: &str| Some(params?.get(name)?.as_str()?.into_owned());
    let named = match message.method.as_str() {
        "tools/call" | "prompts/get" => Some(text("name")),
        "resources/read" => Some(text("uri")),
        _ => None,
    };
    let wrong_method =
        values(headers, "mcp-method").any(|value| value != message.method.as_bytes());
    let wrong_name = named.is_some_and(|name| {
        values(headers, "mcp-name")
            .any(|value| Some(decoded(value)) != name.clone().map(String::into_bytes))
    });
    wrong_method || wrong_name
}

/// A header's value; `=?base64?…?=` encodes text that a header cannot carry.
fn decoded(value: &[u8]) -> Vec<u8> {
    let inner = value.strip_prefix(b"=?base64?").and_then(|rest| rest.strip_suffix(b"?="));
    let text = inner.and_then(|inner| std::str::from_utf8(inner).ok());
    text.and_then(base64::decode).unwrap_or_else(|| value.to_vec())
}

#[cfg(test)]
mod tests {
    use super::super::messages;
    use super::*;

    fn mismatch(headers: &[(&str, &str)], body: &str) -> bool {
        let headers: Vec<(Vec<u8>, Vec<u8>)> = headers
            .iter()
            .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
            .collect();
        let mut doc = Doc::default();
        doc.parse(body.as_bytes()).unwrap();
        let messages = messages(&doc, body.as_bytes()).unwrap();
        is_mismatch(&headers.into(), &doc, body.as_bytes(), &messages)
    }

    #[test]
    fn headers_must_say_what_the_body_says() {
        let call = r#"{"id":1,"method":"tools/call","params":{"name":"caf\u00e9"}}"#;
        for (headers, wrong) in [
            (vec![("Mcp-Method", "tools/call"), ("Mcp-Name", "=?base64?Y2Fmw6k=?=")], false),
            (vec![("mcp-name", "café ")], false),
            (vec![], false),
            (vec![("mcp-name", "cafe")], true),
            (vec![("mcp-name", "café"), ("mcp-name", "other")], true),
            (vec![("mcp-method", "tools/list")], true),
            (vec![("mcp-method", "Tools/Call")], true),
        ] {
            assert_eq!(mismatch(&headers, call), wrong, "{headers:?}");
        }
        assert!(mismatch(
            &[("mcp-name", "a")],
            r#"{"id":1,"method":"resources/read","params":{"uri":"b"}}"#
        ));
        assert!(!mismatch(&[("mcp-name", "a")], r#"{"id":1,"method":"tools/list"}"#));
        assert!(mismatch(
            &[],
            r#"[{"id":1,"method":"tools/list"},{"id":2,"method":"tools/list"}]"#
        ));
    }
}
