//! The balances of accounts, for people; reading leaves no trace.

use super::account::Cap;
use super::book::Book;
use super::names::AccountNames;
use super::set::AccountSlot;
use crate::limits::{BALANCES, LEDGER_OVERFLOW_SLOTS, LEDGER_SLOTS};

/// The accounts of one limit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Balances {
    /// How many there are; accounts at their start are not stored, and not counted.
    pub accounts: usize,
    /// The fullest, fullest first.
    pub fullest: Vec<Balance>,
}

/// One account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// The account: a digest of limit and labels.
    pub id: [u8; 16],
    /// The used fraction of the cap, in millionths.
    pub used_millionths: u64,
    /// It is the overflow account.
    pub shared: bool,
    /// The values of the labels in `per`, if still known.
    pub values: Option<Vec<String>>,
}

impl Book {
    /// The accounts of these limits (by number, with their caps), in the same order. Slots that cannot be read are left
    /// out.
    #[must_use]
    pub fn balances(&self, limits: &[(u32, Cap)]) -> Vec<Balances> {
        let mut all = vec![Balances::default(); limits.len()];
        if limits.is_empty() {
            return all;
        }
        let now_ns = self.store().now_ns();
        for slot in 0..LEDGER_SLOTS + LEDGER_OVERFLOW_SLOTS {
            let Ok(Some(stored)) = self.store().get(slot) else { continue };
            let Some(mut set) = AccountSlot::decode(&stored.bytes) else { continue };
            for entry in &mut set.entries {
                let at = limits.iter().position(|(number, _)| *number == entry.limit);
                let Some((at, (_, cap))) = at.and_then(|at| Some((at, limits.get(at)?))) else {
                    continue;
                };
                if !entry.account.fits(cap) || entry.rests_at <= now_ns {
                    continue;
                }
                entry.account.advance(cap, now_ns);
                let balance = Balance {
                    id: entry.id,
                    used_millionths: entry.account.standing(cap).used_millionths(),
                    shared: slot >= LEDGER_SLOTS,
                    values: None,
                };
                if let Some(balances) = all.get_mut(at) {
                    balances.add(balance);
                }
            }
        }
        let names = AccountNames::new(self.store());
        for balance in all.iter_mut().flat_map(|balances| &mut balances.fullest) {
            balance.values = names.of(&balance.id);
        }
        all
    }
}

impl Balances {
    fn add(&mut self, balance: Balance) {
        self.accounts += 1;
        let more = |own: &Balance| own.used_millionths >= balance.used_millionths;
        let at = self.fullest.partition_point(more);
        if at < BALANCES {
            self.fullest.insert(at, balance);
            self.fullest.truncate(BALANCES);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::super::{AccountKey, LimitKey, MemoryStore, ReservationOutcome};
    use super::*;
    use crate::limits::NAMES_RENEW_NS;

    const CAP: Cap = Cap::Bucket { amount: 100, every_ns: 60_000_000_000, burst: 100 };

    fn take(book: &Book, tenant: &str, charge: u64) {
        let key = AccountKey::new(&LimitKey::new(b"tpm"), &[tenant], 32);
        book.note(&key, 1_000_000_000, [tenant].into_iter());
        assert!(matches!(
            book.reserve(&key, &CAP, charge, &[]),
            Ok(ReservationOutcome::Admitted { .. })
        ));
    }

    #[test]
    fn the_fullest_come_first_with_their_names() {
        let store = Rc::new(MemoryStore::new(1_000_000_000));
        let book = Book::new(store.clone());
        for number in 0..40 {
            take(&book, &format!("tenant-{number}"), number + 1);
        }
        let limits =
            [(LimitKey::new(b"other").number(), CAP), (LimitKey::new(b"tpm").number(), CAP)];
        let all = book.balances(&limits);
        assert_eq!(all[0], Balances::default());
        assert_eq!((all[1].accounts, all[1].fullest.len()), (40, BALANCES));
        let first = &all[1].fullest[0];
        assert_eq!(first.used_millionths, 400_000);
        assert_eq!(first.values, Some(vec!["tenant-39".to_owned()]));
        let shares: Vec<u64> = all[1].fullest.iter().map(|own| own.used_millionths).collect();
        assert!(shares.is_sorted_by(|a, b| a >= b), "{shares:?}");
        // Reading changes nothing, and accounts that are back at their start are not listed.
        assert_eq!(book.balances(&limits), all);
        store.set_now_ns(100_000_000_000);
        assert_eq!(book.balances(&limits)[1].accounts, 0);
    }

    #[test]
    fn a_cap_of_another_kind_is_another_account() {
        let book = Book::new(Rc::new(MemoryStore::new(1_000_000_000)));
        take(&book, "acme", 1);
        let limits = [(LimitKey::new(b"tpm").number(), Cap::InFlight { most: 1 })];
        assert_eq!(book.balances(&limits)[0].accounts, 0);
    }

    #[test]
    fn a_storage_that_fails_shows_nothing_and_panics_never() {
        let store = Rc::new(MemoryStore::new(1_000_000_000));
        let book = Book::new(store.clone());
        take(&book, "acme", 1);
        store.fail(true);
        book.note(&AccountKey::new(&LimitKey::new(b"tpm"), &["b"], 32), 1, ["b"].into_iter());
        assert_eq!(book.balances(&[(LimitKey::new(b"tpm").number(), CAP)])[0].accounts, 0);
    }

    #[test]
    fn a_name_is_written_once_in_a_while() {
        let store = Rc::new(MemoryStore::new(1_000_000_000));
        let book = Book::new(store.clone());
        let key = AccountKey::new(&LimitKey::new(b"tpm"), &["acme"], 32);
        let note = |now_ns, name| book.note(&key, now_ns, [name].into_iter());
        let known = || AccountNames::new(&*store).of(&key.account()).unwrap().concat();
        note(1, "acme");
        note(2, "too soon");
        assert_eq!(known(), "acme");
        note(1 + NAMES_RENEW_NS, "later");
        assert_eq!(known(), "later");
    }
}
