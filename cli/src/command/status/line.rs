//! One line for the incident channel.

use super::budgets::{self, Budget};
use crate::shared::fleet::{InForce, Status, View};
use crate::shared::terminal::{or_dash, safe};

/// `policy 2026-11-24.2 (serial 8) on 3 of 4 proxies since 2026-11-24T07:00:00Z, until 2026-11-24T11:00:00Z; kill-checkout:
/// 49 fallback; 1 not reached; 2 calls wait for leave; fullest: daily-spend=93% (acme)`
pub(super) fn line(view: &View<'_>) -> String {
    let all = view.rows.len();
    let mut parts: Vec<String> = Vec::new();
    for group in view.groups() {
        let (status, count) = (group.first, group.proxies.len());
        let word = |before: &str, text: &str| match text {
            "" => String::new(),
            text => format!("{before}{}", safe(text)),
        };
        let on = if all == 1 { "1 proxy".to_owned() } else { format!("{count} of {all} proxies") };
        let drill = if status.is_drill() { "DRILL, nothing new acts: " } else { "" };
        let mode = if status.text("mode") == "shadow" { ", in shadow" } else { "" };
        parts.push(format!(
            "{drill}policy {} (serial {}{}) on {on}{}{}{mode}{}",
            safe(or_dash(status.text("version"))),
            status.serial(),
            word(", ", status.text("severity")),
            word(" since ", status.text("since")),
            word(", until ", status.text("expires")),
            word(": ", status.text("reason")),
        ));
    }
    for act in view.acts().iter().filter(|act| act.new).take(3) {
        let shadow = if act.shadow { " in shadow" } else { "" };
        let counts =
            act.counts.iter().map(|(action, count)| format!("{} {}", count.since, safe(action)));
        parts.push(format!(
            "{}: {}{shadow}",
            safe(&act.rule),
            counts.collect::<Vec<_>>().join(", ")
        ));
    }
    let behind = view.reached().filter(|(_, status)| matches!(status.in_force(), InForce::Not(_)));
    match behind.count() {
        0 => {}
        1 => parts.push("NOT acted by on 1 of them".to_owned()),
        many => parts.push(format!("NOT acted by on {many} of them")),
    }
    if view.silent() > 0 {
        parts.push(format!("{} not reached", view.silent()));
    }
    let reached = || view.reached().map(|(_, status)| status);
    let waiting: usize = reached().map(|status| status.list("pending_approvals").len()).sum();
    match waiting {
        0 => {}
        1 => parts.push("1 call waits for leave".to_owned()),
        _ => parts.push(format!("{waiting} calls wait for leave")),
    }
    let mut budgets: Vec<Budget> = reached().flat_map(Status::budgets).collect();
    budgets::fullest_first(&mut budgets);
    if !budgets.is_empty() {
        parts.push(format!("fullest: {}", budgets::words(&budgets, 1)));
    }
    parts.join("; ")
}
