//! Properties as the host encodes them.

use std::time::Duration;

use crate::abi::{Direction, Status};
use crate::state::HostState;
use crate::stream::Stream;

/// The value of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Property {
    /// Text or bytes, as they are.
    Text(Vec<u8>),
    /// A number, 8 bytes little endian.
    Int(i64),
    /// 1 byte.
    Bool(bool),
    /// A time since 1970 or a duration: nanoseconds in 8 bytes.
    Time(Duration),
    /// The host answers with this status.
    Fails(Status),
}

impl From<&str> for Property {
    fn from(text: &str) -> Property {
        Property::Text(text.as_bytes().to_vec())
    }
}

impl From<i64> for Property {
    fn from(number: i64) -> Property {
        Property::Int(number)
    }
}

impl From<bool> for Property {
    fn from(value: bool) -> Property {
        Property::Bool(value)
    }
}

impl Property {
    fn encode(self, typed: bool) -> Result<Vec<u8>, Status> {
        let nanos = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        Ok(match self {
            Property::Text(bytes) => bytes,
            Property::Fails(status) => return Err(status),
            Property::Int(n) if typed => n.to_le_bytes().to_vec(),
            Property::Bool(b) if typed => vec![u8::from(b)],
            Property::Time(t) if typed => nanos(t).to_le_bytes().to_vec(),
            Property::Int(n) => n.to_string().into_bytes(),
            Property::Bool(b) => b.to_string().into_bytes(),
            Property::Time(t) => nanos(t).to_string().into_bytes(),
        })
    }
}

/// A path as guests write it: parts separated by a zero byte.
pub(crate) fn join(path: &[&str]) -> Vec<u8> {
    path.join("\0").into_bytes()
}

/// Reads a property for the context that calls.
pub(crate) fn get(state: &HostState, path: &[u8]) -> Result<Vec<u8>, Status> {
    let path = path.strip_suffix(b"\0").unwrap_or(path);
    let quirks = state.host.quirks();
    let stream = state.stream();
    let set = stream
        .and_then(|s| s.properties.get(path).cloned())
        .or_else(|| state.host.process().properties.get(path).cloned());
    if let Some(property) = set {
        return property.encode(quirks.typed_properties);
    }
    let parts: Vec<&str> =
        path.split(|b| *b == 0).filter_map(|p| std::str::from_utf8(p).ok()).collect();
    if let Some(stream) = stream
        && let Some(value) = filter_state(stream, path, &parts, quirks.envoy_properties)
    {
        return Ok(value);
    }
    let found = match parts.as_slice() {
        ["plugin_name"] if quirks.envoy_properties => {
            Some(Property::from(state.host.settings().plugin_name.as_str()))
        }
        ["plugin_root_id"] if quirks.envoy_properties => {
            Some(Property::from(state.host.settings().root_id.as_str()))
        }
        ["plugin_vm_id"] if quirks.envoy_properties => {
            Some(Property::from(state.host.settings().vm_id.as_str()))
        }
        ["request", rest @ ..] => stream.and_then(|s| {
            request(s, rest, state.host.now(), quirks.request_properties_need_headers)
        }),
        ["response", rest @ ..] => stream.and_then(|s| response(s, rest)),
        ["source", "address"] => stream.map(|_| Property::from("10.0.0.1:50000")),
        ["upstream", "address"] => {
            stream.filter(|s| s.request.headers_sent).map(|_| Property::from("10.0.0.2:443"))
        }
        _ => None,
    };
    found.ok_or(Status::NotFound)?.encode(quirks.typed_properties)
}

fn filter_state(stream: &Stream, path: &[u8], parts: &[&str], envoy: bool) -> Option<Vec<u8>> {
    if !envoy {
        return stream.filter_state.get(path).cloned();
    }
    match parts {
        ["filter_state", key] => {
            stream.filter_state.get(key.strip_prefix("wasm.")?.as_bytes()).cloned()
        }
        _ => stream.filter_state.get(path).cloned(),
    }
}

/// Writes a property of the calling stream (Envoy: filter state `wasm.<path>`).
pub(crate) fn set(state: &mut HostState, path: &[u8], value: &[u8]) -> Result<(), Status> {
    let any = state.host.quirks().set_any_property;
    if !any && !path.starts_with(b"wasmx\0") && !path.starts_with(b"ngx\0") {
        return Err(Status::NotFound);
    }
    let stream = state.stream_mut().ok_or(Status::NotFound)?;
    stream.filter_state.insert(path.to_vec(), value.to_vec());
    Ok(())
}

fn request(stream: &Stream, path: &[&str], now: Duration, need_headers: bool) -> Option<Property> {
    let half = &stream.request;
    let headers =
        (half.headers_visible || stream.logging || !need_headers).then_some(&half.headers);
    let header = |name: &str| headers.and_then(|h| h.get(name)).map(|v| v.to_vec());
    let text = |name: &str| header(name).map(Property::Text);
    let size = i64::try_from(half.received).unwrap_or(i64::MAX);
    match path {
        ["path"] => text(":path"),
        ["url_path"] => header(":path")
            .map(|p| Property::Text(p.split(|b| *b == b'?').next().unwrap_or_default().to_vec())),
        ["query"] => header(":path").map(|p| {
            let query = p.iter().position(|b| *b == b'?').and_then(|at| p.get(at + 1..));
            Property::Text(query.unwrap_or_default().to_vec())
        }),
        ["host"] => text(":authority"),
        ["scheme"] => text(":scheme"),
        ["method"] => text(":method"),
        ["referer"] => text("referer"),
        ["useragent"] => text("user-agent"),
        ["id"] => text("x-request-id"),
        ["headers", name] => text(name),
        ["protocol"] => Some(Property::from("HTTP/1.1")),
        ["time"] => Some(Property::Time(stream.began)),
        ["duration"] if stream.logging => Some(Property::Time(now.saturating_sub(stream.began))),
        ["size"] => Some(Property::Int(size)),
        ["total_size"] => Some(Property::Int(
            size.saturating_add(i64::try_from(half.headers.byte_size()).unwrap_or(i64::MAX)),
        )),
        _ => None,
    }
}

fn response(stream: &Stream, path: &[&str]) -> Option<Property> {
    let half = stream.half(Direction::Response);
    if path == ["flags"] {
        return Some(Property::Int(stream.flags));
    }
    if !half.started && !stream.logging {
        return None;
    }
    let headers = (half.headers_visible || stream.logging).then_some(&half.headers);
    match path {
        ["code"] => stream.code.map(|code| Property::Int(i64::from(code))),
        ["code_details"] => stream.details.as_deref().map(Property::from),
        // Envoy answers 2 (unknown) for plain HTTP 200.
        ["grpc_status"] => Some(Property::Int(2)),
        ["size"] => Some(Property::Int(i64::try_from(half.received).unwrap_or(i64::MAX))),
        ["headers", name] => headers.and_then(|h| h.get(name)).map(|v| Property::Text(v.to_vec())),
        _ => None,
    }
}
