//! What is captured, and where it is sent.

use super::super::document::{CaptureRule, CapturedTexts, GuardAction, Scan};
use super::super::path::Path;
use super::super::source::{SourceNode, SourceValue};
use super::change::{header_value, protected};
use super::checker::Checker;
use super::labels::selector;

/// Headers that the filter itself writes.
const OWN: &[&str] = &["content-type", "user-agent", "traceparent", "tracestate"];

pub(super) fn check(judge: &mut Checker<'_>) {
    let section = judge.root.key("capture");
    words_alone(judge, &section);
    let rules = &judge.document.capture.rules;
    let is_list =
        judge.node(&section).is_some_and(|node| matches!(node.value, SourceValue::Seq(_)));
    // The list may mix words and maps: a rule's index in it is part of the path that it was read at.
    let places = judge.node(&section).map(SourceNode::items).unwrap_or_default().iter().enumerate();
    let places = places.filter(|(_, item)| matches!(item.value, SourceValue::Map(_)));
    let places: Vec<usize> = places.map(|(at, _)| at).collect();
    for (number, rule) in rules.iter().enumerate() {
        match places.get(number).filter(|_| is_list) {
            Some(at) => one(judge, rule, &section.index(*at)),
            None => one(judge, rule, &section),
        }
    }
}

fn one(judge: &mut Checker<'_>, rule: &CaptureRule, path: &Path<'_>) {
    let when = path.key("when");
    selector(judge, &rule.rule.when, &when);
    let in_when = judge.node(&when).is_some_and(|node| node.get("percent").is_some());
    let share = path.key("share");
    if in_when && judge.node(&share).is_some() {
        let message = format_args!("a share is said twice");
        judge.error("conflict", &share, message, "remove `percent` from `when`");
    }
    let to = path.key("to");
    if !rule.to.path.starts_with('/') {
        let message = format_args!("`{}` is not a path", rule.to.path);
        judge.error("bad-path", &to.key("path"), message, "it begins with `/`");
    }
    for (name, text) in [("cluster", &rule.to.cluster), ("authority", &rule.to.authority)] {
        let path = to.key(name);
        if text.is_empty() && judge.node(&path).is_some() {
            let message = format_args!("spans go nowhere: `{name}` is empty");
            judge.error("empty", &path, message, "name it");
        }
    }
    let headers = to.key("headers");
    for (name, value) in &rule.to.headers {
        let path = headers.key(name);
        let why = match OWN.contains(&name.as_str()) || name.starts_with("x-hemostat-") {
            true => Some("is the filter's own"),
            false => protected(judge.document, name),
        };
        if let Some(why) = why {
            let help = "a policy is shown to people: let the cluster's own proxy or collector add what is secret";
            judge.error_at_key("bad-header", &path, format_args!("`{name}` {why}"), help);
        }
        header_value(judge, value, &path);
    }
    unredacted(judge, rule, path);
}

/// Prompts that no redaction covers are stored as they are: that should be a deliberate choice.
fn unredacted(judge: &mut Checker<'_>, rule: &CaptureRule, path: &Path<'_>) {
    let redacts = |place: fn(&Scan) -> bool| {
        judge.document.guardrails.iter().any(|guard| {
            matches!(guard.action, GuardAction::Redact(_)) && guard.scan.iter().any(place)
        })
    };
    let bare = [
        (
            CapturedTexts::Input,
            "input",
            redacts(|scan| !matches!(scan, Scan::Output | Scan::ToolArgs)),
        ),
        (CapturedTexts::Output, "output", redacts(|scan| *scan == Scan::Output)),
        (CapturedTexts::ToolArgs, "tool_args", redacts(|scan| *scan == Scan::ToolArgs)),
    ];
    for (what, word, redacted) in bare {
        if rule.what.contains(&what) && !redacted {
            let message = format_args!("`{word}` is captured, and no guardrail redacts it");
            let help = "add a guardrail such as `{scan: [input, output, tool_args], find: [\"pack:secrets\", \"pack:pii\"], do: redact}`";
            judge.warn("captured-bare", &path.key("what"), message, help);
        }
    }
}

/// `[input]` alone says what is captured, but not where it is sent.
fn words_alone(judge: &mut Checker<'_>, section: &Path<'_>) {
    let Some(node) = judge.node(section) else { return };
    for item in node.items() {
        if let Some(word @ ("input" | "output")) = item.text() {
            let message =
                format_args!("`{word}` alone goes nowhere: it is kept in traces, not here");
            let help = "write `{what: [input, output], to: {cluster: …, authority: …}}`";
            return judge.error("goes-nowhere", section, message, help);
        }
    }
}
