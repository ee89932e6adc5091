//! `cut_when_spent`: what an answer uses beyond its reservation is asked for while it runs, and where no more can be had
//! the answer ends.

use std::rc::Rc;

use super::Taken;
use super::meter::Meter;
use super::settle::used_of;
use crate::context::facts::seconds;
use crate::exchange::Exchange;
use crate::ledger::{Hold, Outcome};
use crate::policy::document::Mode;
use crate::policy::program::limit::Limit;

/// More is taken in steps of this part of what is reserved, so that not every event costs a write.
const STEP: u64 = 8;

impl Exchange {
    /// The charges of limits that look at what the answer uses while it runs.
    fn watched(&self) -> impl Iterator<Item = (&Taken, &Limit)> {
        let limit = |taken: &Taken| self.cx.program.limits.rules.get(taken.rule);
        let all = self.charges.taken.iter().filter_map(move |taken| Some((taken, limit(taken)?)));
        all.filter(|(taken, limit)| limit.cuts() && !taken.spent)
    }

    /// True if what the answer uses is looked at while it runs.
    pub(in crate::exchange) fn may_be_spent(&self) -> bool {
        self.watched().next().is_some()
    }

    /// True if a limit may end the answer.
    pub(in crate::exchange) fn may_be_cut(&self) -> bool {
        self.watched().any(|(_, limit)| self.mode_of(limit) == Mode::Enforce)
    }

    fn mode_of(&self, limit: &Limit) -> Mode {
        limit.rule.mode_at(seconds(self.cx.facts.now_ns))
    }

    /// True if the answer may go on after what it has used so far. Where it may not, the rule that says so is kept.
    pub(in crate::exchange) fn afford(&mut self, meter: &Meter) -> bool {
        let input = self.charges.asked.as_ref().map_or(0, |asked| asked.input);
        let usage = meter.used(input).usage;
        let prices = &self.cx.program.limits.prices;
        let money = self.charges.cost.as_ref().map(|cost| {
            let asked = self.charges.asked.as_ref().map(|asked| asked.spending.clone());
            prices.real(cost, &asked.unwrap_or_default(), &usage)
        });
        let missing = |(taken, limit): (&Taken, &Limit)| {
            let used = used_of(limit.unit, &usage, money)?;
            let missing = used.checked_sub(taken.charge()).filter(|missing| *missing > 0)?;
            Some((taken.rule, missing))
        };
        let missing: Vec<(usize, u64)> = self.watched().filter_map(missing).collect();
        let program = Rc::clone(&self.cx.program);
        for (rule, missing) in missing {
            let Some(limit) = program.limits.rules.get(rule) else { continue };
            if self.take_more(rule, limit, missing) {
                continue;
            }
            if let Some(taken) = self.charges.taken.iter_mut().find(|taken| taken.rule == rule) {
                taken.spent = true;
            }
            if self.mode_of(limit) == Mode::Enforce {
                self.charges.spent_by = Some(rule);
                return false;
            }
            self.cx.record.action(&limit.rule.id, "cut", true);
        }
        true
    }

    /// Takes what is missing, and some more while there is room. False if it cannot be had.
    fn take_more(&mut self, rule: usize, limit: &Limit, missing: u64) -> bool {
        let Some(book) = self.charges.book.clone() else { return false };
        let taken = self.charges.taken.iter().find(|taken| taken.rule == rule);
        let Some((taken, first)) = taken.and_then(|taken| Some((taken, taken.holds.first()?)))
        else {
            return false;
        };
        let first: Hold = first.clone();
        let ask = |charge| book.reserve_more(&first, charge, &limit.warn_at);
        let outcome = match ask(missing.max(taken.charge() / STEP)) {
            // The last of it is taken at once.
            Ok(Outcome::Refused { standing, .. }) if standing.left >= missing => ask(standing.left),
            other => other,
        };
        match outcome {
            Ok(Outcome::Admitted { hold, warned, .. }) => {
                let shadow = self.mode_of(limit) == Mode::Shadow;
                self.tell_warning(limit, warned, if shadow { "shadow-" } else { "" });
                let mut all = self.charges.taken.iter_mut();
                if let Some(taken) = all.find(|taken| taken.rule == rule) {
                    taken.holds.push(hold);
                }
                true
            }
            Ok(Outcome::Refused { .. }) => false,
            Err(trouble) => {
                self.count_trouble(trouble);
                false
            }
        }
    }

    /// The answer was ended by a limit: which is told once.
    pub(in crate::exchange) fn tell_cut(&mut self) {
        let program = Rc::clone(&self.cx.program);
        let rule = self.charges.spent_by.and_then(|rule| program.limits.rules.get(rule));
        if let Some(limit) = rule {
            self.cx.record.action(&limit.rule.id, "cut", false);
        }
    }
}
