//! Every counter that the filter may ever show, by name.
//!
//! A counter that is created by its first event starts at 1, and no rate or increase includes that event: an alert on
//! something that happens once would never fire. So all of them are defined, at 0, when a configuration becomes active.
//! A test compares this list with the names in the code and in the documentation.

mod unchecked;

use crate::bundle::RefusalCode;
use crate::dialect::{DialectId, dialect};
use crate::event::EventKind;
use crate::policy::Program;
use crate::policy::document::{Mode, ToolAction};
use crate::policy::program::Rule;
use crate::policy::program::limit::{Limit, OverAction};
pub use unchecked::Unchecked;

/// Counters without labels.
const PLAIN: &[&str] = &[
    "hemostat_labels_cut_total",
    "hemostat_handoffs_total",
    "hemostat_broken_upstream_total",
    "hemostat_streams_ended_total",
    "hemostat_signed_refused_total",
    "hemostat_unfinished_answers_total",
    "hemostat_no_policy_total",
    "hemostat_follow_failures_total",
    "hemostat_bodies_late_total",
    "hemostat_source_silent_total",
    "hemostat_source_failures_total",
    "hemostat_counters_lost_total",
    "hemostat_limit_lapsed_total",
    "hemostat_usage_counted_total",
    "hemostat_usage_implausible_total",
    "hemostat_global_expired_total",
    "hemostat_global_unlimited_total",
    "hemostat_unpriced_total;action=block",
    "hemostat_unpriced_total;action=count_zero",
    "hemostat_unpriced_total;action=served",
];

/// Counters with one label, and all its values.
const LABELLED: &[(&str, &[&str])] = &[
    (
        "hemostat_grants_total;outcome=",
        &[
            "granted",
            "none",
            "returned",
            "too_big",
            "malformed",
            "wrong_key",
            "other_scope",
            "other_call",
            "other_tenant",
            "from_the_future",
            "expired",
            "too_long",
            "used",
            "full",
            "no_memory",
        ],
    ),
    ("hemostat_ledger_total;outcome=", &["contended", "failed", "full"]),
    ("hemostat_global_lost_total;reason=", &["unanswered", "late", "full"]),
    ("hemostat_capture_total;outcome=", &["sent", "failed", "dropped", "cut"]),
    ("hemostat_releases_total;action=", &["activated", "expired"]),
    (
        "hemostat_held_total;reason=",
        &["partial_match", "arguments", "call_to_scan", "call_to_judge"],
    ),
];

/// The outcomes of an event.
const OUTCOMES: [&str; 5] = ["sent", "counted", "retry", "failed", "dropped"];

/// All counters that do not depend on a policy.
#[must_use]
pub fn fixed() -> Vec<String> {
    let mut names: Vec<String> = PLAIN.iter().map(|&name| name.to_owned()).collect();
    for (name, values) in LABELLED {
        names.extend(values.iter().map(|value| format!("{name}{value}")));
    }
    for counter in DialectId::ALL.iter().map(|id| dialect(*id).counter()) {
        // Several dialects may share one.
        if !names.iter().any(|own| own == counter) {
            names.push(counter.to_owned());
        }
    }
    names.push("hemostat_requests_total;dialect=other".to_owned());
    for code in RefusalCode::ALL {
        names.push(format!("hemostat_releases_total;action=refused;reason={}", code.word()));
    }
    for why in Unchecked::ALL {
        for action in ["pass", "block"] {
            names.push(format!("hemostat_unchecked_total;reason={};action={action}", why.word()));
        }
    }
    for kind in EventKind::ALL {
        for outcome in OUTCOMES {
            names.push(format!("hemostat_events_total;kind={};outcome={outcome}", kind.word()));
        }
    }
    for action in ["report", "check", "charge", "ask", "reserve", "commit"] {
        for reason in ["ok", "over", "refused", "lost", "garbage"] {
            names.push(format!("hemostat_global_calls_total;action={action};reason={reason}"));
        }
    }
    names
}

/// The counter of a rule's action.
pub(crate) fn hits_counter(rule: &str, action: &str) -> String {
    format!("hemostat_rule_hits_total;rule={rule};action={action}")
}

/// All counters of a policy's rules.
#[must_use]
pub fn of(program: &Program) -> Vec<String> {
    let mut names = Vec::new();
    for acts in rules(program) {
        names.extend(acts.words.iter().map(|word| hits_counter(&acts.rule.id, &acts.action(word))));
    }
    for limit in &program.limits.rules {
        let id = &limit.rule.id;
        for threshold in &limit.warn_at {
            let percent = threshold / 10_000;
            names.push(format!("hemostat_limit_warnings_total;rule={id};percent={percent}"));
        }
        for word in ["overrun", "reused", "overflow"] {
            names.push(format!("hemostat_limit_{word}_total;rule={id}"));
        }
        if limit.global.is_some() {
            for word in ["over", "local", "open", "closed"] {
                names.push(format!("hemostat_global_decisions_total;rule={id};action={word}"));
            }
        }
    }
    for model in program.limits.prices.names().chain(["other"]) {
        for kind in ["input", "output"] {
            names.push(format!("hemostat_token_usage_total;model={model};token_type={kind}"));
        }
        names.push(format!("hemostat_cost_microusd_total;model={model}"));
    }
    names
}

/// A rule, and the words of its possible actions.
#[derive(Debug)]
pub(crate) struct RuleActions<'a> {
    pub(crate) rule: &'a Rule,
    /// The section that it belongs to.
    pub(crate) lever: &'static str,
    /// The first is its main action.
    pub(crate) words: Vec<&'static str>,
}

impl RuleActions<'_> {
    /// The action in the form that counters use.
    pub(crate) fn action(&self, word: &str) -> String {
        let prefix = if self.rule.mode == Mode::Shadow { "shadow-" } else { "" };
        format!("{prefix}{word}")
    }
}

/// Every rule that does something.
pub(crate) fn rules(program: &Program) -> Vec<RuleActions<'_>> {
    let mut all = Vec::new();
    let mut add = |rule, lever, words: &[&'static str]| {
        all.push(RuleActions { rule, lever, words: words.to_vec() });
    };
    for rule in &program.failsafe {
        let word = if rule.fallback.is_some() { "fallback" } else { "block" };
        add(&rule.rule, "failsafe", &[word]);
    }
    for change in &program.changes.rollback {
        add(&change.rule, "rollback", &["rollback"]);
    }
    for change in &program.changes.switch {
        add(&change.rule, "switch", &["switch"]);
    }
    for tool in &program.tools.rules {
        match tool.action {
            ToolAction::Allow => {}
            ToolAction::Deny => add(&tool.rule, "tools", &["deny"]),
            ToolAction::Approve => add(&tool.rule, "tools", &["approve", "granted", "deny"]),
        }
    }
    for guard in &program.guards.rules {
        let words: &[&str] = match guard.action.word() {
            // What must not be rewritten is blocked instead.
            "redact" => &["redact", "block"],
            "block" => &["block"],
            "fallback" => &["fallback"],
            _ => &["tag"],
        };
        add(&guard.rule, "guardrails", words);
    }
    for limit in &program.limits.rules {
        add(&limit.rule, "limits", &of_limit(limit));
    }
    for lane in program.other_traffic.iter().filter(|lane| lane.block) {
        add(&lane.rule, "other_traffic", &["block"]);
    }
    all
}

fn of_limit(limit: &Limit) -> Vec<&'static str> {
    let mut words = match limit.over {
        OverAction::Reject => vec!["reject", "block"],
        OverAction::Fallback(_) => vec!["fallback", "reject", "block"],
        OverAction::Downgrade(_) => vec!["downgrade", "reject", "block"],
    };
    if limit.cut_when_spent {
        words.push("cut");
    }
    words
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::policy::config::Config;

    /// Names without labels in the files under a folder.
    fn names_under(folder: &str, ending: &str) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.to_string_lossy().ends_with(ending) {
                    let text = std::fs::read_to_string(path).unwrap();
                    for (at, _) in text.match_indices("hemostat_") {
                        let rest = text.get(at..).unwrap_or_default();
                        let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_');
                        let name = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
                        if name.ends_with("_total") {
                            names.insert(name.to_owned());
                        }
                    }
                }
            }
        }
        names
    }

    fn known() -> BTreeSet<String> {
        let policy = r#"{"hold_headers": true, "policy": {"hemostat": 1, "guardrails": [
            {"id": "g", "scan": ["input"], "find": ["x"], "do": "block"}], "limits": [
            {"id": "l", "allow": {"requests": 1, "every": "1m"}, "warn_at": [0.5],
             "global": {"domain": "d", "cluster": "c", "api": "limitador"}}]}}"#;
        let (config, _) = Config::parse(policy.as_bytes()).unwrap();
        let program = Program::compile(&config).unwrap();
        let names = fixed().into_iter().chain(of(&program));
        names.map(|name| name.split(';').next().unwrap_or_default().to_owned()).collect()
    }

    /// Filled in by the filter, the only crate that knows its host's calls.
    const OF_THE_HOST: &str = "hemostat_host_trouble_total";

    #[test]
    fn every_counter_of_the_code_and_of_the_documentation_is_listed() {
        let known = known();
        for folder in ["engine/src", "control/src", "dialect/src", "filter/src", "docs"] {
            let mut names = names_under(folder, if folder == "docs" { ".md" } else { ".rs" });
            names.remove(OF_THE_HOST);
            let missing: Vec<_> = names.difference(&known).collect();
            assert!(
                missing.is_empty(),
                "{folder} names counters that are not defined at 0: {missing:?}"
            );
        }
    }

    #[test]
    fn every_counter_is_documented() {
        let documented = names_under("docs", ".md");
        let missing: Vec<_> =
            known().into_iter().filter(|name| !documented.contains(name)).collect();
        assert!(missing.is_empty(), "docs say nothing of {missing:?}");
    }

    /// Fails to compile if a variant is added: it belongs in `ALL`, and here.
    #[test]
    fn every_reason_and_every_kind_is_listed() {
        for why in Unchecked::ALL {
            match why {
                Unchecked::Encoding
                | Unchecked::Dialect
                | Unchecked::TooBig
                | Unchecked::Memory
                | Unchecked::Overtaken
                | Unchecked::Host
                | Unchecked::HoldLimit
                | Unchecked::Label
                | Unchecked::Background
                | Unchecked::Remote
                | Unchecked::Mismatch
                | Unchecked::Late
                | Unchecked::Lane
                | Unchecked::Websocket => {}
            }
        }
        for kind in EventKind::ALL {
            match kind {
                EventKind::ApprovalWanted
                | EventKind::ApprovalGranted
                | EventKind::Handoff
                | EventKind::Decision
                | EventKind::Unchecked
                | EventKind::LimitWarning
                | EventKind::LimitFull
                | EventKind::LimitMemory
                | EventKind::LimitUnknown
                | EventKind::ReleaseActive
                | EventKind::ReleaseRefused
                | EventKind::ReleaseExpired
                | EventKind::SourceSilent
                | EventKind::SourceFailing
                | EventKind::NotFollowing
                | EventKind::ProviderIncident => {}
            }
        }
        let words: BTreeSet<_> = EventKind::ALL.iter().map(|kind| kind.word()).collect();
        assert_eq!(words.len(), EventKind::ALL.len());
    }

    #[test]
    fn names_are_distinct() {
        let names = fixed();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }
}
