//! Checks that rules which must see a body before headers leave can do so.

use super::Config;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::document::{Document, LabelSource, Mode, RuleDocument};
use crate::policy::path::Path;
use crate::policy::source::SourceNode;

/// Checks rules that must see a body before headers leave against what the configuration says about the proxy.
pub(super) fn check(config: &Config, tree: &SourceNode) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let policy = &config.policy;
    let kills = policy.failsafe.iter().filter(|rule| rule.upstream.is_none());
    let off: Vec<&str> = kills
        .map(|rule| &rule.rule)
        .chain(policy.rules_that_change_headers())
        .filter(|rule| rule.mode_under(policy.mode) == Mode::Enforce)
        .map(|rule| rule.id.as_str())
        .collect();
    match config.hold_headers {
        // A value of another kind has been reported already.
        None if tree.get("hold_headers").is_some() => {}
        None => found.extend(first_that_needs_a_body(policy).map(|id| unsaid(tree, id))),
        Some(true) => {}
        Some(false) => {
            for id in off.iter().filter(|id| !config.accept_off.iter().any(|ok| ok == *id)) {
                found.push(would_be_off(tree, id));
            }
        }
    }
    let ids = rule_ids(policy);
    for (index, id) in config.accept_off.iter().enumerate() {
        let path = Path::ROOT.key("accept_off");
        let path = path.index(index);
        let at = tree.locate(&path);
        if !ids.contains(&id.as_str()) {
            if config.follows() {
                // It may be a rule of another policy that this configuration follows.
                continue;
            }
            let message = format!("there is no rule `{id}`");
            found.push(Diagnostic::error("unknown-rule", path.to_string(), at, message));
        } else if config.hold_headers != Some(false) || !off.contains(&id.as_str()) {
            let message = format!("`{id}` is not off");
            let warning = Diagnostic::warning("unused", path.to_string(), at, message);
            found.push(warning.help("remove it"));
        }
    }
    found
}

fn unsaid(tree: &SourceNode, id: &str) -> Diagnostic {
    let message = format!(
        "rule `{id}` must see a body before its headers leave, and the configuration does not say \
         `hold_headers`"
    );
    let help = "write `hold_headers: true` if Envoy's filter has `allow_on_headers_stop_iteration: \
                true` or if `host` is `generic`, else `hold_headers: false`; the filter cannot see which";
    Diagnostic::error("hold-headers", "hold_headers".to_owned(), tree.at, message).help(help)
}

fn would_be_off(tree: &SourceNode, id: &str) -> Diagnostic {
    let path = Path::ROOT.key("hold_headers");
    let message =
        format!("rule `{id}` would be off: it must decide before the request's headers leave");
    let help = format!(
        "set Envoy's `allow_on_headers_stop_iteration: true` and write `hold_headers: true`, or \
         write `accept_off: [{id}]`"
    );
    Diagnostic::error("hold-headers", path.to_string(), tree.locate(&path), message).help(help)
}

/// The first enforced rule that must see a body: a guardrail, a limit, a kill rule, one that changes the request, or one
/// whose labels come from the body.
fn first_that_needs_a_body(policy: &Document) -> Option<&str> {
    let enforced = |rule: &RuleDocument| rule.mode_under(policy.mode) == Mode::Enforce;
    let from_body = |label: &str| {
        let sources = policy.labels.get(label).map(Vec::as_slice).unwrap_or_default();
        label == "model"
            || sources.iter().any(|source| matches!(source.whole(), LabelSource::Json { .. }))
    };
    let guardrails = policy.guardrails.iter().map(|lever| (&lever.rule, true));
    let failsafe = policy.failsafe.iter().map(|lever| (&lever.rule, lever.upstream.is_none()));
    let tools = policy.tools.iter().map(|lever| (&lever.rule, true));
    let changes = policy.rules_that_change().map(|rule| (rule, true));
    let limits = policy.limits.iter().map(|lever| (&lever.rule, true));
    failsafe
        .chain(changes)
        .chain(tools)
        .chain(guardrails)
        .chain(limits)
        .filter(|(rule, _)| enforced(rule))
        .find(|(rule, needs)| *needs || rule.when.labels.iter().any(|(label, _)| from_body(label)))
        .map(|(rule, _)| rule.id.as_str())
}

fn rule_ids(policy: &Document) -> Vec<&str> {
    let guardrails = policy.guardrails.iter().map(|lever| lever.rule.id.as_str());
    let tools = policy.tools.iter().map(|lever| lever.rule.id.as_str());
    let changes = policy.rules_that_change().map(|rule| rule.id.as_str());
    let limits = policy.limits.iter().map(|lever| lever.rule.id.as_str());
    let failsafe = policy.failsafe.iter().map(|lever| lever.rule.id.as_str());
    guardrails.chain(tools).chain(limits).chain(failsafe).chain(changes).collect()
}
