//! Phrases that all levers share: the rule's selector, its name, the answer it gives.

use super::super::document::{Document, Globs, Mode, Percent, RuleDocument, When};
use crate::base::time;

pub(super) fn rule_line(document: &Document, rule: &RuleDocument, what: &str) -> String {
    let mode = match rule.mode_under(document.mode) {
        Mode::Enforce => "",
        Mode::Shadow => " [shadow: only counted]",
        Mode::Disabled => " [disabled]",
    };
    let until = match rule.when.until {
        Some(until) => format!(", until {}", time::format(until)),
        None => String::new(),
    };
    format!("{}{mode}: {what}{until}", rule.id)
}

pub(super) fn whom(when: &When, one: &str, every: &str) -> String {
    if when.labels.is_empty() && when.percent.is_none() {
        return every.to_owned();
    }
    let labels: Vec<String> =
        when.labels.iter().map(|(label, globs)| condition(label, globs)).collect();
    let mut out = one.to_owned();
    if !labels.is_empty() {
        out.push_str(&format!(" with {}", labels.join(" and ")));
    }
    match &when.percent {
        Some(Percent { share, by: Some(by) }) => {
            out.push_str(&format!(" for {share} % of {by} values"))
        }
        Some(Percent { share, by: None }) => out.push_str(&format!(" for {share} % of traffic")),
        None => {}
    }
    out
}

pub(super) fn condition(label: &str, globs: &Globs) -> String {
    let quoted = |globs: &[String]| {
        globs.iter().map(|glob| format!("`{glob}`")).collect::<Vec<_>>().join(" or ")
    };
    match (globs.plain.is_empty(), globs.negated.is_empty()) {
        (false, true) => format!("{label} {}", quoted(&globs.plain)),
        (true, false) => format!("{label} not {}", quoted(&globs.negated)),
        (true, true) => format!("any {label}"),
        (false, false) => {
            format!("{label} {} but not {}", quoted(&globs.plain), quoted(&globs.negated))
        }
    }
}

/// The canned answer, abbreviated.
pub(super) fn fallback(document: &Document, id: &str) -> String {
    const SHOWN: usize = 60;
    let Some(fallback) = document.fallbacks.get(id) else { return format!("fallback `{id}`") };
    let mut text: String = fallback.text.chars().take(SHOWN).collect();
    if fallback.text.chars().nth(SHOWN).is_some() {
        text.push('…');
    }
    let handoff = if fallback.handoff { ", handed to a human" } else { "" };
    let ends = if fallback.ends_as_refusal { ", as a refusal" } else { "" };
    format!("fallback `{id}` (\"{}\"{handoff}{ends})", text)
}
