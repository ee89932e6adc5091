//! `cut_when_spent`: what an answer uses beyond its reservation is asked for while it runs, and where no more can be had
//! the answer ends.

use std::rc::Rc;

use super::meter::Meter;
use super::settle::used_of;
use super::{Charges, Taken, tell};
use crate::context::Context;
use crate::context::facts::seconds;
use crate::ledger::{Book, Outcome};
use crate::policy::document::Mode;
use crate::policy::program::limit::Limit;

/// More is taken in steps of this part of what is reserved, so that not every event costs a write.
const STEP: u64 = 8;

impl Charges {
    /// The charges of limits that look at what the answer uses while it runs.
    fn watched(&self) -> impl Iterator<Item = &Taken> {
        self.taken.iter().filter(|taken| taken.is_watched())
    }

    /// True if what the answer uses is looked at while it runs.
    pub(crate) fn may_be_spent(&self) -> bool {
        self.watched().next().is_some()
    }

    /// True if a limit may end the answer.
    pub(crate) fn may_be_cut(&self, cx: &Context) -> bool {
        self.watched().any(|taken| mode_of(cx, &taken.limit) == Mode::Enforce)
    }

    /// True if the answer may go on after what it has used so far. Where it may not, the limit that says so is kept.
    pub(super) fn afford(&mut self, cx: &mut Context, meter: &Meter) -> bool {
        let input = self.asked.as_ref().map_or(0, |asked| asked.input);
        let usage = meter.used(input).usage;
        let prices = &cx.program.limits.prices;
        let money = self.cost.as_ref().map(|cost| prices.real(cost, &self.spending, &usage));
        for taken in self.taken.iter_mut().filter(|taken| taken.is_watched()) {
            let used = used_of(taken.limit.unit, 0, Some(&usage), money, false);
            let missing = used.saturating_sub(taken.charge());
            if missing == 0 || taken.take_more(cx, self.book.as_deref(), missing) {
                continue;
            }
            taken.spent = true;
            if mode_of(cx, &taken.limit) == Mode::Enforce {
                self.spent_by = Some(Rc::clone(&taken.limit));
                return false;
            }
            cx.record.action(&taken.limit.rule.id, "cut", true);
        }
        true
    }

    /// The answer was ended by a limit: which is told once.
    pub(crate) fn tell_cut(&self, cx: &mut Context) {
        if let Some(limit) = &self.spent_by {
            cx.record.action(&limit.rule.id, "cut", false);
        }
    }
}

impl Taken {
    /// What the answer uses is looked at while it runs.
    fn is_watched(&self) -> bool {
        self.limit.cuts() && !self.spent
    }

    /// Takes what is missing, and some more while there is room. False if it cannot be had.
    fn take_more(&mut self, cx: &mut Context, book: Option<&Book>, missing: u64) -> bool {
        let Some(book) = book else { return false };
        let limit = &self.limit;
        let ask = |charge| book.reserve_more(&self.hold, charge, &limit.warn_at);
        let outcome = match ask(missing.max(self.charge() / STEP)) {
            // The last of it is taken at once.
            Ok(Outcome::Refused { standing, .. }) if standing.left >= missing => ask(standing.left),
            other => other,
        };
        match outcome {
            Ok(Outcome::Admitted { hold, warned, .. }) => {
                let shadow = mode_of(cx, limit) == Mode::Shadow;
                tell::warning(cx, limit, warned, if shadow { "shadow-" } else { "" });
                self.more.push(hold);
                true
            }
            Ok(Outcome::Refused { .. }) => false,
            Err(trouble) => {
                tell::trouble(cx, trouble);
                false
            }
        }
    }
}

fn mode_of(cx: &Context, limit: &Limit) -> Mode {
    limit.rule.mode_at(seconds(cx.facts.now_ns))
}
