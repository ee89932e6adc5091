//! Limits with `global` in one exchange: the last decision of the rate-limit service is applied before a request
//! leaves, a `strict` limit asks the service first, and usage is reported to it afterwards.

use std::rc::Rc;

use super::admission::{Admission, LimitedRequest};
use super::refusal::{LimitRefusal, RefusedBy, longer};
use super::used::used_of;
use crate::base::callout::CalloutReply;
use crate::context::Context;
use crate::context::record::Record;
use crate::dialect::spend::Usage;
use crate::fleet::{
    Asking, FleetAccount, FleetTable, OnServiceError, Reservation, ServiceDecision, StrictAnswer,
};
use crate::ledger::{Standing, StoreError, Wait};
use crate::policy::program::limit::Limit;

/// The wait that a caller is told when the service does not answer: the real one is unknown.
pub(super) const SILENCE: Wait = Wait::Ns(1_000_000_000);

/// The part of one exchange that concerns the fleet.
#[derive(Debug, Default)]
pub(super) struct FleetShare {
    /// The fleet's accounts; `None` if none are kept here.
    pub(super) table: Option<Rc<FleetTable>>,
    pub(super) reports: Vec<PendingReport>,
    pub(super) parked: Option<Box<Parked>>,
}

/// Usage that will be reported when the exchange is over, and to which account.
#[derive(Debug)]
pub(super) struct PendingReport {
    pub(super) table: Rc<FleetTable>,
    pub(super) limit: Rc<Limit>,
    pub(super) account: FleetAccount,
    pub(super) charge: u64,
    /// The service is asked before each request.
    pub(super) strict: bool,
    pub(super) on_error: OnServiceError,
    /// The reservation that the service holds for the request.
    pub(super) held: Option<Reservation>,
}

impl PendingReport {
    /// The request is over, and has used this much.
    pub(super) fn settle(self, used: u64) {
        self.table.settle(self.account, self.held, used);
    }
}

/// A request that waits for answers to its callouts.
#[derive(Debug)]
pub(super) struct Parked {
    pub(super) request: LimitedRequest,
    /// The body, to be read again.
    pub(super) bytes: Option<Vec<u8>>,
    pub(super) questions: Vec<Question>,
}

/// A question to a service, and its answer.
#[derive(Debug)]
pub(super) struct Question {
    /// The index of the entry it is about, among those in `reports`.
    pub(super) about: usize,
    pub(super) asking: Asking,
    /// The number of its callout.
    pub(super) number: usize,
    pub(super) heard: Option<StrictAnswer>,
}

/// Whether a fleet-wide limit admits a request, before the process's own account is asked.
pub(super) enum FleetDecision {
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
        for report in std::mem::take(&mut self.reports) {
            report.settle(0);
        }
    }

    /// True if something will be reported.
    pub(super) fn will_report(&self) -> bool {
        !self.reports.is_empty()
    }

    /// The limits for which something will be reported.
    pub(super) fn limits(&self) -> impl Iterator<Item = &Limit> {
        self.reports.iter().map(|report| report.limit.as_ref())
    }

    /// Applies the service's last decision to a request.
    pub(super) fn decide(
        &mut self,
        cx: &mut Context,
        limit: &Rc<Limit>,
        charge: u64,
    ) -> FleetDecision {
        let (Some(global), Some(table)) = (&limit.global, self.table.clone()) else {
            return FleetDecision::Locally;
        };
        let Some(account) = limit.fleet_account(&cx.labels) else { return FleetDecision::Locally };
        let silent = table.is_silent(&account);
        let says = match global.on_error {
            OnServiceError::Closed if silent => {
                count_decision(&mut cx.record, limit, "closed");
                // The service is asked again about accounts that are refused.
                table.want(&account);
                return FleetDecision::Refused(refused(limit, charge, SILENCE, RefusedBy::Silence));
            }
            OnServiceError::Open if silent => {
                count_decision(&mut cx.record, limit, "open");
                FleetDecision::Free
            }
            // A limit that asks before each request learns it then.
            _ if global.strict && !silent => FleetDecision::Locally,
            _ => match table.word(&account) {
                ServiceDecision::Free => {
                    if silent {
                        count_decision(&mut cx.record, limit, "local");
                    }
                    FleetDecision::Locally
                }
                ServiceDecision::Over(until) => {
                    table.want(&account);
                    return FleetDecision::Refused(fleet_refused(cx, limit, charge, until));
                }
            },
        };
        let (limit, strict, on_error) = (Rc::clone(limit), global.strict, global.on_error);
        self.reports.push(PendingReport {
            table,
            limit,
            account,
            charge,
            strict,
            on_error,
            held: None,
        });
        says
    }

    /// How long the caller should wait: by the process's own account, or by the service's decision.
    pub(super) fn told_wait(
        &self,
        cx: &Context,
        limit: &Limit,
        own: Result<Option<Wait>, StoreError>,
    ) -> (Option<Wait>, RefusedBy) {
        let own = own.ok().flatten();
        let table = self.table.as_ref().filter(|_| limit.global.is_some());
        let account = table.and_then(|_| limit.fleet_account(&cx.labels));
        let (Some(table), Some(account)) = (table, account) else {
            return (own, RefusedBy::Process);
        };
        let ServiceDecision::Over(until) = table.word(&account) else {
            return (own, RefusedBy::Process);
        };
        let told = Wait::Ns(until.saturating_sub(cx.facts.now_ns));
        match own {
            Some(own) if !longer(told, own) => (Some(own), RefusedBy::Process),
            _ => (Some(told), RefusedBy::Fleet),
        }
    }

    /// What must be asked before a request may leave: one question for each strict limit that holds. `None`: nothing.
    pub(super) fn questions(&self) -> Option<Vec<Question>> {
        // A service that does not respond would be waited for in vain; the periodic reports tell when it is back.
        let asked = self.reports.iter().enumerate();
        let asked =
            asked.filter(|(_, report)| report.strict && !report.table.is_silent(&report.account));
        let questions: Vec<Question> = asked
            .map(|(about, report)| {
                let asking = report.table.asking(&report.account.target.service);
                Question { about, asking, number: 0, heard: None }
            })
            .collect();
        Some(questions).filter(|questions| !questions.is_empty())
    }

    /// The request waits for the answers that are still missing.
    pub(super) fn park(
        &mut self,
        mut questions: Vec<Question>,
        request: LimitedRequest,
        bytes: Option<Vec<u8>>,
    ) -> Admission {
        let mut calls = Vec::new();
        for question in questions.iter_mut().filter(|question| question.heard.is_none()) {
            let Some(report) = self.reports.get(question.about) else { continue };
            question.number = calls.len();
            calls.push(report.table.question(&report.account, question.asking, report.charge));
        }
        self.parked = Some(Box::new(Parked { request, bytes, questions }));
        Admission::Ask(calls)
    }

    /// A service has answered a question.
    pub(super) fn take_answer(&mut self, number: usize, reply: CalloutReply<'_>) -> Option<()> {
        let mut open = self.parked.as_mut()?.questions.iter_mut();
        let question =
            open.find(|question| question.number == number && question.heard.is_none())?;
        let report = self.reports.get_mut(question.about)?;
        question.heard = Some(match report.table.asked(&report.account, question.asking, reply) {
            StrictAnswer::Holds(reservation) => {
                report.held = Some(reservation);
                StrictAnswer::Free
            }
            heard => heard,
        });
        Some(())
    }

    /// Reports usage to the services that count it. `goes_on`: the call has another round.
    pub(super) fn report(&mut self, usage: Option<&Usage>, money: Option<u64>, goes_on: bool) {
        for report in std::mem::take(&mut self.reports) {
            let used = used_of(report.limit.unit, report.charge, usage, money, goes_on);
            report.settle(used);
        }
    }
}

/// Counts a decision of the service, or of its silence.
pub(super) fn count_decision(record: &mut Record, limit: &Limit, word: &str) {
    let id = &limit.rule.id;
    record.count(format!("hemostat_global_decisions_total;rule={id};action={word}"));
}

pub(super) fn fleet_refused(
    cx: &mut Context,
    limit: &Rc<Limit>,
    charge: u64,
    until: u64,
) -> LimitRefusal {
    count_decision(&mut cx.record, limit, "over");
    let wait = Wait::Ns(until.saturating_sub(cx.facts.now_ns));
    refused(limit, charge, wait, RefusedBy::Fleet)
}

pub(super) fn refused(limit: &Rc<Limit>, charge: u64, wait: Wait, by: RefusedBy) -> LimitRefusal {
    let reset_ns = if let Wait::Ns(ns) = wait { ns } else { 0 };
    let standing = Standing { cap: limit.cap.most(), left: 0, reset_ns };
    LimitRefusal { limit: Rc::clone(limit), wait, standing, charge, by }
}
