//! Which label values an account stands for: accounts themselves keep only a digest. The values are kept for people who
//! look at status, in bounded memory; an account whose values are dropped is shown by its digest until it is seen
//! again.

use std::cell::RefCell;

use super::store::{Store, WriteOutcome};
use crate::base::sorted_map::SortedMap;
use crate::limits::{
    LEDGER_OVERFLOW_SLOTS, LEDGER_SLOTS, NAME_BYTES, NAMES_IN_SLOT, NAMES_KNOWN, NAMES_RENEW_NS,
    NAMES_SLOTS,
};

/// The names of accounts, in slots of the same storage after those of the accounts.
#[derive(Debug)]
pub(super) struct AccountNames<'a> {
    store: &'a dyn Store,
}

/// When one worker last noted each account.
pub(super) type Noted = RefCell<SortedMap<[u8; 16], u64>>;

/// One name: the account, when it was noted (Unix seconds), the values.
type NameEntry = ([u8; 16], u64, Vec<String>);

impl<'a> AccountNames<'a> {
    pub(super) fn new(store: &'a dyn Store) -> Self {
        Self { store }
    }

    /// Notes the values of an account. A name that cannot be written is retried with the next request.
    pub(super) fn note<'v>(
        &self,
        noted: &Noted,
        id: [u8; 16],
        now_ns: u64,
        values: impl Iterator<Item = &'v str>,
    ) {
        let now = now_ns / 1_000_000_000;
        let Ok(stored) = self.store.get(slot_of(&id)) else { return };
        let (bytes, cas) = stored.map_or((Vec::new(), None), |s| (s.bytes, Some(s.cas)));
        let mut entries = decode(&bytes);
        entries.retain(|entry| entry.0 != id);
        if entries.len() >= NAMES_IN_SLOT {
            let oldest = entries.iter().enumerate().min_by_key(|(_, entry)| entry.1);
            if let Some((at, _)) = oldest {
                entries.remove(at);
            }
        }
        entries.push((id, now, values.map(shortened).collect()));
        if self.store.set(slot_of(&id), &encode(&entries), cas) == WriteOutcome::Done {
            let mut noted = noted.borrow_mut();
            if noted.len() >= NAMES_KNOWN {
                noted.clear();
            }
            noted.insert(id, now_ns);
        }
    }

    /// The values of an account, if known.
    pub(super) fn of(&self, id: &[u8; 16]) -> Option<Vec<String>> {
        let stored = self.store.get(slot_of(id)).ok()??;
        decode(&stored.bytes).into_iter().find(|entry| entry.0 == *id).map(|entry| entry.2)
    }
}

/// True if this worker has not noted this account recently. For most requests the answer is false, and nothing is
/// written.
pub(super) fn is_time(noted: &Noted, id: [u8; 16], now_ns: u64) -> bool {
    let lately = |at: u64| at <= now_ns && now_ns - at < NAMES_RENEW_NS;
    !noted.borrow().get(&id).copied().is_some_and(lately)
}

fn slot_of(id: &[u8; 16]) -> u32 {
    let [a, b, c, d, ..] = *id;
    let first = LEDGER_SLOTS + LEDGER_OVERFLOW_SLOTS;
    first + u32::from_le_bytes([a, b, c, d]) % NAMES_SLOTS
}

fn shortened(value: &str) -> String {
    value.get(..value.floor_char_boundary(NAME_BYTES)).unwrap_or_default().to_owned()
}

fn encode(entries: &[NameEntry]) -> Vec<u8> {
    let mut out = Vec::new();
    for (id, at, values) in entries {
        out.extend_from_slice(id);
        out.extend_from_slice(&at.to_le_bytes());
        out.push(u8::try_from(values.len()).unwrap_or(u8::MAX));
        for value in values.iter().take(usize::from(u8::MAX)) {
            // At most NAME_BYTES, which fits a byte.
            out.push(u8::try_from(value.len()).unwrap_or(u8::MAX));
            out.extend_from_slice(value.as_bytes());
        }
    }
    out
}

/// An unreadable name ends the list: it is only for people.
fn decode(mut bytes: &[u8]) -> Vec<NameEntry> {
    let mut entries = Vec::new();
    while let Some((entry, rest)) = next(bytes) {
        entries.push(entry);
        bytes = rest;
    }
    entries
}

fn next(bytes: &[u8]) -> Option<(NameEntry, &[u8])> {
    let (id, bytes) = bytes.split_first_chunk::<16>()?;
    let (at, bytes) = bytes.split_first_chunk::<8>()?;
    let (&count, mut bytes) = bytes.split_first()?;
    let mut values = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let (&len, rest) = bytes.split_first()?;
        let (value, rest) = rest.split_at_checked(usize::from(len))?;
        values.push(String::from_utf8(value.to_vec()).ok()?);
        bytes = rest;
    }
    Some(((*id, u64::from_le_bytes(*at), values), bytes))
}

#[cfg(test)]
mod tests {
    use super::super::MemoryStore;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_bounded_however_many_accounts_there_are() {
        let store = MemoryStore::new(0);
        let (names, noted) = (AccountNames::new(&store), Noted::default());
        let long = "ü".repeat(1000);
        for number in 0..20_000_u32 {
            let mut id = [7; 16];
            id[..4].copy_from_slice(&number.wrapping_mul(2_654_435_761).to_le_bytes());
            names.note(&noted, id, u64::from(number) * 1_000_000_000, [&*long, "b"].into_iter());
            assert_eq!(names.of(&id).unwrap()[1], "b");
            assert!(noted.borrow().len() <= NAMES_KNOWN);
        }
        let (slots, bytes) = store.size();
        assert!(slots <= NAMES_SLOTS as usize);
        assert!(bytes <= slots * NAMES_IN_SLOT * (16 + 8 + 1 + 2 + NAME_BYTES + 1));
    }

    proptest! {
        #[test]
        fn bytes_come_back(entries in prop::collection::vec(
            (any::<[u8; 16]>(), any::<u64>(), prop::collection::vec("[a-zé]{0,40}", 0..5)), 0..9)) {
            prop_assert_eq!(decode(&encode(&entries)), entries);
        }

        #[test]
        fn hostile_bytes_are_no_panic(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}
