//! `cut_when_spent`: what an answer uses beyond its reservation is reserved while it streams. Where no more is
//! available, the answer ends.

use std::rc::Rc;

use super::charges::{Charge, Charges};
use super::meter::Meter;
use super::tell;
use super::used::used_of;
use crate::context::Context;
use crate::context::facts::seconds;
use crate::ledger::{Book, ReservationOutcome};
use crate::policy::document::Mode;
use crate::policy::program::limit::Limit;

/// Further reservations are this fraction of the first, so that not every event costs a write.
const STEP: u64 = 8;

impl Charges {
    /// The charges of limits that watch usage while the answer streams.
    fn watched(&self) -> impl Iterator<Item = &Charge> {
        self.taken.iter().filter(|taken| taken.is_watched())
    }

    /// True if usage is watched while the answer streams.
    pub(crate) fn may_be_spent(&self) -> bool {
        self.watched().next().is_some()
    }

    /// True if a limit may end the answer.
    pub(crate) fn may_be_cut(&self, cx: &Context) -> bool {
        self.watched().any(|taken| mode_of(cx, &taken.limit) == Mode::Enforce)
    }

    /// True if the answer may continue after what it has used so far. If not, the limit that refuses is remembered.
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

    /// A limit ended the answer: reports that once.
    pub(crate) fn tell_cut(&self, cx: &mut Context) {
        if let Some(limit) = &self.spent_by {
            cx.record.action(&limit.rule.id, "cut", false);
        }
    }
}

impl Charge {
    /// True if the limit watches usage while the answer streams.
    fn is_watched(&self) -> bool {
        self.limit.cuts() && !self.spent
    }

    /// Reserves what is missing, and some more while there is room. False if it is not available.
    fn take_more(&mut self, cx: &mut Context, book: Option<&Book>, missing: u64) -> bool {
        let Some(book) = book else { return false };
        let limit = &self.limit;
        let ask = |charge| book.reserve_more(&self.hold, charge, &limit.warn_at);
        let outcome = match ask(missing.max(self.charge() / STEP)) {
            // Takes the rest at once.
            Ok(ReservationOutcome::Refused { standing, .. }) if standing.left >= missing => {
                ask(standing.left)
            }
            other => other,
        };
        match outcome {
            Ok(ReservationOutcome::Admitted { hold, warned, .. }) => {
                let shadow = mode_of(cx, limit) == Mode::Shadow;
                tell::warning(cx, limit, warned, if shadow { "shadow-" } else { "" });
                self.more.push(hold);
                true
            }
            Ok(ReservationOutcome::Refused { .. }) => false,
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
