//! Which rules hold for a request, what they need of it, and what becomes of it where they cannot be told that.

use super::Exchange;
use crate::context::Refusal;
use crate::context::facts::seconds;
use crate::context::record::Unchecked;
use crate::dialect::{DialectId, Recognised};
use crate::lever::limits::is_limited_by;
use crate::lever::need::{Need, Needs};
use crate::policy::document::{Mode, OnUnreadable};
use crate::policy::program::Rule;
use crate::policy::program::guard::{Action, Guard};
use crate::policy::program::selector::Holds;

impl Exchange {
    /// What the rules that may hold need.
    pub(super) fn needs(&self) -> Needs {
        let now = seconds(self.cx.facts.now_ns);
        let mut needs = Needs::NOTHING;
        for guard in &self.cx.program.guards.rules {
            let (own, _) = self.cx.may_hold(&guard.rule, now);
            let acts = own == Need::Hold;
            let (request, answer) = (self.cx.reads_request(guard), self.cx.reads_answer(guard));
            if self.cx.is_mcp() && !request && !answer {
                continue;
            }
            needs.body = needs.body.max(own);
            needs.answer |= own != Need::Nothing && answer;
            needs.rewrite |= acts && request && matches!(guard.action, Action::Redact(_));
        }
        for rule in &self.cx.program.failsafe {
            // One that is judged by the answer's status needs the body too: the proxy's own answer to a connection that
            // fails can come before the body has, and what replaces it must have the form that was asked for.
            let (own, _) = self.cx.may_hold(&rule.rule, now);
            needs.body = needs.body.max(own);
        }
        for tool in &self.cx.program.tools.rules {
            let (own, _) = self.cx.may_hold(&tool.rule, now);
            needs.body = needs.body.max(own);
            needs.answer |= own != Need::Nothing;
            needs.rewrite |= own == Need::Hold;
        }
        for limit in
            self.cx.program.limits.rules.iter().filter(|limit| is_limited_by(&self.cx, limit))
        {
            let (own, _) = self.cx.may_hold(&limit.rule, now);
            needs.body = needs.body.max(own);
            needs.answer |= own != Need::Nothing && limit.meters();
            needs.rewrite |= own == Need::Hold && limit.rewrites();
        }
        let captured = self.may_be_captured(now);
        needs.body = needs.body.max(captured.body);
        needs.answer |= captured.answer;
        let responses = |own: &Recognised| own.dialect == DialectId::OpenaiResponses;
        if self.cx.recognised.as_ref().is_some_and(responses) && self.cx.program.enforces() {
            // It may go on from a canned answer, which upstream does not know.
            (needs.body, needs.rewrite) = (Need::Hold, true);
        }
        needs
    }

    /// Chooses the guardrails that hold, and refuses what an enforced rule would need and nobody can read.
    pub(super) fn check_readable(&mut self, body: Option<Unchecked>) -> Result<(), Refusal> {
        let now = seconds(self.cx.facts.now_ns);
        let program = std::rc::Rc::clone(&self.cx.program);
        let mut needed: Option<(Unchecked, &str)> = None;
        let failsafe = program.failsafe.iter().map(|rule| (&rule.rule, None, None));
        let guards = program.guards.rules.iter().enumerate();
        let guards = guards.map(|(at, guard)| (&guard.rule, Some((at, guard)), None));
        let limits = program.limits.rules.iter().filter(|limit| is_limited_by(&self.cx, limit));
        let limits: Vec<_> = limits.map(|limit| (&limit.rule, None, Some(limit))).collect();
        let tools = program.tools.rules.iter().enumerate();
        for (at, rule) in tools {
            self.choose_tool(at, &rule.rule, body, now, &mut needed);
        }
        for (rule, guard, limit) in failsafe.chain(guards).chain(limits) {
            let mode = rule.mode_at(now);
            let mut holds = rule.selector.holds(&self.cx.labels);
            if holds == Holds::Yes && limit.is_some_and(|l| l.key(&self.cx.labels, false).is_none())
            {
                holds = Holds::Unreadable;
            }
            if mode == Mode::Disabled || holds == Holds::No {
                continue;
            }
            let looks_at_body = guard.is_some_and(|(_, guard)| match body {
                Some(Unchecked::Background) => self.cx.reads_answer(guard),
                Some(_) => self.cx.reads_request(guard),
                None => false,
            }) || (body.is_some() && limit.is_some_and(|limit| limit.meters()));
            let trouble = match holds {
                Holds::Yes if looks_at_body => body,
                Holds::Yes => None,
                _ => Some(
                    body.filter(|why| *why != Unchecked::Background).unwrap_or(Unchecked::Label),
                ),
            };
            if let Some(why) = trouble {
                if mode == Mode::Enforce {
                    needed.get_or_insert((why, &rule.id));
                } else {
                    self.cx.record.unchecked(why, false);
                }
            }
            if let (Holds::Yes, Some((at, guard))) = (holds, guard) {
                self.choose(at, guard, mode);
            }
        }
        match needed {
            Some((why, _)) if program.on_unreadable == Some(OnUnreadable::Pass) => {
                self.cx.record.unchecked(why, false);
                Ok(())
            }
            Some((why, rule)) => {
                self.cx.record.unchecked(why, true);
                let word = why.word();
                Err(Refusal {
                    message: format!("rule `{rule}` cannot read this request ({word})"),
                    code: "unreadable",
                })
            }
            None => Ok(()),
        }
    }

    /// The same for a tools rule, which looks at request and answer.
    pub(super) fn choose_tool<'p>(
        &mut self,
        at: usize,
        rule: &'p Rule,
        body: Option<Unchecked>,
        now: u64,
        needed: &mut Option<(Unchecked, &'p str)>,
    ) {
        let mode = rule.mode_at(now);
        let holds = rule.selector.holds(&self.cx.labels);
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
            (Some(why), _) => self.cx.record.unchecked(why, false),
            (None, _) => {}
        }
        match (holds, mode) {
            (Holds::Yes, Mode::Enforce) => self.tool_rules.acting.push(at),
            (Holds::Yes, _) => self.tool_rules.watching.push(at),
            _ => {}
        }
    }

    pub(super) fn choose(&mut self, at: usize, guard: &Guard, mode: Mode) {
        let tag = matches!(guard.action, Action::Tag);
        if mode == Mode::Shadow || tag {
            self.chosen.watching.push((at, mode == Mode::Shadow));
        } else {
            self.chosen.acting.push(at);
        }
    }

    /// The chosen guardrails of which `keep` is true.
    pub(super) fn chosen_for(&self, keep: impl Fn(&Guard) -> bool) -> crate::answer::Chosen {
        self.chosen.only(&self.cx.program, keep)
    }
}
