//! Limits with `global` in one exchange: the last decision of the rate-limit service is applied before a request
//! leaves, a `strict` limit asks the service first, and usage is reported to it afterwards.

use std::rc::Rc;

use super::settle::used_of;
use super::{Admission, By, Charges, Going, LimitRefusal, Refusals, longer, over};
use crate::base::callout::CalloutReply;
use crate::context::Context;
use crate::context::record::Record;
use crate::dialect::spend::Usage;
use crate::fleet::{Admitter, Asking, FleetAccount, OnError, Reservation, ServiceWord, Table};
use crate::ledger::{Standing, StoreError, Wait};
use crate::policy::program::limit::{Limit, LimitUnit};
use crate::wire::json::Doc;

/// The wait that a caller is told when the service does not answer: the real one is unknown.
const SILENCE: Wait = Wait::Ns(1_000_000_000);

/// The part of one exchange that concerns the fleet.
#[derive(Debug, Default)]
pub(super) struct FleetShare {
    /// The fleet's accounts; `None` if none are kept here.
    pub(super) table: Option<Rc<Table>>,
    owes: Vec<Owes>,
    parked: Option<Box<Parked>>,
}

/// Usage that will be reported when the exchange is over, and to which account.
#[derive(Debug)]
struct Owes {
    table: Rc<Table>,
    limit: Rc<Limit>,
    account: FleetAccount,
    charge: u64,
    /// The service is asked before each request.
    strict: bool,
    on_error: OnError,
    /// The reservation that the service holds for the request.
    held: Option<Reservation>,
}

impl Owes {
    /// The request is over, and has used this much.
    fn settle(self, used: u64) {
        self.table.settle(self.account, self.held, used);
    }
}

/// A request that waits for answers to its callouts.
#[derive(Debug)]
struct Parked {
    going: Going,
    /// The body, to be read again.
    bytes: Option<Vec<u8>>,
    asks: Vec<Ask>,
}

/// A question to a service, and its answer.
#[derive(Debug)]
pub(super) struct Ask {
    /// The index of the entry it is about, among those in `owes`.
    about: usize,
    asking: Asking,
    /// The number of its callout.
    number: usize,
    heard: Option<Admitter>,
}

/// Whether a fleet-wide limit admits a request, before the process's own account is asked.
pub(super) enum Says {
    /// The process's own account decides.
    Locally,
    /// Admitted, whatever the process's own account says.
    Free,
    /// Refused.
    Refused(LimitRefusal),
}

impl FleetShare {
    /// The request was not admitted after all: nothing will be reported.
    pub(super) fn forget(&mut self) {
        for owes in std::mem::take(&mut self.owes) {
            owes.settle(0);
        }
    }

    /// True if something will be reported.
    pub(super) fn owes(&self) -> bool {
        !self.owes.is_empty()
    }

    /// The limits for which something will be reported.
    pub(super) fn limits(&self) -> impl Iterator<Item = &Limit> {
        self.owes.iter().map(|owes| owes.limit.as_ref())
    }

    /// Applies the service's last decision to a request.
    pub(super) fn says(&mut self, cx: &mut Context, limit: &Rc<Limit>, charge: u64) -> Says {
        let (Some(global), Some(table)) = (&limit.global, self.table.clone()) else {
            return Says::Locally;
        };
        let Some(account) = limit.fleet_account(&cx.labels) else { return Says::Locally };
        let silent = table.is_silent(&account);
        let says = match global.on_error {
            OnError::Closed if silent => {
                decides(&mut cx.record, limit, "closed");
                // The service is asked again about accounts that are refused.
                table.want(&account);
                return Says::Refused(refused(limit, charge, SILENCE, By::Silence));
            }
            OnError::Open if silent => {
                decides(&mut cx.record, limit, "open");
                Says::Free
            }
            // A limit that asks before each request learns it then.
            _ if global.strict && !silent => Says::Locally,
            _ => match table.word(&account) {
                ServiceWord::Free => {
                    if silent {
                        decides(&mut cx.record, limit, "local");
                    }
                    Says::Locally
                }
                ServiceWord::Over(until) => {
                    table.want(&account);
                    return Says::Refused(fleet_refused(cx, limit, charge, until));
                }
            },
        };
        let (limit, strict, on_error) = (Rc::clone(limit), global.strict, global.on_error);
        self.owes.push(Owes { table, limit, account, charge, strict, on_error, held: None });
        says
    }

    /// How long the caller should wait: by the process's own account, or by the service's decision.
    pub(super) fn told_wait(
        &self,
        cx: &Context,
        limit: &Limit,
        own: Result<Option<Wait>, StoreError>,
    ) -> (Option<Wait>, By) {
        let own = own.ok().flatten();
        let table = self.table.as_ref().filter(|_| limit.global.is_some());
        let account = table.and_then(|_| limit.fleet_account(&cx.labels));
        let (Some(table), Some(account)) = (table, account) else { return (own, By::Process) };
        let ServiceWord::Over(until) = table.word(&account) else { return (own, By::Process) };
        let told = Wait::Ns(until.saturating_sub(cx.facts.now_ns));
        match own {
            Some(own) if !longer(told, own) => (Some(own), By::Process),
            _ => (Some(told), By::Fleet),
        }
    }

    /// What must be asked before a request may leave: one question for each strict limit that holds. `None`: nothing.
    pub(super) fn questions(&self) -> Option<Vec<Ask>> {
        // A service that does not respond would be waited for in vain; the periodic reports tell when it is back.
        let asked = self.owes.iter().enumerate();
        let asked = asked.filter(|(_, owes)| owes.strict && !owes.table.is_silent(&owes.account));
        let asks: Vec<Ask> = asked
            .map(|(about, owes)| {
                let asking = owes.table.asking(&owes.account.target.service);
                Ask { about, asking, number: 0, heard: None }
            })
            .collect();
        Some(asks).filter(|asks| !asks.is_empty())
    }

    /// The request waits for the answers that are still missing.
    pub(super) fn park(
        &mut self,
        mut asks: Vec<Ask>,
        going: Going,
        bytes: Option<Vec<u8>>,
    ) -> Admission {
        let mut calls = Vec::new();
        for ask in asks.iter_mut().filter(|ask| ask.heard.is_none()) {
            let Some(owes) = self.owes.get(ask.about) else { continue };
            ask.number = calls.len();
            calls.push(owes.table.question(&owes.account, ask.asking, owes.charge));
        }
        self.parked = Some(Box::new(Parked { going, bytes, asks }));
        Admission::Ask(calls)
    }

    /// A service has answered a question.
    fn hear(&mut self, number: usize, reply: CalloutReply<'_>) -> Option<()> {
        let mut open = self.parked.as_mut()?.asks.iter_mut();
        let ask = open.find(|ask| ask.number == number && ask.heard.is_none())?;
        let owes = self.owes.get_mut(ask.about)?;
        ask.heard = Some(match owes.table.asked(&owes.account, ask.asking, reply) {
            Admitter::Holds(reservation) => {
                owes.held = Some(reservation);
                Admitter::Free
            }
            heard => heard,
        });
        Some(())
    }

    /// Reports usage to the services that count it. `goes_on`: the call has another round.
    pub(super) fn report(&mut self, usage: Option<&Usage>, money: Option<u64>, goes_on: bool) {
        for owes in std::mem::take(&mut self.owes) {
            let used = used_of(owes.limit.unit, owes.charge, usage, money, goes_on);
            owes.settle(used);
        }
    }
}

impl Charges {
    /// Keeps the fleet's accounts here. Without them, limits with `global` count in this process alone.
    pub(crate) fn set_fleet(&mut self, table: Rc<Table>) {
        self.fleet.table = Some(table);
    }

    /// The request leaves, which settles limits that count requests. Whether an MCP call has another round is known
    /// only from its answer.
    pub(crate) fn leaves(&mut self, cx: &Context) {
        let is_used = |owes: &Owes| {
            owes.limit.unit == LimitUnit::Requests && !cx.is_mcp() && !cx.is_also_mcp()
        };
        for owes in std::mem::take(&mut self.fleet.owes) {
            if is_used(&owes) {
                let charge = owes.charge;
                owes.settle(charge);
            } else {
                self.fleet.owes.push(owes);
            }
        }
    }

    /// The callout with this number (of [`Admission::Ask`]) was answered. `None`: others are still open, or nothing
    /// waits any more.
    pub(crate) fn answered(
        &mut self,
        cx: &mut Context,
        number: usize,
        reply: CalloutReply<'_>,
    ) -> Option<Admission> {
        self.fleet.hear(number, reply)?;
        if self.fleet.parked.as_ref()?.asks.iter().any(|ask| ask.heard.is_none()) {
            return None;
        }
        let Parked { going, bytes, mut asks } = *self.fleet.parked.take()?;
        let plain = asks.iter_mut().filter(|ask| ask.heard == Some(Admitter::Plain));
        let again = plain.map(|ask| (ask.asking, ask.heard) = (Asking::Check, None)).count();
        if again > 0 {
            return Some(self.fleet.park(asks, going, bytes));
        }
        Some(self.unpark(cx, going, bytes.as_deref(), &asks))
    }

    /// All answers have arrived.
    fn unpark(
        &mut self,
        cx: &mut Context,
        mut going: Going,
        bytes: Option<&[u8]>,
        asks: &[Ask],
    ) -> Admission {
        let program = Rc::clone(&cx.program);
        let mut worst: Option<Refusals> = None;
        for ask in asks {
            let owes = self.fleet.owes.get(ask.about);
            let refused = owes.and_then(|owes| hears(cx, owes, ask.heard.as_ref()));
            let Some(refused) = refused else { continue };
            match &mut worst {
                Some(known) if longer(refused.wait, known.longest.wait) => known.longest = refused,
                Some(_) => {}
                None => worst = Some(Refusals::by(refused)),
            }
        }
        if let Some(refusals) = &worst {
            self.give_back(cx);
            if let Some(reply) = over(cx, refusals, &mut going) {
                return Admission::Reply(reply);
            }
        }
        // The document was dropped when the request was parked: reading it again is the price of asking.
        let mut doc = Doc::default();
        let recognised = cx.recognised.clone();
        let view = match (&recognised, bytes) {
            (Some(recognised), Some(bytes)) => cx.read(recognised, Some(bytes), &mut doc).ok(),
            _ => None,
        };
        let read = match (&view, bytes) {
            (Some(view), Some(bytes)) => Some((view, &doc, bytes)),
            _ => None,
        };
        match worst {
            Some(_) => self.admit(cx, &program, going, read),
            None => self.go_on(cx, &program, going, read),
        }
    }

    /// A request that still waits will never leave, so its charges are returned. True if there were any.
    pub(super) fn drop_parked(&mut self, cx: &mut Context) -> bool {
        let parked = self.fleet.parked.take().is_some();
        if parked {
            self.give_back(cx);
        }
        parked
    }
}

/// Applies an answer to the request; `None` if it may leave.
fn hears(cx: &mut Context, owes: &Owes, heard: Option<&Admitter>) -> Option<LimitRefusal> {
    let Owes { limit, charge, on_error, .. } = owes;
    match (heard, on_error) {
        (Some(Admitter::Free | Admitter::Holds(_)), _) => None,
        (Some(Admitter::Over(until)), _) => Some(fleet_refused(cx, limit, *charge, *until)),
        (_, OnError::Closed) => {
            decides(&mut cx.record, limit, "closed");
            Some(refused(limit, *charge, SILENCE, By::Silence))
        }
        (_, OnError::Local) => {
            decides(&mut cx.record, limit, "local");
            None
        }
        (_, OnError::Open) => {
            decides(&mut cx.record, limit, "open");
            None
        }
    }
}

/// Counts a decision of the service, or of its silence.
fn decides(record: &mut Record, limit: &Limit, word: &str) {
    let id = &limit.rule.id;
    record.count(format!("hemostat_global_decisions_total;rule={id};action={word}"));
}

fn fleet_refused(cx: &mut Context, limit: &Rc<Limit>, charge: u64, until: u64) -> LimitRefusal {
    decides(&mut cx.record, limit, "over");
    let wait = Wait::Ns(until.saturating_sub(cx.facts.now_ns));
    refused(limit, charge, wait, By::Fleet)
}

fn refused(limit: &Rc<Limit>, charge: u64, wait: Wait, by: By) -> LimitRefusal {
    let reset_ns = if let Wait::Ns(ns) = wait { ns } else { 0 };
    let standing = Standing { cap: limit.cap.most(), left: 0, reset_ns };
    LimitRefusal { limit: Rc::clone(limit), wait, standing, charge, by }
}
