//! `capture`: `true`, words, a map, or a list of words and maps.

use super::super::document::{CaptureDocument, CaptureRule, CaptureTo, CapturedTexts, Mode};
use super::super::path::Path;
use super::super::source::{SourceNode, SourceValue, whole};
use super::rules;
use super::words::{number, section, text};

/// The path at which receivers of spans listen, according to the OTLP specification.
const PATH: &str = "/v1/traces";

pub(super) fn capture(node: &SourceNode, path: &Path<'_>) -> CaptureDocument {
    let path = path.key("capture");
    let mut capture = CaptureDocument { approvals: node.bool() == Some(true), rules: Vec::new() };
    match &node.value {
        SourceValue::Map(_) => capture.rules.push(rule(node, &path)),
        SourceValue::Seq(items) => {
            for (index, item) in items.iter().enumerate() {
                match item.value {
                    SourceValue::Map(_) => capture.rules.push(rule(item, &path.index(index))),
                    _ => capture.approvals |= word(item) == Some(CapturedTexts::ToolArgs),
                }
            }
        }
        _ => capture.approvals |= word(node) == Some(CapturedTexts::ToolArgs),
    }
    capture
}

fn word(node: &SourceNode) -> Option<CapturedTexts> {
    match node.text()? {
        "input" => Some(CapturedTexts::Input),
        "output" => Some(CapturedTexts::Output),
        "tool_args" => Some(CapturedTexts::ToolArgs),
        _ => None,
    }
}

fn rule(node: &SourceNode, path: &Path<'_>) -> CaptureRule {
    let mut rule = rules::rule(node, path);
    // It changes nothing, so a policy in shadow captures too.
    rule.mode = Some(Mode::Enforce);
    if let Some(share) = node.get("share") {
        rule.when.percent = rules::percent(share);
    }
    let to = section(node, "to");
    let headers = section(to, "headers")
        .entries()
        .iter()
        .filter_map(|entry| Some((entry.key.to_ascii_lowercase(), entry.value.text()?.to_owned())));
    CaptureRule {
        rule,
        what: section(node, "what").items().iter().filter_map(word).collect(),
        max_bytes: number(node, "max_bytes", whole),
        to: CaptureTo {
            cluster: text(to, "cluster").unwrap_or_default(),
            path: text(to, "path").unwrap_or_else(|| PATH.to_owned()),
            authority: text(to, "authority").unwrap_or_default(),
            headers: headers.collect(),
        },
    }
}
