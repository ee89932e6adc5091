//! Accounts in a shared storage: reserve, settle, renew, each one read and one write in the usual case.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use super::account::{Account, Cap, Receipt, Standing, Wait};
use super::key::AccountKey;
use super::names::{self, AccountNames, Noted};
use super::set::{AccountSlot, SlotEntry};
use super::store::{Store, WriteOutcome};
use crate::limits::LEDGER_RETRIES;

/// Why an account could not be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreError {
    /// Other workers were faster every time.
    Contended,
    /// The storage does not work.
    Failed,
    /// Neither the key's slot nor the overflow account's has room.
    Full,
}

impl StoreError {
    /// The word in metrics and logs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Contended => "contended",
            Self::Failed => "failed",
            Self::Full => "full",
        }
    }
}

/// A charge that was taken, needed to settle it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    key: AccountKey,
    cap: Cap,
    charge: u64,
    /// `None` for a place in flight that has lapsed.
    receipt: Option<Receipt>,
}

impl Hold {
    /// The charge, in units.
    #[must_use]
    pub fn charge(&self) -> u64 {
        self.charge
    }

    /// Its account.
    #[must_use]
    pub fn key(&self) -> &AccountKey {
        &self.key
    }

    /// True if it is a place in flight, which must be renewed.
    #[must_use]
    pub fn is_lease(&self) -> bool {
        matches!(self.cap, Cap::InFlight { .. })
    }
}

/// The result of a reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReservationOutcome {
    /// The charge was taken.
    Admitted {
        /// Needed to settle it.
        hold: Hold,
        /// The balance of the account afterwards.
        standing: Standing,
        /// It was taken from the overflow account.
        overflow: bool,
        /// The account took the slot of one that was back at its start.
        reused: bool,
        /// How many of the limit's thresholds are passed now, if more than were reported before.
        warned: Option<usize>,
    },
    /// The charge was refused.
    Refused {
        /// When it will be available.
        wait: Wait,
        /// The balance of the account.
        standing: Standing,
        /// The overflow account refused it.
        overflow: bool,
    },
}

/// The result of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The charge was replaced by what was used.
    Done,
    /// More was used than reserved: the account is in debt for the rest.
    Overrun,
    /// The account could not be written: the whole charge stands.
    Unsettled(StoreError),
}

/// The accounts of one process, as one worker sees them.
#[derive(Debug)]
pub struct Book {
    store: Rc<dyn Store>,
    /// Places in flight of all exchanges of this worker.
    leases: RefCell<Vec<Weak<RefCell<Vec<Hold>>>>>,
    /// When this worker last noted the names of accounts.
    noted: Noted,
}

/// What to do with a slot after looking at it.
enum SlotStep<T> {
    Write(T),
    Leave(T),
}

impl Book {
    /// A book of accounts in this storage.
    #[must_use]
    pub fn new(store: Rc<dyn Store>) -> Self {
        Self { store, leases: RefCell::default(), noted: Noted::default() }
    }

    /// The storage.
    pub(super) fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// Notes the label values of an account, for people who look at balances.
    pub fn note<'v>(&self, key: &AccountKey, now_ns: u64, values: impl Iterator<Item = &'v str>) {
        if names::is_time(&self.noted, key.account(), now_ns) {
            AccountNames::new(self.store()).note(&self.noted, key.account(), now_ns, values);
        }
    }

    /// Has the places in flight of an exchange renewed by [`Book::renew_all`] as long as it lives.
    pub fn keep(&self, leases: &Rc<RefCell<Vec<Hold>>>) {
        let mut all = self.leases.borrow_mut();
        if all.len() == all.capacity() {
            // Exchanges that are over leave the list before it grows.
            all.retain(|leases| leases.strong_count() > 0);
        }
        all.push(Rc::downgrade(leases));
    }

    /// True if an exchange of this worker has places in flight.
    #[must_use]
    pub fn has_leases(&self) -> bool {
        self.leases.borrow().iter().any(|leases| leases.strong_count() > 0)
    }

    /// Renews every place in flight of this worker; must be called about every half minute. Returns how many had
    /// lapsed.
    pub fn renew_all(&self) -> usize {
        let mut all = self.leases.borrow_mut();
        all.retain(|leases| leases.strong_count() > 0);
        let mut lapsed = 0;
        for leases in all.iter().filter_map(Weak::upgrade) {
            // An exchange that is using its own leases renews them itself.
            let Ok(mut holds) = leases.try_borrow_mut() else { continue };
            lapsed += holds.iter_mut().filter_map(|hold| self.renew(hold).then_some(())).count();
        }
        lapsed
    }

    /// Takes `charge` from an account, or tells when it will be available. `thresholds`: fractions of the cap in
    /// millionths, ascending, whose passing is reported.
    ///
    /// # Errors
    /// The account cannot be read or written; nothing was taken.
    pub fn reserve(
        &self,
        key: &AccountKey,
        cap: &Cap,
        charge: u64,
        thresholds: &[u64],
    ) -> Result<ReservationOutcome, StoreError> {
        match self.reserve_at(key, cap, charge, thresholds, false) {
            Err(StoreError::Full) => {
                self.reserve_at(&key.overflow(), cap, charge, thresholds, true)
            }
            other => other,
        }
    }

    /// Takes more from the account that a charge was taken from; it is settled separately.
    ///
    /// # Errors
    /// As [`Book::reserve`].
    pub fn reserve_more(
        &self,
        hold: &Hold,
        charge: u64,
        thresholds: &[u64],
    ) -> Result<ReservationOutcome, StoreError> {
        self.reserve(&hold.key, &hold.cap, charge, thresholds)
    }

    fn reserve_at(
        &self,
        key: &AccountKey,
        cap: &Cap,
        charge: u64,
        thresholds: &[u64],
        overflow: bool,
    ) -> Result<ReservationOutcome, StoreError> {
        self.update(key.slot(), |set, now_ns| {
            let (entry, reused) = find(set, key, cap, now_ns)?;
            entry.account.advance(cap, now_ns);
            let before = entry.account.standing(cap).used_millionths();
            let taken = entry.account.reserve(cap, charge, now_ns);
            entry.rests_at = entry.account.rests_at(cap);
            let standing = entry.account.standing(cap);
            let receipt = match taken {
                Err(refusal) => {
                    return Ok(SlotStep::Leave(ReservationOutcome::Refused {
                        wait: refusal.wait,
                        standing,
                        overflow,
                    }));
                }
                Ok(receipt) => receipt,
            };
            let warned = warn(entry, before, standing.used_millionths(), thresholds);
            let hold = Hold { key: key.clone(), cap: *cap, charge, receipt: Some(receipt) };
            Ok(SlotStep::Write(ReservationOutcome::Admitted {
                hold,
                standing,
                overflow,
                reused,
                warned,
            }))
        })
    }

    /// When `charge` will be available in an account, without taking anything. `None` for now.
    ///
    /// # Errors
    /// The account cannot be read.
    pub fn wait(
        &self,
        key: &AccountKey,
        cap: &Cap,
        charge: u64,
    ) -> Result<Option<Wait>, StoreError> {
        let look = |key: &AccountKey| {
            self.update(key.slot(), |set, now_ns| {
                let (entry, _) = find(set, key, cap, now_ns)?;
                entry.account.advance(cap, now_ns);
                Ok(SlotStep::Leave(entry.account.wait(cap, charge)))
            })
        };
        match look(key) {
            Err(StoreError::Full) => look(&key.overflow()),
            other => other,
        }
    }

    /// Replaces a charge by what was used. It consumes the hold, so nothing is settled twice.
    #[must_use]
    pub fn settle(&self, hold: Hold, used: u64) -> Settled {
        let Hold { key, cap, charge, receipt } = hold;
        let Some(receipt) = receipt else { return Settled::Done };
        let nothing_to_do = used == charge && !matches!(cap, Cap::InFlight { .. });
        if nothing_to_do {
            return Settled::Done;
        }
        let at = |key: &AccountKey| {
            self.update(key.slot(), |set, now_ns| {
                let known = set.entries.iter().any(|entry| entry.id == key.account());
                if !known && used <= charge {
                    // The account is back at its start: nothing can be returned.
                    return Ok(SlotStep::Leave(()));
                }
                let (entry, _) = find(set, key, &cap, now_ns)?;
                entry.account.settle(&cap, receipt, charge, used, now_ns);
                entry.rests_at = entry.account.rests_at(&cap);
                Ok(SlotStep::Write(()))
            })
        };
        let done = match at(&key) {
            Err(StoreError::Full) => at(&key.overflow()),
            other => other,
        };
        match done {
            Err(trouble) => Settled::Unsettled(trouble),
            Ok(()) if used > charge && !matches!(cap, Cap::InFlight { .. }) => Settled::Overrun,
            Ok(()) => Settled::Done,
        }
    }

    /// Returns a whole charge, which was never used (another limit refused the request).
    #[must_use]
    pub fn release(&self, hold: Hold) -> Settled {
        self.settle(hold, 0)
    }

    /// Renews a place in flight. True if it has lapsed, and may have been given to another.
    pub fn renew(&self, hold: &mut Hold) -> bool {
        let (Some(receipt), true) = (hold.receipt, hold.is_lease()) else { return false };
        if receipt.is_fresh(self.store.now_ns()) {
            return false;
        }
        let renewed = self.update(hold.key.slot(), |set, now_ns| {
            let Some(entry) = set.entries.iter_mut().find(|entry| entry.id == hold.key.account())
            else {
                return Ok(SlotStep::Leave(None));
            };
            let renewed = entry.account.renew(&hold.cap, receipt, now_ns);
            entry.rests_at = entry.account.rests_at(&hold.cap);
            Ok(if renewed.is_some() { SlotStep::Write(renewed) } else { SlotStep::Leave(None) })
        });
        match renewed {
            Ok(renewed) => {
                hold.receipt = renewed;
                renewed.is_none()
            }
            // Retried at the next renewal.
            Err(_) => false,
        }
    }

    /// Reads a slot, changes it and writes it, and retries if others write in between.
    fn update<T>(
        &self,
        slot: u32,
        mut change: impl FnMut(&mut AccountSlot, u64) -> Result<SlotStep<T>, StoreError>,
    ) -> Result<T, StoreError> {
        let mut made = None;
        self.rewrite(slot, &mut |set, now_ns| {
            let (value, writes) = match change(set, now_ns)? {
                SlotStep::Leave(value) => (value, false),
                SlotStep::Write(value) => (value, true),
            };
            made = Some(value);
            Ok(writes)
        })?;
        made.ok_or(StoreError::Failed)
    }

    /// The same; `change` returns true if the slot is to be written. One function for all that is done to a slot.
    fn rewrite(
        &self,
        slot: u32,
        change: &mut dyn FnMut(&mut AccountSlot, u64) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        for _ in 0..LEDGER_RETRIES {
            let stored = self.store.get(slot).map_err(|()| StoreError::Failed)?;
            let now_ns = self.store.now_ns();
            let (bytes, cas) = stored.map_or((Vec::new(), None), |s| (s.bytes, Some(s.cas)));
            let mut set = AccountSlot::decode(&bytes).unwrap_or_default();
            if !change(&mut set, now_ns)? {
                return Ok(());
            }
            match self.store.set(slot, &set.encode(), cas) {
                WriteOutcome::Done => return Ok(()),
                WriteOutcome::Mismatch => {}
                WriteOutcome::Failed => return Err(StoreError::Failed),
            }
        }
        Err(StoreError::Contended)
    }
}

/// The account in its slot, created if necessary; `Full` if there is no room for it. The flag is true if room was made
/// only by forgetting accounts that are at their start.
fn find<'a>(
    set: &'a mut AccountSlot,
    key: &AccountKey,
    cap: &Cap,
    now_ns: u64,
) -> Result<(&'a mut SlotEntry, bool), StoreError> {
    let crowded = !set.has_room(key.limit(), key.first(), key.share());
    set.forget(now_ns, &key.account());
    let known = set.entries.iter().position(|entry| entry.id == key.account());
    let at = match known {
        Some(at) => at,
        None if !set.has_room(key.limit(), key.first(), key.share()) => {
            return Err(StoreError::Full);
        }
        None => {
            set.entries.push(SlotEntry {
                id: key.account(),
                limit: key.limit(),
                first: key.first(),
                warned: 0,
                rests_at: 0,
                account: Account::new(cap, now_ns),
            });
            set.entries.len().saturating_sub(1)
        }
    };
    let entry = set.entries.get_mut(at).ok_or(StoreError::Full)?;
    if !entry.account.fits(cap) {
        entry.account = Account::new(cap, now_ns);
    }
    Ok((entry, crowded && known.is_none()))
}

/// How many thresholds are passed, if more than were reported before. A threshold is reported again once usage has been
/// below half of it, so that an account that hovers at one does not fill the log.
fn warn(entry: &mut SlotEntry, before: u64, after: u64, thresholds: &[u64]) -> Option<usize> {
    let passed = thresholds.iter().take_while(|threshold| after >= **threshold).count();
    let kept = thresholds.iter().take_while(|threshold| before >= **threshold / 2).count();
    let told = usize::from(entry.warned).min(kept);
    entry.warned = u8::try_from(told.max(passed)).unwrap_or(u8::MAX);
    (passed > told).then_some(passed)
}

#[cfg(test)]
mod tests;
