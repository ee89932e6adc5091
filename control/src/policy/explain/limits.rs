//! Limits in words.

use super::super::document::{Amount, Document, LimitDocument, OverDocument, Unpriced, Window};
use super::phrases::{fallback, whom};

/// What a limit does.
pub(super) fn limit(document: &Document, limit: &LimitDocument) -> String {
    let whose = match limit.per.as_slice() {
        [] => "all together".to_owned(),
        labels => {
            let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
            format!("each {}", labels.join(" and "))
        }
    };
    let whom = whom(&limit.rule.when, " on requests", "");
    let over = match &limit.over {
        OverDocument::Reject => "above it 429".to_owned(),
        OverDocument::Fallback(id) => format!("above it {}", fallback(document, id)),
        OverDocument::Downgrade(model) => {
            format!("above it the model `{model}`, and all limits once more")
        }
    };
    let fleet = if limit.global.is_some() { " over the fleet" } else { " per proxy" };
    format!("{whose} may use {}{fleet}{whom}; {over}", amount(limit))
}

fn amount(limit: &LimitDocument) -> String {
    let window = match limit.allow.every {
        None => String::new(),
        Some(Window::Day) => " a calendar day (UTC)".to_owned(),
        Some(Window::Month) => " a calendar month (UTC)".to_owned(),
        Some(Window::Seconds(seconds)) => format!(" every {}", span(seconds)),
    };
    let burst = limit.burst.map(|burst| format!(", {burst} at once")).unwrap_or_default();
    match limit.allow.amount {
        Amount::Requests(n) => format!("{n} requests{window}{burst}"),
        Amount::Tokens(n) => format!("{n} tokens{window}{burst}"),
        Amount::Usd(micros) => format!("{} USD{window}{burst}", dollars(micros)),
        Amount::Concurrent(n) => format!("{n} requests at the same time"),
        Amount::Calls(n) => format!("{n} tool calls{window}{burst}"),
    }
}

fn span(seconds: u64) -> String {
    match seconds {
        s if s.is_multiple_of(3600) => format!("{}h", s / 3600),
        s if s.is_multiple_of(60) => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}

fn dollars(micros: u64) -> String {
    let fraction = format!("{:06}", micros % 1_000_000);
    match fraction.trim_end_matches('0') {
        "" => (micros / 1_000_000).to_string(),
        fraction => format!("{}.{fraction}", micros / 1_000_000),
    }
}

/// Settings that apply to all limits.
pub(super) fn settings(document: &Document) -> Vec<String> {
    let meters =
        |limit: &LimitDocument| matches!(limit.allow.amount, Amount::Tokens(_) | Amount::Usd(_));
    let mut lines = Vec::new();
    if document.limits.iter().any(meters) {
        let most = document.default_max_output_tokens.unwrap_or(4096);
        let written = if document.cap_output { ", and gets that maximum" } else { "" };
        lines.push(format!(
            "a request that names no maximum is taken to make {most} output tokens{written}"
        ));
    }
    let money = document.limits.iter().any(|l| matches!(l.allow.amount, Amount::Usd(_)));
    if money && document.unpriced == Unpriced::CountZero {
        lines.push("what has no price costs nothing, and is counted".to_owned());
    }
    lines
}
