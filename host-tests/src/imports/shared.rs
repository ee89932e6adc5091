//! Shared data and queues.

use crate::abi::Status;
use crate::memory::{Fail, Guest, give, read, write_u32};
use crate::store::Listener;

pub(super) fn get_data(
    guest: Guest<'_, '_>,
    key: i32,
    len: i32,
    ret_ptr: i32,
    ret_len: i32,
    ret_cas: i32,
) -> Result<(), Fail> {
    let key = read(guest, key, len)?;
    let found = guest.data().host.process().data.get(&key).ok_or(Status::NotFound)?;
    give(guest, &found.value, ret_ptr, ret_len)?;
    write_u32(guest, ret_cas, found.cas)
}

pub(super) fn set_data(
    guest: Guest<'_, '_>,
    key: i32,
    len: i32,
    value: i32,
    value_len: i32,
    cas: i32,
) -> Result<(), Fail> {
    let key = read(guest, key, len)?;
    let value = read(guest, value, value_len)?;
    let host = &guest.data().host;
    let creates = host.quirks().cas_creates_missing_key;
    Ok(host.process().data.set(&key, &value, cas.cast_unsigned(), creates)?)
}

pub(super) fn register_queue(
    guest: Guest<'_, '_>,
    name: i32,
    len: i32,
    ret: i32,
) -> Result<(), Fail> {
    let name = read(guest, name, len)?;
    let state = guest.data();
    // Workers count from 1: what a canary registers never hears of items.
    let listener = Listener { worker: state.worker.unwrap_or(0), root: state.root() };
    let vm_id = state.host.settings().vm_id.as_bytes();
    let id = state.host.process().queues.register(vm_id, &name, listener);
    write_u32(guest, ret, id)
}

pub(super) fn resolve_queue(
    guest: Guest<'_, '_>,
    vm: i32,
    vm_len: i32,
    name: i32,
    len: i32,
    ret: i32,
) -> Result<(), Fail> {
    let vm = read(guest, vm, vm_len)?;
    let name = read(guest, name, len)?;
    let id = guest.data().host.process().queues.resolve(&vm, &name).ok_or(Status::NotFound)?;
    write_u32(guest, ret, id)
}

pub(super) fn enqueue(guest: Guest<'_, '_>, id: i32, ptr: i32, len: i32) -> Result<(), Fail> {
    let item = read(guest, ptr, len)?;
    Ok(guest.data().host.process().queues.enqueue(id.cast_unsigned(), &item)?)
}

pub(super) fn dequeue(
    guest: Guest<'_, '_>,
    id: i32,
    ret_ptr: i32,
    ret_len: i32,
) -> Result<(), Fail> {
    let item = guest.data().host.process().queues.dequeue(id.cast_unsigned())?;
    give(guest, &item, ret_ptr, ret_len)
}
