//! Checks that rules which must see a body before headers leave can do so.

use super::Config;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::document::{AnyRule, Document, LabelSource, Mode, RuleDocument};
use crate::policy::path::Path;
use crate::policy::source::SourceNode;

/// Checks rules that must see a body before headers leave against what the configuration says about the proxy.
pub(super) fn check(config: &Config, tree: &SourceNode) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let policy = &config.policy;
    let rules = policy.rules();
    let off =
        enforced(policy, &rules, &["failsafe", "rollback", "switch"], |any| any.holds_headers);
    let off: Vec<&str> = off.iter().map(|rule| rule.id.as_str()).collect();
    match config.hold_headers {
        // A value of another kind has been reported already.
        None if tree.get("hold_headers").is_some() => {}
        None => {
            if let Some(rule) = first_that_needs_a_body(policy, &rules) {
                found.push(unsaid(tree, &rule.id));
            }
        }
        Some(true) => {}
        Some(false) => {
            for id in off.iter().filter(|id| !config.accept_off.iter().any(|ok| ok == *id)) {
                found.push(would_be_off(tree, id));
            }
        }
    }
    for (index, id) in config.accept_off.iter().enumerate() {
        let path = Path::ROOT.key("accept_off");
        let path = path.index(index);
        let at = tree.locate(&path);
        if rules.iter().all(|any| any.rule.id != *id) {
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

/// The enforced rules of these sections for which `wanted` is true, section by section.
fn enforced<'a>(
    policy: &Document,
    rules: &[AnyRule<'a>],
    sections: &[&str],
    wanted: impl Fn(&AnyRule<'a>) -> bool,
) -> Vec<&'a RuleDocument> {
    let mut found = Vec::new();
    for section in sections {
        for any in rules.iter().filter(|any| any.section == *section) {
            if any.rule.mode_under(policy.mode) == Mode::Enforce && wanted(any) {
                found.push(any.rule);
            }
        }
    }
    found
}

/// The first enforced rule that must see a body: a guardrail, a limit, a kill rule, one that changes the request, or one
/// whose labels come from the body.
fn first_that_needs_a_body<'a>(
    policy: &Document,
    rules: &[AnyRule<'a>],
) -> Option<&'a RuleDocument> {
    let from_body = |label: &str| {
        let sources = policy.labels.get(label).map(Vec::as_slice).unwrap_or_default();
        label == "model"
            || sources.iter().any(|source| matches!(source.whole(), LabelSource::Json { .. }))
    };
    let sections = ["failsafe", "rollback", "switch", "tools", "guardrails", "limits"];
    let needs = |any: &AnyRule<'_>| {
        any.section != "failsafe"
            || any.holds_headers
            || any.rule.when.labels.iter().any(|(label, _)| from_body(label))
    };
    enforced(policy, rules, &sections, needs).first().copied()
}
