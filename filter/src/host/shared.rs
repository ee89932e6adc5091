//! Memory that all workers of a process share. It has no "delete": keys are few and fixed.

use super::{HostError, abi, check};

/// A value, and the number that says whether it is still the same.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shared {
    /// Its bytes.
    pub value: Vec<u8>,
    /// Changes with every write.
    pub cas: u32,
}

/// What stands under a key; `None`: nothing.
///
/// # Errors
/// The host fails the call.
pub fn get(key: &str) -> Result<Option<Shared>, HostError> {
    let mut cas = 0;
    // SAFETY: the host reads `key` and writes to `ptr`, `len` and `cas` during the call.
    let value = super::take(|ptr, len| unsafe {
        abi::proxy_get_shared_data(key.as_ptr(), key.len(), ptr, len, &raw mut cas)
    });
    match value {
        Ok(value) => Ok(Some(Shared { value, cas })),
        Err(HostError::NOT_FOUND) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Puts a value under a key, whatever stands there.
///
/// # Errors
/// The host fails the call.
pub fn put(key: &str, value: &[u8]) -> Result<(), HostError> {
    set(key, value, 0)
}

/// Puts a value in the place of the one that was read, or where none was. False: somebody else was faster.
///
/// # Errors
/// The host fails the call.
pub fn replace(key: &str, old: Option<&Shared>, value: &[u8]) -> Result<bool, HostError> {
    /// No value has this number, so only an absent one can be replaced.
    const ABSENT: u32 = u32::MAX;
    let written = set(key, value, old.map_or(ABSENT, |old| old.cas));
    match (written, old) {
        (Ok(()), _) => Ok(true),
        // Some hosts compare the number with that of an absent value. There the first write may be lost to one that
        // is made in the same moment; Envoy is not among them.
        (Err(HostError::CAS_MISMATCH), None) if get(key)?.is_none() => {
            put(key, value).map(|()| true)
        }
        (Err(HostError::CAS_MISMATCH), _) => Ok(false),
        (Err(error), _) => Err(error),
    }
}

fn set(key: &str, value: &[u8], cas: u32) -> Result<(), HostError> {
    // SAFETY: the host reads both during the call.
    check(unsafe {
        abi::proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), cas)
    })
}
