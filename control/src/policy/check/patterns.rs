//! Patterns of guardrails.

use super::super::document::Guardrail;
use super::super::path::Path;
use super::super::seen::Seen;
use super::super::source::SourceNode;
use super::super::suggest::nearest;
use super::checker::Checker;
use crate::search::Pattern;

/// Names of packs, for those who forget `pack:`.
const PACKS: &[&str] = &["secrets", "pii", "prompt-injection"];

pub(super) fn check(judge: &mut Checker<'_>) {
    let document = judge.document;
    let root = *judge.root;
    let section = root.key("guardrails");
    for (index, rule) in document.guardrails.iter().enumerate() {
        let path = section.index(index);
        let path = path.key("find");
        let mut seen = Seen::default();
        // The document leaves out what is not text; the tree has the writer's numbering.
        let items = judge.node(&path).map(SourceNode::items).unwrap_or_default();
        for (number, item) in items.iter().enumerate() {
            let Some(source) = item.text() else { continue };
            let path = path.index(number);
            pattern(judge, rule, source, &path);
            #[cfg(feature = "yaml")]
            if !source.starts_with("pack:") {
                super::idle::short_pattern(judge, rule, source, &path);
            }
            if seen.insert(source, number).is_some() {
                let message = format_args!("`{source}` stands here twice");
                judge.warn("redundant", &path, message, "keep one of them");
            }
        }
    }
}

fn pattern(judge: &mut Checker<'_>, rule: &Guardrail, source: &str, path: &Path<'_>) {
    if source.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r')) {
        let message = format_args!("a control character in a pattern");
        let help = "in double quotes `\\b` is a backspace: write the pattern in single quotes";
        return judge.error("bad-pattern", path, message, help);
    }
    match Pattern::parse(source, rule.fold) {
        Err(bad) => {
            let message = match bad.offset.and_then(|offset| source.get(..offset)) {
                Some(before) => {
                    format!("{} (at character {})", bad.message, before.chars().count() + 1)
                }
                None => bad.message,
            };
            let pack = source.strip_prefix("pack:").and_then(|pack| nearest(pack, PACKS));
            let help = match pack {
                Some(pack) => format!("did you mean `pack:{pack}`?"),
                None => bad
                    .help
                    .unwrap_or_else(|| "a pattern has the syntax of Rust's `regex`".to_owned()),
            };
            judge.error("bad-pattern", path, format_args!("{message}"), &help);
        }
        Ok(patterns) if patterns.iter().any(Pattern::unbounded) => {
            let message =
                format_args!("`{source}` can hold text without bound while it may still match");
            let help =
                "bound its repetitions (`.{0,200}`); held text is given up at `on_hold_limit`";
            judge.warn("unbounded-pattern", path, message, help);
        }
        Ok(_) => slips(judge, source, path),
    }
}

/// Patterns that are valid but probably mistakes.
fn slips(judge: &mut Checker<'_>, source: &str, path: &Path<'_>) {
    if PACKS.contains(&source) {
        let message = format_args!("`{source}` finds the word `{source}`");
        judge.warn("slip", path, message, &format!("did you mean `pack:{source}`?"));
    }
    let delimited = source.strip_prefix('/').and_then(|rest| rest.rsplit_once('/'));
    if delimited.is_some_and(|(inner, flags)| {
        !inner.is_empty() && !inner.contains('/') && matches!(flags, "" | "i" | "g" | "gi" | "ig")
    }) {
        let message = format_args!("the slashes are part of the pattern `{source}`");
        judge.warn(
            "slip",
            path,
            message,
            "write it without slashes, and `(?i)` before it for any case",
        );
    }
}
