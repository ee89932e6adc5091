//! Levers 1 and 2: roll prompt, model or configuration back, and move traffic to another provider or model.
//!
//! Each lever sees the request as the one before left it: its changes are made at once, and labels and call are read
//! again from what will really be sent. Only named spans of the body change (invariant 5).

mod body;
mod plan;

use std::rc::Rc;

use crate::context::facts::{self, seconds};
use crate::context::labels::{self, RequestLineLabels};
use crate::context::verdict::HeaderEdit;
use crate::context::{Context, Refusal};
use crate::counters::Unchecked;
use crate::dialect::{self, RequestView};
use crate::policy::document::{Mode, OnUnreadable};
use crate::policy::program::Rule;
use crate::policy::program::change::Change;
use crate::policy::program::label::{Label, LabelId};
use crate::policy::program::selector::Holds;
use crate::wire::json::Doc;
use plan::{ChangePlan, RequestToChange};

/// What the levers changed in a request.
#[derive(Debug, Default)]
pub(crate) struct ChangedRequest {
    /// Headers that are set, `:path` among them.
    pub edits: Vec<HeaderEdit>,
    /// The body, where it changed.
    pub body: Option<Vec<u8>>,
}

/// A request's values, and what its dialect reads from them.
pub(crate) struct RequestValues<'a> {
    pub view: &'a mut Result<RequestView, Unchecked>,
    pub doc: &'a mut Doc,
}

/// Which of the two levers runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lever {
    Rollback,
    Switch,
}

/// Applies `rollback`, then `switch`.
///
/// # Errors
/// An enforced rule could not read or write what it needs.
pub(crate) fn change(
    cx: &mut Context,
    said: &mut RequestValues<'_>,
    body: Option<&[u8]>,
) -> Result<ChangedRequest, Refusal> {
    let mut changed = ChangedRequest::default();
    let program = Rc::clone(&cx.program);
    if program.changes.is_empty() {
        return Ok(changed);
    }
    // Kill rules are judged by what the caller asked, which is lost once a lever changes a label.
    for rule in program.failsafe.iter().filter(|rule| rule.upstream.is_none()) {
        let mode = rule.rule.mode_at(seconds(cx.facts.now_ns));
        holds_for_certain(cx, &rule.rule, mode, said)?;
    }
    for (lever, rules) in
        [(Lever::Rollback, &program.changes.rollback), (Lever::Switch, &program.changes.switch)]
    {
        let bytes = changed.body.as_deref().or(body);
        let plan = plan(cx, lever, rules, said, bytes)?;
        let rewritten = bytes.and_then(|bytes| plan.rewritten(said.doc, bytes));
        if plan.headers.is_empty() && rewritten.is_none() {
            continue;
        }
        for (name, value) in plan.headers {
            changed.edits.push(HeaderEdit::Set(name.clone(), value.clone()));
            Rc::make_mut(&mut cx.facts).headers.set(name.as_bytes(), value.as_bytes());
        }
        changed.body = rewritten.or(changed.body);
        read_again(cx, said, changed.body.as_deref().or(body));
    }
    Ok(changed)
}

/// Collects what the rules of a lever write.
fn plan(
    cx: &mut Context,
    lever: Lever,
    rules: &[Change],
    said: &RequestValues<'_>,
    bytes: Option<&[u8]>,
) -> Result<ChangePlan, Refusal> {
    let now = seconds(cx.facts.now_ns);
    let program = Rc::clone(&cx.program);
    let mut plan = ChangePlan::default();
    for change in rules {
        let mode = change.rule.mode_at(now);
        if !holds_for_certain(cx, &change.rule, mode, said)? {
            continue;
        }
        let Some(recognised) = &cx.recognised else { break };
        let body = match (&*said.view, bytes) {
            (Err(why), _) => Err(*why),
            (Ok(_), Some(bytes)) => Ok((&*said.doc, bytes)),
            (Ok(_), None) => Err(Unchecked::Host),
        };
        let on = RequestToChange {
            facts: &cx.facts,
            labels: &program.labels,
            recognised,
            body,
            held: program.hold_headers,
            path_held: program.host_holds,
        };
        let mut with = plan.clone();
        match with.set(change, on) {
            Err(why) => {
                cannot(cx, &change.rule, mode, why)?;
                continue;
            }
            Ok(false) => {}
            Ok(true) => {
                let word = if lever == Lever::Rollback { "rollback" } else { "switch" };
                cx.record.action(&change.rule.id, word, mode == Mode::Shadow);
            }
        }
        if mode == Mode::Enforce {
            plan = with;
            if lever == Lever::Switch {
                break;
            }
        }
    }
    Ok(plan)
}

/// True if the rule is active and holds; if that cannot be told, the request is refused or the rule counted.
fn holds_for_certain(
    cx: &mut Context,
    rule: &Rule,
    mode: Mode,
    said: &RequestValues<'_>,
) -> Result<bool, Refusal> {
    if mode == Mode::Disabled {
        return Ok(false);
    }
    match rule.selector.holds(&cx.labels) {
        Holds::Yes => Ok(true),
        Holds::No => Ok(false),
        Holds::Unknown | Holds::Unreadable => {
            let why = said.view.as_ref().err().copied().unwrap_or(Unchecked::Label);
            cannot(cx, rule, mode, why)?;
            Ok(false)
        }
    }
}

/// A rule cannot read or write what it needs.
fn cannot(cx: &mut Context, rule: &Rule, mode: Mode, why: Unchecked) -> Result<(), Refusal> {
    let refuse = mode == Mode::Enforce && cx.program.on_unreadable != Some(OnUnreadable::Pass);
    cx.record.unchecked(why, refuse);
    if !refuse {
        return Ok(());
    }
    let (rule, word) = (&rule.id, why.word());
    let message = format!("rule `{rule}` cannot read this request ({word})");
    Err(Refusal { message, code: "unreadable" })
}

/// Reads labels and call again, from the request as it will be sent.
fn read_again(cx: &mut Context, said: &mut RequestValues<'_>, body: Option<&[u8]>) {
    let asked = cx.call.as_ref().map(|call| call.model.clone()).unwrap_or_default();
    let header = |name| facts::text(&cx.facts.headers, name).unwrap_or_default().into_owned();
    let (method, authority, target) = (header(":method"), header(":authority"), header(":path"));
    // An MCP request stays one, wherever it is sent.
    let mcp = cx.recognised.clone().filter(|_| cx.is_mcp());
    let (recognised, path) = dialect::read_line(&method, &target);
    let Some(recognised) = mcp.or(recognised) else { return };
    let line = RequestLineLabels { method: &method, authority: &authority, path: &path };
    cx.labels = labels::from_headers(&cx.program.labels, &cx.facts, line);
    cx.labels.set(LabelId::DIALECT, Label::value(recognised.dialect.name(), true));
    cx.label_beside();
    if let Some(model) = &recognised.model {
        cx.labels.set(LabelId::MODEL, Label::value(model, false));
    }
    *said.view = cx.read(&recognised, body, said.doc);
    cx.complete_labels(said.view, body, said.doc);
    if let Ok(view) = &*said.view {
        cx.call = Some(view.call.clone());
    }
    cx.recognised = Some(recognised);
    if let Some(model) = cx.labels.get(LabelId::MODEL).text().filter(|sent| **sent != *asked) {
        let model = model.to_owned();
        cx.record.state("hemostat.sent_model", model);
    }
}
