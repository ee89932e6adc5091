//! The numbers of proxy-wasm ABI 0.2.1, and the wire form of a header map.
//!
//! Source: `proxy-wasm/spec`, `abi-versions/v0.2.1`.

use crate::headers::Headers;

/// What a host call returns to the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// It worked.
    Ok,
    /// No such key, queue, property, metric or foreign function.
    NotFound,
    /// An argument is out of its range, or the call is not possible in this phase.
    BadArgument,
    /// A value could not be put into bytes.
    SerializationFailure,
    /// Bytes could not be read as what they should be.
    ParseFailure,
    /// A pointer of the guest is outside its memory, or its allocator failed.
    InvalidMemoryAccess,
    /// The queue is empty.
    Empty,
    /// The compare-and-swap number is not the current one.
    CasMismatch,
    /// The host failed.
    InternalFailure,
    /// The host does not have this call.
    Unimplemented,
}

impl Status {
    /// The number on the wire.
    #[must_use]
    pub fn code(self) -> i32 {
        match self {
            Status::Ok => 0,
            Status::NotFound => 1,
            Status::BadArgument => 2,
            Status::SerializationFailure => 3,
            Status::ParseFailure => 4,
            Status::InvalidMemoryAccess => 6,
            Status::Empty => 7,
            Status::CasMismatch => 8,
            Status::InternalFailure => 10,
            Status::Unimplemented => 12,
        }
    }

    /// Every status that says that a call did not work: what a test injects one by one.
    pub const ERRORS: [Status; 9] = [
        Status::NotFound,
        Status::BadArgument,
        Status::SerializationFailure,
        Status::ParseFailure,
        Status::InvalidMemoryAccess,
        Status::Empty,
        Status::CasMismatch,
        Status::InternalFailure,
        Status::Unimplemented,
    ];
}

/// One of the two ways that an exchange flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// From the client to the upstream.
    Request,
    /// From the upstream to the client.
    Response,
}

/// The severity of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogLevel {
    /// 0
    Trace,
    /// 1
    Debug,
    /// 2
    Info,
    /// 3
    Warn,
    /// 4
    Error,
    /// 5
    Critical,
}

impl LogLevel {
    /// The level of this number, if there is one.
    #[must_use]
    pub fn from_code(code: i32) -> Option<LogLevel> {
        Some(match code {
            0 => LogLevel::Trace,
            1 => LogLevel::Debug,
            2 => LogLevel::Info,
            3 => LogLevel::Warn,
            4 => LogLevel::Error,
            5 => LogLevel::Critical,
            _ => return None,
        })
    }

    /// The number on the wire.
    #[must_use]
    pub fn code(self) -> i32 {
        self as i32
    }
}

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MetricKind {
    /// Only goes up.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Collects samples.
    Histogram,
}

impl MetricKind {
    /// The kind of this number, if there is one.
    #[must_use]
    pub fn from_code(code: i32) -> Option<MetricKind> {
        Some(match code {
            0 => MetricKind::Counter,
            1 => MetricKind::Gauge,
            2 => MetricKind::Histogram,
            _ => return None,
        })
    }
}

/// A header map that a guest can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MapKind {
    Headers(Direction),
    Trailers(Direction),
    /// Initial and trailing metadata of a gRPC call; this host never has any.
    GrpcMetadata,
    CallHeaders,
    CallTrailers,
}

impl MapKind {
    pub(crate) fn from_code(code: i32) -> Option<MapKind> {
        Some(match code {
            0 => MapKind::Headers(Direction::Request),
            1 => MapKind::Trailers(Direction::Request),
            2 => MapKind::Headers(Direction::Response),
            3 => MapKind::Trailers(Direction::Response),
            4 | 5 => MapKind::GrpcMetadata,
            6 => MapKind::CallHeaders,
            7 => MapKind::CallTrailers,
            _ => return None,
        })
    }
}

/// A buffer that a guest can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BufferKind {
    Body(Direction),
    /// Downstream and upstream data of a TCP stream: not part of this host.
    Tcp,
    CallBody,
    GrpcMessage,
    VmConfiguration,
    PluginConfiguration,
    /// Arguments of a foreign function that the host calls in the guest: this host never does.
    ForeignArguments,
}

impl BufferKind {
    pub(crate) fn from_code(code: i32) -> Option<BufferKind> {
        Some(match code {
            0 => BufferKind::Body(Direction::Request),
            1 => BufferKind::Body(Direction::Response),
            2 | 3 => BufferKind::Tcp,
            4 => BufferKind::CallBody,
            5 => BufferKind::GrpcMessage,
            6 => BufferKind::VmConfiguration,
            7 => BufferKind::PluginConfiguration,
            8 => BufferKind::ForeignArguments,
            _ => return None,
        })
    }
}

/// Envoy drops a guest's map above this many bytes.
pub const MAX_MAP_BYTES: usize = 1 << 20;
/// Envoy drops a guest's map above this many pairs.
pub const MAX_MAP_PAIRS: usize = 1024;

/// Writes a header map as the ABI wants it: count, lengths, then `name\0value\0`.
#[must_use]
pub fn encode_pairs(headers: &Headers) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(length(headers.len()));
    for (name, value) in headers.iter() {
        out.extend(length(name.len()));
        out.extend(length(value.len()));
    }
    for (name, value) in headers.iter() {
        out.extend_from_slice(name);
        out.push(0);
        out.extend_from_slice(value);
        out.push(0);
    }
    out
}

fn length(n: usize) -> [u8; 4] {
    u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes()
}

/// Reads a guest's header map; `None` when it is malformed or above the host's limits.
#[must_use]
pub fn decode_pairs(bytes: &[u8]) -> Option<Headers> {
    if bytes.is_empty() {
        return Some(Headers::new());
    }
    if bytes.len() > MAX_MAP_BYTES {
        return None;
    }
    let mut rest = bytes;
    let count = take_u32(&mut rest)?;
    if count > MAX_MAP_PAIRS {
        return None;
    }
    let mut sizes = Vec::with_capacity(count);
    for _ in 0..count {
        sizes.push((take_u32(&mut rest)?, take_u32(&mut rest)?));
    }
    let mut headers = Headers::new();
    for (name_len, value_len) in sizes {
        let name = take_terminated(&mut rest, name_len)?;
        let value = take_terminated(&mut rest, value_len)?;
        headers.add(name, value);
    }
    Some(headers)
}

fn take_u32(rest: &mut &[u8]) -> Option<usize> {
    let (head, tail) = rest.split_first_chunk::<4>()?;
    *rest = tail;
    usize::try_from(u32::from_le_bytes(*head)).ok()
}

fn take_terminated<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(len)?;
    let (zero, tail) = tail.split_first()?;
    *rest = tail;
    (*zero == 0).then_some(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pairs_survive_the_wire(pairs in proptest::collection::vec(
            (proptest::collection::vec(any::<u8>(), 0..20), proptest::collection::vec(any::<u8>(), 0..20)), 0..20))
        {
            let headers: Headers = pairs.into_iter().collect();
            prop_assert_eq!(decode_pairs(&encode_pairs(&headers)), Some(headers));
        }

        #[test]
        fn hostile_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_pairs(&bytes);
        }
    }

    #[test]
    fn maps_above_envoys_limits_are_dropped() {
        let pairs = |n: usize| encode_pairs(&(0..n).map(|_| ("n", "v")).collect());
        assert_eq!(decode_pairs(&pairs(MAX_MAP_PAIRS)).map(|h| h.len()), Some(MAX_MAP_PAIRS));
        assert_eq!(decode_pairs(&pairs(MAX_MAP_PAIRS + 1)), None);
        let large = Headers::from([("n", "v".repeat(MAX_MAP_BYTES).as_str())]);
        assert_eq!(decode_pairs(&encode_pairs(&large)), None);
    }

    #[test]
    fn a_count_without_its_pairs_is_refused_before_anything_is_reserved() {
        assert_eq!(decode_pairs(&u32::MAX.to_le_bytes()), None);
        assert_eq!(decode_pairs(&3u32.to_le_bytes()), None);
    }
}
