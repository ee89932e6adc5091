//! The report for people: the policy in force, each proxy, what its rules do, and problems.

use std::io::Write;

use hemostat_engine::base::time;
use serde_json::Value;

use super::budgets;
use super::wrong::wrong;
use crate::shared::error::Result;
use crate::shared::fleet::{Act, InForce, Status, View};
use crate::shared::table::Table;
use crate::shared::terminal::{Paint, or_dash, safe};
use crate::shared::when;

/// How many budgets a row names.
const TOP: usize = 3;

/// How many rules are shown besides new ones.
const RULES: usize = 12;

pub(super) fn write(view: &View<'_>, out: &mut dyn Write) -> Result<()> {
    let paint = Paint::for_stdout();
    let now = when::now();
    for group in view.groups() {
        head(group.first, now, paint, out)?;
    }
    proxies(view, paint, out)?;
    rules(&view.acts(), view.newest(), paint, out)?;
    for wrong in wrong(view, now) {
        writeln!(out, "{} {wrong}", paint.error("!"))?;
    }
    Ok(())
}

/// Who activated what, why, and until when.
fn head(status: &Status, now: u64, paint: Paint, out: &mut dyn Write) -> Result<()> {
    let since = status.text("since");
    let age = time::parse(since)
        .map_or_else(|_| String::new(), |at| format!(" ({})", when::span(now.saturating_sub(at))));
    let drill = if status.is_drill() { paint.warning("DRILL: ") } else { String::new() };
    let since =
        if since.is_empty() { String::new() } else { format!(", since {}{age}", safe(since)) };
    writeln!(
        out,
        "{drill}version {}, serial {}{since}",
        safe(or_dash(status.text("version"))),
        status.serial()
    )?;
    let keys: Vec<&str> = status.list("key_ids").iter().filter_map(Value::as_str).collect();
    let who = match (status.text("issuer"), keys.join(", ")) {
        ("", keys) if keys.is_empty() => status.text("source").to_owned(),
        (who, keys) if keys.is_empty() => who.to_owned(),
        (who, keys) => format!("{} (key {keys})", or_dash(who)),
    };
    writeln!(
        out,
        "  MODE {}  SEVERITY {}  WHO {}  REASON {}",
        safe(or_dash(status.text("mode"))),
        safe(or_dash(status.text("severity"))),
        safe(or_dash(&who)),
        safe(or_dash(status.text("reason")))
    )?;
    let levers = match status.named_levers() {
        none if none.is_empty() => "0".to_owned(),
        some => format!("{} ({})", some.len(), safe(&some.join(", "))),
    };
    writeln!(out, "  ENDS {}  PREPARED {}", safe(&ends(status, now)), safe(&levers))?;
    if let Some(at) = status.last_drill().filter(|_| !status.is_drill()) {
        let age = time::parse(at).map_or_else(
            |_| String::new(),
            |at| format!(" ({} ago)", when::span(now.saturating_sub(at))),
        );
        writeln!(out, "  the last drill was at {}{age}", safe(at))?;
    }
    Ok(())
}

/// When it ends, and what happens then.
pub(super) fn ends(status: &Status, now: u64) -> String {
    let at = status.text("expires");
    if at.is_empty() {
        return "never".to_owned();
    }
    let held = status.list("held").first();
    let then = match held.and_then(|held| held.get("on_expiry")?.as_str()) {
        Some("previous") => ", then the policy before",
        Some("baseline") => ", then the inline policy",
        Some("keep") => ", and goes on",
        _ => "",
    };
    match time::parse(at) {
        Ok(end) if end > now => format!("{at} (in {}){then}", when::span(end - now)),
        // The proxies decide this by their own clocks.
        _ if !status.text("standing").starts_with("expired") => {
            format!(
                "{at} (past by the clock here, and still in force: are the clocks apart?){then}"
            )
        }
        _ => format!("{at} (over){then}"),
    }
}

fn proxies(view: &View<'_>, paint: Paint, out: &mut dyn Write) -> Result<()> {
    let mut table = Table::new([
        "PROXY", "VERSION", "SERIAL", "FROM", "ACTS", "PREPARED", "WAITING", "BUDGETS",
    ]);
    for (proxy, status) in &view.rows {
        let dash = || "-".to_owned();
        table.row(match status {
            Ok(status) => [
                safe(&proxy.name),
                safe(or_dash(status.text("version"))),
                status.serial().to_string(),
                safe(or_dash(status.text("standing"))),
                acts(status).to_owned(),
                status.levers().len().to_string(),
                status.list("pending_approvals").len().to_string(),
                or_dash(&budgets::words(&status.budgets(), TOP)).to_owned(),
            ],
            Err(why) => [
                safe(&proxy.name),
                dash(),
                dash(),
                dash(),
                dash(),
                dash(),
                dash(),
                paint.error(&why.to_string()),
            ],
        });
    }
    if view.newest().is_some() {
        writeln!(out)?;
    }
    table.write(out)
}

/// Whether every configuration of the proxy acts by the policy in force, in a word.
fn acts(status: &Status) -> &'static str {
    match status.in_force() {
        InForce::Everywhere => "everywhere",
        InForce::OnItsWay(_) => "on its way",
        InForce::Not(_) => "NO",
        InForce::Unsaid => "-",
    }
}

fn rules(acts: &[Act], newest: Option<&Status>, paint: Paint, out: &mut dyn Write) -> Result<()> {
    if acts.is_empty() {
        return Ok(());
    }
    let counted = newest.map(|status| status.text("counted_since")).unwrap_or_default();
    let since = if counted.is_empty() { "SINCE START" } else { "SINCE RELEASE" };
    let mut table = Table::new(["RULE", "ACTION", since, "PER MINUTE", "MODE"]);
    let (mut others, mut left) = (0, 0);
    for act in acts {
        if !act.new {
            others += 1;
            // Rules that are not new and did nothing are left out.
            if others > RULES || act.since() == 0 {
                left += 1;
                continue;
            }
        }
        let name = if act.new { format!("{} (new)", safe(&act.rule)) } else { safe(&act.rule) };
        for (action, count) in &act.counts {
            let action = safe(action);
            let action = if act.shadow { format!("(shadow) {action}") } else { action };
            table.row([
                name.clone(),
                action,
                count.since.to_string(),
                count.per_minute.map_or("-".to_owned(), |rate| format!("{rate:.1}")),
                safe(or_dash(&act.mode)),
            ]);
        }
    }
    writeln!(out)?;
    table.write(out)?;
    if left > 0 {
        writeln!(out, "{}", paint.faint(&format!("and {left} that did nothing, or less")))?;
    }
    Ok(())
}
