//! What each rule did since the process began.

use super::hits_counter;
use crate::policy::Program;
use crate::policy::document::{Mode, ToolAction};
use crate::policy::program::Rule;
use crate::policy::program::limit::Over;
use crate::written::Object;

/// Counts by rule and action. The first action of a rule always stands there; others, where they were ever taken.
pub(super) fn rules(program: Option<&Program>, count: &mut impl FnMut(&str) -> u64) -> String {
    let mut out = Object::default();
    for (rule, words) in program.map(all).unwrap_or_default() {
        let prefix = if rule.mode == Mode::Shadow { "shadow-" } else { "" };
        let mut counts = Object::default();
        for (at, word) in words.iter().enumerate() {
            let action = format!("{prefix}{word}");
            let hits = count(&hits_counter(&rule.id, &action));
            if hits > 0 || at == 0 {
                counts.number(&action, hits);
            }
        }
        out.raw(&rule.id, &counts.end());
    }
    out.end()
}

/// Every rule that does something, and the words of what it may do.
fn all(program: &Program) -> Vec<(&Rule, &'static [&'static str])> {
    let mut all: Vec<(&Rule, &'static [&'static str])> = Vec::new();
    let changes = &program.changes;
    all.extend(changes.rollback.iter().map(|change| (&change.rule, &["rollback"][..])));
    all.extend(changes.switch.iter().map(|change| (&change.rule, &["switch"][..])));
    for guard in &program.guards.rules {
        let words: &[&str] = match guard.action.word() {
            // What must not be rewritten is blocked in its place.
            "redact" => &["redact", "block"],
            "block" => &["block"],
            "fallback" => &["fallback"],
            _ => &["tag"],
        };
        all.push((&guard.rule, words));
    }
    for tool in &program.tools.rules {
        match tool.action {
            ToolAction::Allow => {}
            ToolAction::Deny => all.push((&tool.rule, &["deny"])),
            ToolAction::Approve => all.push((&tool.rule, &["approve", "granted", "deny"])),
        }
    }
    for limit in &program.limits.rules {
        let words: &[&str] = match limit.over {
            Over::Reject => &["reject", "block"],
            Over::Fallback(_) => &["fallback", "reject", "block"],
            Over::Downgrade(_) => &["downgrade", "reject", "block"],
        };
        all.push((&limit.rule, words));
    }
    for rule in &program.failsafe {
        let words: &[&str] = if rule.fallback.is_some() { &["fallback"] } else { &["block"] };
        all.push((&rule.rule, words));
    }
    let lanes = program.other_traffic.iter().filter(|lane| lane.block);
    all.extend(lanes.map(|lane| (&lane.rule, &["block"][..])));
    all
}
