//! What each rule did: since the process began, and since the policy came into force.

use super::inputs::StatusInputs;
use crate::counters::{self, hits_counter};
use crate::policy::Program;
use crate::policy::document::Mode;
use crate::policy::source::{SourceNode, parse_json};
use crate::written::{Object, Written};

/// Counts by rule and action since the process began. The first action of a rule is always listed; others if they ever
/// occurred.
pub(super) fn rules(program: Option<&Program>, count: &mut impl FnMut(&str) -> u64) -> String {
    let mut out = Object::default();
    for acts in program.map(counters::rules).unwrap_or_default() {
        let mut counts = Object::default();
        for (at, word) in acts.words.iter().enumerate() {
            let action = acts.action(word);
            let hits = count(&hits_counter(&acts.rule.id, &action));
            if hits > 0 || at == 0 {
                counts.number(&action, hits);
            }
        }
        out.raw(&acts.rule.id, &counts.end());
    }
    out.end()
}

/// What each rule does now: a list that begins with the rules that the previous policy did not have.
pub(super) fn acts(facts: &StatusInputs<'_>, count: &mut impl FnMut(&str) -> u64) -> String {
    let Some(running) = facts.running else { return "[]".to_owned() };
    let new_ids = new_ids(facts);
    let now = facts.now_ms / 1000;
    let (mut new, mut old) = (Vec::new(), Vec::new());
    for acts in counters::rules(&running.program) {
        let is_new = new_ids.iter().any(|id| **id == *acts.rule.id);
        let mut out = Object::default();
        out.text("rule", &acts.rule.id);
        out.text("lever", acts.lever);
        out.set("new", is_new);
        out.text("mode", acts.rule.mode_at(now).word());
        out.set("shadow", acts.rule.mode == Mode::Shadow);
        let mut actions = Object::default();
        for (at, word) in acts.words.iter().enumerate() {
            let name = hits_counter(&acts.rule.id, &acts.action(word));
            let total = count(&name);
            if total == 0 && at > 0 {
                continue;
            }
            let mut one = Object::default();
            let since = facts.marks.map_or(total, |marks| marks.since_begin(&name, total));
            one.number("since_release", since);
            let rate = facts.marks.and_then(|m| m.per_minute(&name, total, facts.now_ms));
            let rate = rate.map(|rate| format!("{}.{}", rate / 1000, rate / 100 % 10));
            one.set("per_minute", rate.as_deref().map(Written::Json));
            one.number("total", total);
            actions.raw(word, &one.end());
        }
        out.raw("actions", &actions.end());
        if is_new { new.push(out.end()) } else { old.push(out.end()) }
    }
    new.append(&mut old);
    format!("[{}]", new.join(","))
}

/// Ids of the rules that the previous policy did not have, sorted; none if there was no previous policy.
fn new_ids(facts: &StatusInputs<'_>) -> Vec<String> {
    let held = &facts.state.held;
    let Some(first) = held.first() else { return Vec::new() };
    // The policy that was in force, rather than the one this policy falls back to: after a rollback, rules that were
    // there all along are not new. A drill changed nothing.
    let before = held.iter().skip(1).find(|held| !held.drill);
    let Some(before) = before else { return Vec::new() };
    let known = ids(&before.policy);
    let mut new = ids(&first.policy);
    new.retain(|id| known.binary_search(id).is_err());
    new
}

/// The ids of a policy's rules, sorted.
fn ids(policy: &str) -> Vec<String> {
    let Ok(tree) = parse_json(policy.as_bytes()) else { return Vec::new() };
    let sections = ["failsafe", "rollback", "switch", "tools", "guardrails", "limits"];
    let rules = sections.iter().filter_map(|section| tree.get(section)).flat_map(SourceNode::items);
    let mut ids: Vec<String> =
        rules.filter_map(|rule| rule.get("id")?.text().map(str::to_owned)).collect();
    ids.sort();
    ids
}
