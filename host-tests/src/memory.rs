//! Access to guest memory, in which every pointer is hostile.

use wasmtime::{AsContextMut, Caller};

use crate::abi::Status;
use crate::state::HostState;

/// Why a host call did not work.
#[derive(Debug)]
pub(crate) enum Fail {
    /// The guest gets this status.
    Status(Status),
    /// The guest is stopped.
    Stop(wasmtime::Error),
}

impl From<Status> for Fail {
    fn from(status: Status) -> Fail {
        Fail::Status(status)
    }
}

/// A call for which the host stops the guest, as some hosts do.
pub(crate) fn stop(cause: &str) -> Fail {
    Fail::Stop(wasmtime::Error::new(HostStop(cause.to_owned())))
}

/// The host stopped the guest.
#[derive(Debug)]
pub(crate) struct HostStop(String);

impl std::fmt::Display for HostStop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the host stops the guest: {}", self.0)
    }
}

impl std::error::Error for HostStop {}

/// The guest whose host call runs.
pub(crate) type Guest<'a, 'b> = &'a mut Caller<'b, HostState>;

const BAD: Fail = Fail::Status(Status::InvalidMemoryAccess);

/// A wasm i32 that holds an address or a length: both are unsigned.
fn offset(value: i32) -> usize {
    value.cast_unsigned() as usize
}

/// Reads `len` bytes at `ptr`.
pub(crate) fn read(guest: Guest<'_, '_>, ptr: i32, len: i32) -> Result<Vec<u8>, Fail> {
    let memory = guest.data().memory.ok_or(BAD)?;
    let start = offset(ptr);
    let end = start.checked_add(offset(len)).ok_or(BAD)?;
    memory.data(&*guest).get(start..end).map(<[u8]>::to_vec).ok_or(BAD)
}

/// Writes bytes at `ptr`.
pub(crate) fn write(guest: Guest<'_, '_>, ptr: i32, bytes: &[u8]) -> Result<(), Fail> {
    let memory = guest.data().memory.ok_or(BAD)?;
    memory.write(guest, offset(ptr), bytes).map_err(|_| BAD)
}

pub(crate) fn write_u32(guest: Guest<'_, '_>, ptr: i32, value: u32) -> Result<(), Fail> {
    write(guest, ptr, &value.to_le_bytes())
}

pub(crate) fn write_u64(guest: Guest<'_, '_>, ptr: i32, value: u64) -> Result<(), Fail> {
    write(guest, ptr, &value.to_le_bytes())
}

/// Copies bytes into memory from the guest's allocator, and tells the guest where. For no bytes, nothing is allocated:
/// the pointer is 0.
pub(crate) fn give(
    guest: Guest<'_, '_>,
    bytes: &[u8],
    ret_ptr: i32,
    ret_len: i32,
) -> Result<(), Fail> {
    let len = i32::try_from(bytes.len()).map_err(|_| BAD)?;
    let mut ptr = 0;
    if len > 0 {
        let allocator = guest.data().allocator.clone().ok_or(BAD)?;
        guest.data_mut().allocating = true;
        let allocated = allocator.call(guest.as_context_mut(), len);
        guest.data_mut().allocating = false;
        ptr = allocated.map_err(Fail::Stop)?;
        if ptr == 0 {
            return Err(BAD);
        }
        write(guest, ptr, bytes)?;
    }
    write(guest, ret_ptr, &ptr.to_le_bytes())?;
    write(guest, ret_len, &len.to_le_bytes())
}
