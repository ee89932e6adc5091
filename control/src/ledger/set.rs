//! The accounts that share one slot of storage, as bytes.
//!
//! An account at its start is not stored: forgetting it changes nothing. So a slot is only as long as what is owed in
//! it.

use super::account::Account;
use super::peaks::{Peaks, STEPS};
use crate::limits::{LEASE_SLICES, LEDGER_WAYS};

/// The layout's number: values written by another version of this code are not read.
const LAYOUT: u8 = 1;

/// Bytes of one account.
const ENTRY: usize = 128;

/// Bytes of an account's state.
const STATE: usize = 88;

/// One account in its slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SlotEntry {
    /// The account: a digest of scope, limit and labels.
    pub id: [u8; 16],
    /// The limit, for its share of the slot.
    pub limit: u32,
    /// The value of the first label in `per`, for its share.
    pub first: u32,
    /// How many of the limit's `warn_at` have been reported.
    pub warned: u8,
    /// When it will be at its start (Unix nanoseconds).
    pub rests_at: u64,
    /// Its state.
    pub account: Account,
}

/// The accounts of a slot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AccountSlot {
    /// In no order.
    pub entries: Vec<SlotEntry>,
}

impl AccountSlot {
    /// Reads a slot; `None` if it was written by another version.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let Some((&layout, rest)) = bytes.split_first() else { return Some(Self::default()) };
        let (entries, rest) = rest.as_chunks::<ENTRY>();
        if layout != LAYOUT || !rest.is_empty() || entries.len() > LEDGER_WAYS {
            return None;
        }
        let entries = entries.iter().map(SlotEntry::decode).collect::<Option<_>>()?;
        Some(Self { entries })
    }

    /// Writes a slot.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1 + self.entries.len() * ENTRY);
        out.push(LAYOUT);
        self.entries.iter().for_each(|entry| entry.encode(&mut out));
        out
    }

    /// Forgets the accounts that are at their start, except this one.
    pub(super) fn forget(&mut self, now_ns: u64, but: &[u8; 16]) {
        self.entries.retain(|entry| entry.rests_at > now_ns || entry.id == *but);
    }

    /// True if one more account of this limit and first label fits.
    pub(super) fn has_room(&self, limit: u32, first: u32, share: usize) -> bool {
        let own = self.entries.iter().filter(|entry| entry.limit == limit);
        let (of_limit, of_first) = own.fold((0_usize, 0_usize), |(all, first_s), entry| {
            (all + 1, first_s + usize::from(entry.first == first))
        });
        let share_of_first = (share / crate::limits::LEDGER_GROUPS as usize).max(1);
        self.entries.len() < LEDGER_WAYS && of_limit < share && of_first < share_of_first
    }
}

impl SlotEntry {
    fn encode(&self, out: &mut Vec<u8>) {
        let (kind, state) = state(&self.account);
        out.extend_from_slice(&self.id);
        out.extend_from_slice(&self.limit.to_le_bytes());
        out.extend_from_slice(&self.first.to_le_bytes());
        out.extend_from_slice(&[kind, self.warned, 0, 0, 0, 0, 0, 0]);
        out.extend_from_slice(&self.rests_at.to_le_bytes());
        out.extend_from_slice(&state);
    }

    fn decode(bytes: &[u8; ENTRY]) -> Option<Self> {
        let mut fields = SlotBytes(bytes);
        let id = fields.take()?;
        let limit = u32::from_le_bytes(fields.take()?);
        let first = u32::from_le_bytes(fields.take()?);
        let [kind, warned, ..] = fields.take::<8>()?;
        let rests_at = u64::from_le_bytes(fields.take()?);
        let account = match kind {
            0 => Account::Bucket {
                time_ns: u64::from_le_bytes(fields.take()?),
                level: i128::from_le_bytes(fields.take()?),
                peaks: {
                    let mut steps = [(0, 0); STEPS];
                    for (number, level) in &mut steps {
                        *number = u64::from_le_bytes(fields.take()?);
                        *level = u64::from_le_bytes(fields.take()?);
                    }
                    Peaks::from_steps(steps)
                },
            },
            1 => Account::Calendar {
                time_ns: u64::from_le_bytes(fields.take()?),
                window: u64::from_le_bytes(fields.take()?),
                used: u64::from_le_bytes(fields.take()?),
            },
            2 => {
                let slice = u32::from_le_bytes(fields.take()?);
                let mut leases = [0; LEASE_SLICES];
                for count in &mut leases {
                    *count = u32::from_le_bytes(fields.take()?);
                }
                Account::InFlight { slice, leases }
            }
            _ => return None,
        };
        Some(Self { id, limit, first, warned, rests_at, account })
    }
}

fn state(account: &Account) -> (u8, [u8; STATE]) {
    let mut bytes: Vec<u8> = Vec::with_capacity(STATE);
    let kind = match account {
        Account::Bucket { time_ns, level, peaks } => {
            bytes.extend_from_slice(&time_ns.to_le_bytes());
            bytes.extend_from_slice(&level.to_le_bytes());
            for (number, level) in peaks.steps() {
                bytes.extend_from_slice(&number.to_le_bytes());
                bytes.extend_from_slice(&level.to_le_bytes());
            }
            0
        }
        Account::Calendar { time_ns, window, used } => {
            for number in [time_ns, window, used] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            1
        }
        Account::InFlight { slice, leases } => {
            bytes.extend_from_slice(&slice.to_le_bytes());
            for count in leases {
                bytes.extend_from_slice(&count.to_le_bytes());
            }
            2
        }
    };
    let mut state = [0; STATE];
    state.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    (kind, state)
}

struct SlotBytes<'a>(&'a [u8]);

impl SlotBytes<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn account() -> impl Strategy<Value = Account> {
        prop_oneof![
            (any::<u64>(), any::<i128>(), any::<[(u64, u64); STEPS]>()).prop_map(
                |(time_ns, level, steps)| Account::Bucket {
                    time_ns,
                    level,
                    peaks: Peaks::from_steps(steps),
                }
            ),
            (any::<u64>(), any::<u64>(), any::<u64>())
                .prop_map(|(time_ns, window, used)| Account::Calendar { time_ns, window, used }),
            (any::<u32>(), any::<[u32; LEASE_SLICES]>())
                .prop_map(|(slice, leases)| Account::InFlight { slice, leases }),
        ]
    }

    fn entry() -> impl Strategy<Value = SlotEntry> {
        let head = (any::<[u8; 16]>(), any::<u32>(), any::<u32>(), any::<u8>(), any::<u64>());
        (head, account()).prop_map(|((id, limit, first, warned, rests_at), account)| SlotEntry {
            id,
            limit,
            first,
            warned,
            rests_at,
            account,
        })
    }

    proptest! {
        #[test]
        fn a_slot_reads_what_it_wrote(entries in prop::collection::vec(entry(), 0..=LEDGER_WAYS)) {
            let set = AccountSlot { entries };
            let bytes = set.encode();
            prop_assert!(bytes.len() <= 1 + LEDGER_WAYS * ENTRY);
            prop_assert_eq!(AccountSlot::decode(&bytes), Some(set));
        }

        #[test]
        fn hostile_bytes_are_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = AccountSlot::decode(&bytes);
        }
    }

    #[test]
    fn what_another_version_wrote_is_not_read() {
        assert_eq!(AccountSlot::decode(&[LAYOUT + 1]), None);
        assert_eq!(AccountSlot::decode(&[LAYOUT, 0]), None);
        assert_eq!(AccountSlot::decode(&[]), Some(AccountSlot::default()));
    }
}
