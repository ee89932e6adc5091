//! What a rule that may hold needs of a request, before its body has arrived.

use crate::context::Context;
use crate::policy::document::Mode;
use crate::policy::program::Rule;
use crate::policy::program::selector::Holds;

/// What a rule needs of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    Nothing,
    /// It only counts: the body is read as it passes.
    Peek,
    /// It acts: the body must be complete before anything leaves.
    Hold,
}

/// What the rules that may hold need of an exchange.
pub(crate) struct Needs {
    /// What they need of the request's body.
    pub body: Need,
    /// What the request says is read.
    pub said: bool,
    /// The answer is read.
    pub answer: bool,
    /// The request's body may change.
    pub rewrite: bool,
}

impl Needs {
    /// Nothing is needed.
    pub const NOTHING: Self =
        Self { body: Need::Nothing, said: false, answer: false, rewrite: false };

    /// What either of the two needs.
    pub fn and(self, other: Self) -> Self {
        Self {
            body: self.body.max(other.body),
            said: self.said || other.said,
            answer: self.answer || other.answer,
            rewrite: self.rewrite || other.rewrite,
        }
    }
}

/// What a rule needs as far as that is known yet, and whether it holds. `now`: Unix seconds.
pub(crate) fn may_hold(cx: &Context, rule: &Rule, now: u64) -> (Need, Holds) {
    let holds = rule.selector.holds(&cx.labels);
    let need = match rule.mode_at(now) {
        Mode::Disabled => Need::Nothing,
        _ if holds == Holds::No => Need::Nothing,
        Mode::Shadow => Need::Peek,
        Mode::Enforce => Need::Hold,
    };
    (need, holds)
}
