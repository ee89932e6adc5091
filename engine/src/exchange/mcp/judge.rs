//! Lever 4 on a call of a tool: it goes on, or its place takes a text that a model understands.

use std::rc::Rc;

use crate::answer::Approvals;
use crate::answer::calls::{approval_of, kept, shown_name};
use crate::dialect::mcp::ToolCall;
use crate::event;
use crate::exchange::Exchange;
use crate::policy::program::tools::{Args, Verdict};
use crate::wire::json::Doc;

impl Exchange {
    /// What is said in a call's place; `None`: it goes on.
    pub(super) fn stops_call(
        &mut self,
        call: &ToolCall,
        doc: &Doc,
        body: &[u8],
        approvals: &mut Approvals,
    ) -> Option<String> {
        if self.tool_rules.is_empty() {
            return None;
        }
        let name = call.name.as_deref().unwrap_or_default();
        let arguments = call.arguments.and_then(|node| doc.value(body, node));
        let args = Args::json(arguments.map(|value| value.raw()).unwrap_or_default());
        self.watch_call(name, &args);
        if self.tool_rules.acting.is_empty() {
            return None;
        }
        if name.is_empty() {
            self.cx.record.action("tools", "deny", false);
            return Some("Tool call was stopped by policy: it has no name".to_owned());
        }
        let program = Rc::clone(&self.cx.program);
        let tools = &program.tools;
        let shown = shown_name(name);
        let rule = |at: usize| tools.rules.get(at);
        let rules = tools.for_mcp_call(&self.tool_rules.acting, name);
        match tools.judge(&rules, &[name], Some(&args))? {
            Verdict::Through(_) => None,
            Verdict::Deny(at) => {
                self.cx.record.action(&rule(at)?.rule.id, "deny", false);
                Some(format!("Tool call {shown}was stopped by policy"))
            }
            Verdict::Approve(at) => {
                let rule = rule(at)?;
                let Some(id) = approval_of(name, &rule.id_args, std::slice::from_ref(&args)) else {
                    self.cx.record.action(&rule.rule.id, "deny", false);
                    let why = "its arguments cannot be approved";
                    return Some(format!("Tool call {shown}was stopped by policy: {why}"));
                };
                let arguments = kept(&program, std::slice::from_ref(&args));
                let tool = name.to_owned();
                let asked = event::Call { id: id.clone(), tool, arguments, tenant: None };
                match approvals.ask(tools, asked, &mut self.cx.record) {
                    Ok(()) => {
                        self.cx.record.action(&rule.rule.id, "granted", false);
                        None
                    }
                    Err(refused) => {
                        self.cx.record.action(&rule.rule.id, "approve", false);
                        let why = refused.map(|why| format!(" ({})", why.told()));
                        let why = why.unwrap_or_default();
                        Some(format!("Tool call {shown}needs approval: {id}{why}"))
                    }
                }
            }
        }
    }

    /// Counts what shadow rules would have done.
    fn watch_call(&mut self, name: &str, args: &Args) {
        if self.tool_rules.watching.is_empty() {
            return;
        }
        let program = Rc::clone(&self.cx.program);
        let rules = program.tools.for_mcp_call(&self.tool_rules.all(), name);
        let verdict = program.tools.judge(&rules, &[name], Some(args));
        let (at, word) = match verdict {
            Some(Verdict::Deny(at)) => (at, "deny"),
            Some(Verdict::Approve(at)) => (at, "approve"),
            _ => return,
        };
        if self.tool_rules.watching.contains(&at)
            && let Some(rule) = program.tools.rules.get(at)
        {
            self.cx.record.action(&rule.rule.id, word, true);
        }
    }
}
