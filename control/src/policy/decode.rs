//! Tree → [`Document`]. [`super::shape`] has reported what is wrong; here everything readable is read and the rest left
//! out, so that one mistake does not hide the next.

mod capture;
mod levers;
mod rules;
mod words;

pub(super) use words::{span, texts, window};

use super::document::{
    Disable, Document, LabelSource, OnCut, OnHoldLimit, OnUnreadable, RuleSeverity, Show,
    UnknownLanes, Unpriced, ValuePart,
};
use super::path::Path;
use super::shape::pointer;
use super::source::{SourceNode, whole};
use crate::base::time;
use words::{section, text};

/// The policy at `path`.
pub(super) fn policy(tree: &SourceNode, path: &Path<'_>) -> Document {
    let mut document = Document {
        version: text(tree, "version"),
        reason: text(tree, "reason"),
        severity: tree.get("severity").and_then(severity),
        mode: tree.get("mode").and_then(rules::mode).unwrap_or_default(),
        show: tree.get("show").map(show).unwrap_or_default(),
        on_hold_limit: tree.get("on_hold_limit").map(on_hold_limit).unwrap_or_default(),
        on_cut: tree.get("on_cut").map(on_cut).unwrap_or_default(),
        on_unreadable: tree.get("on_unreadable").and_then(on_unreadable),
        unknown_lanes: tree.get("unknown_lanes").map(unknown_lanes).unwrap_or_default(),
        default_max_output_tokens: words::number(tree, "default_max_output_tokens", whole),
        cap_output: words::flag(tree, "cap_output"),
        unpriced: tree.get("unpriced").map(unpriced).unwrap_or_default(),
        capture: tree.get("capture").map(|node| capture::capture(node, path)).unwrap_or_default(),
        notify: tree.get("notify").and_then(levers::notify),
        ..Document::default()
    };
    for entry in section(tree, "labels").entries() {
        let sources = entry.value.items().iter().filter_map(source).collect();
        document.labels.insert(entry.key.clone(), sources);
    }
    document.trusted_headers = texts(tree, "trusted_headers");
    document.trusted_headers.iter_mut().for_each(|header| header.make_ascii_lowercase());
    for entry in section(tree, "prices").entries() {
        document.prices.push((entry.key.clone(), levers::price(&entry.value)));
    }
    for entry in section(tree, "fallbacks").entries() {
        document.fallbacks.insert(entry.key.clone(), rules::fallback(&entry.value));
    }
    document.disable = section(tree, "disable").items().iter().filter_map(disable).collect();
    document.other_traffic =
        section(tree, "other_traffic").items().iter().map(rules::other_traffic).collect();
    document.rollback = each(tree, "rollback", path, levers::rollback);
    document.switch = each(tree, "switch", path, levers::switch);
    document.guardrails = each(tree, "guardrails", path, rules::guardrail);
    document.tools = each(tree, "tools", path, levers::tool_rule);
    document.limits = each(tree, "limits", path, levers::limit);
    document.failsafe = each(tree, "failsafe", path, rules::failsafe);
    document
}

/// The rules of a section, each with its path.
fn each<T>(
    tree: &SourceNode,
    name: &'static str,
    path: &Path<'_>,
    read: fn(&SourceNode, &Path<'_>) -> T,
) -> Vec<T> {
    let items = section(tree, name).items().iter().enumerate();
    items.map(|(index, node)| read(node, &path.key(name).index(index))).collect()
}

fn source(node: &SourceNode) -> Option<LabelSource> {
    let whole = whole_source(node)?;
    let json_text = words::flag(node, "json_text");
    let part = ValuePart {
        json_text,
        pointer: match &whole {
            LabelSource::Json { .. } => Vec::new(),
            _ => text(node, "json").and_then(|at| pointer(&at).ok()).unwrap_or_default(),
        },
        pattern: text(node, "match"),
    };
    Some(match part == ValuePart::default() {
        true => whole,
        false => LabelSource::Part { of: Box::new(whole), part },
    })
}

fn whole_source(node: &SourceNode) -> Option<LabelSource> {
    let digest = words::flag(node, "digest");
    if let Some(name) = text(node, "header") {
        return Some(LabelSource::Header { name: name.to_ascii_lowercase(), digest });
    }
    if node.get("property").is_some() {
        return Some(LabelSource::Property { path: texts(node, "property"), digest });
    }
    let written = text(node, "json")?;
    Some(LabelSource::Json { pointer: pointer(&written).ok()?, digest })
}

fn disable(node: &SourceNode) -> Option<Disable> {
    let until = time::parse(node.get("until")?.text()?).ok()?;
    Some(Disable { rule: text(node, "rule")?, until })
}

fn severity(node: &SourceNode) -> Option<RuleSeverity> {
    match node.text()? {
        "sev1" => Some(RuleSeverity::Sev1),
        "sev2" => Some(RuleSeverity::Sev2),
        "sev3" => Some(RuleSeverity::Sev3),
        _ => None,
    }
}

fn show(node: &SourceNode) -> Show {
    match node.text() {
        Some("decision") => Show::Decision,
        Some("none") => Show::None,
        _ => Show::Full,
    }
}

fn on_hold_limit(node: &SourceNode) -> OnHoldLimit {
    match node.text() {
        Some("release") => OnHoldLimit::Release,
        _ => OnHoldLimit::Block,
    }
}

fn on_cut(node: &SourceNode) -> OnCut {
    match node.text() {
        Some("cancel") => OnCut::Cancel,
        _ => OnCut::Drain,
    }
}

fn on_unreadable(node: &SourceNode) -> Option<OnUnreadable> {
    match node.text()? {
        "pass" => Some(OnUnreadable::Pass),
        "block" => Some(OnUnreadable::Block),
        _ => None,
    }
}

fn unknown_lanes(node: &SourceNode) -> UnknownLanes {
    match node.text() {
        Some("block") => UnknownLanes::Block,
        _ => UnknownLanes::Pass,
    }
}

fn unpriced(node: &SourceNode) -> Unpriced {
    match node.text() {
        Some("count_zero") => Unpriced::CountZero,
        _ => Unpriced::Reject,
    }
}
