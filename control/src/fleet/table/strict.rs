//! Strict limits: what a service is asked before a request is forwarded, and told when it is over.

use super::{FleetTable, PLAIN};
use crate::base::callout::{Callout, CalloutReply};
use crate::fleet::call::{self, CalloutStep, ServiceAnswer};
use crate::fleet::reservation::{Commit, Reservation};
use crate::fleet::wire::{self, DescriptorStatus};
use crate::fleet::{FleetAccount, RateLimitService, SECOND_NS, ServiceApi, health};
use crate::limits::{FLEET_COMMITS, FLEET_PLAIN_NS};

/// How a service is asked before a request is forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// Ask whether anything is left.
    Check,
    /// Ask for room, which it holds until it is told what was used.
    Reserve,
}

/// What an answer means for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StrictAnswer {
    /// Something is left.
    Free,
    /// The room is reserved.
    Holds(Reservation),
    /// The service has no reservations, and must be asked in the other way.
    Plain,
    /// Nothing is left until then (Unix nanoseconds).
    Over(u64),
    /// It does not answer.
    Unanswered,
}

impl FleetTable {
    /// How a service is asked before a request leaves.
    #[must_use]
    pub fn asking(&self, service: &RateLimitService) -> Asking {
        let plain = || {
            let since = self.since(PLAIN, service, "");
            // A time in the future was recorded before the clock was set back: reservations are tried.
            since.is_some_and(|since| self.store.now_ns().wrapping_sub(since) < FLEET_PLAIN_NS)
        };
        if service.api == ServiceApi::Envoy || plain() { Asking::Check } else { Asking::Reserve }
    }

    /// The question before a request (`strict`) that may use this much, in the limit's own unit.
    #[must_use]
    pub fn question(&self, account: &FleetAccount, asking: Asking, charge: u64) -> Callout {
        let FleetAccount { target, entries, .. } = account;
        match asking {
            Asking::Check => call::call(target, entries, CalloutStep::Check, 0),
            // If nothing is left, a request that costs nothing is refused too.
            Asking::Reserve => {
                call::reserve(target, entries, charge.div_ceil(account.unit()).max(1))
            }
        }
    }

    /// The meaning of an answer to a [question](Self::question).
    pub fn asked(
        &self,
        account: &FleetAccount,
        asking: Asking,
        answer: CalloutReply<'_>,
    ) -> StrictAnswer {
        const UNIMPLEMENTED: u32 = 12;
        let FleetAccount { target, entries, .. } = account;
        let service = &target.service;
        let (action, heard, id) = match (asking, answer) {
            (Asking::Reserve, CalloutReply::Status(UNIMPLEMENTED)) => {
                self.is_plain(service);
                return StrictAnswer::Plain;
            }
            (Asking::Reserve, CalloutReply::Message(message)) => {
                let said = wire::reserved(message);
                let heard = said.map_or(ServiceAnswer::Garbage, |(over, id)| {
                    let has_limit = !id.is_empty();
                    ServiceAnswer::Said(DescriptorStatus { over, reset_s: None, has_limit })
                });
                ("reserve", heard, said.map_or(&[][..], |(_, id)| id))
            }
            (Asking::Reserve, _) => ("reserve", ServiceAnswer::read(answer, 0), &[][..]),
            (Asking::Check, _) => ("ask", ServiceAnswer::read(answer, 0), &[][..]),
        };
        self.heard(service, action, heard);
        let now_ns = self.store.now_ns();
        match heard {
            ServiceAnswer::Said(said) if said.over => {
                let longest = target.every.ns();
                let until = said.reset_s.map_or(longest, |s| s.saturating_mul(SECOND_NS));
                let until = now_ns.saturating_add(until.min(longest));
                StrictAnswer::Over(until.min(self.window_ends(account).unwrap_or(u64::MAX)))
            }
            ServiceAnswer::Said(said) if asking == Asking::Reserve => {
                // It holds nothing for a limit that it does not know. (The same is true for a cap of one, which its own
                // bound on a single reservation halves.)
                if said.has_limit || account.cap / account.unit() > 1 {
                    self.knows(target, entries, said.has_limit);
                }
                if said.has_limit {
                    StrictAnswer::Holds(Reservation(id.to_vec()))
                } else {
                    StrictAnswer::Free
                }
            }
            ServiceAnswer::Said(_) => StrictAnswer::Free,
            ServiceAnswer::Garbage | ServiceAnswer::Refused | ServiceAnswer::Lost => {
                StrictAnswer::Unanswered
            }
        }
    }

    /// Records that a service has no reservations.
    fn is_plain(&self, service: &RateLimitService) {
        let number = health::number(service, "");
        // Recorded as of now, whenever it was before.
        let known = self.turned(PLAIN, number, true);
        if self.turned(PLAIN, number, false) && !known {
            self.log(service, "has no reservations: it is asked by `CheckRateLimit`");
        }
    }

    /// A request is over and used this much, in the limit's own unit. `held`: the service's reservation for it.
    pub fn settle(&self, account: FleetAccount, held: Option<Reservation>, used: u64) {
        let mut ended = self.ended.borrow_mut();
        match held {
            Some(reservation) if ended.len() < FLEET_COMMITS => {
                // A remainder below one of the service's units is reported with other usage.
                let unit = account.unit();
                self.owe(&account, used % unit);
                ended.push(Commit { account, reservation, amount: used / unit, sent_ns: 0 });
            }
            _ => self.owe(&account, used),
        }
    }

    /// Takes reservations that have ended, at most `room` of them, to commit them.
    #[must_use]
    pub fn commits(&self, room: usize) -> Vec<Commit> {
        let mut ended = self.ended.borrow_mut();
        let room = room.min(ended.len());
        let mut told = Vec::new();
        for mut commit in ended.drain(..room) {
            commit.sent_ns = self.store.now_ns();
            if self.is_silent(&commit.account) {
                // What is sent to a service that does not answer would be lost.
                self.owe(&commit.account, commit.used());
            } else {
                told.push(commit);
            }
        }
        told
    }

    /// Records the answer to a [commit](Self::commits).
    pub fn committed(&self, commit: &Commit, answer: CalloutReply<'_>) {
        let heard = match answer {
            // It only tells whether the reservation still existed.
            CalloutReply::Message(message) => {
                if message.is_empty() {
                    self.count("hemostat_global_expired_total");
                }
                ServiceAnswer::Said(DescriptorStatus {
                    over: false,
                    reset_s: None,
                    has_limit: true,
                })
            }
            _ => ServiceAnswer::read(answer, self.since_ns(commit.sent_ns)),
        };
        self.heard(&commit.account.target.service, "commit", heard);
        match heard {
            ServiceAnswer::Refused => self.owe(&commit.account, commit.used()),
            ServiceAnswer::Lost => self.lost("unanswered", commit.amount),
            ServiceAnswer::Said(_) | ServiceAnswer::Garbage => {}
        }
    }
}
