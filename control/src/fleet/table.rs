//! The accounts of a fleet in the storage that workers share, and the outcomes of calls.

mod strict;

pub use strict::{Asking, StrictAnswer};

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::call::{CalloutStep, ServiceAnswer, UsageReport};
use super::entry::{FleetEntry, ServiceDecision};
use super::health;
use super::reservation::Commit;
use super::set::FleetSlot;
use super::wire::DescriptorStatus;
use super::{FleetAccount, FleetTarget, RateLimitService};
use crate::base::callout::CalloutReply;
use crate::effect::Effect;
use crate::ledger::{Store, WriteOutcome};
use crate::limits::{FLEET_SLOTS, LEDGER_RETRIES};

/// The value that lists services which do not answer.
const HEALTH: u32 = FLEET_SLOTS;

/// The value that says when the next round is due.
const TURN: u32 = FLEET_SLOTS + 1;

/// The value that lists limits which their service does not seem to know.
const UNKNOWN: u32 = FLEET_SLOTS + 2;

/// The value that lists services without reservations.
const PLAIN: u32 = FLEET_SLOTS + 3;

/// The accounts of a fleet, as one worker sees them.
#[derive(Debug)]
pub struct FleetTable {
    store: Rc<dyn Store>,
    /// Where the next round begins, so that a bounded round reaches every slot.
    begin: Cell<u32>,
    effects: RefCell<Vec<Effect>>,
    /// Reservations of this worker that have ended.
    ended: RefCell<Vec<Commit>>,
}

impl FleetTable {
    /// Accounts in this storage.
    #[must_use]
    pub fn new(store: Rc<dyn Store>) -> Self {
        Self { store, begin: Cell::new(0), effects: RefCell::default(), ended: RefCell::default() }
    }

    /// Takes what is to be counted, logged and reported since the last call.
    pub fn effects(&self) -> Vec<Effect> {
        self.effects.take()
    }

    fn count(&self, name: impl Into<Cow<'static, str>>) {
        self.effects.borrow_mut().push(Effect::Count(name.into()));
    }

    /// Counts usage that will never be reported; the process's own account includes it.
    fn lost(&self, reason: &str, units: u64) {
        if units > 0 {
            self.count(format!("hemostat_global_lost_total;reason={reason}"));
        }
    }

    // --- what exchanges ask and tell ------------------------------------------------------------------------------

    /// The service's last decision on an account. If the storage fails, there is none.
    #[must_use]
    pub fn word(&self, account: &FleetAccount) -> ServiceDecision {
        let stored = self.store.get(slot_of(account)).ok().flatten();
        let set = stored.and_then(|stored| FleetSlot::decode(&stored.bytes)).unwrap_or_default();
        let own = set.entries.iter().find(|entry| entry.id == account.key.account());
        own.map_or(ServiceDecision::Free, |entry| entry.word(self.store.now_ns()))
    }

    /// When the service's window of an account ends at the latest; `None` if unknown.
    fn window_ends(&self, account: &FleetAccount) -> Option<u64> {
        let stored = self.store.get(slot_of(account)).ok().flatten()?;
        let mut set = FleetSlot::decode(&stored.bytes)?;
        set.find(&account.key.account())?.window_ends(self.store.now_ns())
    }

    /// A request was refused: the service is asked again at the next turn.
    pub fn want(&self, account: &FleetAccount) {
        self.change(account, &mut |entry, _| !std::mem::replace(&mut entry.wanted, true));
    }

    /// Adds usage, in the limit's own unit.
    pub fn owe(&self, account: &FleetAccount, used: u64) {
        if used == 0 {
            return;
        }
        let written = self.change(account, &mut |entry, now_ns| {
            entry.owe(used, now_ns);
            true
        });
        if !written {
            self.lost("full", used);
        }
    }

    /// True if the service has not answered for longer than a passing fault takes: two turns.
    #[must_use]
    pub fn is_silent(&self, account: &FleetAccount) -> bool {
        let grace_ns = 2 * u64::from(account.target.sync_ms) * 1_000_000;
        let now_ns = self.store.now_ns();
        let since = self.failing_since(&account.target.service);
        // If it has been failing since a time in the future, the clock was set back, and the real time is unknown.
        since.is_some_and(|since| now_ns >= since.saturating_add(grace_ns) || now_ns < since)
    }

    /// Since when a service has not answered (Unix nanoseconds); `None` if it does, or was not asked.
    #[must_use]
    pub fn failing_since(&self, service: &RateLimitService) -> Option<u64> {
        self.since(HEALTH, service, "")
    }

    /// How long ago, in nanoseconds, a service last showed that it does not know a limit. `None` after two windows,
    /// since the limit may have been added.
    pub(super) fn unknown_for(&self, target: &FleetTarget, limit: &str) -> Option<u64> {
        let since = self.since(UNKNOWN, &target.service, limit)?;
        let past = self.store.now_ns().saturating_sub(since);
        (past < 2 * target.every.ns()).then_some(past)
    }

    fn since(&self, list: u32, service: &RateLimitService, limit: &str) -> Option<u64> {
        let list = self.store.get(list).ok().flatten()?;
        health::since(&list.bytes, health::number(service, limit))
    }

    // --- rounds ---------------------------------------------------------------------------------------------------

    /// Takes this turn of the process if it is due; the next is then `every_ms` later.
    #[must_use]
    pub fn take_turn(&self, every_ms: u64) -> bool {
        let now_ms = self.store.now_ns() / 1_000_000;
        let Ok(stored) = self.store.get(TURN) else { return false };
        let (bytes, cas) = stored.map_or((Vec::new(), None), |s| (s.bytes, Some(s.cas)));
        let due = bytes.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        // A turn far ahead was set before the clock was set back.
        if now_ms < due && due - now_ms <= every_ms {
            return false;
        }
        // Turns keep their distance whenever ticks come, and missed ones are not made up for.
        let next = due.saturating_add(every_ms);
        let next =
            if next <= now_ms || next - now_ms > every_ms { now_ms + every_ms } else { next };
        self.store.set(TURN, &next.to_le_bytes(), cas) == WriteOutcome::Done
    }

    /// Takes what is to be sent, at most `room` calls. A service that does not answer gets one, to find out whether it
    /// does again.
    #[must_use]
    pub fn due(&self, room: usize) -> Vec<UsageReport> {
        let failing = self.store.get(HEALTH).ok().flatten().map(|s| s.bytes).unwrap_or_default();
        let mut probed: Vec<u64> = Vec::new();
        let mut parcels = Vec::new();
        let begin = self.begin.get();
        for step in 0..FLEET_SLOTS {
            let slot = (begin + step) % FLEET_SLOTS;
            if parcels.len() >= room {
                self.begin.set(slot);
                break;
            }
            let Ok(Some(stored)) = self.store.get(slot) else { continue };
            if stored.bytes.len() <= 1 {
                continue;
            }
            let mut how = |service: &RateLimitService| {
                let number = health::number(service, "");
                if health::since(&failing, number).is_none() {
                    return Some(false);
                }
                let first = !probed.contains(&number);
                if first {
                    probed.push(number);
                }
                first.then_some(true)
            };
            let left = room.saturating_sub(parcels.len());
            parcels.extend(self.take(slot, left, &mut how));
        }
        parcels
    }

    /// Takes what is due in one slot. `how`: whether a service is sent something, and whether it is only asked.
    fn take(
        &self,
        slot: u32,
        room: usize,
        how: &mut dyn FnMut(&RateLimitService) -> Option<bool>,
    ) -> Vec<UsageReport> {
        let now_ns = self.store.now_ns();
        let Ok(Some(stored)) = self.store.get(slot) else { return Vec::new() };
        let mut set = FleetSlot::decode(&stored.bytes).unwrap_or_default();
        let mut parcels = Vec::new();
        let mut gone = Vec::new();
        for entry in &mut set.entries {
            gone.push(entry.advance(now_ns));
            if parcels.len() >= room || !entry.is_due(now_ns) {
                continue;
            }
            let Some(probe) = how(&entry.target.service) else { continue };
            if let Some(take) = entry.take(now_ns, probe) {
                parcels.push(UsageReport {
                    slot,
                    id: entry.id,
                    stamp: take.stamp,
                    sent_ns: now_ns,
                    hits: take.hits,
                    step: CalloutStep::first(entry.target.service.api, take.hits),
                    target: entry.target.clone(),
                    entries: entry.entries.clone(),
                });
            }
        }
        set.entries.retain(|entry| !entry.rests(now_ns));
        let bytes = set.encode();
        if bytes == stored.bytes {
            return Vec::new();
        }
        match self.store.set(slot, &bytes, Some(stored.cas)) {
            WriteOutcome::Done => {
                for (late, unanswered) in gone {
                    self.lost("late", late);
                    self.lost("unanswered", unanswered);
                }
                parcels
            }
            // Another worker wrote in between: it is due at the next turn too.
            WriteOutcome::Mismatch | WriteOutcome::Failed => Vec::new(),
        }
    }

    /// Records an answer. Returns the call that follows, if there is one.
    #[must_use]
    pub fn answered(&self, parcel: UsageReport, answer: CalloutReply<'_>) -> Option<UsageReport> {
        let read = ServiceAnswer::read(answer, self.since_ns(parcel.sent_ns));
        let heard = match (parcel.step, read, answer) {
            // A report's answer only acknowledges it.
            (CalloutStep::Report, ServiceAnswer::Garbage, CalloutReply::Message(b"")) => {
                ServiceAnswer::Said(DescriptorStatus {
                    over: false,
                    reset_s: None,
                    has_limit: true,
                })
            }
            (_, heard, _) => heard,
        };
        self.heard(&parcel.target.service, parcel.step.word(), heard);
        let (mut unanswered, mut exceeds) = (0, false);
        self.update(parcel.slot, &mut |set, now_ns| {
            let Some(entry) = set.find(&parcel.id) else { return false };
            if !entry.waits_for(parcel.stamp) {
                return false;
            }
            match (heard, parcel.step) {
                (ServiceAnswer::Said(_), CalloutStep::Report) => entry.counted(now_ns),
                (ServiceAnswer::Said(said), _) => {
                    entry.counted(now_ns);
                    entry.told(said.over, said.reset_s, now_ns);
                    exceeds = !said.over && entry.exceeds();
                }
                (ServiceAnswer::Garbage, _) => {
                    entry.counted(now_ns);
                    unanswered = entry.lost(now_ns);
                }
                (ServiceAnswer::Refused, _) => entry.not_counted(now_ns),
                (ServiceAnswer::Lost, _) => unanswered = entry.lost(now_ns),
            }
            true
        });
        self.lost("unanswered", unanswered);
        let unknown = matches!((heard, parcel.step), (ServiceAnswer::Said(said), CalloutStep::Charge) if !said.has_limit);
        if unknown || exceeds {
            self.knows(&parcel.target, &parcel.entries, false);
        } else if matches!(heard, ServiceAnswer::Said(said) if said.over) {
            self.knows(&parcel.target, &parcel.entries, true);
        }
        let follows = heard.is_answer() && parcel.step == CalloutStep::Report;
        let sent_ns = self.store.now_ns();
        follows.then_some(UsageReport { step: CalloutStep::Check, hits: 0, sent_ns, ..parcel })
    }

    fn since_ns(&self, then_ns: u64) -> u64 {
        self.store.now_ns().saturating_sub(then_ns)
    }

    /// Records whether a service has answered.
    fn heard(&self, service: &RateLimitService, action: &str, heard: ServiceAnswer) {
        self.count(format!("hemostat_global_calls_total;action={action};reason={}", heard.word()));
        let answers = heard.is_answer();
        if self.turned(HEALTH, health::number(service, ""), answers) {
            self.log(service, if answers { "answers again" } else { "does not answer" });
        }
    }

    /// Records whether a service knows the limit of these entries: it does not if it says that something is left when
    /// nothing can be.
    fn knows(&self, target: &FleetTarget, entries: &[(String, String)], knows: bool) {
        if !knows {
            self.count("hemostat_global_unlimited_total");
        }
        let service = &target.service;
        let limit = entries.first().map_or("", |(_, limit)| limit);
        let number = health::number(service, limit);
        let known_for = self.unknown_for(target, limit);
        if !knows && known_for.is_some_and(|ns| ns < target.every.ns()) {
            return;
        }
        self.turned(UNKNOWN, number, true);
        if !knows && self.turned(UNKNOWN, number, false) && known_for.is_none() {
            self.log(service, &format!("does not seem to know limit `{limit}`"));
            self.effects.borrow_mut().push(Effect::limit_unknown(limit, &service.cluster));
        }
    }

    fn log(&self, service: &RateLimitService, what: &str) {
        let (cluster, domain) = (&service.cluster, &service.domain);
        let line = format!("rate-limit service of domain `{domain}` (cluster `{cluster}`) {what}");
        self.effects.borrow_mut().push(Effect::Log(line));
    }

    /// Records whether something is healthy; true if that changed.
    fn turned(&self, list: u32, number: u64, well: bool) -> bool {
        for _ in 0..LEDGER_RETRIES {
            let Ok(stored) = self.store.get(list) else { return false };
            let (bytes, cas) = stored.map_or((Vec::new(), None), |s| (s.bytes, Some(s.cas)));
            let Some(next) = health::heard(&bytes, number, well, self.store.now_ns()) else {
                return false;
            };
            if self.store.set(list, &next, cas) != WriteOutcome::Mismatch {
                return true;
            }
        }
        false
    }

    // --- storage --------------------------------------------------------------------------------------------------

    /// Changes an account, creating it if necessary. `change` returns whether it changed anything. False if there is no
    /// room for the account, or it cannot be written.
    fn change(
        &self,
        account: &FleetAccount,
        change: &mut dyn FnMut(&mut FleetEntry, u64) -> bool,
    ) -> bool {
        let key = &account.key;
        let (mut gone, mut room) = ((0, 0), true);
        let written = self.update(slot_of(account), &mut |set, now_ns| {
            if set.find(&key.account()).is_none() {
                room = set.make_room(key, now_ns);
                if !room {
                    return false;
                }
                set.entries.push(fresh(account));
            }
            let Some(entry) = set.find(&key.account()) else { return false };
            // A policy may have changed where it is counted.
            entry.target = (*account.target).clone();
            entry.cap = account.cap;
            gone = entry.advance(now_ns);
            // Expired usage must be written too, or it is reported again.
            change(entry, now_ns) || gone != (0, 0)
        });
        self.lost("late", gone.0);
        self.lost("unanswered", gone.1);
        room && written
    }

    /// Reads a slot, changes it and writes it, and retries if others write in between. False if it could not be
    /// written.
    fn update(&self, slot: u32, change: &mut dyn FnMut(&mut FleetSlot, u64) -> bool) -> bool {
        for _ in 0..LEDGER_RETRIES {
            let Ok(stored) = self.store.get(slot) else { return false };
            let (bytes, cas) = stored.map_or((Vec::new(), None), |s| (s.bytes, Some(s.cas)));
            let mut set = FleetSlot::decode(&bytes).unwrap_or_default();
            if !change(&mut set, self.store.now_ns()) {
                return true;
            }
            match self.store.set(slot, &set.encode(), cas) {
                WriteOutcome::Done => return true,
                WriteOutcome::Mismatch => {}
                WriteOutcome::Failed => return false,
            }
        }
        false
    }
}

fn slot_of(account: &FleetAccount) -> u32 {
    // Keys that share a slot in the ledger share one here too: its groups are those of the first label in `per`.
    let slots = crate::limits::LEDGER_SLOTS / FLEET_SLOTS;
    (account.key.slot() / slots.max(1)) % FLEET_SLOTS
}

fn fresh(account: &FleetAccount) -> FleetEntry {
    FleetEntry {
        id: account.key.account(),
        limit: account.key.limit(),
        first: account.key.first(),
        target: (*account.target).clone(),
        entries: account.entries.clone(),
        cap: account.cap,
        owed: 0,
        since_ns: 0,
        sent: 0,
        busy_ns: 0,
        next_ns: 0,
        over_ns: 0,
        begun_ns: 0,
        counted: 0,
        wanted: false,
    }
}

#[cfg(test)]
mod tests;
