//! Limits and prices that are probably mistakes.

use super::super::document::{Amount, LimitDocument, Mode, OverDocument, Price, Window};
use super::super::path::Path;
use super::checker::Checker;
use crate::limits::LIMITS;

/// Micro-dollars per million tokens below which no model is sold; a price per token instead of per million is a
/// millionth of the intended one.
const CHEAPEST: u64 = 1_000;

/// Micro-dollars per million tokens above which no model is sold.
const DEAREST: u64 = 2_000_000_000;

/// The assumed output of a request that names no maximum, if the policy does not say.
const DEFAULT_MAX_OUTPUT: u64 = 4096;

pub(super) fn check(judge: &mut Checker<'_>) {
    let root = *judge.root;
    let section = root.key("limits");
    let document = judge.document;
    if document.limits.len() > LIMITS {
        let message = format_args!("{} limits; a policy takes {LIMITS}", document.limits.len());
        judge.error("too-many", &section, message, "each costs a read and a write a request");
    }
    for (index, limit) in document.limits.iter().enumerate() {
        let path = section.index(index);
        windows(judge, limit, &path);
        reach(judge, limit, &path);
    }
    prices(judge);
}

fn windows(judge: &mut Checker<'_>, limit: &LimitDocument, path: &Path<'_>) {
    let allow = path.key("allow");
    let every = allow.key("every");
    let written = judge.node(&every).is_some();
    match limit.allow.amount {
        Amount::Concurrent(_) if written => {
            let message = format_args!("requests in flight have no window");
            judge.error("conflict", &every, message, "remove `every`");
        }
        Amount::Concurrent(_) | Amount::Requests(0) => {}
        _ if !written => {
            let message = format_args!("the amount needs a window");
            judge.error("missing-field", &allow, message, "add `every: 1m`, or `day`");
        }
        _ => {}
    }
    let bucket = matches!(limit.allow.every, Some(Window::Seconds(_)));
    if limit.burst.is_some() && !bucket {
        let message = format_args!("only token buckets have a burst");
        judge.error("conflict", &path.key("burst"), message, "remove it, or write `every: 1h`");
    }
    let calendar = matches!(limit.allow.every, Some(Window::Day | Window::Month));
    never_counts(judge, limit, &allow);
    if limit.global.is_none() && (calendar || matches!(limit.allow.amount, Amount::Usd(_))) {
        let message = format_args!("the cap holds per proxy, and begins at zero with its process");
        judge.warn("per-proxy", &allow, message, "add `global` to count over the fleet");
    }
}

/// Tool calls are counted in MCP, tokens and money everywhere else.
fn never_counts(judge: &mut Checker<'_>, limit: &LimitDocument, allow: &Path<'_>) {
    let dialects = limit.rule.when.labels.iter().filter(|(label, _)| label == "dialect");
    let mcp = dialects.clone().all(|(_, globs)| globs.hold("mcp"));
    let only_mcp = dialects.clone().any(|(_, globs)| {
        globs.negated.is_empty()
            && !globs.plain.is_empty()
            && globs.plain.iter().all(|glob| glob == "mcp")
    });
    let message = match limit.allow.amount {
        Amount::Calls(_) if !mcp => "tool calls are counted in MCP only",
        Amount::Tokens(_) | Amount::Usd(_) if only_mcp => {
            "no model is asked in MCP: nothing is counted"
        }
        _ => return,
    };
    let help = "MCP's limits are `calls`, `requests` and `concurrent`";
    judge.warn("never-holds", allow, format_args!("{message}"), help);
}

/// What the cap means for ordinary requests.
fn reach(judge: &mut Checker<'_>, limit: &LimitDocument, path: &Path<'_>) {
    let document = judge.document;
    let default = document.default_max_output_tokens.unwrap_or(DEFAULT_MAX_OUTPUT);
    let dearest = document.prices.iter().map(|(_, price)| price.output).max().unwrap_or(0);
    let micros = u128::from(default) * u128::from(dearest) / 1_000_000;
    let allow = path.key("allow");
    let burst = |amount: u64, scale: u64| {
        let bucket = matches!(limit.allow.every, Some(Window::Seconds(_)));
        let burst = limit.burst.filter(|_| bucket).map(|burst| burst.saturating_mul(scale));
        u128::from(burst.unwrap_or(amount))
    };
    let too_small = match limit.allow.amount {
        Amount::Tokens(tokens) => u128::from(default) > burst(tokens, 1),
        Amount::Usd(money) => micros > burst(money, 1_000_000),
        _ => false,
    };
    if too_small {
        let message = format_args!(
            "a request that names no maximum is refused always: its {default} output tokens alone are above the cap"
        );
        judge.warn(
            "above-cap",
            &allow,
            message,
            "lower `default_max_output_tokens`, or raise the cap",
        );
    }
    if limit.cut_when_spent && !matches!(limit.allow.amount, Amount::Tokens(_) | Amount::Usd(_)) {
        let message = format_args!("a running stream spends no more of this");
        judge.warn("unused", &path.key("cut_when_spent"), message, "remove it");
    }
    let enforced = limit.rule.mode_under(document.mode) == Mode::Enforce;
    if matches!(limit.allow.amount, Amount::Usd(_)) && document.prices.is_empty() && enforced {
        let message = format_args!("no model has a price: every request is refused or free");
        judge.warn("no-prices", &allow, message, "add `prices`");
    }
    if let (OverDocument::Downgrade(model), Amount::Concurrent(_) | Amount::Requests(_)) =
        (&limit.over, limit.allow.amount)
        && !limit.per.iter().any(|label| label == "model")
        && limit.rule.when.labels.iter().all(|(label, _)| label != "model")
    {
        let message =
            format_args!("`{model}` is counted by the same account, which is full by then");
        judge.warn("no-way-out", &path.key("over"), message, "add `model` to `per`, or to `when`");
    }
}

fn prices(judge: &mut Checker<'_>) {
    let root = *judge.root;
    let section = root.key("prices");
    for (model, price) in &judge.document.prices {
        let path = section.key(model);
        for (field, value) in fields(price) {
            let path = path.key(field);
            let written = judge.node(&path).and_then(|node| node.number()).unwrap_or("0");
            // A value with more decimals than are kept reads as zero.
            let lost = value == 0
                && !written.starts_with('-')
                && written.bytes().any(|digit| matches!(digit, b'1'..=b'9'));
            if lost || (value > 0 && value < CHEAPEST) {
                let message =
                    format_args!("`{written}` USD per million tokens is not the price of a model");
                let help = "prices are per million tokens, not per token";
                judge.error("odd-price", &path, message, help);
            }
            if value > DEAREST {
                let message =
                    format_args!("`{written}` USD per million tokens is more than any model costs");
                judge.warn("odd-price", &path, message, "prices are in dollars per million tokens");
            }
        }
        for (field, value) in
            price.above.iter().flat_map(|a| [("input", a.input), ("output", a.output)])
        {
            if value > 0 && value < CHEAPEST {
                let path = path.key("above");
                let path = path.key(field);
                let message = format_args!("this is not the price of a model");
                let help = "prices are per million tokens, not per token";
                judge.error("odd-price", &path, message, help);
            }
        }
        if price.output < price.input {
            let message = format_args!("output is cheaper than input");
            judge.warn("odd-price", &path.key("output"), message, "look whether they are swapped");
        }
        if price.cached_input.is_some_and(|cached| cached > price.input) {
            let message = format_args!("cached input is dearer than input");
            judge.warn(
                "odd-price",
                &path.key("cached_input"),
                message,
                "look whether they are swapped",
            );
        }
    }
}

fn fields(price: &Price) -> Vec<(&'static str, u64)> {
    let mut fields = vec![("input", price.input), ("output", price.output)];
    fields.extend(price.cached_input.map(|cached| ("cached_input", cached)));
    fields.extend(price.cache_write.map(|written| ("cache_write", written)));
    fields.extend(price.cache_write_1h.map(|written| ("cache_write_1h", written)));
    fields
}
