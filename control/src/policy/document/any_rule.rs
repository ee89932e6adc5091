//! The rules of all levers, as what they have in common.

use super::{Document, RuleDocument};

/// A rule of any lever.
#[derive(Debug, Clone, Copy)]
pub struct AnyRule<'a> {
    /// The section that it stands in.
    pub section: &'static str,
    /// Its place there, from 0.
    pub index: usize,
    /// Id, selector, mode.
    pub rule: &'a RuleDocument,
    /// It decides before the request's headers leave: it stops the call, or changes them.
    pub holds_headers: bool,
}

impl Document {
    /// The rules of all levers, in the order of POLICY.
    #[must_use]
    pub fn rules(&self) -> Vec<AnyRule<'_>> {
        let mut all = Vec::new();
        let mut add = |section, index, rule, holds_headers| {
            all.push(AnyRule { section, index, rule, holds_headers });
        };
        for (index, lever) in self.rollback.iter().enumerate() {
            add("rollback", index, &lever.rule, lever.set.changes_headers(self));
        }
        for (index, lever) in self.switch.iter().enumerate() {
            add("switch", index, &lever.rule, lever.upstream.is_some());
        }
        for (index, lever) in self.guardrails.iter().enumerate() {
            add("guardrails", index, &lever.rule, false);
        }
        for (index, lever) in self.tools.iter().enumerate() {
            add("tools", index, &lever.rule, false);
        }
        for (index, lever) in self.limits.iter().enumerate() {
            add("limits", index, &lever.rule, false);
        }
        for (index, lever) in self.failsafe.iter().enumerate() {
            add("failsafe", index, &lever.rule, lever.upstream.is_none());
        }
        all
    }
}
