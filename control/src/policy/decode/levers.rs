//! Levers 1, 2, 4 and 5.

use super::super::document::{
    Above, Amount, Argument, GlobalApi, GlobalDocument, LimitAllowance, LimitDocument, Notify,
    OnSilence, OverDocument, Price, Rollback, RollbackSet, Scalar, Switch, ToolAction,
    ToolRuleDocument,
};
use super::super::path::Path;
use super::super::shape::pointer;
use super::super::source::{SourceNode, SourceValue, micros, real, to_json, whole};
use super::rules::{globs, rule};
use super::words::{action, argument, flag, number, span, text, texts, window};

/// How often settled usage is reported by default (POLICY "Limits").
const SYNC_EVERY_MS: u64 = 500;

pub(super) fn price(node: &SourceNode) -> Price {
    let sum = |name: &str| number(node, name, micros);
    let surcharge = node.get("surcharge").map(SourceNode::entries).unwrap_or_default();
    let surcharge = surcharge.iter().filter_map(|entry| {
        let value = micros(entry.value.number()?)?;
        Some((entry.key.clone(), value))
    });
    Price {
        input: sum("input").unwrap_or_default(),
        output: sum("output").unwrap_or_default(),
        cached_input: sum("cached_input"),
        cache_write: sum("cache_write"),
        cache_write_1h: sum("cache_write_1h"),
        above: node.get("above").map(above),
        surcharge: surcharge.collect(),
    }
}

fn above(node: &SourceNode) -> Above {
    let sum = |name: &str| number(node, name, micros);
    Above {
        tokens: number(node, "tokens", whole).unwrap_or_default(),
        input: sum("input").unwrap_or_default(),
        output: sum("output").unwrap_or_default(),
        cached_input: sum("cached_input"),
        cache_write: sum("cache_write"),
        cache_write_1h: sum("cache_write_1h"),
    }
}

pub(super) fn notify(node: &SourceNode) -> Option<Notify> {
    Some(Notify {
        cluster: text(node, "cluster")?,
        path: text(node, "path")?,
        authority: text(node, "authority")?,
    })
}

pub(super) fn rollback(node: &SourceNode, path: &Path<'_>) -> Rollback {
    let mut set = RollbackSet::default();
    for entry in node.get("set").map(SourceNode::entries).unwrap_or_default() {
        let written = || entry.value.text().unwrap_or_default().to_owned();
        match entry.key.as_str() {
            "model" => set.model = Some(written()),
            "body" => {
                let entries = entry.value.entries().iter();
                let values = entries
                    .filter_map(|entry| Some((pointer(&entry.key).ok()?, to_json(&entry.value))));
                set.body = values.collect();
            }
            "headers" => {
                let entries = entry.value.entries().iter();
                let values = entries.filter_map(|entry| {
                    Some((entry.key.to_ascii_lowercase(), entry.value.text()?.to_owned()))
                });
                set.headers = values.collect();
            }
            label => set.labels.push((label.to_owned(), written())),
        }
    }
    Rollback { rule: rule(node, path), set }
}

pub(super) fn switch(node: &SourceNode, path: &Path<'_>) -> Switch {
    let to = |name: &str| node.get("to").and_then(|to| text(to, name));
    Switch { rule: rule(node, path), upstream: to("upstream"), model: to("model") }
}

pub(super) fn tool_rule(node: &SourceNode, path: &Path<'_>) -> ToolRuleDocument {
    let mut rule = rule(node, path);
    let written = node.get("match").map(SourceNode::items).unwrap_or_default();
    if let (None, Some(first)) = (node.get("id"), written.first().and_then(SourceNode::text)) {
        rule.id = format!("tools:{first}");
    }
    let args = node.get("when_args").map(SourceNode::entries).unwrap_or_default().iter();
    let when_args = args
        .filter_map(|entry| Some((pointer(&entry.key).ok()?, condition(&entry.value))))
        .collect();
    let id_args = node.get("id_args").map(SourceNode::items).unwrap_or_default().iter();
    let id_args = id_args.filter_map(|item| pointer(item.text()?).ok()).collect();
    ToolRuleDocument {
        rule,
        tools: node.get("match").map(globs).unwrap_or_default(),
        action: match action(node, "do").0 {
            "allow" => ToolAction::Allow,
            "approve" => ToolAction::Approve,
            _ => ToolAction::Deny,
        },
        when_args,
        id_args,
        pin: text(node, "pin"),
    }
}

fn condition(node: &SourceNode) -> Argument {
    if !matches!(node.value, SourceValue::Map(_)) {
        return Argument { glob: Some(globs(node)), ..Argument::default() };
    }
    Argument {
        gt: number(node, "gt", real),
        lt: number(node, "lt", real),
        eq: node.get("eq").and_then(scalar),
        glob: node.get("glob").map(globs),
        exists: node.get("exists").and_then(SourceNode::bool),
    }
}

fn scalar(node: &SourceNode) -> Option<Scalar> {
    let number = || node.number().and_then(real).map(Scalar::Number);
    let text = || node.text().map(|text| Scalar::Text(text.to_owned()));
    node.bool().map(Scalar::Bool).or_else(number).or_else(text)
}

pub(super) fn limit(node: &SourceNode, path: &Path<'_>) -> LimitDocument {
    let warn_at = node.get("warn_at").map(SourceNode::items).unwrap_or_default().iter();
    LimitDocument {
        rule: rule(node, path),
        per: texts(node, "per"),
        allow: allow(node),
        burst: number(node, "burst", whole),
        warn_at: warn_at.filter_map(SourceNode::number).filter_map(micros).collect(),
        over: match action(node, "over") {
            ("fallback", id) => OverDocument::Fallback(argument(id)),
            ("downgrade", model) => OverDocument::Downgrade(argument(model)),
            _ => OverDocument::Reject,
        },
        cut_when_spent: flag(node, "cut_when_spent"),
        epoch: number(node, "epoch", whole).unwrap_or_default(),
        global: node.get("global").and_then(global),
    }
}

/// A limit that cannot be read allows nothing.
fn allow(node: &SourceNode) -> LimitAllowance {
    let allow = node.get("allow");
    let count = |name: &str| allow.and_then(|node| number(node, name, whole));
    let usd = || allow.and_then(|node| number(node, "usd", micros));
    let amount = (count("requests").map(Amount::Requests))
        .or_else(|| count("tokens").map(Amount::Tokens))
        .or_else(|| usd().map(Amount::Usd))
        .or_else(|| count("concurrent").map(Amount::Concurrent))
        .or_else(|| count("calls").map(Amount::Calls))
        .unwrap_or(Amount::Requests(0));
    let every = allow.and_then(|node| window(node.get("every")?.text()?));
    LimitAllowance { amount, every }
}

fn global(node: &SourceNode) -> Option<GlobalDocument> {
    let word = |name: &str| node.get(name).and_then(SourceNode::text);
    Some(GlobalDocument {
        domain: text(node, "domain")?,
        cluster: text(node, "cluster")?,
        api: if word("api") == Some("envoy") { GlobalApi::Envoy } else { GlobalApi::Limitador },
        sync_every_ms: word("sync_every").and_then(span).unwrap_or(SYNC_EVERY_MS),
        strict: flag(node, "strict"),
        on_error: match word("on_error") {
            Some("open") => OnSilence::Open,
            Some("closed") => OnSilence::Closed,
            _ => OnSilence::Local,
        },
    })
}
