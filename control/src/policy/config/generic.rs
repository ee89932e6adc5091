//! Features of a policy that hosts other than Envoy do not support (docs/hosts.md).

use super::{Config, Host};
use crate::policy::diagnostic::Diagnostic;
use crate::policy::document::{Mode, OnCut, OnUnreadable, RuleDocument, Scan};
use crate::policy::source::SourceNode;

/// What does not work, or works less well, under `host: generic`: each by the name of its rule.
pub(super) fn lacks(config: &Config, tree: &SourceNode) -> Vec<Diagnostic> {
    let policy = &config.policy;
    let mut found = Vec::new();
    if config.host != Host::Generic {
        return found;
    }
    let on = |rule: &RuleDocument| rule.mode_under(policy.mode) != Mode::Disabled;
    let mut limits = policy.limits.iter().filter(|limit| limit.global.is_some());
    if let Some(limit) = limits.find(|limit| on(&limit.rule)) {
        let id = &limit.rule.id;
        let message =
            format!("limit `{id}` has `global`, which needs gRPC, and `host` is `generic`");
        let error = Diagnostic::error("no-grpc", "host".to_owned(), tree.at, message);
        found.push(error.help("remove `global`, or write `host: envoy` where the proxy is Envoy"));
    }
    let mut less = |message: String| {
        found.push(Diagnostic::warning("generic-host", "host".to_owned(), tree.at, message));
    };
    for rule in policy.failsafe.iter().filter(|rule| rule.cuts_running && on(&rule.rule)) {
        let id = &rule.rule.id;
        less(format!("`{id}` says `running: cut`: a stream under way ends at its next byte only"));
    }
    let mut sets_model = |rule: &RuleDocument| {
        if on(rule) {
            let id = &rule.id;
            less(format!(
                "`{id}` sets a model: one that stands in the path cannot be changed here"
            ));
        }
    };
    for lever in policy.rollback.iter().filter(|lever| lever.set.model.is_some()) {
        sets_model(&lever.rule);
    }
    for lever in policy.switch.iter().filter(|lever| lever.model.is_some()) {
        sets_model(&lever.rule);
    }
    if policy.on_cut == OnCut::Cancel {
        less("`on_cut: cancel`: this host resets nothing, the model goes on writing".to_owned());
    }
    let reads_answers = |scan: &Scan| matches!(scan, Scan::Output | Scan::ToolArgs);
    let mut guards = policy.guardrails.iter().filter(|guard| {
        guard.rule.mode_under(policy.mode) == Mode::Enforce && guard.scan.iter().any(reads_answers)
    });
    if policy.on_unreadable == Some(OnUnreadable::Pass)
        && let Some(guard) = guards.next()
    {
        let id = &guard.rule.id;
        less(format!("`{id}` does not see whole answers longer than this host gathers: they pass"));
    }
    found
}
