//! Resuming, closing and replying: all take effect after the callback has returned.

use crate::abi::{Direction, Status, decode_pairs};
use crate::memory::{Fail, Guest, read, stop};
use crate::outcome::LocalReply;
use crate::state::Deferred;

/// Only the two HTTP streams: this host has no TCP.
fn direction(kind: i32) -> Result<Direction, Status> {
    match kind {
        0 => Ok(Direction::Request),
        1 => Ok(Direction::Response),
        _ => Err(Status::BadArgument),
    }
}

pub(super) fn resume(guest: Guest<'_, '_>, kind: i32) -> Result<(), Fail> {
    let direction = direction(kind)?;
    let state = guest.data_mut();
    let context = state.context();
    if let Some(stream) = state.stream_mut() {
        // Envoy takes the *request* maps away, whichever direction goes on.
        stream.request.headers_visible = false;
        stream.request.trailers_visible = false;
        stream.request.chunk = None;
        state.deferred.push(Deferred::Resume(context, direction));
    }
    Ok(())
}

pub(super) fn close(guest: Guest<'_, '_>, kind: i32) -> Result<(), Fail> {
    direction(kind)?;
    let state = guest.data_mut();
    if !state.host.quirks().close_stream {
        return Err(stop("`proxy_close_stream` is not offered"));
    }
    let context = state.context();
    if let Some(stream) = state.stream_mut() {
        stream.details.get_or_insert_with(|| "wasm_close_stream".to_owned());
        state.deferred.push(Deferred::Close(context));
    }
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the ABI has them")]
pub(super) fn send_local_response(
    guest: Guest<'_, '_>,
    code: i32,
    details: i32,
    details_len: i32,
    body: i32,
    body_len: i32,
    headers: i32,
    headers_len: i32,
    grpc_status: i32,
) -> Result<(), Fail> {
    let status = u16::try_from(code).map_err(|_| Status::BadArgument)?;
    let details = String::from_utf8_lossy(&read(guest, details, details_len)?).into_owned();
    let body = read(guest, body, body_len)?;
    let headers = decode_pairs(&read(guest, headers, headers_len)?).unwrap_or_default();
    let state = guest.data_mut();
    let late_is_a_reset = state.host.quirks().late_local_reply_is_a_reset;
    let context = state.context();
    let Some(stream) = state.stream_mut() else {
        return Err(Status::BadArgument.into());
    };
    if stream.response.started && !late_is_a_reset {
        return Err(stop("a local reply after the response headers"));
    }
    let grpc_status = (0..=16).contains(&grpc_status).then_some(grpc_status);
    let reply = LocalReply { status, details, headers, body, grpc_status };
    state.deferred.push(Deferred::LocalReply(context, reply));
    Ok(())
}
