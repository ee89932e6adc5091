//! However a request ends, its charges are replaced by what it used, once.

use super::meter::{Meter, Used};
use crate::answer::frame_loop::View;
use crate::context::facts::Now;
use crate::dialect;
use crate::dialect::spend::Usage;
use crate::exchange::Exchange;
use crate::ledger::Settled;
use crate::limits::LEASE_SLICE_NS;
use crate::policy::program::Program;
use crate::policy::program::label::{Label, LabelId};
use crate::policy::program::limit::{Cost, Unit, is_any};
use crate::wire::frame::Framing;

/// How far the answer came, as far as it matters for what was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::exchange) enum Ended {
    /// No answer: the caller hung up, the upstream broke off or took too long. The model may have been at work.
    #[default]
    Unanswered,
    /// Upstream refused the request or failed: providers bill nothing for it.
    Failed,
    /// The model answered, and the answer is read.
    Answered,
    /// The model answered, and the answer cannot be read.
    Unreadable,
}

/// What a limit of this unit counts of a usage; `None`: it counts something else, or nobody knows the price.
pub(super) fn used_of(unit: Unit, usage: &Usage, money: Option<u64>) -> Option<u64> {
    match unit {
        Unit::Tokens => Some(usage.input().unwrap_or(0).saturating_add(usage.output.unwrap_or(0))),
        Unit::Usd => money,
        Unit::Requests | Unit::Concurrent | Unit::Calls => None,
    }
}

impl Exchange {
    /// The answer's headers have come.
    pub(in crate::exchange) fn answer_begins(&mut self, status: u16, local: bool) {
        self.charges.ended = match (local, status) {
            (true, _) => Ended::Unanswered,
            (false, 200..300) => Ended::Answered,
            (false, _) => Ended::Failed,
        };
    }

    /// The answer cannot be looked at.
    pub(in crate::exchange) fn answer_unreadable(&mut self) {
        if self.charges.ended == Ended::Answered {
            self.charges.ended = Ended::Unreadable;
        }
    }

    /// Begins to count the answer, if what it uses is charged.
    pub(in crate::exchange) fn open_meter(&mut self, framing: Framing) {
        if let (Some(call), true) = (&self.cx.call, self.charges.wants_answer()) {
            let dialect = dialect::dialect(call.recognised.dialect);
            self.charges.meter = Some(Meter::new(dialect, framing != Framing::Json));
        }
    }

    /// True if what the answer uses is counted.
    pub(in crate::exchange) fn is_metered(&self) -> bool {
        self.charges.meter.is_some()
    }

    /// Shows the meter a frame of the answer as upstream sent it. False: the answer must end before it.
    pub(in crate::exchange) fn meter(&mut self, view: &View<'_>) -> bool {
        let Some(meter) = &mut self.charges.meter else { return true };
        if !meter.look(view) || !meter.is_stream() || !self.may_be_spent() {
            return true;
        }
        let Some(mut meter) = self.charges.meter.take() else { return true };
        let affords = self.afford(&meter);
        if !affords {
            meter.spend();
        }
        self.charges.meter = Some(meter);
        affords
    }

    /// Some of the answer has come. At its end the charges are settled.
    pub(in crate::exchange) fn metered(&mut self, end: bool, now: Now) {
        if end {
            if let Some(meter) = &mut self.charges.meter {
                meter.end();
            }
            self.settle();
        } else if !self.charges.leases.borrow().is_empty() {
            let now_ns = now.ns();
            if now_ns.saturating_sub(self.charges.renewed_ns) >= LEASE_SLICE_NS {
                self.renew(now_ns);
            }
        }
    }

    /// Places in flight are still needed.
    fn renew(&mut self, now_ns: u64) {
        let Some(book) = &self.charges.book else { return };
        self.charges.renewed_ns = now_ns;
        let lapsed = self
            .charges
            .leases
            .borrow_mut()
            .iter_mut()
            .filter_map(|hold| book.renew(hold).then_some(()))
            .count();
        for _ in 0..lapsed {
            self.cx.record.count("hemostat_limit_lapsed_total".to_owned());
        }
    }

    /// More has been read than was reserved.
    pub(in crate::exchange) fn is_spent(&self) -> bool {
        let counted = self.charges.meter.as_ref().map_or(0, Meter::counted);
        self.charges.asked.as_ref().is_some_and(|asked| counted > asked.output)
    }

    /// What was used; `None`: nobody can say, and the whole charge stands.
    fn used(&mut self) -> Option<Usage> {
        let input = self.charges.asked.as_ref().map_or(0, |asked| asked.input);
        // Nobody has said that a tool ran.
        let only = |input| Usage {
            fresh: Some(input),
            output: Some(0),
            uses_told: true,
            ..Usage::default()
        };
        match (self.charges.ended, &self.charges.meter) {
            (Ended::Failed, _) => Some(only(0)),
            (Ended::Unreadable, _) => None,
            (Ended::Unanswered, _) | (Ended::Answered, None) => Some(only(input)),
            (Ended::Answered, Some(meter)) if meter.is_blind() && !meter.has_usage() => None,
            (Ended::Answered, Some(meter)) => {
                let Used { usage, implausible } = meter.used(input);
                if implausible {
                    self.cx.record.count("hemostat_usage_implausible_total".to_owned());
                }
                if !meter.has_usage() {
                    self.cx.record.count("hemostat_usage_counted_total".to_owned());
                }
                Some(usage)
            }
        }
    }

    /// What the call costs at the price of the model that answered, where the answer names one with a price of its own
    /// (a fallback's, a router's choice). A price for every model (`*`) says nothing of an alias that a server answers to.
    fn cost_as_served(&self, program: &Program) -> Option<Cost> {
        let asked = &self.charges.asked.as_ref()?.spending;
        let served = self.answer.as_ref()?.frames.model()?;
        let asked_for = |own: &Label| own.text() == Some(served);
        let named = self.cx.labels.all(LabelId::MODEL).any(asked_for);
        if is_any(program.limits.prices.name(served)?) && !named {
            return None;
        }
        program.limits.prices.cost(served, asked, true).ok().map(|(cost, _)| cost)
    }

    /// Settles every charge, once.
    pub(in crate::exchange) fn settle(&mut self) {
        if self.drop_parked() {
            return;
        }
        let Some(book) = self.charges.book.clone() else { return };
        let leases: Vec<_> = self.charges.leases.borrow_mut().drain(..).collect();
        for hold in leases {
            if let Settled::Unsettled(trouble) = book.release(hold) {
                self.count_trouble(trouble);
            }
        }
        let taken = std::mem::take(&mut self.charges.taken);
        if taken.is_empty() && !self.charges.fleet.owes() {
            return;
        }
        let usage = if self.charges.asked.is_some() { self.used() } else { None };
        let program = std::rc::Rc::clone(&self.cx.program);
        let money = match (&usage, &self.charges.cost) {
            (Some(usage), Some(cost)) => {
                let served = self.cost_as_served(&program);
                let cost = served.as_ref().unwrap_or(cost);
                if cost.unpriced(usage) {
                    self.cx.record.count("hemostat_unpriced_total;action=served".to_owned());
                }
                let asked = self.charges.asked.as_ref().map(|asked| asked.spending.clone());
                Some(program.limits.prices.real(cost, &asked.unwrap_or_default(), usage))
            }
            _ => None,
        };
        self.report(&program, usage.as_ref(), money);
        for taken in taken {
            let Some(limit) = program.limits.rules.get(taken.rule) else { continue };
            let charge = taken.charge();
            let used = match &usage {
                // The last round of a call counts.
                _ if limit.unit == Unit::Calls && self.cx.goes_on() => 0,
                Some(usage) => used_of(limit.unit, usage, money).unwrap_or(charge),
                None => charge,
            };
            let mut left = used;
            let last = taken.holds.len().saturating_sub(1);
            for (at, hold) in taken.holds.into_iter().enumerate() {
                // What was taken first is used first; what nobody reserved is owed on the last.
                let part = if at == last { left } else { left.min(hold.charge()) };
                left = left.saturating_sub(part);
                match book.settle(hold, part) {
                    Settled::Done => {}
                    Settled::Overrun => {
                        let id = &limit.rule.id;
                        self.cx.record.count(format!("hemostat_limit_overrun_total;rule={id}"));
                    }
                    Settled::Unsettled(trouble) => self.count_trouble(trouble),
                }
            }
        }
        self.describe_usage(usage.as_ref(), money);
    }
}
