//! Log, clock, properties and other small calls.

use std::time::Duration;

use crate::abi::{LogLevel, Status};
use crate::host::LogLine;
use crate::memory::{Fail, Guest, give, read, stop, write_u32, write_u64};
use crate::property;
use crate::state::{Deferred, Tick};

pub(super) fn log(guest: Guest<'_, '_>, level: i32, ptr: i32, len: i32) -> Result<(), Fail> {
    let level = LogLevel::from_code(level).ok_or(Status::BadArgument)?;
    let text = String::from_utf8_lossy(&read(guest, ptr, len)?).into_owned();
    let state = guest.data_mut();
    if level == LogLevel::Critical {
        state.critical = Some(text.clone());
    }
    let line = LogLine { worker: state.worker, context: state.context(), level, text };
    state.host.process().log.push(line);
    Ok(())
}

pub(super) fn get_log_level(guest: Guest<'_, '_>, ret: i32) -> Result<(), Fail> {
    let level = guest.data().host.settings().log_level.code();
    write_u32(guest, ret, level.cast_unsigned())
}

pub(super) fn current_time(guest: Guest<'_, '_>, ret: i32) -> Result<(), Fail> {
    let now = u64::try_from(guest.data().host.now().as_nanos()).unwrap_or(u64::MAX);
    write_u64(guest, ret, now)
}

pub(super) fn set_tick_period(guest: Guest<'_, '_>, ms: i32) -> Result<(), Fail> {
    let state = guest.data_mut();
    let period = Duration::from_millis(u64::from(ms.cast_unsigned()));
    let tick =
        (!period.is_zero()).then(|| Tick { period, due: state.host.now().saturating_add(period) });
    let root = state.root();
    state.roots.get_mut(&root).ok_or(Status::BadArgument)?.tick = tick;
    Ok(())
}

pub(super) fn set_effective_context(guest: Guest<'_, '_>, id: i32) -> Result<(), Fail> {
    let state = guest.data_mut();
    let id = id.cast_unsigned();
    if !state.streams.contains_key(&id) && !state.roots.contains_key(&id) {
        return Err(Status::BadArgument.into());
    }
    state.effective = id;
    Ok(())
}

pub(super) fn done(guest: Guest<'_, '_>) -> Result<(), Fail> {
    let state = guest.data_mut();
    let context = state.context();
    let root = state.roots.get_mut(&context).filter(|root| root.awaits_done);
    root.ok_or(Status::NotFound)?.awaits_done = false;
    state.deferred.push(Deferred::Done(context));
    Ok(())
}

pub(super) fn get_property(
    guest: Guest<'_, '_>,
    path: i32,
    len: i32,
    ret_ptr: i32,
    ret_len: i32,
) -> Result<(), Fail> {
    let path = read(guest, path, len)?;
    let state = guest.data();
    if path.starts_with(b"plugin_")
        && state.stream().is_none()
        && !state.host.quirks().envoy_properties
    {
        return Err(stop("the plugin's name, which ends the process"));
    }
    let value = property::get(state, &path)?;
    give(guest, &value, ret_ptr, ret_len)
}

pub(super) fn set_property(
    guest: Guest<'_, '_>,
    path: i32,
    len: i32,
    value: i32,
    value_len: i32,
) -> Result<(), Fail> {
    let path = read(guest, path, len)?;
    let value = read(guest, value, value_len)?;
    Ok(property::set(guest.data_mut(), &path, &value)?)
}

pub(super) fn call_foreign_function(
    guest: Guest<'_, '_>,
    name: i32,
    len: i32,
    args: i32,
    args_len: i32,
    ret_ptr: i32,
    ret_len: i32,
) -> Result<(), Fail> {
    let name = read(guest, name, len)?;
    let args = read(guest, args, args_len)?;
    let host = guest.data().host.clone();
    let function = host.process().foreign.get(&name).cloned();
    match function {
        Some(function) => give(guest, &function(&args)?, ret_ptr, ret_len),
        None if host.quirks().unknown_foreign_function_is_a_status => Err(Status::NotFound.into()),
        None => Err(stop("unknown foreign function")),
    }
}
