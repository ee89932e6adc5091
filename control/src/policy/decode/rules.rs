//! What every rule has, and the levers that need no file of their own.

use super::super::document::{
    FailsafeAction, FailsafeDocument, Fallback, Globs, GuardAction, Guardrail, Mode,
    OtherTrafficDocument, Percent, RuleDocument, RulePosition, Scan, Upstream, When,
};
use super::super::path::Path;
use super::super::source::{SourceNode, micros, to_json, whole};
use super::words::{action, argument, flag, text, texts};
use crate::base::time;

/// The default replacement of a match.
const REDACTED: &str = "[REDACTED]";

/// Id, selector, mode and place; without an id, the place is the name.
pub(super) fn rule(node: &SourceNode, path: &Path<'_>) -> RuleDocument {
    let place = path.to_string();
    // A rule has the same name wherever its policy is embedded.
    let name = place.strip_prefix("policy.").unwrap_or(&place).to_owned();
    RuleDocument {
        id: text(node, "id").unwrap_or(name),
        when: node.get("when").map(when).unwrap_or_default(),
        mode: node.get("mode").and_then(mode),
        place: RulePosition { path: place, line: node.at.line, column: node.at.column },
    }
}

pub(super) fn mode(node: &SourceNode) -> Option<Mode> {
    match node.text()? {
        "enforce" => Some(Mode::Enforce),
        "shadow" => Some(Mode::Shadow),
        "disabled" => Some(Mode::Disabled),
        _ => None,
    }
}

pub(super) fn when(node: &SourceNode) -> When {
    let mut when = When::default();
    for entry in node.entries() {
        match entry.key.as_str() {
            "percent" => when.percent = percent(&entry.value),
            "until" => when.until = entry.value.text().and_then(|text| time::parse(text).ok()),
            label => when.labels.push((label.to_owned(), globs(&entry.value))),
        }
    }
    when
}

pub(super) fn percent(node: &SourceNode) -> Option<Percent> {
    let share = node.number().or_else(|| node.get("share")?.number())?;
    Some(Percent { share: micros(share)? as f64 / 1_000_000.0, by: text(node, "by") })
}

pub(super) fn globs(node: &SourceNode) -> Globs {
    let mut globs = Globs::default();
    for glob in node.items().iter().filter_map(SourceNode::text) {
        match glob.strip_prefix('!') {
            Some(negated) => globs.negated.push(negated.to_owned()),
            None => globs.plain.push(glob.to_owned()),
        }
    }
    globs
}

pub(super) fn guardrail(node: &SourceNode, path: &Path<'_>) -> Guardrail {
    let mut scan: Vec<Scan> = Vec::new();
    let places = node.get("scan").map(SourceNode::items).unwrap_or_default();
    for place in places.iter().filter_map(place) {
        if !scan.contains(&place) {
            scan.push(place);
        }
    }
    let action = match action(node, "do") {
        ("redact", text) => {
            let text = text.and_then(SourceNode::text).unwrap_or(REDACTED);
            GuardAction::Redact(text.to_owned())
        }
        ("fallback", id) => GuardAction::Fallback(argument(id)),
        ("tag", _) => GuardAction::Tag,
        _ => GuardAction::Block,
    };
    Guardrail {
        rule: rule(node, path),
        scan,
        find: texts(node, "find"),
        action,
        fold: flag(node, "fold"),
    }
}

fn place(node: &SourceNode) -> Option<Scan> {
    Some(match node.text()? {
        "output" => Scan::Output,
        "tool_args" => Scan::ToolArgs,
        "input" => Scan::Input,
        "system" => Scan::System,
        "user" => Scan::User,
        "history" => Scan::History,
        "tool_results" => Scan::ToolResults,
        "last" => Scan::Last,
        "tool_definitions" => Scan::ToolDefinitions,
        _ => return None,
    })
}

pub(super) fn failsafe(node: &SourceNode, path: &Path<'_>) -> FailsafeDocument {
    let upstream = node.get("upstream").map(|node| {
        let status = node.get("status").map(SourceNode::items).unwrap_or_default();
        let status = status.iter().filter_map(SourceNode::number).filter_map(whole);
        Upstream {
            status: status.filter_map(|status| u16::try_from(status).ok()).collect(),
            timeout: flag(node, "timeout"),
        }
    });
    let action = match action(node, "do") {
        ("fallback", id) => FailsafeAction::Fallback(argument(id)),
        _ => FailsafeAction::Block,
    };
    let cuts_running = node.get("running").and_then(SourceNode::text) == Some("cut");
    FailsafeDocument { rule: rule(node, path), upstream, action, cuts_running }
}

pub(super) fn fallback(node: &SourceNode) -> Fallback {
    Fallback {
        text: text(node, "text").unwrap_or_default(),
        json: node.get("json").map(to_json),
        handoff: flag(node, "handoff"),
        ends_as_refusal: text(node, "ends_as").as_deref() == Some("refusal"),
    }
}

pub(super) fn other_traffic(node: &SourceNode) -> OtherTrafficDocument {
    let when = node.get("when").map(when).unwrap_or_default();
    OtherTrafficDocument { when, block: action(node, "do").0 == "block" }
}
