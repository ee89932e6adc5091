//! Which rules hold for a request, what they need of it, and what happens to it where that is not available. This is
//! the only place that looks at the rules of all levers together.

use std::rc::Rc;

use super::capture::may_be_captured;
use super::guardrails::Guardrails;
use super::limits::is_limited_by;
use super::need::{Need, Needs, may_hold};
use super::tools::ToolsLever;
use crate::context::facts::seconds;
use crate::context::request::Extent;
use crate::context::{Context, Refusal};
use crate::counters::Unchecked;
use crate::dialect::{self, CallKind, DialectId, Recognised};
use crate::policy::document::{Mode, OnUnreadable};
use crate::policy::program::guard::Action;
use crate::policy::program::label::{Label, LabelId};
use crate::policy::program::selector::Holds;
use crate::policy::program::{Program, Rule};

/// What the rules need that may hold.
pub(crate) fn needs(cx: &Context) -> Needs {
    let now = seconds(cx.facts.now_ns);
    let mut needs = Needs::NOTHING;
    for guard in &cx.program.guards.rules {
        let (own, _) = may_hold(cx, &guard.rule, now);
        let acts = own == Need::Hold;
        let (request, answer) = (cx.reads_request(guard), cx.reads_answer(guard));
        if cx.is_mcp() && !request && !answer {
            continue;
        }
        needs.body = needs.body.max(own);
        needs.said |= own != Need::Nothing && request;
        needs.answer |= own != Need::Nothing && answer;
        needs.rewrite |= acts && request && matches!(guard.action, Action::Redact(_));
    }
    for rule in &cx.program.failsafe {
        // A rule that is judged by the answer's status needs the body too: the proxy's own answer to a failed
        // connection can come before the body has arrived, and what replaces it must have the form that was asked for.
        let (own, _) = may_hold(cx, &rule.rule, now);
        needs.body = needs.body.max(own);
    }
    for tool in &cx.program.tools.rules {
        let (own, _) = may_hold(cx, &tool.rule, now);
        needs.body = needs.body.max(own);
        needs.said |= own != Need::Nothing;
        needs.answer |= own != Need::Nothing;
        needs.rewrite |= own == Need::Hold;
    }
    for limit in cx.program.limits.rules.iter().filter(|limit| is_limited_by(cx, limit)) {
        let (own, _) = may_hold(cx, &limit.rule, now);
        needs.body = needs.body.max(own);
        needs.said |= own != Need::Nothing;
        needs.answer |= own != Need::Nothing && limit.meters();
        needs.rewrite |= own == Need::Hold && limit.rewrites();
    }
    let captured = may_be_captured(cx, now);
    needs.body = needs.body.max(captured.body);
    needs.said |= captured.said;
    needs.answer |= captured.answer;
    let responses = |own: &Recognised| own.dialect == DialectId::OpenaiResponses;
    if cx.recognised.as_ref().is_some_and(responses) && cx.program.enforces() {
        // The conversation may continue from a canned answer, which upstream does not know.
        (needs.body, needs.rewrite) = (Need::Hold, true);
    }
    needs
}

/// What all rules need; rules after the changing levers are judged by the labels as those levers may leave them.
pub(crate) fn needs_with_changes(cx: &mut Context) -> Needs {
    if cx.program.changes.is_empty() {
        return needs(cx);
    }
    let now = seconds(cx.facts.now_ns);
    let program = Rc::clone(&cx.program);
    let asked = cx.labels.clone();
    let mut own = Needs::NOTHING;
    for lever in [&program.changes.rollback, &program.changes.switch] {
        let mut touched: Vec<LabelId> = Vec::new();
        for change in lever {
            let (need, _) = may_hold(cx, &change.rule, now);
            own.body = own.body.max(need);
            own.said |= need != Need::Nothing;
            if need == Need::Hold {
                own.rewrite |= change.may_rewrite();
                touched.extend(&change.touches);
            }
        }
        for id in touched {
            cx.labels.set(id, Label::Unknown);
        }
    }
    let others = needs(cx);
    cx.labels = asked;
    Needs {
        body: own.body.max(others.body),
        said: own.said || others.said,
        answer: others.answer,
        rewrite: own.rewrite || others.rewrite,
    }
}

/// How much of the body of a request is read if the rules have these `needs`.
pub(crate) fn extent(cx: &Context, needs: &Needs) -> Extent {
    let Some(recognised) = &cx.recognised else { return Extent::Whole };
    // What it says may tell what it is.
    let told_by_body = recognised.kind != CallKind::Generate
        || recognised.dialect == DialectId::Mcp
        || recognised.envelope.is_some()
        || dialect::dialect(recognised.dialect).shares_its_path();
    let labels = &cx.program.labels;
    let labelled = || labels.first_segments().any(|name| dialect::SAID.has(name.as_bytes()));
    // A turn that is to be cached is billed for how long.
    let priced = !cx.program.limits.prices.is_empty();
    if needs.said || told_by_body || priced || labelled() { Extent::Whole } else { Extent::Outline }
}

/// The rules that can hold for a call of any kind.
fn rules(program: &Program) -> impl Iterator<Item = &Rule> {
    let failsafe = program.failsafe.iter().filter(|rule| rule.upstream.is_none());
    program
        .changes
        .rules()
        .map(|change| &change.rule)
        .chain(failsafe.map(|rule| &rule.rule))
        .chain(program.guards.rules.iter().map(|guard| &guard.rule))
        .chain(program.tools.rules.iter().map(|tool| &tool.rule))
        .chain(program.limits.rules.iter().map(|limit| &limit.rule))
}

/// True if an enforced rule holds for this request, or may once its body is read.
pub(crate) fn may_be_ruled(cx: &Context) -> bool {
    let now = seconds(cx.facts.now_ns);
    rules(&cx.program).any(|rule| may_hold(cx, rule, now).0 == Need::Hold)
}

/// True if an enforced rule needs more than headers to decide or to act.
pub(crate) fn needs_what_is_said(cx: &Context) -> bool {
    let now = seconds(cx.facts.now_ns);
    let program = &cx.program;
    let needs = |rule| may_hold(cx, rule, now).0 == Need::Hold;
    let unsure = |rule| {
        let (need, holds) = may_hold(cx, rule, now);
        need == Need::Hold && holds != Holds::Yes
    };
    program.guards.rules.iter().any(|guard| needs(&guard.rule))
        || program.tools.rules.iter().any(|tool| needs(&tool.rule))
        || program.changes.rules().any(|change| needs(&change.rule))
        || program.failsafe.iter().any(|rule| unsure(&rule.rule))
        || program.limits.rules.iter().any(|limit| {
            let account = limit.has_account(&cx.labels);
            (needs(&limit.rule) && (limit.meters() || !account)) || unsure(&limit.rule)
        })
}

/// Chooses the guardrails that hold, and refuses the request if an enforced rule needs something that cannot be read.
pub(crate) fn check_readable(
    cx: &mut Context,
    guardrails: &mut Guardrails,
    tools: &mut ToolsLever,
    body: Option<Unchecked>,
) -> Result<(), Refusal> {
    let now = seconds(cx.facts.now_ns);
    let program = std::rc::Rc::clone(&cx.program);
    let mut needed: Option<(Unchecked, &str)> = None;
    let failsafe = program.failsafe.iter().map(|rule| (&rule.rule, None, None));
    let guards = program.guards.rules.iter().enumerate();
    let guards = guards.map(|(at, guard)| (&guard.rule, Some((at, guard)), None));
    let limits = program.limits.rules.iter().filter(|limit| is_limited_by(cx, limit));
    let limits: Vec<_> = limits.map(|limit| (&limit.rule, None, Some(limit))).collect();
    for (at, rule) in program.tools.rules.iter().enumerate() {
        tools.choose(cx, at, &rule.rule, body, now, &mut needed);
    }
    for (rule, guard, limit) in failsafe.chain(guards).chain(limits) {
        let mode = rule.mode_at(now);
        let mut holds = rule.selector.holds(&cx.labels);
        if holds == Holds::Yes && limit.is_some_and(|l| !l.has_account(&cx.labels)) {
            holds = Holds::Unreadable;
        }
        if mode == Mode::Disabled || holds == Holds::No {
            continue;
        }
        let looks_at_body = guard.is_some_and(|(_, guard)| match body {
            Some(Unchecked::Background) => cx.reads_answer(guard),
            Some(_) => cx.reads_request(guard),
            None => false,
        }) || (body.is_some() && limit.is_some_and(|limit| limit.meters()));
        let trouble = match holds {
            Holds::Yes if looks_at_body => body,
            Holds::Yes => None,
            _ => Some(body.filter(|why| *why != Unchecked::Background).unwrap_or(Unchecked::Label)),
        };
        if let Some(why) = trouble {
            if mode == Mode::Enforce {
                needed.get_or_insert((why, &rule.id));
            } else {
                cx.record.unchecked(why, false);
            }
        }
        if let (Holds::Yes, Some((at, guard))) = (holds, guard) {
            guardrails.choose(at, guard, mode);
        }
    }
    match needed {
        Some((why, _)) if program.on_unreadable == Some(OnUnreadable::Pass) => {
            cx.record.unchecked(why, false);
            Ok(())
        }
        Some((why, rule)) => {
            cx.record.unchecked(why, true);
            let word = why.word();
            Err(Refusal {
                message: format!("rule `{rule}` cannot read this request ({word})"),
                code: "unreadable",
            })
        }
        None => Ok(()),
    }
}
