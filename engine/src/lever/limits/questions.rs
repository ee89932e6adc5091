//! Strict limits in one exchange: services are asked before a request is forwarded, and it waits for their answers.

use std::rc::Rc;

use super::admission::{Admission, LimitedRequest};
use super::charges::Charges;
use super::fleet::{
    Parked, PendingReport, Question, SILENCE, count_decision, fleet_refused, refused,
};
use super::over;
use super::refusal::{LimitRefusal, Refusals, RefusedBy, longer};
use crate::base::callout::CalloutReply;
use crate::context::Context;
use crate::fleet::{Asking, FleetTable, OnServiceError, StrictAnswer};
use crate::policy::program::limit::LimitUnit;
use crate::wire::json::Doc;

impl Charges {
    /// Keeps the fleet's accounts here. Without them, limits with `global` count in this process alone.
    pub(crate) fn set_fleet(&mut self, table: Rc<FleetTable>) {
        self.fleet.table = Some(table);
    }

    /// The request leaves, which settles limits that count requests. Whether an MCP call has another round is known
    /// only from its answer.
    pub(crate) fn leaves(&mut self, cx: &Context) {
        let is_used = |report: &PendingReport| {
            report.limit.unit == LimitUnit::Requests && !cx.is_mcp() && !cx.is_also_mcp()
        };
        for report in std::mem::take(&mut self.fleet.reports) {
            if is_used(&report) {
                let charge = report.charge;
                report.settle(charge);
            } else {
                self.fleet.reports.push(report);
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
        self.fleet.take_answer(number, reply)?;
        if self.fleet.parked.as_ref()?.questions.iter().any(|question| question.heard.is_none()) {
            return None;
        }
        let Parked { request, bytes, mut questions } = *self.fleet.parked.take()?;
        let plain =
            questions.iter_mut().filter(|question| question.heard == Some(StrictAnswer::Plain));
        let again =
            plain.map(|question| (question.asking, question.heard) = (Asking::Check, None)).count();
        if again > 0 {
            return Some(self.fleet.park(questions, request, bytes));
        }
        Some(self.unpark(cx, request, bytes.as_deref(), &questions))
    }

    /// All answers have arrived.
    fn unpark(
        &mut self,
        cx: &mut Context,
        mut request: LimitedRequest,
        bytes: Option<&[u8]>,
        questions: &[Question],
    ) -> Admission {
        let program = Rc::clone(&cx.program);
        let mut worst: Option<Refusals> = None;
        for question in questions {
            let report = self.fleet.reports.get(question.about);
            let refused =
                report.and_then(|report| apply_answer(cx, report, question.heard.as_ref()));
            let Some(refused) = refused else { continue };
            match &mut worst {
                Some(known) if longer(refused.wait, known.longest.wait) => known.longest = refused,
                Some(_) => {}
                None => worst = Some(Refusals::by(refused)),
            }
        }
        if let Some(refusals) = &worst {
            self.give_back(cx);
            if let Some(reply) = over(cx, refusals, &mut request) {
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
            Some(_) => self.admit(cx, &program, request, read),
            None => self.go_on(cx, &program, request, read),
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
fn apply_answer(
    cx: &mut Context,
    report: &PendingReport,
    heard: Option<&StrictAnswer>,
) -> Option<LimitRefusal> {
    let PendingReport { limit, charge, on_error, .. } = report;
    match (heard, on_error) {
        (Some(StrictAnswer::Free | StrictAnswer::Holds(_)), _) => None,
        (Some(StrictAnswer::Over(until)), _) => Some(fleet_refused(cx, limit, *charge, *until)),
        (_, OnServiceError::Closed) => {
            count_decision(&mut cx.record, limit, "closed");
            Some(refused(limit, *charge, SILENCE, RefusedBy::Silence))
        }
        (_, OnServiceError::Local) => {
            count_decision(&mut cx.record, limit, "local");
            None
        }
        (_, OnServiceError::Open) => {
            count_decision(&mut cx.record, limit, "open");
            None
        }
    }
}
