//! Bodies and configurations.

use crate::abi::{BufferKind, Status};
use crate::memory::{Fail, Guest, give, read, write_u32};
use crate::state::HostState;

/// The bytes of a buffer, as far as the guest can see them now.
///
/// A body that is not visible is an empty buffer, not a missing one; so it is in Envoy.
fn bytes(state: &HostState, kind: i32) -> Result<Vec<u8>, Status> {
    let found = match BufferKind::from_code(kind).ok_or(Status::BadArgument)? {
        BufferKind::Body(direction) => {
            let body = state.stream().and_then(|stream| stream.half(direction).body());
            Some(body.cloned().unwrap_or_default())
        }
        BufferKind::VmConfiguration => Some(state.host.settings().vm_configuration.clone()),
        BufferKind::PluginConfiguration => state
            .configuring
            .and_then(|root| state.roots.get(&root))
            .map(|root| root.configuration.clone()),
        BufferKind::CallBody => state.calls.answer.as_ref().map(|answer| answer.body.clone()),
        BufferKind::GrpcMessage => state.calls.message.clone(),
        BufferKind::Tcp | BufferKind::ForeignArguments => None,
    };
    found.ok_or(Status::NotFound)
}

pub(super) fn get(
    guest: Guest<'_, '_>,
    kind: i32,
    start: i32,
    max: i32,
    ret_ptr: i32,
    ret_len: i32,
) -> Result<(), Fail> {
    let bytes = bytes(guest.data(), kind)?;
    let (start, max) = (start.cast_unsigned(), max.cast_unsigned());
    let end = start.checked_add(max).ok_or(Status::BadArgument)? as usize;
    let part = bytes.get(start as usize..end.min(bytes.len())).unwrap_or_default();
    give(guest, part, ret_ptr, ret_len)
}

pub(super) fn status(
    guest: Guest<'_, '_>,
    kind: i32,
    ret_len: i32,
    ret_flags: i32,
) -> Result<(), Fail> {
    let len = bytes(guest.data(), kind)?.len();
    write_u32(guest, ret_len, u32::try_from(len).unwrap_or(u32::MAX))?;
    write_u32(guest, ret_flags, 0)
}

/// Replaces bytes. Envoy can put bytes in front (after taking some away there) or behind, nowhere else.
pub(super) fn set(
    guest: Guest<'_, '_>,
    kind: i32,
    start: i32,
    size: i32,
    ptr: i32,
    len: i32,
) -> Result<(), Fail> {
    let new = read(guest, ptr, len)?;
    let refuse_middle = guest.data().host.quirks().middle_of_buffer_is_refused;
    let kind = BufferKind::from_code(kind).ok_or(Status::BadArgument)?;
    let BufferKind::Body(direction) = kind else {
        return Err(Status::BadArgument.into());
    };
    let stream = guest.data_mut().stream_mut().ok_or(Status::BadArgument)?;
    let half = stream.half_mut(direction);
    let body = half.body_mut().ok_or(Status::BadArgument)?;
    let (start, size) = (start.cast_unsigned() as usize, size.cast_unsigned() as usize);
    if start == 0 {
        body.splice(..size.min(body.len()), new);
    } else if start >= body.len() {
        body.extend(new);
    } else if refuse_middle {
        return Err(Status::BadArgument.into());
    } else {
        body.truncate(start);
        body.extend(new);
    }
    half.emptied = body.is_empty();
    Ok(())
}
