//! However a request ends, its charges are replaced by what it used, exactly once (invariant 10).

use std::rc::Rc;

use super::charges::Charges;
use super::meter::{Meter, MeteredUse};
use super::tell;
use super::used::{AnswerOutcome, used_of};
use crate::answer::frame_loop::FrameView;
use crate::context::Context;
use crate::context::facts::Now;
use crate::dialect;
use crate::dialect::spend::Usage;
use crate::ledger::Settled;
use crate::limits::LEASE_SLICE_NS;
use crate::policy::program::label::{Label, LabelId};
use crate::policy::program::limit::{Cost, is_any};
use crate::wire::frame::Framing;

/// What a call has used, once its charges are settled.
#[derive(Debug)]
pub(crate) struct Bill {
    /// Tokens; `None` if unknown.
    pub usage: Option<Usage>,
    /// Micro-dollars, if there is a price.
    pub money: Option<u64>,
}

impl Charges {
    /// The answer's headers have arrived.
    pub(crate) fn answer_begins(&mut self, status: u16, local: bool) {
        self.ended = match (local, status) {
            (true, _) => AnswerOutcome::Unanswered,
            (false, 200..300) => AnswerOutcome::Answered,
            (false, _) => AnswerOutcome::Failed,
        };
    }

    /// The answer cannot be read.
    pub(crate) fn answer_unreadable(&mut self) {
        if self.ended == AnswerOutcome::Answered {
            self.ended = AnswerOutcome::Unreadable;
        }
    }

    /// Begins to meter the answer, if its usage is charged.
    pub(crate) fn open_meter(&mut self, cx: &Context, framing: Framing) {
        if let (Some(call), true) = (&cx.call, self.wants_answer()) {
            let dialect = dialect::dialect(call.recognised.dialect);
            self.meter = Some(Box::new(Meter::new(dialect, framing != Framing::Json)));
        }
    }

    /// True if the usage of the answer is metered.
    pub(crate) fn is_metered(&self) -> bool {
        self.meter.is_some()
    }

    /// Shows the meter a frame of the answer as upstream sent it. False: the answer must end before this frame.
    pub(crate) fn meter(&mut self, cx: &mut Context, view: &FrameView<'_>) -> bool {
        let Some(meter) = &mut self.meter else { return true };
        if !meter.look(view) || !meter.is_stream() || !self.may_be_spent() {
            return true;
        }
        let Some(mut meter) = self.meter.take() else { return true };
        let affords = self.afford(cx, &meter);
        if !affords {
            meter.spend();
        }
        self.meter = Some(meter);
        affords
    }

    /// Upstream has ended the answer.
    pub(crate) fn end(&mut self) {
        if let Some(meter) = &mut self.meter {
            meter.end();
        }
    }

    /// Places in flight are still needed: renews them from time to time.
    pub(crate) fn renew(&mut self, cx: &mut Context, now: Now) {
        let Some(book) = &self.book else { return };
        let mut leases = self.leases.borrow_mut();
        if leases.is_empty() {
            return;
        }
        let now_ns = now.ns();
        if now_ns.saturating_sub(self.renewed_ns) < LEASE_SLICE_NS {
            return;
        }
        self.renewed_ns = now_ns;
        let lapsed = leases.iter_mut().filter_map(|hold| book.renew(hold).then_some(())).count();
        for _ in 0..lapsed {
            cx.record.count("hemostat_limit_lapsed_total");
        }
    }

    /// True if more has been used than was reserved.
    pub(crate) fn is_spent(&self) -> bool {
        let counted = self.meter.as_ref().map_or(0, |meter| meter.counted());
        self.asked.as_ref().is_some_and(|asked| counted > asked.output)
    }

    /// What was used; `None` if unknown, and the whole charge stands.
    fn used(&self, cx: &mut Context) -> Option<Usage> {
        let input = self.asked.as_ref().map_or(0, |asked| asked.input);
        // Nothing says that a tool ran.
        let only = |input| Usage {
            fresh: Some(input),
            output: Some(0),
            uses_told: true,
            ..Usage::default()
        };
        match (self.ended, &self.meter) {
            (AnswerOutcome::Failed, _) => Some(only(0)),
            (AnswerOutcome::Unreadable, _) => None,
            (AnswerOutcome::Unanswered, _) | (AnswerOutcome::Answered, None) => Some(only(input)),
            (AnswerOutcome::Answered, Some(meter)) if meter.is_blind() && !meter.has_usage() => {
                None
            }
            (AnswerOutcome::Answered, Some(meter)) => {
                let MeteredUse { usage, implausible } = meter.used(input);
                if implausible {
                    cx.record.count("hemostat_usage_implausible_total");
                }
                if !meter.has_usage() {
                    cx.record.count("hemostat_usage_counted_total");
                }
                Some(usage)
            }
        }
    }

    /// What the call costs at the price of the model that answered, if the answer names a model with a price of its own
    /// (a fallback, a router's choice). A price for every model (`*`) tells nothing about an alias that a server
    /// answers with.
    fn cost_as_served(&self, cx: &Context, served: &str) -> Option<Cost> {
        let prices = &cx.program.limits.prices;
        let asked_for = |own: &Label| own.text() == Some(served);
        let named = cx.labels.all(LabelId::MODEL).any(asked_for);
        if is_any(prices.name(served)?) && !named {
            return None;
        }
        prices.cost(served, &self.spending, true).ok().map(|(cost, _)| cost)
    }

    /// The price of the model that answered, if it has one of its own; else the one that was reserved at, or that of
    /// the requested model.
    fn cost(&self, cx: &Context, served: Option<&str>) -> Option<Cost> {
        let own = served.and_then(|served| self.cost_as_served(cx, served));
        own.or_else(|| self.cost.as_deref().cloned()).or_else(|| {
            let prices = &cx.program.limits.prices;
            let asked = cx.labels.get(LabelId::MODEL).text()?;
            prices.find(asked)?;
            prices.cost(asked, &self.spending, true).ok().map(|(cost, _)| cost)
        })
    }

    /// What a call with this usage costs, in micro-dollars; `None` if it has no price.
    pub(crate) fn money(
        &self,
        cx: &mut Context,
        served: Option<&str>,
        usage: &Usage,
    ) -> Option<u64> {
        let cost = self.cost(cx, served)?;
        // Where a limit counts money, nothing goes unpriced silently.
        if self.cost.is_some() && cost.unpriced(usage) {
            cx.record.count("hemostat_unpriced_total;action=served");
        }
        Some(cx.program.limits.prices.real(&cost, &self.spending, usage))
    }

    /// Settles every charge, once. `served`: the model that answered, if the answer names it. Returns what the call
    /// used; `None` if there was nothing to settle with it.
    pub(crate) fn settle(&mut self, cx: &mut Context, served: Option<&str>) -> Option<Bill> {
        if self.drop_parked(cx) {
            return None;
        }
        let book = self.book.clone()?;
        let leases: Vec<_> = self.leases.borrow_mut().drain(..).collect();
        for hold in leases {
            if let Settled::Unsettled(trouble) = book.release(hold) {
                tell::trouble(cx, trouble);
            }
        }
        let taken = std::mem::take(&mut self.taken);
        if taken.is_empty() && !self.fleet.will_report() {
            return None;
        }
        let usage = if self.asked.is_some() { self.used(cx) } else { None };
        let money = usage.as_ref().and_then(|usage| self.money(cx, served, usage));
        self.fleet.report(usage.as_ref(), money, cx.goes_on());
        for taken in taken {
            let (unit, rule, charge) =
                (taken.limit.unit, Rc::clone(&taken.limit.rule.id), taken.charge());
            let used = used_of(unit, charge, usage.as_ref(), money, cx.goes_on());
            let mut left = used;
            let last = taken.more.len();
            for (at, hold) in taken.holds().enumerate() {
                // Reservations are used in the order in which they were taken; usage beyond them is owed on the last.
                let part = if at == last { left } else { left.min(hold.charge()) };
                left = left.saturating_sub(part);
                match book.settle(hold, part) {
                    Settled::Done => {}
                    Settled::Overrun => {
                        cx.record.count(format!("hemostat_limit_overrun_total;rule={rule}"));
                    }
                    Settled::Unsettled(trouble) => tell::trouble(cx, trouble),
                }
            }
        }
        Some(Bill { usage, money })
    }
}
