//! Limits that a rate-limit service counts too: what such services cannot count.

use super::super::document::{Amount, GlobalDocument, LimitDocument};
use super::super::path::Path;
use super::super::program::limit::global_window;
use super::checker::Checker;
use crate::limits::{FLEET_ENTRIES, FLEET_NAME_BYTES};

pub(super) fn check(judge: &mut Checker<'_>) {
    let root = *judge.root;
    let section = root.key("limits");
    for (index, limit) in judge.document.limits.iter().enumerate() {
        let Some(global) = &limit.global else { continue };
        let path = section.index(index);
        counts(judge, limit, global, &path);
        names(judge, limit, global, &path);
    }
}

fn counts(
    judge: &mut Checker<'_>,
    limit: &LimitDocument,
    global: &GlobalDocument,
    path: &Path<'_>,
) {
    let allow = path.key("allow");
    if matches!(limit.allow.amount, Amount::Concurrent(_)) {
        let message = format_args!("no rate-limit service counts requests in flight");
        judge.error("conflict", &path.key("global"), message, "remove `global`");
        return;
    }
    let every = allow.key("every");
    let Some(window) = limit.allow.every else { return };
    let Some(window) = global_window(window) else {
        let written = judge.node(&every).and_then(|node| node.text()).unwrap_or_default();
        let message = format_args!("no rate-limit service counts over `{written}`");
        judge.error("conflict", &every, message, "with `global`: `1s`, `1m`, `1h` or `day`");
        return;
    };
    if global.sync_every_ms.saturating_mul(1_000_000) > window.ns() {
        let path = path.key("global");
        let message = format_args!("usage would be reported when its window is over");
        judge.warn("late", &path.key("sync_every"), message, "make it shorter than `every`");
    }
}

fn names(judge: &mut Checker<'_>, limit: &LimitDocument, global: &GlobalDocument, path: &Path<'_>) {
    let inside = path.key("global");
    for (field, name) in [("domain", &global.domain), ("cluster", &global.cluster)] {
        if name.is_empty() || name.len() > FLEET_NAME_BYTES {
            let message = format_args!("{} bytes; a name has 1 to {FLEET_NAME_BYTES}", name.len());
            judge.error("out-of-range", &inside.key(field), message, "shorten it");
        }
    }
    if limit.per.len() >= FLEET_ENTRIES {
        let message = format_args!("{} labels; with `global` there may be 8", limit.per.len());
        judge.error("too-many", &path.key("per"), message, "count by fewer labels");
    }
}
