//! What operators are told about limits, besides what happened to a request.

use crate::context::Context;
use crate::event::{EventKind, EventValue};
use crate::ledger::StoreError;
use crate::policy::program::limit::Limit;

/// A charge has passed a threshold.
pub(super) fn warning(cx: &mut Context, limit: &Limit, warned: Option<usize>, prefix: &str) {
    let id = &limit.rule.id;
    let threshold = warned.and_then(|passed| limit.warn_at.get(passed.checked_sub(1)?));
    let Some(threshold) = threshold else { return };
    let percent = threshold / 10_000;
    cx.record.count(format!("hemostat_limit_warnings_total;rule={id};percent={percent}"));
    cx.record.log(format!("limit={id} {prefix}warning: {percent} % of the cap is used"));
    if prefix.is_empty() {
        let percent = EventValue::Number(percent);
        event(cx, EventKind::LimitWarning, limit, ("hemostat.limit.percent", percent));
    }
}

/// The memory for accounts is full: a new key takes the slot of an account that is at its start, or gets none of its
/// own.
pub(super) fn memory(cx: &mut Context, limit: &Limit, overflow: bool, reused: bool) {
    let id = &limit.rule.id;
    let (word, what) = match (overflow, reused) {
        (true, _) => ("overflow", "no room for more accounts, one is shared"),
        (_, true) => ("reused", "no room for more accounts, one at its start gave its place"),
        _ => return,
    };
    cx.record.count(format!("hemostat_limit_{word}_total;rule={id}"));
    cx.record.log(format!("limit={id} {word}: {what}"));
    event(cx, EventKind::LimitMemory, limit, ("hemostat.reason", word.into()));
}

/// An account could not be read or written.
pub(super) fn trouble(cx: &mut Context, trouble: StoreError) {
    let word = trouble.word();
    cx.record.count(format!("hemostat_ledger_total;outcome={word}"));
    cx.record.log(format!("ledger={word}"));
    cx.record.raise(EventKind::LimitMemory, || vec![("hemostat.reason", word.into())]);
}

/// An event about a limit. Accounts have separate events, as far as labels may be shown; not so where the memory for
/// accounts itself is the problem, since then there are too many.
pub(super) fn event(
    cx: &mut Context,
    kind: EventKind,
    limit: &Limit,
    what: (&'static str, EventValue),
) {
    if cx.program.notify.is_none() {
        return;
    }
    let mut fields = vec![
        ("hemostat.rule", limit.rule.id.as_ref().into()),
        ("hemostat.limit.unit", limit.unit.word().into()),
        what,
    ];
    if kind != EventKind::LimitMemory {
        let account = cx.labels_in_json(|id| limit.per.contains(&id));
        fields.push(("account", EventValue::Json(account)));
    }
    cx.record.raise(kind, || fields);
}
