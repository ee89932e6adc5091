//! Problems that status reports.

use hemostat_engine::base::time;

use crate::shared::fleet::{InForce, View};
use crate::shared::terminal::safe;
use crate::shared::when;

/// How long, in seconds, a lever may match nothing before it is reported.
const IDLE_S: u64 = 60;

/// After this many seconds it is no longer reported.
const IDLE_MOST_S: u64 = 6 * 3600;

/// The problems, one per line.
pub(super) fn wrong(view: &View<'_>, now: u64) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    all.extend(view.differ().map(|how| format!("{how}; `hemostat sync` brings them together")));
    for (proxy, status) in view.reached() {
        let name = safe(&proxy.name);
        match status.in_force() {
            InForce::Not(why) => all.push(format!("{name}: not acted by: {}", safe(&why))),
            InForce::OnItsWay(who) => all.push(format!("{name}: {}", safe(&who))),
            InForce::Everywhere | InForce::Unsaid => {}
        }
        all.extend(status.poll_trouble().map(|why| format!("{name}: {}", safe(&why))));
        all.extend(status.last_error(now).map(|why| format!("{name}: last error: {}", safe(&why))));
    }
    all.extend(idle(view, now));
    all
}

/// Levers of the last release that match nothing: a kill switch that stops nobody looks like one that works.
fn idle(view: &View<'_>, now: u64) -> Vec<String> {
    let counted = view.newest().and_then(|status| time::parse(status.text("counted_since")).ok());
    let Some(age) = counted.map(|at| now.saturating_sub(at)) else { return Vec::new() };
    if !(IDLE_S..IDLE_MOST_S).contains(&age) {
        return Vec::new();
    }
    let levers = view.acts().into_iter().filter(|act| act.new && act.is_lever());
    let idle = levers.filter(|act| act.per_minute().is_none_or(|rate| rate == 0.0));
    idle.filter_map(|act| {
        let rule = safe(&act.rule);
        match (act.since(), act.per_minute()) {
            (0, _) => Some(format!(
                "`{rule}` has matched nothing in {}: do callers send what its `when` names?",
                when::span(age)
            )),
            (before, Some(_)) => {
                Some(format!("`{rule}` has matched nothing for a minute ({before} before that)"))
            }
            _ => None,
        }
    })
    .collect()
}
