//! Tools rules that can never act.

use super::super::document::{Mode, ToolRule};
use super::Judge;

pub(super) fn check(judge: &mut Judge<'_>) {
    let document = judge.document;
    let root = *judge.root;
    let section = root.key("tools");
    let mut covering: Option<&ToolRule> = None;
    for (index, rule) in document.tools.iter().enumerate() {
        if let Some(earlier) = covering {
            let before = &earlier.rule.id;
            let message = format_args!("never reached: `{before}` before it is about every call");
            let path = section.index(index);
            judge.warn("unreachable", &path, message, "the first match wins; order the rules");
        }
        let path = section.index(index);
        let path = path.key("match");
        for glob in rule.tools.plain.iter().chain(&rule.tools.negated) {
            super::globs::check(judge, "tool", glob, &path);
        }
        let when = &rule.rule.when;
        let open = when.labels.is_empty() && when.percent.is_none() && when.until.is_none();
        let every =
            rule.tools.negated.is_empty() && rule.tools.plain.iter().any(|glob| glob == "*");
        let enforced = rule.rule.mode_under(document.mode) == Mode::Enforce;
        if open && every && enforced && rule.when_args.is_empty() {
            covering = covering.or(Some(rule));
        }
    }
}
