//! Lever 4 in one exchange: tools that are removed from a request, and the calls in its answer.

use std::rc::Rc;

use crate::answer::calls::{approval_of, kept, shown_name};
use crate::answer::{Approvals, Calls, ToolRules};
use crate::context::Context;
use crate::context::facts;
use crate::counters::Unchecked;
use crate::dialect;
use crate::dialect::mcp::ToolCall;
use crate::event;
use crate::grant;
use crate::grant::used::{GrantSlots, give_back};
use crate::policy::document::Mode;
use crate::policy::program::Rule;
use crate::policy::program::selector::Holds;
use crate::policy::program::tools::{Args, Names, ToolVerdict};
use crate::wire::edit;
use crate::wire::json::Doc;

/// The header that carries grants. It is removed from every request, like all internal headers.
const APPROVAL: &str = "x-hemostat-approval";

/// The tools rules that hold, and where used grants are recorded.
#[derive(Debug, Default)]
pub(crate) struct ToolsLever {
    pub rules: ToolRules,
    /// The memory of used grants. Without it no grant is accepted.
    pub grant_slots: Option<Rc<dyn GrantSlots>>,
}

impl ToolsLever {
    /// Chooses a rule if it holds. What it needs and cannot be read is counted, or reported in `needed`.
    pub(crate) fn choose<'p>(
        &mut self,
        cx: &mut Context,
        at: usize,
        rule: &'p Rule,
        body: Option<Unchecked>,
        now: u64,
        needed: &mut Option<(Unchecked, &'p str)>,
    ) {
        let mode = rule.mode_at(now);
        let holds = rule.selector.holds(&cx.labels);
        if mode == Mode::Disabled || holds == Holds::No {
            return;
        }
        let trouble = match holds {
            Holds::Yes => body,
            _ => Some(body.filter(|why| *why != Unchecked::Background).unwrap_or(Unchecked::Label)),
        };
        match (trouble, mode) {
            (Some(why), Mode::Enforce) => {
                needed.get_or_insert((why, &rule.id));
            }
            (Some(why), _) => cx.record.unchecked(why, false),
            (None, _) => {}
        }
        match (holds, mode) {
            (Holds::Yes, Mode::Enforce) => self.rules.acting.push(at),
            (Holds::Yes, _) => self.rules.watching.push(at),
            _ => {}
        }
    }

    /// Removes denied tools from a request; `None` if it stays as it is.
    pub(crate) fn without_tools(
        &mut self,
        cx: &mut Context,
        doc: &Doc,
        body: &[u8],
    ) -> Option<Vec<u8>> {
        self.drop_pinned(cx, doc, body);
        let rules = self.rules.clone();
        let dialect = dialect::dialect(cx.recognised.as_ref()?.dialect);
        if rules.is_empty() || doc.is_empty() {
            return None;
        }
        let program = Rc::clone(&cx.program);
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
                cx.record.action(&rule.rule.id, "deny", true);
            }
            if let Some(rule) = program.tools.takes_out(&rules.acting, names)
                && let Some(rule) = program.tools.rules.get(rule)
            {
                cx.record.action(&rule.rule.id, "deny", false);
                gone.push(at);
            }
        }
        if gone.is_empty() {
            return None;
        }
        Some(edit::apply_to(body, &dialect.without_tools(doc, body, &gone)))
    }

    /// Drops rules that pin a definition where the request defines all tools that they are about as pinned.
    fn drop_pinned(&mut self, cx: &mut Context, doc: &Doc, body: &[u8]) {
        let program = Rc::clone(&cx.program);
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
        self.rules.acting.retain(holds);
        self.rules.watching.retain(holds);
    }

    /// The calls of the answer, under the rules that hold.
    pub(crate) fn calls(&self, cx: &Context) -> Calls {
        let (mut approvals, mut decision) = (Approvals::default(), String::new());
        if !self.rules.is_empty() {
            approvals = self.approvals(cx);
            decision = cx.record.decision().to_owned();
        }
        Calls::new(Rc::clone(&cx.program), self.rules.clone(), approvals, decision)
    }

    /// The grants that came with the request.
    pub(crate) fn approvals(&self, cx: &Context) -> Approvals {
        let tenant = cx.program.tools.tenant.map(|label| cx.labels.get(label));
        let tenant = tenant.and_then(|label| label.text()).map(str::to_owned);
        let envelopes = match self.rules.acting.is_empty() {
            true => Vec::new(),
            false => grant::envelopes(facts::values(&cx.facts.headers, APPROVAL)),
        };
        Approvals::new(envelopes, self.grant_slots.clone(), tenant)
    }

    /// What replaces a call; `None` if it is forwarded.
    pub(crate) fn stops_call(
        &self,
        cx: &mut Context,
        call: &ToolCall,
        doc: &Doc,
        body: &[u8],
        approvals: &mut Approvals,
    ) -> Option<String> {
        if self.rules.is_empty() {
            return None;
        }
        let name = call.name.as_deref().unwrap_or_default();
        let arguments = call.arguments.and_then(|node| doc.value(body, node));
        let args = Args::json(arguments.map(|value| value.raw()).unwrap_or_default());
        self.watch_call(cx, name, &args);
        if self.rules.acting.is_empty() {
            return None;
        }
        if name.is_empty() {
            cx.record.action("tools", "deny", false);
            return Some("Tool call was stopped by policy: it has no name".to_owned());
        }
        let program = Rc::clone(&cx.program);
        let tools = &program.tools;
        let shown = shown_name(name);
        let rule = |at: usize| tools.rules.get(at);
        let rules = tools.for_mcp_call(&self.rules.acting, name);
        match tools.judge(&rules, &[name], Some(&args))? {
            ToolVerdict::Through(_) => None,
            ToolVerdict::Deny(at) => {
                cx.record.action(&rule(at)?.rule.id, "deny", false);
                Some(format!("Tool call {shown}was stopped by policy"))
            }
            ToolVerdict::Approve(at) => {
                let rule = rule(at)?;
                let Some(id) = approval_of(name, &rule.id_args, std::slice::from_ref(&args)) else {
                    cx.record.action(&rule.rule.id, "deny", false);
                    let why = "its arguments cannot be approved";
                    return Some(format!("Tool call {shown}was stopped by policy: {why}"));
                };
                let arguments = kept(&program, std::slice::from_ref(&args));
                let tool = name.to_owned();
                let asked = event::PendingCall { id: id.clone(), tool, arguments, tenant: None };
                match approvals.ask(tools, asked, &mut cx.record) {
                    Ok(()) => {
                        cx.record.action(&rule.rule.id, "granted", false);
                        None
                    }
                    Err(refused) => {
                        cx.record.action(&rule.rule.id, "approve", false);
                        let why = refused.map(|why| format!(" ({})", why.told()));
                        let why = why.unwrap_or_default();
                        Some(format!("Tool call {shown}needs approval: {id}{why}"))
                    }
                }
            }
        }
    }

    /// Counts what shadow rules would have done.
    fn watch_call(&self, cx: &mut Context, name: &str, args: &Args) {
        if self.rules.watching.is_empty() {
            return;
        }
        let program = Rc::clone(&cx.program);
        let rules = program.tools.for_mcp_call(&self.rules.all(), name);
        let verdict = program.tools.judge(&rules, &[name], Some(args));
        let (at, word) = match verdict {
            Some(ToolVerdict::Deny(at)) => (at, "deny"),
            Some(ToolVerdict::Approve(at)) => (at, "approve"),
            _ => return,
        };
        if self.rules.watching.contains(&at)
            && let Some(rule) = program.tools.rules.get(at)
        {
            cx.record.action(&rule.rule.id, word, true);
        }
    }

    /// A request that the proxy answers itself has not used its grants.
    pub(crate) fn return_grants(&self, cx: &mut Context) {
        let granted = cx.mcp.as_mut().map(|mcp| std::mem::take(&mut mcp.granted));
        for grant in granted.unwrap_or_default() {
            if self.grant_slots.as_ref().is_some_and(|slots| give_back(slots.as_ref(), &grant)) {
                cx.record.count("hemostat_grants_total;outcome=returned");
            }
        }
    }
}
