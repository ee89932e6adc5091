//! Limits with `global` in one exchange: the service's last word before a request leaves, a question where the limit is
//! `strict`, and what is owed to the service when it ends.

use std::rc::Rc;

use super::settle::used_of;
use super::{By, Going, Refused};
use crate::context::verdict::RequestVerdict;
use crate::dialect::spend::Usage;
use crate::exchange::Exchange;
use crate::fleet::{Account, Answer, Asked, OnError, Table, Word};
use crate::ledger::{Standing, Trouble, Wait};
use crate::policy::program::Program;
use crate::policy::program::limit::{Limit, Unit};
use crate::wire::json::Doc;

/// How long a caller is told to wait for a service that does not answer: nobody knows.
const SILENCE: Wait = Wait::Ns(1_000_000_000);

/// What a fleet shares of one exchange.
#[derive(Debug, Default)]
pub(in crate::exchange) struct Share {
    /// The accounts of the fleet; `None`: nobody keeps them here.
    table: Option<Rc<Table>>,
    owes: Vec<Owes>,
    parked: Option<Box<Parked>>,
}

/// What will be owed when the exchange is over.
#[derive(Debug)]
struct Owes {
    rule: usize,
    account: Account,
    charge: u64,
}

/// A request that waits for answers.
#[derive(Debug)]
struct Parked {
    going: Going,
    /// What was read of it, to be read again.
    bytes: Option<Vec<u8>>,
    asks: Vec<Ask>,
}

/// A question to a service, and its answer.
#[derive(Debug)]
pub(super) struct Ask {
    rule: usize,
    account: Account,
    charge: u64,
    heard: Option<Asked>,
}

/// Whether a limit that a fleet shares lets a request pass, before the process's own account is asked.
pub(super) enum Says {
    /// The process's own account decides.
    Locally,
    /// It passes, whatever the account says.
    Free,
    /// It does not.
    Refused(Refused),
}

impl Share {
    /// What was admitted is not: nothing will be owed.
    pub(super) fn forget(&mut self) {
        self.owes.clear();
    }

    /// Something will be owed.
    pub(super) fn owes(&self) -> bool {
        !self.owes.is_empty()
    }

    /// The limits for which something will be owed, by their numbers.
    pub(super) fn rules(&self) -> impl Iterator<Item = usize> {
        self.owes.iter().map(|owes| owes.rule)
    }
}

impl Exchange {
    /// The accounts of a fleet are kept here. Without this, limits with `global` count in the process alone.
    pub fn set_fleet(&mut self, table: Rc<Table>) {
        self.charges.fleet.table = Some(table);
    }

    /// What the service's last word makes of a request.
    pub(super) fn fleet_says(&mut self, rule: usize, limit: &Limit, charge: u64) -> Says {
        let (Some(global), Some(table)) = (&limit.global, self.charges.fleet.table.clone()) else {
            return Says::Locally;
        };
        let Some(account) = limit.fleet_account(&self.cx.labels) else { return Says::Locally };
        let id = &limit.rule.id;
        let silent = table.is_silent(&account);
        let mut decides = |word: &str| {
            self.cx
                .record
                .count(format!("hemostat_global_decisions_total;rule={id};action={word}"));
        };
        let says = match global.on_error {
            OnError::Closed if silent => {
                decides("closed");
                // The service is asked again for those who are refused.
                table.want(&account);
                return Says::Refused(refused(limit, rule, charge, SILENCE, By::Silence));
            }
            OnError::Open if silent => {
                decides("open");
                Says::Free
            }
            // One that asks before each request hears it then.
            _ if global.strict && !silent => Says::Locally,
            _ => match table.word(&account) {
                Word::Free => {
                    if silent {
                        decides("local");
                    }
                    Says::Locally
                }
                Word::Over(until) => {
                    table.want(&account);
                    return Says::Refused(self.fleet_refused(limit, rule, charge, until));
                }
            },
        };
        self.charges.fleet.owes.push(Owes { rule, account, charge });
        says
    }

    fn fleet_refused(&mut self, limit: &Limit, rule: usize, charge: u64, until: u64) -> Refused {
        let id = &limit.rule.id;
        self.cx.record.count(format!("hemostat_global_decisions_total;rule={id};action=over"));
        let wait = Wait::Ns(until.saturating_sub(self.cx.facts.now_ns));
        refused(limit, rule, charge, wait, By::Fleet)
    }

    /// How long a limit would refuse: its own account, or the service's word.
    pub(super) fn told_wait(
        &self,
        limit: &Limit,
        own: Result<Option<Wait>, Trouble>,
    ) -> (Option<Wait>, By) {
        let own = own.ok().flatten();
        let table = self.charges.fleet.table.as_ref().filter(|_| limit.global.is_some());
        let account = table.and_then(|_| limit.fleet_account(&self.cx.labels));
        let (Some(table), Some(account)) = (table, account) else { return (own, By::Process) };
        let Word::Over(until) = table.word(&account) else { return (own, By::Process) };
        let told = Wait::Ns(until.saturating_sub(self.cx.facts.now_ns));
        match own {
            Some(own) if !super::longer(told, own) => (Some(own), By::Process),
            _ => (Some(told), By::Fleet),
        }
    }

    /// What must be asked before a request may leave: one question for each strict limit that holds.
    pub(super) fn questions(&mut self, program: &Program) -> Vec<Ask> {
        let Some(table) = self.charges.fleet.table.clone() else { return Vec::new() };
        let mut asks = Vec::new();
        for owes in &self.charges.fleet.owes {
            let Some(limit) = program.limits.rules.get(owes.rule) else { continue };
            if limit.global.as_ref().is_some_and(|global| global.strict) {
                if table.is_silent(&owes.account) {
                    // It would wait for nothing; what is due tells when the service is back.
                    continue;
                }
                asks.push(Ask {
                    rule: owes.rule,
                    account: owes.account.clone(),
                    charge: owes.charge,
                    heard: None,
                });
            }
        }
        asks
    }

    /// The request waits for answers.
    pub(super) fn park(
        &mut self,
        asks: Vec<Ask>,
        going: Going,
        bytes: Option<&[u8]>,
    ) -> RequestVerdict {
        let Some(table) = self.charges.fleet.table.clone() else {
            return self.pass(going.edits, going.body);
        };
        let calls = asks.iter().map(|ask| table.question(&ask.account)).collect();
        let bytes = bytes.map(<[u8]>::to_vec);
        self.charges.fleet.parked = Some(Box::new(Parked { going, bytes, asks }));
        RequestVerdict::Ask(calls)
    }

    /// The call with this number (of [`RequestVerdict::Ask`]) was answered. `None`: others are still out, or nothing
    /// waits any more.
    pub fn service_answered(&mut self, call: usize, answer: Answer<'_>) -> Option<RequestVerdict> {
        let table = self.charges.fleet.table.clone()?;
        let parked = self.charges.fleet.parked.as_mut()?;
        let ask = parked.asks.get_mut(call).filter(|ask| ask.heard.is_none())?;
        ask.heard = Some(table.asked(&ask.account, answer));
        if parked.asks.iter().any(|ask| ask.heard.is_none()) {
            return None;
        }
        let Parked { going, bytes, asks } = *self.charges.fleet.parked.take()?;
        Some(self.unpark(going, bytes.as_deref(), &asks))
    }

    /// All answers are there.
    fn unpark(&mut self, mut going: Going, bytes: Option<&[u8]>, asks: &[Ask]) -> RequestVerdict {
        let program = Rc::clone(&self.cx.program);
        let mut worst: Option<(Refused, Refused)> = None;
        for ask in asks {
            let Some(limit) = program.limits.rules.get(ask.rule) else { continue };
            let Some(refused) = self.hears(limit, ask) else { continue };
            worst = Some(match worst {
                Some((first, longest)) if super::longer(refused.wait, longest.wait) => {
                    (first, refused)
                }
                Some(both) => both,
                None => (refused, refused),
            });
        }
        if let Some((first, longest)) = worst {
            self.give_back();
            if let Some(verdict) = self.over(&program, first, longest, &mut going) {
                return verdict;
            }
        }
        // What was read before is gone: reading it again is what asking costs.
        let mut doc = Doc::default();
        let recognised = self.cx.recognised.clone();
        let view = match (&recognised, bytes) {
            (Some(recognised), Some(bytes)) => self.cx.read(recognised, Some(bytes), &mut doc).ok(),
            _ => None,
        };
        let read = match (&view, bytes) {
            (Some(view), Some(bytes)) => Some((view, &doc, bytes)),
            _ => None,
        };
        match worst {
            Some(_) => self.admit(&program, going, read),
            None => self.go_on(&program, going, read),
        }
    }

    /// What an answer makes of the request; `None`: it may leave.
    fn hears(&mut self, limit: &Limit, ask: &Ask) -> Option<Refused> {
        let global = limit.global.as_ref()?;
        let id = &limit.rule.id;
        let mut decides = |word: &str| {
            self.cx
                .record
                .count(format!("hemostat_global_decisions_total;rule={id};action={word}"));
        };
        match (ask.heard, global.on_error) {
            (Some(Asked::Free), _) => None,
            (Some(Asked::Over(until)), _) => {
                Some(self.fleet_refused(limit, ask.rule, ask.charge, until))
            }
            (_, OnError::Closed) => {
                decides("closed");
                Some(refused(limit, ask.rule, ask.charge, SILENCE, By::Silence))
            }
            (_, OnError::Local) => {
                decides("local");
                None
            }
            (_, OnError::Open) => {
                decides("open");
                None
            }
        }
    }

    /// A request that still waits will never leave: it keeps no charge. True if there was one.
    pub(super) fn drop_parked(&mut self) -> bool {
        let parked = self.charges.fleet.parked.take().is_some();
        if parked {
            self.give_back();
        }
        parked
    }

    /// Requests, and tool calls, are known to be used as soon as they leave.
    pub(super) fn owe_requests(&mut self, program: &Program) {
        let Some(table) = self.charges.fleet.table.clone() else { return };
        self.charges.fleet.owes.retain(|owes| {
            let limit = program.limits.rules.get(owes.rule);
            let now = limit.is_some_and(|limit| matches!(limit.unit, Unit::Requests | Unit::Calls));
            if now {
                table.owe(&owes.account, owes.charge);
            }
            !now
        });
    }

    /// What was used is owed to the services that count it.
    pub(super) fn report(&mut self, program: &Program, usage: Option<&Usage>, money: Option<u64>) {
        let Some(table) = self.charges.fleet.table.clone() else { return };
        for Owes { rule, account, charge } in std::mem::take(&mut self.charges.fleet.owes) {
            let Some(limit) = program.limits.rules.get(rule) else { continue };
            let used = usage.and_then(|usage| used_of(limit.unit, usage, money)).unwrap_or(charge);
            table.owe(&account, used);
        }
    }
}

fn refused(limit: &Limit, rule: usize, charge: u64, wait: Wait, by: By) -> Refused {
    let reset_ns = if let Wait::Ns(ns) = wait { ns } else { 0 };
    let standing = Standing { cap: limit.cap.most(), left: 0, reset_ns };
    Refused { rule, wait, standing, charge, by }
}
