//! Tools rules that can never act.

use super::super::document::{Mode, ToolRuleDocument};
use super::checker::Checker;

pub(super) fn check(judge: &mut Checker<'_>) {
    let document = judge.document;
    let root = *judge.root;
    let section = root.key("tools");
    let mut covering: Option<&ToolRuleDocument> = None;
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
        let is_digest = |pin: &String| {
            let hex = pin.strip_prefix("sha256:").unwrap_or_default();
            hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        if rule.pin.as_ref().is_some_and(|pin| !is_digest(pin)) {
            let path = section.index(index);
            let message = format_args!("a pin is `sha256:` and 64 hex digits in lower case");
            let help = "of the RFC 8785 form of {description, name, schema} (docs/tools.md)";
            judge.error("bad-pin", &path.key("pin"), message, help);
        }
        let when = &rule.rule.when;
        let open = when.labels.is_empty() && when.percent.is_none() && when.until.is_none();
        let every =
            rule.tools.negated.is_empty() && rule.tools.plain.iter().any(|glob| glob == "*");
        let enforced = rule.rule.mode_under(document.mode) == Mode::Enforce;
        if open && every && enforced && rule.when_args.is_empty() && rule.pin.is_none() {
            covering = covering.or(Some(rule));
        }
    }
}
