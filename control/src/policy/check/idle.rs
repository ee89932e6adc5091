//! Rules that are valid and do nothing, or act on nearly everything: hints for those who write a policy. The module
//! that a proxy loads does without.

use super::super::document::Guardrail;
use super::super::path::Path;
use super::super::sections::{NAMED, RULES};
use super::super::source::SourceValue;
use super::checker::Checker;
use crate::search::Pattern;

/// A pattern whose shortest match has fewer bytes than this hits ordinary prose in nearly every text. One Chinese
/// character has three, and may be a word.
const SHORT: usize = 3;

/// `guardrails: []` looks like a policy that guards.
pub(super) fn sections(judge: &mut Checker<'_>) {
    let root = *judge.root;
    for section in RULES.iter().chain(NAMED) {
        let path = root.key(section);
        let Some(node) = judge.node(&path) else { continue };
        let nothing = match &node.value {
            SourceValue::Seq(items) => items.is_empty(),
            SourceValue::Map(entries) => entries.is_empty(),
            _ => false,
        };
        if nothing {
            let message = format_args!("`{section}` is empty: it does nothing");
            judge.warn("does-nothing", &path, message, "fill it in, or remove it");
        }
    }
}

/// A pattern that hits nearly every text.
pub(super) fn short_pattern(
    judge: &mut Checker<'_>,
    rule: &Guardrail,
    source: &str,
    path: &Path<'_>,
) {
    let Ok(patterns) = Pattern::parse(source, rule.fold) else { return };
    // `\bAI\b` is a word.
    let words = |pattern: &Pattern| pattern.asks_for_a_boundary() && pattern.shortest() > 1;
    let Some(least) = patterns.iter().filter(|one| !words(one)).map(Pattern::shortest).min() else {
        return;
    };
    if least >= SHORT {
        return;
    }
    let characters = if least == 1 { "one character" } else { "two characters" };
    let message = format_args!(
        "`{source}` matches {characters}: it will hit nearly every text of any length"
    );
    let help = "write more of what is looked for, or `\\b` around a short word; \
                `hemostat replay` shows what it hits";
    judge.warn("short-pattern", path, message, help);
}
