//! Lever 5, compiled: which accounts a request is charged to, and what things cost.

mod fleet_account;
mod global;
mod price;

use std::rc::Rc;

pub(in crate::policy) use global::every as global_window;
pub use price::{Cost, NoPrice, Prices, is_any};

use super::compile_error::CompileError;
use super::label::{Label, LabelId, LabelTable};
use super::rule::Rule;
use super::selector::Labels;
use crate::fleet::GlobalLimit;
use crate::ledger::{AccountKey, CalendarSpan, Cap, LimitKey};
use crate::limits::{LEDGER_LEAST_SHARE, LEDGER_WAYS};
use crate::policy::document::{self, Amount, Document, Fallback, Unpriced, Window};

const SECOND_NS: u64 = 1_000_000_000;

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitUnit {
    /// Requests.
    Requests,
    /// Tokens, in and out.
    Tokens,
    /// Micro-dollars.
    Usd,
    /// Requests in flight.
    Concurrent,
    /// Tool calls (MCP).
    Calls,
}

impl LimitUnit {
    /// True if it counts calls, however large each is: of a call of several rounds only one counts.
    #[must_use]
    pub fn counts_calls(self) -> bool {
        matches!(self, Self::Requests | Self::Calls)
    }

    /// The word in names and messages.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::Usd => "usd",
            Self::Concurrent => "concurrent",
            Self::Calls => "calls",
        }
    }

    /// An amount of it, for people.
    #[must_use]
    pub fn show(self, amount: u64) -> String {
        match self {
            Self::Requests => format!("{amount} requests"),
            Self::Tokens => format!("{amount} tokens"),
            Self::Calls => format!("{amount} tool calls"),
            Self::Concurrent => format!("{amount} in flight"),
            Self::Usd => {
                let cents = format!("{:06}", amount % 1_000_000);
                let cents = cents.trim_end_matches('0');
                format!("{}.{cents:0<2} USD", amount / 1_000_000)
            }
        }
    }
}

/// What happens above the cap.
#[derive(Debug, Clone)]
pub enum OverAction {
    /// 429
    Reject,
    /// This canned answer.
    Fallback(Rc<Fallback>),
    /// This model, and all limits are asked again.
    Downgrade(Rc<str>),
}

/// A limit.
#[derive(Debug, Clone)]
pub struct Limit {
    /// Name, selector, mode.
    pub rule: Rule,
    /// Labels whose values have separate accounts.
    pub per: Vec<LabelId>,
    /// What it counts.
    pub unit: LimitUnit,
    /// How much of it.
    pub cap: Cap,
    /// Fractions of the cap that raise an event, in millionths, ascending.
    pub warn_at: Vec<u64>,
    /// What happens above the cap.
    pub over: OverAction,
    /// A running stream is ended when it exceeds its reservation and no more is available.
    pub cut_when_spent: bool,
    /// Counted by a rate-limit service too.
    pub global: Option<GlobalLimit>,
    /// What its accounts have in common.
    key: LimitKey,
    /// The same for the accounts that are charged while it only watches.
    shadow_key: LimitKey,
    /// How many accounts of a slot it may take.
    share: usize,
}

/// Lever 5.
#[derive(Debug, Default)]
pub struct Limits {
    /// In the order of the policy.
    pub rules: Vec<Rc<Limit>>,
    /// What things cost.
    pub prices: Prices,
    /// Calls without a price cost nothing instead of being refused.
    pub unpriced_is_free: bool,
    /// The assumed output of a request that names no maximum.
    pub default_max_output: u64,
    /// Write that maximum into such requests.
    pub cap_output: bool,
}

impl Limits {
    /// Compiles the limits; `check` has made sure that what they name exists.
    pub(super) fn compile(
        document: &Document,
        scope: &str,
        labels: &LabelTable,
        fallback: impl Fn(&str, &document::RuleDocument) -> Result<Rc<Fallback>, CompileError>,
    ) -> Result<Self, CompileError> {
        const DEFAULT_MAX_OUTPUT: u64 = 4096;
        let share = LEDGER_WAYS.checked_div(document.limits.len()).unwrap_or(LEDGER_WAYS);
        let share = share.max(LEDGER_LEAST_SHARE);
        let rules = document.limits.iter().map(|limit| {
            let over = match &limit.over {
                document::OverDocument::Reject => OverAction::Reject,
                document::OverDocument::Downgrade(model) => {
                    OverAction::Downgrade(model.as_str().into())
                }
                document::OverDocument::Fallback(id) => {
                    OverAction::Fallback(fallback(id, &limit.rule)?)
                }
            };
            let (unit, amount) = unit(&limit.allow.amount);
            let mut warn_at = limit.warn_at.clone();
            warn_at.sort_unstable();
            Ok(Rc::new(Limit {
                rule: Rule::compile(&limit.rule, document, labels),
                per: limit.per.iter().filter_map(|name| labels.id(name)).collect(),
                unit,
                cap: cap(limit, unit, amount),
                warn_at,
                over,
                cut_when_spent: limit.cut_when_spent,
                global: limit.global.as_ref().and_then(|global| global::compile(global, limit)),
                key: key(limit, scope, unit, false),
                shadow_key: key(limit, scope, unit, true),
                share,
            }))
        });
        Ok(Self {
            rules: rules.collect::<Result<_, CompileError>>()?,
            prices: Prices::compile(&document.prices),
            unpriced_is_free: document.unpriced == Unpriced::CountZero,
            default_max_output: document.default_max_output_tokens.unwrap_or(DEFAULT_MAX_OUTPUT),
            cap_output: document.cap_output,
        })
    }
}

impl Limit {
    /// True if it may change the body of a request: a maximum, a request for usage, or another model.
    #[must_use]
    pub fn rewrites(&self) -> bool {
        self.meters() || matches!(self.over, OverAction::Downgrade(_))
    }

    /// The account of a request; `None` if a label that it needs cannot be read.
    #[must_use]
    pub fn account(&self, labels: &Labels, shadow: bool) -> Option<AccountKey> {
        let values: Option<Vec<&str>> = self.per.iter().map(|id| labels.get(*id).text()).collect();
        Some(AccountKey::new(self.key(shadow), &values?, self.share))
    }

    /// True if a request has an account: every label that it needs can be read.
    #[must_use]
    pub fn has_account(&self, labels: &Labels) -> bool {
        self.per.iter().all(|id| labels.get(*id).text().is_some())
    }

    fn key(&self, shadow: bool) -> &LimitKey {
        if shadow { &self.shadow_key } else { &self.key }
    }

    /// The number that its accounts store.
    #[must_use]
    pub fn number(&self, shadow: bool) -> u32 {
        self.key(shadow).number()
    }

    /// True if the proxy vouches for every label in `per`: then a balance tells a caller about itself alone.
    #[must_use]
    pub fn is_trusted(&self, labels: &Labels) -> bool {
        let trusted = |id: &LabelId| matches!(labels.get(*id), Label::Value { trusted: true, .. });
        self.per.iter().all(trusted)
    }

    /// True if it may end a running stream.
    #[must_use]
    pub fn cuts(&self) -> bool {
        self.cut_when_spent && self.meters()
    }

    /// True if it counts what a model used.
    #[must_use]
    pub fn meters(&self) -> bool {
        matches!(self.unit, LimitUnit::Tokens | LimitUnit::Usd)
    }
}

fn unit(amount: &Amount) -> (LimitUnit, u64) {
    match *amount {
        Amount::Requests(amount) => (LimitUnit::Requests, amount),
        Amount::Tokens(amount) => (LimitUnit::Tokens, amount),
        Amount::Usd(amount) => (LimitUnit::Usd, amount),
        Amount::Concurrent(amount) => (LimitUnit::Concurrent, amount),
        Amount::Calls(amount) => (LimitUnit::Calls, amount),
    }
}

fn cap(limit: &document::LimitDocument, unit: LimitUnit, amount: u64) -> Cap {
    // `burst` is written in the unit of the amount; money is kept in millionths.
    let scale = if unit == LimitUnit::Usd { 1_000_000 } else { 1 };
    let burst = limit.burst.map_or(amount, |burst| burst.saturating_mul(scale));
    match (unit, limit.allow.every) {
        (LimitUnit::Concurrent, _) => Cap::InFlight { most: amount },
        (_, Some(Window::Day)) => Cap::Calendar { amount, span: CalendarSpan::Day },
        (_, Some(Window::Month)) => Cap::Calendar { amount, span: CalendarSpan::Month },
        (_, Some(Window::Seconds(seconds))) => {
            Cap::Bucket { amount, every_ns: seconds.max(1).saturating_mul(SECOND_NS), burst }
        }
        // Refused by `check`.
        (_, None) => Cap::InFlight { most: 0 },
    }
}

/// What keeps a limit's counts from one policy to the next. A limit that only watches charges separate accounts.
fn key(limit: &document::LimitDocument, scope: &str, unit: LimitUnit, shadow: bool) -> LimitKey {
    let every = match limit.allow.every {
        None => String::new(),
        Some(Window::Day) => "day".to_owned(),
        Some(Window::Month) => "month".to_owned(),
        Some(Window::Seconds(seconds)) => seconds.to_string(),
    };
    let epoch = limit.epoch.to_string();
    let mut parts = vec![scope, &limit.rule.id, unit.word(), &every, &epoch];
    parts.extend(limit.per.iter().map(String::as_str));
    let mut name = Vec::new();
    for part in parts {
        name.extend_from_slice(part.as_bytes());
        name.push(0);
    }
    name.push(u8::from(shadow));
    LimitKey::new(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_shown_with_cents() {
        for (micros, shown) in [
            (0, "0.00 USD"),
            (50_000_000, "50.00 USD"),
            (1_500_000, "1.50 USD"),
            (1, "0.000001 USD"),
        ] {
            assert_eq!(LimitUnit::Usd.show(micros), shown);
        }
    }
}
