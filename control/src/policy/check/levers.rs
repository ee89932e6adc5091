//! Rules that can never act, or that act on more than was intended.

use super::super::document::{FailsafeDocument, Mode, Scan, When};
use super::checker::Checker;

pub(super) fn check(judge: &mut Checker<'_>) {
    upstream(judge);
    order(judge);
    everybody(judge);
    scan(judge);
}

fn upstream(judge: &mut Checker<'_>) {
    let root = *judge.root;
    let section = root.key("failsafe");
    for (index, rule) in judge.document.failsafe.iter().enumerate() {
        let Some(upstream) = &rule.upstream else { continue };
        let path = section.index(index);
        if rule.cuts_running {
            let message = format_args!("a rule with `upstream` is judged when an answer begins");
            let help = "remove `running`, or `upstream`";
            judge.error("unused", &path.key("running"), message, help);
        }
        let path = path.key("upstream");
        let written = judge.node(&path.key("status")).map_or(0, |node| node.items().len());
        if written == 0 && !upstream.timeout {
            let message = format_args!("`upstream` names nothing: the rule can never act");
            let help = "name `status: [500, 502, 503, 504]`, `timeout: true`, or both";
            judge.error("empty", &path, message, help);
        }
        if let Some(good) = upstream.status.iter().find(|status| **status < 400) {
            let message = format_args!("`{good}` is not a failure: good answers would be replaced");
            judge.warn("odd-status", &path.key("status"), message, "failures are 400 to 599");
        }
    }
}

pub(super) fn is_open(when: &When) -> bool {
    when.labels.is_empty() && when.percent.is_none() && when.until.is_none()
}

/// In `failsafe` the first match wins.
fn order(judge: &mut Checker<'_>) {
    let document = judge.document;
    let root = *judge.root;
    let section = root.key("failsafe");
    let takes_all = |rule: &FailsafeDocument| {
        is_open(&rule.rule.when) && rule.rule.mode_under(document.mode) == Mode::Enforce
    };
    let mut before: Option<&FailsafeDocument> = None;
    let mut after: Vec<&FailsafeDocument> = Vec::new();
    for (index, rule) in document.failsafe.iter().enumerate() {
        let covering = match &rule.upstream {
            None => before,
            Some(upstream) => after.iter().copied().find(|earlier| {
                earlier.upstream.as_ref().is_some_and(|earlier| {
                    upstream.status.iter().all(|status| earlier.status.contains(status))
                        && (earlier.timeout || !upstream.timeout)
                })
            }),
        };
        if let Some(earlier) = covering {
            let message =
                format_args!("never reached: `{}` before it holds for all", earlier.rule.id);
            judge.warn(
                "unreachable",
                &section.index(index),
                message,
                "the first match wins; order the rules",
            );
        }
        match &rule.upstream {
            None if before.is_none() && takes_all(rule) => before = Some(rule),
            // Comparing with a few rules that match everything is enough.
            Some(_) if after.len() < 16 && takes_all(rule) => after.push(rule),
            _ => {}
        }
    }
}

/// A kill rule without a selector stops everyone.
fn everybody(judge: &mut Checker<'_>) {
    let document = judge.document;
    let root = *judge.root;
    let section = root.key("failsafe");
    for (index, rule) in document.failsafe.iter().enumerate() {
        let enforced = rule.rule.mode_under(document.mode) == Mode::Enforce;
        if rule.upstream.is_none() && enforced && is_open(&rule.rule.when) {
            let message =
                format_args!("`{}` stops every generating call of everybody", rule.rule.id);
            let help = "narrow it with `when`; for answers that failed, add `upstream`";
            judge.warn("stops-all", &section.index(index), message, help);
        }
    }
}

fn scan(judge: &mut Checker<'_>) {
    let root = *judge.root;
    let section = root.key("guardrails");
    for (index, rule) in judge.document.guardrails.iter().enumerate() {
        let part = |scan: &&Scan| {
            use Scan::{Input, Output, ToolArgs, ToolDefinitions};
            !matches!(scan, Input | Output | ToolArgs | ToolDefinitions)
        };
        if rule.scan.contains(&Scan::Input) && rule.scan.iter().any(|scan| part(&scan)) {
            let path = section.index(index);
            let message = format_args!("`input` holds all its parts");
            judge.warn("redundant", &path.key("scan"), message, "name `input`, or its parts");
        }
    }
}
