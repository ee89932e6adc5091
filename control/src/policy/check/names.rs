//! Names that must exist, and be unique.

use super::super::document::{FailsafeAction, GuardAction, LabelSource, OverDocument};
use super::super::seen::Seen;
use super::super::suggest::nearest;
use super::checker::Checker;

pub(super) fn check(judge: &mut Checker<'_>) {
    unique_ids(judge);
    disabled_rules(judge);
    fallbacks(judge);
    trusted_headers(judge);
}

fn unique_ids(judge: &mut Checker<'_>) {
    let root = *judge.root;
    let mut seen = Seen::default();
    let rules = judge.document.rules();
    for (number, any) in rules.iter().enumerate() {
        let path = root.key(any.section);
        let path = path.index(any.index);
        let path = path.key("id");
        // Without an id, the name is derived from the place.
        if judge.node(&path).is_none() {
            continue;
        }
        let first = seen.insert(&any.rule.id, number).and_then(|first| rules.get(first));
        if let Some(first) = first {
            let message =
                format_args!("`{}` is the id of `{}` too", any.rule.id, first.rule.place.path);
            judge.error("duplicate-id", &path, message, "an id is unique over all sections");
        }
    }
}

fn disabled_rules(judge: &mut Checker<'_>) {
    let root = *judge.root;
    if judge.document.disable.is_empty() {
        return;
    }
    let mut ids = Seen::default();
    for any in judge.document.rules() {
        ids.insert(&any.rule.id, any.index);
    }
    let section = root.key("disable");
    for (index, disable) in judge.document.disable.iter().enumerate() {
        if !ids.contains(&disable.rule) {
            let message = format_args!("there is no rule `{}`", disable.rule);
            let help = suggestion(&disable.rule, &ids.names(), "rules");
            let path = section.index(index);
            judge.error("unknown-rule", &path.key("rule"), message, &help);
        }
    }
}

fn fallbacks(judge: &mut Checker<'_>) {
    let document = judge.document;
    let root = *judge.root;
    let mut used = Seen::default();
    for (index, rule) in document.guardrails.iter().enumerate() {
        if let GuardAction::Fallback(id) = &rule.action {
            used.insert(id, index);
            known_fallback(judge, "guardrails", index, "do", id);
        }
    }
    for (index, rule) in document.limits.iter().enumerate() {
        if let OverDocument::Fallback(id) = &rule.over {
            used.insert(id, index);
            known_fallback(judge, "limits", index, "over", id);
        }
    }
    for (index, rule) in document.failsafe.iter().enumerate() {
        if let FailsafeAction::Fallback(id) = &rule.action {
            used.insert(id, index);
            known_fallback(judge, "failsafe", index, "do", id);
        }
    }
    let section = root.key("fallbacks");
    for (id, fallback) in document.fallbacks.iter() {
        let path = section.key(id);
        if !used.contains(id) {
            let message = format_args!("no rule uses the fallback `{id}`");
            judge.warn("unused", &path, message, "remove it, or name it in a rule");
        }
        if fallback.text.trim().is_empty() && judge.node(&path.key("text")).is_some() {
            let message = format_args!("a canned answer without words");
            judge.error("empty", &path.key("text"), message, "say what the caller should read");
        }
        if fallback.json.as_ref().is_some_and(|json| json.starts_with(['"', 'n'])) {
            let message = format_args!("the answer's value is expected, not its text");
            judge.error("wrong-type", &path.key("json"), message, "write `json: {key: value}`");
        }
    }
}

fn known_fallback(judge: &mut Checker<'_>, section: &str, index: usize, field: &str, id: &str) {
    // An id that is missing or not a text has been reported already.
    if id.is_empty() || judge.document.fallbacks.contains_key(id) {
        return;
    }
    let known: Vec<&str> = judge.document.fallbacks.keys().map(String::as_str).collect();
    let help = suggestion(id, &known, "fallbacks");
    let root = *judge.root;
    let path = root.key(section);
    let path = path.index(index);
    let path = path.key(field);
    let message = format_args!("there is no fallback `{id}`");
    judge.error("unknown-fallback", &path.key("fallback"), message, &help);
}

/// A trusted header that no label reads is probably misspelled, and the label it was meant for is a mere claim.
fn trusted_headers(judge: &mut Checker<'_>) {
    let document = judge.document;
    let root = *judge.root;
    let section = root.key("trusted_headers");
    let mut read = Seen::default();
    for source in document.labels.values().flatten() {
        if let LabelSource::Header { name, .. } = source.whole() {
            read.insert(name, 0);
        }
    }
    for (index, header) in document.trusted_headers.iter().enumerate() {
        if !read.contains(header) {
            let help = suggestion(header, &read.names(), "headers that labels are read from");
            let message = format_args!("no label is read from `{header}`");
            judge.warn("unused", &section.index(index), message, &help);
        }
    }
}

/// "did you mean …?", or the names that exist.
pub(super) fn suggestion(word: &str, known: &[&str], what: &str) -> String {
    const SHOWN: usize = 8;
    if let Some(near) = nearest(word, known) {
        return format!("did you mean `{near}`?");
    }
    let mut help = String::new();
    for name in known.iter().take(SHOWN) {
        help.push_str(if help.is_empty() { "" } else { ", " });
        help.push_str(&format!("`{name}`"));
    }
    if help.is_empty() {
        format!("the policy has no {what}")
    } else {
        format!("the {what}: {help}")
    }
}
