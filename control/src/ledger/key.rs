//! What identifies an account: a digest of its limit and of the values of the limit's labels.

use sha2::{Digest, Sha256};

use crate::limits::{LEDGER_GROUPS, LEDGER_OVERFLOW_SLOTS, LEDGER_SLOTS, LEDGER_WAYS};

/// Identifies one account, and the slot that it may occupy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountKey {
    id: [u8; 16],
    limit: u32,
    first: u32,
    slot: u32,
    /// The most accounts of this limit in a slot.
    share: usize,
}

/// What all accounts of one limit have in common. It is computed once: a limit is evaluated for every request, and
/// hashing is most of its cost.
#[derive(Debug, Clone)]
pub struct LimitKey {
    /// The hash of everything before the values of labels.
    hash: Sha256,
    /// The same, finished: what identifies the account of a limit without labels, and where in its slots it belongs.
    whole: ([u8; 16], u32),
    number: u32,
}

impl LimitKey {
    /// A limit, identified by what keeps its counts apart: scope, id, labels, unit, window, epoch.
    #[must_use]
    pub fn new(name: &[u8]) -> Self {
        let hash = Sha256::new().chain_update(name);
        let digest = hash.clone().finalize();
        Self { hash, whole: halves(&digest), number: number(&digest) }
    }

    /// The number that its accounts store.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }
}

impl AccountKey {
    /// The account of a limit for these label values. `share`: how many accounts of a slot the limit may take.
    #[must_use]
    pub fn new(limit: &LimitKey, values: &[&str], share: usize) -> Self {
        let (mut first, mut whole) = (0, limit.whole);
        if let [own, ..] = values {
            let mut hash = limit.hash.clone();
            for value in values {
                // Preceded by its length, no value can run into the next.
                hash.update((value.len() as u64).to_le_bytes());
                hash.update(value);
            }
            whole = halves(&hash.finalize());
            first = number(&Sha256::digest(own));
        }
        let (id, rest) = whole;
        let per_group = LEDGER_SLOTS / LEDGER_GROUPS;
        let slot = (first % LEDGER_GROUPS) * per_group + rest % per_group;
        Self { id, limit: limit.number, first, slot, share }
    }

    /// The account's id.
    #[must_use]
    pub fn account(&self) -> [u8; 16] {
        self.id
    }

    /// The limit's number.
    pub(crate) fn limit(&self) -> u32 {
        self.limit
    }

    /// The hash of the first label's value.
    pub(crate) fn first(&self) -> u32 {
        self.first
    }

    /// The slot that it belongs in.
    pub(crate) fn slot(&self) -> u32 {
        self.slot
    }

    /// The most accounts of its limit in a slot.
    pub(crate) fn share(&self) -> usize {
        self.share
    }

    /// The account that keys of this limit share if there is no room for their own.
    pub(super) fn overflow(&self) -> Self {
        let mut hash = Sha256::new().chain_update(b"overflow");
        hash.update(self.limit.to_le_bytes());
        let (id, rest) = halves(&hash.finalize());
        let slot = LEDGER_SLOTS + rest % LEDGER_OVERFLOW_SLOTS;
        Self { id, limit: self.limit, first: 0, slot, share: LEDGER_WAYS * LEDGER_GROUPS as usize }
    }
}

fn halves(digest: &[u8]) -> ([u8; 16], u32) {
    let id = digest.first_chunk::<16>().copied().unwrap_or_default();
    (id, number(digest.get(16..).unwrap_or_default()))
}

fn number(digest: &[u8]) -> u32 {
    u32::from_le_bytes(digest.first_chunk::<4>().copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_of_a_limit_without_labels_is_named_by_the_limit_alone() {
        for limit in ["", "spend", "0\0calls\0requests\0"] {
            let digest = Sha256::digest(limit.as_bytes());
            let key = AccountKey::new(&LimitKey::new(limit.as_bytes()), &[], LEDGER_WAYS);
            assert_eq!(key.account(), digest[..16]);
            let rest = u32::from_le_bytes(digest[16..20].try_into().unwrap());
            assert_eq!((key.first(), key.slot()), (0, rest % (LEDGER_SLOTS / LEDGER_GROUPS)));
        }
    }
}
