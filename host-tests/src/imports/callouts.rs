//! HTTP and gRPC callouts: recorded here, answered by the test.

use std::time::Duration;

use crate::abi::{Status, decode_pairs};
use crate::calls::{Call, GrpcTarget, HttpCall, grpc_target};
use crate::headers::Headers;
use crate::memory::{Fail, Guest, give, read, stop, write_u32};
use crate::outcome::Violation;

fn read_pairs(guest: Guest<'_, '_>, ptr: i32, len: i32) -> Result<Headers, Fail> {
    Ok(decode_pairs(&read(guest, ptr, len)?).unwrap_or_default())
}

fn timeout(ms: i32) -> Result<Duration, Status> {
    Ok(Duration::from_millis(u64::try_from(ms).map_err(|_| Status::BadArgument)?))
}

#[expect(clippy::too_many_arguments, reason = "the ABI has them")]
pub(super) fn http_call(
    guest: Guest<'_, '_>,
    cluster: i32,
    cluster_len: i32,
    headers: i32,
    headers_len: i32,
    body: i32,
    body_len: i32,
    trailers: i32,
    trailers_len: i32,
    timeout_ms: i32,
    ret: i32,
) -> Result<(), Fail> {
    let cluster = read(guest, cluster, cluster_len)?;
    let headers = read_pairs(guest, headers, headers_len)?;
    let body = read(guest, body, body_len)?;
    let trailers = read_pairs(guest, trailers, trailers_len)?;
    let timeout = timeout(timeout_ms)?;
    let known = guest.data().host.process().clusters.contains(&cluster);
    let complete = [":path", ":method", ":authority"].iter().all(|h| headers.get(h).is_some());
    if !known || !complete {
        return Err(Status::BadArgument.into());
    }
    let state = guest.data_mut();
    let (root, context) = (state.root(), state.context());
    let token = state.calls.next_token();
    let call = HttpCall { token, root, context, cluster, headers, body, trailers, timeout };
    state.calls.http.insert(token, call);
    write_u32(guest, ret, token)
}

/// The cluster behind an upstream string, with Envoy's way to read it.
fn grpc_cluster(guest: Guest<'_, '_>, upstream: &[u8]) -> Result<Vec<u8>, Fail> {
    if !guest.data().host.quirks().grpc {
        return Err(stop("gRPC is not offered"));
    }
    match grpc_target(upstream) {
        GrpcTarget::Cluster(name) if guest.data().host.process().clusters.contains(&name) => {
            Ok(name)
        }
        GrpcTarget::Cluster(_) => Err(Status::ParseFailure.into()),
        GrpcTarget::Unset => {
            let upstream = String::from_utf8_lossy(upstream).into_owned();
            if let Some(stream) = guest.data_mut().stream_mut() {
                stream.violations.push(Violation::HostAborts { upstream });
            }
            Err(stop("the gRPC upstream parses as a message without a target; Envoy aborts here"))
        }
    }
}

fn add_grpc(guest: Guest<'_, '_>, mut call: Call, ret: i32) -> Result<(), Fail> {
    let state = guest.data_mut();
    call.root = state.root();
    call.token = state.calls.next_token();
    let token = call.token;
    state.calls.grpc.insert(token, call);
    write_u32(guest, ret, token)
}

#[expect(clippy::too_many_arguments, reason = "the ABI has them")]
pub(super) fn grpc_call(
    guest: Guest<'_, '_>,
    upstream: i32,
    upstream_len: i32,
    service: i32,
    service_len: i32,
    method: i32,
    method_len: i32,
    metadata: i32,
    metadata_len: i32,
    message: i32,
    message_len: i32,
    timeout_ms: i32,
    ret: i32,
) -> Result<(), Fail> {
    let upstream = read(guest, upstream, upstream_len)?;
    let call = Call {
        token: 0,
        root: 0,
        cluster: grpc_cluster(guest, &upstream)?,
        service: read(guest, service, service_len)?,
        method: read(guest, method, method_len)?,
        metadata: read_pairs(guest, metadata, metadata_len)?,
        sent: vec![read(guest, message, message_len)?],
        stream: false,
        half_closed: true,
        timeout: timeout(timeout_ms)?,
    };
    add_grpc(guest, call, ret)
}

#[expect(clippy::too_many_arguments, reason = "the ABI has them")]
pub(super) fn grpc_stream(
    guest: Guest<'_, '_>,
    upstream: i32,
    upstream_len: i32,
    service: i32,
    service_len: i32,
    method: i32,
    method_len: i32,
    metadata: i32,
    metadata_len: i32,
    ret: i32,
) -> Result<(), Fail> {
    let upstream = read(guest, upstream, upstream_len)?;
    let call = Call {
        token: 0,
        root: 0,
        cluster: grpc_cluster(guest, &upstream)?,
        service: read(guest, service, service_len)?,
        method: read(guest, method, method_len)?,
        metadata: read_pairs(guest, metadata, metadata_len)?,
        sent: Vec::new(),
        stream: true,
        half_closed: false,
        timeout: Duration::ZERO,
    };
    add_grpc(guest, call, ret)
}

pub(super) fn grpc_send(
    guest: Guest<'_, '_>,
    token: i32,
    ptr: i32,
    len: i32,
    end: i32,
) -> Result<(), Fail> {
    let message = read(guest, ptr, len)?;
    let calls = &mut guest.data_mut().calls;
    let call = calls.grpc.get_mut(&token.cast_unsigned()).filter(|call| call.stream);
    let call = call.ok_or(Status::NotFound)?;
    call.sent.push(message);
    call.half_closed |= end != 0;
    Ok(())
}

pub(super) fn grpc_cancel(guest: Guest<'_, '_>, token: i32) -> Result<(), Fail> {
    let removed = guest.data_mut().calls.grpc.remove(&token.cast_unsigned());
    removed.map(|_| ()).ok_or(Status::NotFound.into())
}

/// Ends the guest's side of a stream; a unary call is cancelled.
pub(super) fn grpc_close(guest: Guest<'_, '_>, token: i32) -> Result<(), Fail> {
    let calls = &mut guest.data_mut().calls;
    match calls.grpc.get_mut(&token.cast_unsigned()) {
        Some(call) if call.stream => call.half_closed = true,
        Some(_) => {
            calls.grpc.remove(&token.cast_unsigned());
        }
        None => return Err(Status::NotFound.into()),
    }
    Ok(())
}

pub(super) fn get_status(
    guest: Guest<'_, '_>,
    ret_code: i32,
    ret_ptr: i32,
    ret_len: i32,
) -> Result<(), Fail> {
    let (code, message) = guest.data().calls.status.clone();
    write_u32(guest, ret_code, code.cast_unsigned())?;
    give(guest, &message, ret_ptr, ret_len)
}
