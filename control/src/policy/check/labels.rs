//! Labels: those that selectors name must exist, and some must not rest on the caller's claim alone.

use super::super::document::{LabelSource, Mode, ValuePart, When};
use super::super::language::BUILT_IN_LABELS;
use super::super::path::Path;
use super::super::suggest::nearest;
use super::checker::Checker;
use super::names::suggestion;
use crate::dialect::DialectId;
use crate::search::Extract;

/// The labels by which `other_traffic` can be selected: it has no body that could be read.
const LANES: &[&str] = &["host", "path", "method"];

pub(super) fn check(judge: &mut Checker<'_>) {
    definitions(judge);
    let root = *judge.root;
    for any in judge.document.rules() {
        let path = root.key(any.section);
        let path = path.index(any.index);
        selector(judge, &any.rule.when, &path.key("when"));
    }
    for (index, limit) in judge.document.limits.iter().enumerate() {
        let path = root.key("limits");
        let path = path.index(index);
        let path = path.key("per");
        for (number, label) in limit.per.iter().enumerate() {
            known(judge, label, &path.index(number));
        }
    }
    lanes(judge);
    claims(judge);
}

fn definitions(judge: &mut Checker<'_>) {
    let root = *judge.root;
    let section = root.key("labels");
    let document = judge.document;
    for (label, sources) in document.labels.iter() {
        for (number, source) in sources.iter().enumerate() {
            let LabelSource::Part { part: ValuePart { pattern: Some(pattern), .. }, .. } = source
            else {
                continue;
            };
            if let Err(bad) = Extract::parse(pattern) {
                let path = section.key(label);
                let path = path.index(number);
                let help = bad.help.as_deref().unwrap_or("write one pattern with one group");
                judge.error(
                    "bad-pattern",
                    &path.key("match"),
                    format_args!("{}", bad.message),
                    help,
                );
            }
        }
        if BUILT_IN_LABELS.contains(&label.as_str()) {
            let message = format_args!("the label `{label}` always exists");
            judge.error("bad-label", &section.key(label), message, "choose another name");
        }
        if matches!(label.as_str(), "percent" | "until") {
            let message = format_args!("`{label}` has a meaning of its own in `when`");
            judge.error("bad-label", &section.key(label), message, "choose another name");
        }
    }
}

pub(super) fn selector(judge: &mut Checker<'_>, when: &When, path: &Path<'_>) {
    for (label, globs) in &when.labels {
        let path = path.key(label);
        known(judge, label, &path);
        for glob in globs.plain.iter().chain(&globs.negated) {
            value(judge, label, glob, &path);
        }
    }
    let Some(percent) = &when.percent else { return };
    let path = path.key("percent");
    if let Some(by) = &percent.by {
        known(judge, by, &path.key("by"));
    }
    if percent.share == 0.0 {
        let message = format_args!("a share of 0 holds for nobody");
        judge.warn("never-holds", &path, message, "write `mode: disabled` instead");
    }
}

fn known(judge: &mut Checker<'_>, label: &str, path: &Path<'_>) {
    let labels = &judge.document.labels;
    if BUILT_IN_LABELS.contains(&label) || labels.contains_key(label) {
        return;
    }
    // Reported with the shape, naming the lever or field that is meant.
    if super::super::language::redirect("`when`", label).is_some() {
        return;
    }
    let mut all: Vec<&str> = labels.keys().map(String::as_str).collect();
    all.extend(BUILT_IN_LABELS);
    let mut help = suggestion(label, &all, "labels");
    if !help.starts_with("did") {
        help.push_str(&format!("; define it: `labels: {{{label}: [{{header: x-{label}}}]}}`"));
    }
    judge.error_at_key("unknown-label", path, format_args!("there is no label `{label}`"), &help);
}

/// Values that a built-in label never has.
fn value(judge: &mut Checker<'_>, label: &str, glob: &str, path: &Path<'_>) {
    if super::globs::check(judge, label, glob, path) || glob.contains(['*', '?']) {
        return;
    }
    match label {
        "dialect" if !DialectId::names().contains(&glob) => {
            let dialects = DialectId::names();
            let help = match nearest(glob, &dialects) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the dialects: `{}`", dialects.join("`, `")),
            };
            judge.error("unknown-word", path, format_args!("there is no dialect `{glob}`"), &help);
        }
        "method" if glob.bytes().any(|byte| byte.is_ascii_lowercase()) => {
            let message = format_args!("`{glob}` never matches: methods are upper case");
            let help = format!("write `{}`", glob.to_ascii_uppercase());
            judge.warn("never-holds", path, message, &help);
        }
        "path" if !glob.is_empty() && !glob.starts_with('/') => {
            let message = format_args!("`{glob}` never matches: paths begin with `/`");
            judge.warn("never-holds", path, message, &format!("write `/{glob}`"));
        }
        "host" if glob.contains('/') => {
            let message = format_args!("`{glob}` never matches: a host has no scheme and no path");
            judge.warn("never-holds", path, message, "write `api.example.com`");
        }
        _ => {}
    }
}

fn lanes(judge: &mut Checker<'_>) {
    let root = *judge.root;
    let section = root.key("other_traffic");
    let mut all = false;
    for (index, lane) in judge.document.other_traffic.iter().enumerate() {
        let path = section.index(index);
        if all {
            let message = format_args!("never reached: an entry before it holds for all");
            judge.warn("unreachable", &path, message, "the first match wins; order the entries");
        }
        let path = path.key("when");
        all = all || lane.when.labels.is_empty();
        for (label, globs) in &lane.when.labels {
            let path = path.key(label);
            if LANES.contains(&label.as_str()) {
                for glob in globs.plain.iter().chain(&globs.negated) {
                    value(judge, label, glob, &path);
                }
                continue;
            }
            let message = format_args!("`{label}` cannot select other traffic");
            judge.error_at_key("bad-label", &path, message, "it takes `host`, `path` and `method`");
        }
        for (key, there) in
            [("percent", lane.when.percent.is_some()), ("until", lane.when.until.is_some())]
        {
            if there {
                let message = format_args!("`{key}` cannot select other traffic");
                judge.error(
                    "bad-label",
                    &path.key(key),
                    message,
                    "it takes `host`, `path` and `method`",
                );
            }
        }
    }
}

/// Warns if an account, a tools rule or a kill rule rests on what the caller claims about itself.
fn claims(judge: &mut Checker<'_>) {
    let document = judge.document;
    let root = *judge.root;
    let enforced = |mode: Option<Mode>| mode.unwrap_or(document.mode) == Mode::Enforce;
    let kills = document.failsafe.iter().enumerate();
    for (index, rule) in kills.filter(|(_, rule)| rule.upstream.is_none()) {
        if enforced(rule.rule.mode) {
            claimed(judge, &rule.rule.when, "failsafe", index, "is not stopped");
        }
    }
    for (index, rule) in document.tools.iter().enumerate() {
        if enforced(rule.rule.mode) {
            claimed(judge, &rule.rule.when, "tools", index, "is not held to the rule");
        }
    }
    let section = root.key("limits");
    for (index, limit) in document.limits.iter().enumerate() {
        let own: Vec<&String> = limit.per.iter().filter(|label| !built_in(label)).collect();
        let defined = own.iter().all(|label| document.labels.contains_key(*label));
        if !own.is_empty() && defined && own.iter().all(|label| !trusted(judge, label)) {
            let path = section.index(index);
            let message = format_args!(
                "the account rests on what callers say of themselves: {}",
                names(&own)
            );
            judge.warn("claimed", &path.key("per"), message, TRUST);
        }
    }
}

const TRUST: &str = "read the label from a host `property`, or list its header in `trusted_headers` if the proxy sets it";

fn claimed(judge: &mut Checker<'_>, when: &When, section: &str, index: usize, escapes: &str) {
    let own: Vec<&String> =
        when.labels.iter().map(|(label, _)| label).filter(|label| !built_in(label)).collect();
    let defined = own.iter().all(|label| judge.document.labels.contains_key(*label));
    if own.is_empty() || !defined || own.iter().any(|label| trusted(judge, label)) {
        return;
    }
    let message = format_args!(
        "a caller that says otherwise of itself {escapes}: {} is its own claim",
        names(&own)
    );
    let root = *judge.root;
    let path = root.key(section);
    let path = path.index(index);
    judge.warn("claimed", &path.key("when"), message, TRUST);
}

fn names(labels: &[&String]) -> String {
    labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ")
}

fn built_in(label: &str) -> bool {
    BUILT_IN_LABELS.contains(&label)
}

/// True if the label has at least one source that the caller cannot write.
fn trusted(judge: &Checker<'_>, label: &str) -> bool {
    let sources = judge.document.labels.get(label).map(Vec::as_slice).unwrap_or_default();
    sources.iter().any(|source| match source.whole() {
        LabelSource::Header { name, .. } => judge.document.trusted_headers.contains(name),
        LabelSource::Property { .. } => true,
        LabelSource::Json { .. } | LabelSource::Part { .. } => false,
    })
}
