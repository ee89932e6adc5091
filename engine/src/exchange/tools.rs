//! Lever 4 on an exchange: tools that go out of a request, and the calls of its answer.

use std::rc::Rc;

use super::Exchange;
use crate::answer::{Approvals, Calls};
use crate::context::facts;
use crate::dialect;
use crate::grant::{self, used::Slots};
use crate::policy::program::tools::Names;
use crate::wire::edit;
use crate::wire::json::Doc;

/// The header that carries grants. It is removed from every request like all of ours.
const APPROVAL: &str = "x-hemostat-approval";

impl Exchange {
    /// Gives the exchange the memory of used grants. Without it no grant is taken.
    pub fn set_grant_slots(&mut self, slots: Rc<dyn Slots>) {
        self.grant_slots = Some(slots);
    }

    /// Takes denied tools out of a request; `None`: it stays as it is.
    pub(super) fn without_tools(&mut self, doc: &Doc, body: &[u8]) -> Option<Vec<u8>> {
        self.drop_pinned(doc, body);
        let rules = self.tool_rules.clone();
        let dialect = dialect::dialect(self.cx.recognised.as_ref()?.dialect);
        if rules.is_empty() || doc.is_empty() {
            return None;
        }
        let program = Rc::clone(&self.cx.program);
        let all = rules.all();
        let mut gone = Vec::new();
        for (at, tool) in dialect.tools(doc, body).iter().enumerate() {
            let mut names: Vec<&str> = tool.names.iter().map(String::as_str).collect();
            if names.is_empty() {
                names.push("");
            }
            let names: &Names<'_> = &names;
            let found = program.tools.takes_out(&all, names);
            if let Some(rule) = found.filter(|rule| rules.watching.contains(rule))
                && let Some(rule) = program.tools.rules.get(rule)
            {
                self.cx.record.action(&rule.rule.id, "deny", true);
            }
            if let Some(rule) = program.tools.takes_out(&rules.acting, names)
                && let Some(rule) = program.tools.rules.get(rule)
            {
                self.cx.record.action(&rule.rule.id, "deny", false);
                gone.push(at);
            }
        }
        if gone.is_empty() {
            return None;
        }
        Some(edit::apply_to(body, &dialect.without_tools(doc, body, &gone)))
    }

    /// Rules that pin a definition do not hold where the request defines all tools that they are about as pinned.
    fn drop_pinned(&mut self, doc: &Doc, body: &[u8]) {
        let program = Rc::clone(&self.cx.program);
        if !program.tools.any_pins() || doc.is_empty() {
            return;
        }
        let defined = dialect::definitions::all(doc, body);
        let holds = |at: &usize| {
            let Some(rule) = program.tools.rules.get(*at) else { return true };
            let Some(pin) = &rule.pin else { return true };
            let mut own = defined.iter().filter(|tool| rule.names(&[&tool.name])).peekable();
            own.peek().is_none() || own.any(|tool| tool.digest != *pin)
        };
        self.tool_rules.acting.retain(holds);
        self.tool_rules.watching.retain(holds);
    }

    /// The calls of the answer, under the rules that hold.
    pub(super) fn calls(&self) -> Calls {
        let (mut approvals, mut decision) = (Approvals::default(), String::new());
        if !self.tool_rules.is_empty() {
            approvals = self.approvals();
            decision = self.cx.record.decision().to_owned();
        }
        Calls::new(Rc::clone(&self.cx.program), self.tool_rules.clone(), approvals, decision)
    }

    /// The grants that came with the request.
    pub(super) fn approvals(&self) -> Approvals {
        let tenant = self.cx.program.tools.tenant.map(|label| self.cx.labels.get(label));
        let tenant = tenant.and_then(|label| label.text()).map(str::to_owned);
        let envelopes = match self.tool_rules.acting.is_empty() {
            true => Vec::new(),
            false => grant::envelopes(facts::values(&self.cx.facts.headers, APPROVAL)),
        };
        Approvals::new(envelopes, self.grant_slots.clone(), tenant)
    }
}
