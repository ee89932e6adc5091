//! Which grants were used: a fixed number of small values that all workers of a process share.
//!
//! A grant is remembered until it has expired, in the slot that its digest selects. A full slot accepts no more:
//! forgetting a grant that is still valid would let it be used twice.

use sha2::{Digest, Sha256};

use super::{Grant, GrantRefusal, LONGEST_LIFE_S};
use crate::limits;

/// A value with the version of its last write.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsedGrant {
    /// The value.
    pub bytes: Vec<u8>,
    /// The version that a write replacing it must name.
    pub cas: u32,
}

/// The memory that workers share: [`limits::GRANT_SLOTS`] values.
pub trait GrantSlots: std::fmt::Debug {
    /// The value of a slot; `None` if it was never written.
    ///
    /// # Errors
    /// The memory does not work.
    fn get(&self, slot: u32) -> Result<Option<UsedGrant>, SlotsFailed>;

    /// Replaces the value that was read, or writes the first one. False if another worker wrote in between.
    ///
    /// # Errors
    /// The memory does not work.
    fn replace(
        &self,
        slot: u32,
        old: Option<&UsedGrant>,
        bytes: &[u8],
    ) -> Result<bool, SlotsFailed>;
}

/// The memory does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotsFailed;

/// One used grant: the beginning of its digest, and when it expires.
const ENTRY: usize = 24;

/// How often a write is tried when others write in between.
const TRIES: usize = 16;

/// Uses the grant, once.
///
/// # Errors
/// It was used before, or the use cannot be recorded.
pub fn use_once(slots: &dyn GrantSlots, grant: &Grant, now: u64) -> Result<(), GrantRefusal> {
    let (slot, name) = place(grant);
    for _ in 0..TRIES {
        let old = slots.get(slot).map_err(|SlotsFailed| GrantRefusal::NoMemory)?;
        let known = old.as_ref().map_or(&[][..], |old| &old.bytes);
        let bytes = with(known, &name, grant.expires, now)?;
        if slots
            .replace(slot, old.as_ref(), &bytes)
            .map_err(|SlotsFailed| GrantRefusal::NoMemory)?
        {
            return Ok(());
        }
    }
    Err(GrantRefusal::NoMemory)
}

/// Returns the grant, because the call it was used for has not left. False if that cannot be recorded, and it stays
/// used.
pub fn give_back(slots: &dyn GrantSlots, grant: &Grant) -> bool {
    let (slot, name) = place(grant);
    for _ in 0..TRIES {
        let Ok(Some(old)) = slots.get(slot) else { return false };
        let mut bytes = Vec::with_capacity(old.bytes.len());
        for entry in old.bytes.chunks_exact(ENTRY) {
            // An entry that expired long ago is dropped by the next write.
            let over = [entry.get(..16).unwrap_or_default(), &[0; 8]].concat();
            bytes.extend_from_slice(if entry.starts_with(&name) { &over } else { entry });
        }
        match slots.replace(slot, Some(&old), &bytes) {
            Ok(true) => return true,
            Ok(false) => {}
            Err(SlotsFailed) => return false,
        }
    }
    false
}

/// The slot of a grant, and its name in the slot.
fn place(grant: &Grant) -> (u32, Vec<u8>) {
    let digest = Sha256::digest(grant.to_json());
    let mut head = [0; 4];
    head.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
    let name = digest.get(4..20).unwrap_or_default().to_vec();
    (u32::from_be_bytes(head) % limits::GRANT_SLOTS, name)
}

/// The slot with one more grant, and without those that have expired.
fn with(known: &[u8], name: &[u8], expires: u64, now: u64) -> Result<Vec<u8>, GrantRefusal> {
    let mut slot = Vec::with_capacity(known.len() + ENTRY);
    for entry in known.chunks_exact(ENTRY) {
        let (own, until) = entry.split_at_checked(16).unwrap_or_default();
        let until = until.try_into().map_or(u64::MAX, u64::from_be_bytes);
        // All workers have the same clock, but it may be set back: a grant that expired less than a lifetime ago is
        // kept.
        if until.saturating_add(LONGEST_LIFE_S) <= now {
            continue;
        }
        if own == name {
            return Err(GrantRefusal::Used);
        }
        slot.extend_from_slice(entry);
    }
    if slot.len() >= limits::GRANTS_IN_SLOT * ENTRY {
        return Err(GrantRefusal::Full);
    }
    slot.extend_from_slice(name);
    slot.extend_from_slice(&expires.to_be_bytes());
    Ok(slot)
}

/// A memory for one thread, for tests and tools.
#[derive(Debug, Default)]
pub struct LocalSlots {
    slots: std::cell::RefCell<std::collections::BTreeMap<u32, UsedGrant>>,
}

impl GrantSlots for LocalSlots {
    fn get(&self, slot: u32) -> Result<Option<UsedGrant>, SlotsFailed> {
        Ok(self.slots.borrow().get(&slot).cloned())
    }

    fn replace(
        &self,
        slot: u32,
        old: Option<&UsedGrant>,
        bytes: &[u8],
    ) -> Result<bool, SlotsFailed> {
        let mut slots = self.slots.borrow_mut();
        let now = slots.get(&slot).map(|stored| stored.cas);
        if now != old.map(|old| old.cas) {
            return Ok(false);
        }
        let cas = now.unwrap_or(0).wrapping_add(1);
        slots.insert(slot, UsedGrant { bytes: bytes.to_vec(), cas });
        Ok(true)
    }
}
