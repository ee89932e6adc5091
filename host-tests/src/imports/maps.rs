//! Header and trailer maps, and when a guest can access them.

use crate::abi::{Direction, MapKind, Status, decode_pairs, encode_pairs};
use crate::headers::Headers;
use crate::memory::{Fail, Guest, give, read, write_u32};
use crate::outcome::Violation;
use crate::state::HostState;

/// A map to read; `None` if it does not exist in this phase.
fn map(state: &HostState, kind: MapKind) -> Option<&Headers> {
    let answer = state.calls.answer.as_ref();
    match kind {
        MapKind::Headers(direction) => {
            let stream = state.stream()?;
            let half = stream.half(direction);
            (half.headers_visible || (stream.logging && half.started)).then_some(&half.headers)
        }
        MapKind::Trailers(direction) => {
            let half = state.stream()?.half(direction);
            half.trailers.as_ref().filter(|_| half.trailers_visible)
        }
        MapKind::CallHeaders => answer.map(|a| &a.headers),
        MapKind::CallTrailers => answer.map(|a| &a.trailers),
        MapKind::GrpcMetadata => None,
    }
}

/// A map to change. At the end of a body there are trailers to add to, even if none arrived.
fn map_mut(state: &mut HostState, kind: MapKind) -> Option<&mut Headers> {
    let stream = state.stream_mut().filter(|stream| !stream.logging)?;
    let at_end = stream.end_of_stream;
    match kind {
        MapKind::Headers(direction) => {
            let half = stream.half_mut(direction);
            half.headers_visible.then_some(&mut half.headers)
        }
        MapKind::Trailers(direction) => {
            let half = stream.half_mut(direction);
            if half.trailers.is_none() && at_end && half.body().is_some() {
                half.trailers = Some(Headers::new());
                half.trailers_visible = true;
            }
            let visible = half.trailers_visible;
            half.trailers.as_mut().filter(|_| visible)
        }
        MapKind::GrpcMetadata | MapKind::CallHeaders | MapKind::CallTrailers => None,
    }
}

fn kind(code: i32) -> Result<MapKind, Status> {
    MapKind::from_code(code).ok_or(Status::BadArgument)
}

/// A change without effect is a defect of the guest that Envoy does not report.
fn note_late_change(state: &mut HostState, kind: MapKind, name: &[u8]) {
    if let (MapKind::Headers(direction), Some(stream)) = (kind, state.stream_mut())
        && stream.half(direction).headers_sent
    {
        let name = String::from_utf8_lossy(name).into_owned();
        stream.violations.push(Violation::LateHeaderChange { direction, name });
    }
}

fn change(
    guest: Guest<'_, '_>,
    code: i32,
    name: &[u8],
    apply: impl FnOnce(&mut Headers),
) -> Result<(), Fail> {
    let kind = kind(code)?;
    let state = guest.data_mut();
    let frozen = kind == MapKind::Headers(Direction::Request)
        && name == b":authority"
        && !state.host.quirks().authority_is_writable;
    if frozen {
        return Err(Status::BadArgument.into());
    }
    apply(map_mut(state, kind).ok_or(Status::BadArgument)?);
    note_late_change(state, kind, name);
    Ok(())
}

pub(super) fn size(guest: Guest<'_, '_>, code: i32, ret: i32) -> Result<(), Fail> {
    let kind = kind(code)?;
    let size = map(guest.data(), kind).ok_or(Status::BadArgument)?.byte_size();
    write_u32(guest, ret, u32::try_from(size).unwrap_or(u32::MAX))
}

/// A missing map reads as an empty one.
pub(super) fn get_pairs(
    guest: Guest<'_, '_>,
    code: i32,
    ret_ptr: i32,
    ret_len: i32,
) -> Result<(), Fail> {
    let kind = kind(code)?;
    let pairs = map(guest.data(), kind).map(encode_pairs).unwrap_or_else(|| vec![0; 4]);
    give(guest, &pairs, ret_ptr, ret_len)
}

pub(super) fn set_pairs(guest: Guest<'_, '_>, code: i32, ptr: i32, len: i32) -> Result<(), Fail> {
    // Envoy drops a map that it cannot read or that is too large, and goes on with an empty one.
    let new = decode_pairs(&read(guest, ptr, len)?).unwrap_or_default();
    change(guest, code, b"*", |headers| *headers = new)
}

pub(super) fn get_value(
    guest: Guest<'_, '_>,
    code: i32,
    key: i32,
    key_len: i32,
    ret_ptr: i32,
    ret_len: i32,
) -> Result<(), Fail> {
    let kind = kind(code)?;
    let key = read(guest, key, key_len)?;
    let state = guest.data();
    let logging = state.stream().is_some_and(|stream| stream.logging);
    let missing = if logging { Status::NotFound } else { Status::BadArgument };
    let value = map(state, kind).ok_or(missing)?.get(&key).ok_or(Status::NotFound)?.to_vec();
    give(guest, &value, ret_ptr, ret_len)
}

pub(super) fn add_value(
    guest: Guest<'_, '_>,
    code: i32,
    key: i32,
    key_len: i32,
    value: i32,
    value_len: i32,
) -> Result<(), Fail> {
    let key = read(guest, key, key_len)?;
    let value = read(guest, value, value_len)?;
    change(guest, code, &key, |headers| headers.add(&key, value))
}

pub(super) fn replace_value(
    guest: Guest<'_, '_>,
    code: i32,
    key: i32,
    key_len: i32,
    value: i32,
    value_len: i32,
) -> Result<(), Fail> {
    let key = read(guest, key, key_len)?;
    let value = read(guest, value, value_len)?;
    change(guest, code, &key, |headers| headers.replace(&key, value))
}

pub(super) fn remove_value(
    guest: Guest<'_, '_>,
    code: i32,
    key: i32,
    key_len: i32,
) -> Result<(), Fail> {
    let key = read(guest, key, key_len)?;
    let request = kind(code)? == MapKind::Headers(Direction::Request);
    let stays = request && !guest.data().host.quirks().removes_request_headers;
    change(guest, code, &key, |headers| {
        if !stays {
            headers.remove(&key);
        }
    })
}
