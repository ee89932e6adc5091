//! Metrics: ids are the VM's, values are the process's.

use crate::abi::{MetricKind, Status};
use crate::memory::{Fail, Guest, read, write_u32, write_u64};
use crate::state::HostState;

/// A name that is defined again gets a second id for the same metric.
pub(super) fn define(
    guest: Guest<'_, '_>,
    kind: i32,
    name: i32,
    len: i32,
    ret: i32,
) -> Result<(), Fail> {
    let kind = MetricKind::from_code(kind).ok_or(Status::BadArgument)?;
    let name = read(guest, name, len)?;
    let name = String::from_utf8(name).map_err(|_| Status::BadArgument)?;
    let state = guest.data_mut();
    state.host.process().metrics.define(kind, &name);
    state.metrics.push((kind, name));
    let id = u32::try_from(state.metrics.len()).unwrap_or(u32::MAX);
    write_u32(guest, ret, id)
}

fn metric(state: &HostState, id: i32) -> Result<(MetricKind, &str), Status> {
    let at = (id.cast_unsigned() as usize).checked_sub(1).ok_or(Status::NotFound)?;
    let (kind, name) = state.metrics.get(at).ok_or(Status::NotFound)?;
    Ok((*kind, name))
}

pub(super) fn increment(guest: Guest<'_, '_>, id: i32, delta: i64) -> Result<(), Fail> {
    let state = guest.data();
    let (kind, name) = metric(state, id)?;
    let refuse_zero = state.host.quirks().counter_refuses_zero;
    Ok(state.host.process().metrics.increment(kind, name, delta, refuse_zero)?)
}

pub(super) fn record(guest: Guest<'_, '_>, id: i32, value: i64) -> Result<(), Fail> {
    let state = guest.data();
    let (kind, name) = metric(state, id)?;
    Ok(state.host.process().metrics.record(kind, name, value.cast_unsigned())?)
}

pub(super) fn get(guest: Guest<'_, '_>, id: i32, ret: i32) -> Result<(), Fail> {
    let state = guest.data();
    let (kind, name) = metric(state, id)?;
    let value = state.host.process().metrics.value(kind, name)?;
    write_u64(guest, ret, value)
}
