//! The messages of a rate-limit service, encoded and decoded by hand: a few protobuf messages need no library.
//!
//! Both services take `envoy.service.ratelimit.v3.RateLimitRequest` and return `RateLimitResponse`
//! (`envoy/service/ratelimit/v3/rls.proto`, `envoy/extensions/common/ratelimit/v3/ratelimit.proto`). Limitador has
//! `Reserve` and `Commit` in addition (`limitador-server/proto/kuadrantrls.proto`).

use crate::base::protobuf::{BYTES, FIXED32, FIXED64, VARINT, bytes, number, varint};
use crate::limits::FLEET_RESERVATION_BYTES;

/// Codes of an answer.
const OK: u64 = 1;
const OVER_LIMIT: u64 = 2;

/// The longest window in seconds: a longer time in an answer is not believed.
const LONGEST_RESET_S: u64 = 366 * 86_400;

/// How much a request charges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hits {
    /// The service's default for a request that does not say.
    Unsaid,
    /// This much for the request.
    Request(u32),
    /// This much for the descriptor, and for the request if the service does not read that; zero only asks.
    Descriptor(u32),
}

/// A descriptor with these entries.
fn descriptor(entries: &[(String, String)]) -> Vec<u8> {
    let mut descriptor = Vec::new();
    for (key, value) in entries {
        let mut entry = Vec::with_capacity(key.len() + value.len() + 4);
        bytes(1, key.as_bytes(), &mut entry);
        bytes(2, value.as_bytes(), &mut entry);
        bytes(1, &entry, &mut descriptor);
    }
    descriptor
}

/// The beginning of every request.
fn head(domain: &str, descriptor: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(descriptor.len() + domain.len() + 16);
    bytes(1, domain.as_bytes(), &mut out);
    bytes(2, descriptor, &mut out);
    out
}

/// A `RateLimitRequest` with one descriptor.
#[must_use]
pub fn request(domain: &str, entries: &[(String, String)], hits: Hits) -> Vec<u8> {
    let mut descriptor = descriptor(entries);
    if let Hits::Descriptor(hits) = hits {
        // `google.protobuf.UInt64Value`: a zero is a message without fields, and is not an absent one.
        let mut value = Vec::new();
        if hits > 0 {
            value.push(1 << 3 | VARINT);
            varint(u64::from(hits), &mut value);
        }
        bytes(3, &value, &mut descriptor);
    }
    let mut out = head(domain, &descriptor);
    if let Hits::Request(hits @ 1..) | Hits::Descriptor(hits @ 1..) = hits {
        out.push(3 << 3 | VARINT);
        varint(u64::from(hits), &mut out);
    }
    out
}

/// A `ReserveRequest`: this amount for this many seconds.
#[must_use]
pub fn reserve(domain: &str, entries: &[(String, String)], amount: u64, ttl_s: u64) -> Vec<u8> {
    let mut ttl = Vec::new();
    number(1, ttl_s, &mut ttl);
    let mut out = head(domain, &descriptor(entries));
    number(3, amount, &mut out);
    bytes(4, &ttl, &mut out);
    out
}

/// A `CommitRequest`: this amount of a reservation was used.
#[must_use]
pub fn commit(domain: &str, entries: &[(String, String)], id: &[u8], amount: u64) -> Vec<u8> {
    let mut out = head(domain, &descriptor(entries));
    bytes(3, id, &mut out);
    number(4, amount, &mut out);
    out
}

/// A `GrpcService` that names a cluster. Envoy first parses the target of a call as such a message, and a bare name
/// that happens to parse as an empty one terminates the whole process.
#[must_use]
pub fn grpc_service(cluster: &str) -> String {
    let mut inner = Vec::new();
    bytes(1, cluster.as_bytes(), &mut inner);
    let mut out = Vec::new();
    bytes(1, &inner, &mut out);
    // Lengths under 128 are ASCII; `check` refuses longer names.
    String::from_utf8(out).unwrap_or_default()
}

/// What an answer says about the one descriptor that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DescriptorStatus {
    /// Nothing is left.
    pub over: bool,
    /// Seconds until the service's window ends, if it says so.
    pub reset_s: Option<u64>,
    /// The service names the limit that applies; `false` if it has none for the descriptor, or does not tell.
    pub has_limit: bool,
}

/// Whether an answer says "over", and its first second field; `None` if it is invalid or undecided.
fn said(message: &[u8]) -> Option<(bool, Option<&[u8]>)> {
    let (mut code, mut second) = (0, None);
    for field in WireFields(message) {
        match field? {
            (1, WireValue::Number(own)) => code = own,
            (2, WireValue::Bytes(own)) => second = second.or(Some(own)),
            _ => {}
        }
    }
    matches!(code, OK | OVER_LIMIT).then_some((code == OVER_LIMIT, second))
}

/// Reads a `ReserveResponse`: whether it says "over", and the reservation's id, which is empty if nothing is held.
/// `None` if it is invalid or undecided.
#[must_use]
pub fn reserved(message: &[u8]) -> Option<(bool, &[u8])> {
    let (over, id) = said(message)?;
    let id = id.unwrap_or_default();
    (id.len() <= FLEET_RESERVATION_BYTES).then_some((over, id))
}

/// Reads a `RateLimitResponse`; `None` if it is invalid or undecided.
#[must_use]
pub fn answer(message: &[u8]) -> Option<DescriptorStatus> {
    let (over, status) = said(message)?;
    let Some(status) = status else {
        return Some(DescriptorStatus { over, reset_s: None, has_limit: false });
    };
    let status = status_of(status)?;
    // A service admits a charge that brings a counter exactly to its limit: nothing is left then.
    let used_up = status.has_limit && status.remaining == 0;
    let reset_s = status.reset_s.filter(|seconds| *seconds <= LONGEST_RESET_S);
    Some(DescriptorStatus { over: over || used_up, reset_s, has_limit: status.has_limit })
}

struct Status {
    has_limit: bool,
    remaining: u64,
    reset_s: Option<u64>,
}

fn status_of(message: &[u8]) -> Option<Status> {
    let mut status = Status { has_limit: false, remaining: 0, reset_s: None };
    for field in WireFields(message) {
        match field? {
            (2, WireValue::Bytes(_)) => status.has_limit = true,
            (3, WireValue::Number(remaining)) => status.remaining = remaining,
            (4, WireValue::Bytes(duration)) => status.reset_s = Some(seconds_up(duration)?),
            _ => {}
        }
    }
    Some(status)
}

/// A `google.protobuf.Duration` in seconds, rounded up.
fn seconds_up(message: &[u8]) -> Option<u64> {
    let (mut seconds, mut nanos) = (0_u64, 0_u64);
    for field in WireFields(message) {
        match field? {
            (1, WireValue::Number(value)) => seconds = value,
            (2, WireValue::Number(value)) => nanos = value,
            _ => {}
        }
    }
    Some(seconds.saturating_add(u64::from(nanos > 0)))
}

enum WireValue<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Other,
}

/// The fields of a message, as far as they can be read; a `None` means that the rest cannot.
struct WireFields<'a>(&'a [u8]);

impl<'a> Iterator for WireFields<'a> {
    type Item = Option<(u64, WireValue<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> WireFields<'a> {
    fn field(&mut self) -> Option<(u64, WireValue<'a>)> {
        let tag = self.number()?;
        let value = match (tag & 7) as u8 {
            VARINT => WireValue::Number(self.number()?),
            BYTES => {
                let len = usize::try_from(self.number()?).ok()?;
                WireValue::Bytes(self.take(len)?)
            }
            FIXED64 => self.take(8).map(|_| WireValue::Other)?,
            FIXED32 => self.take(4).map(|_| WireValue::Other)?,
            _ => return None,
        };
        (tag >> 3 != 0).then_some((tag >> 3, value))
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entries(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_request_is_written_as_protobuf_says() {
        let one = entries(&[("k", "v")]);
        let descriptor = [0x0a, 6, 0x0a, 1, b'k', 0x12, 1, b'v'];
        let with = |tail: &[u8]| {
            let mut out = vec![0x0a, 1, b'd', 0x12, (descriptor.len()) as u8];
            out.extend_from_slice(&descriptor);
            out.extend_from_slice(tail);
            out
        };
        assert_eq!(request("d", &one, Hits::Unsaid), with(&[]));
        assert_eq!(request("d", &one, Hits::Request(300)), with(&[0x18, 0xac, 2]));
        assert_eq!(request("d", &one, Hits::Request(0)), with(&[]));
        // A question that charges nothing has an explicit value of zero.
        let asks = request("d", &one, Hits::Descriptor(0));
        assert_eq!(asks.get(13..), Some(&[0x1a, 0][..]));
        let charges = request("d", &one, Hits::Descriptor(5));
        assert_eq!(charges.get(13..), Some(&[0x1a, 2, 8, 5, 0x18, 5][..]));
    }

    /// The field numbers of `limitador-server/proto/kuadrantrls.proto`.
    #[test]
    fn a_reservation_and_its_end_are_written_as_limitador_reads_them() {
        let one = entries(&[("k", "v")]);
        let head = [0x0a, 1, b'd', 0x12, 8, 0x0a, 6, 0x0a, 1, b'k', 0x12, 1, b'v'];
        let reserves = reserve("d", &one, 300, 600);
        assert_eq!(reserves, [&head[..], &[0x18, 0xac, 2, 0x22, 3, 8, 0xd8, 4]].concat());
        let commits = commit("d", &one, b"id", 0);
        assert_eq!(commits, [&head[..], &[0x1a, 2, b'i', b'd', 0x20, 0]].concat());
    }

    #[test]
    fn answers_to_reservations_are_read() {
        assert_eq!(reserved(b"\x08\x01\x12\x04\x0a\x99id"), Some((false, &b"\x0a\x99id"[..])));
        assert_eq!(reserved(&[8, 1]), Some((false, &b""[..])), "nothing is held");
        assert_eq!(reserved(&[8, 2]), Some((true, &b""[..])));
        let long = [&[8, 1, 0x12, 129, 1], &[b'x'; 129][..]].concat();
        for garbage in [&[][..], &[8, 0], b"<html>", &[8, 1, 0x12, 9, 1], &long] {
            assert_eq!(reserved(garbage), None, "{garbage:?}");
        }
    }

    #[test]
    fn a_target_is_a_message_and_text() {
        assert_eq!(grpc_service("rls"), "\n\u{5}\n\u{3}rls");
        assert!(grpc_service(&"c".repeat(100)).ends_with('c'));
    }

    #[test]
    fn answers_are_read() {
        let said = |over, reset_s, has_limit| Some(DescriptorStatus { over, reset_s, has_limit });
        assert_eq!(answer(&[8, 1]), said(false, None, false));
        assert_eq!(answer(&[8, 2]), said(true, None, false));
        // A limit of 10 an hour, 3 left, 7.5 seconds to go; then nothing left.
        let status = |left: u8| {
            let mut status = vec![8, 1, 0x12, 2, 8, 10];
            if left > 0 {
                status.extend_from_slice(&[0x18, left]);
            }
            status.extend_from_slice(&[0x22, 4, 8, 7, 16, 5]);
            let mut out = vec![8, 1, 0x12, status.len() as u8];
            out.extend(status);
            out
        };
        assert_eq!(answer(&status(3)), said(false, Some(8), true));
        assert_eq!(answer(&status(0)), said(true, Some(8), true));
        for garbage in [&[][..], &[8, 0], &[8, 9], &[8], &[0x12, 9, 8, 1], b"<html>", &[0x0b]] {
            assert_eq!(answer(garbage), None, "{garbage:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            domain in ".{0,20}",
            all in prop::collection::vec((".{0,20}", ".{0,300}"), 0..6),
            hits in 0_u32..,
        ) {
            let message = request(&domain, &all, Hits::Descriptor(hits));
            let mut read = Vec::new();
            let mut seen = (String::new(), 0);
            for field in WireFields(&message) {
                match field.unwrap() {
                    (1, WireValue::Bytes(text)) => seen.0 = String::from_utf8(text.to_vec()).unwrap(),
                    (3, WireValue::Number(hits)) => seen.1 = hits,
                    (2, WireValue::Bytes(descriptor)) => {
                        for entry in WireFields(descriptor) {
                            let (1, WireValue::Bytes(entry)) = entry.unwrap() else { continue };
                            let mut texts = WireFields(entry).map(|field| match field.unwrap() {
                                (_, WireValue::Bytes(text)) => String::from_utf8(text.to_vec()).unwrap(),
                                _ => String::new(),
                            });
                            read.push((texts.next().unwrap(), texts.next().unwrap()));
                        }
                    }
                    _ => prop_assert!(false, "another field"),
                }
            }
            prop_assert_eq!(read, all);
            prop_assert_eq!(seen, (domain, u64::from(hits)));
        }

        #[test]
        fn no_answer_is_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = answer(&bytes);
            if let Some((_, id)) = reserved(&bytes) {
                prop_assert!(id.len() <= FLEET_RESERVATION_BYTES);
            }
        }
    }
}
