//! What tokens cost, in integer micro-dollars.

use crate::dialect::spend::{Round, Spending, Usage, is_ordinary};
use crate::policy::document::Price;
use crate::policy::program::glob;
use crate::policy::program::model_name::spellings;

/// Prices by model.
#[derive(Debug, Clone, Default)]
pub struct Prices {
    prices: Vec<(String, Price)>,
}

/// What has no price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoPrice {
    /// The model.
    Model,
    /// A tier, a modality or a tool of the provider, by the name of its surcharge.
    Extra(String),
}

/// What one request costs: its model's price with the factors and sums that apply to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    price: Price,
    /// Factors for the requested options except the tier, by name (`speed=fast`), in millionths.
    factors: Vec<(String, u128)>,
    /// The factor of the requested tier.
    tier: u128,
    /// The factor of the most expensive tier that may be served.
    dearest_tier: u128,
    /// Sums per use by name, in micro-dollars, with the maximum number of uses.
    sums: Vec<(String, u64, u64)>,
}

/// What a million tokens cost, in micro-dollars.
#[derive(Debug, Clone, Copy)]
struct Rates {
    input: u64,
    cached: u64,
    written: u64,
    written_1h: u64,
    output: u64,
}

const MILLION: u128 = 1_000_000;

impl Prices {
    /// True if no model has a price.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.prices.is_empty()
    }

    pub(super) fn compile(prices: &[(String, Price)]) -> Self {
        Self { prices: prices.to_vec() }
    }

    /// The names and globs of models that have a price.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.prices.iter().map(|(glob, _)| glob.as_str())
    }

    /// The name or glob in `prices` that applies to a model: a bounded set, suitable for a metric's label.
    #[must_use]
    pub fn name(&self, model: &str) -> Option<&str> {
        self.best(model).map(|(glob, _)| glob.as_str())
    }

    /// The price of a model: the exact name wins, then the glob with most literal characters, then the first. Every
    /// spelling of the name counts, its own before the others.
    #[must_use]
    pub fn find(&self, model: &str) -> Option<&Price> {
        self.best(model).map(|(_, price)| price)
    }

    fn best(&self, model: &str) -> Option<&(String, Price)> {
        if self.prices.is_empty() {
            return None;
        }
        let literal = |glob: &str| glob.chars().filter(|c| !matches!(c, '*' | '?')).count();
        let mut best = None;
        for spelling in spellings(model) {
            let fits = self.prices.iter().filter(|(glob, _)| glob::matches(glob, &spelling));
            for candidate in fits {
                let rank = (candidate.0 == *spelling, literal(&candidate.0));
                if best.as_ref().is_none_or(|(other, _)| rank > *other) {
                    best = Some((rank, candidate));
                }
            }
        }
        best.map(|(_, price)| price)
    }

    /// What a request would cost. With `free`, what has no price costs nothing; the second part names it.
    ///
    /// # Errors
    /// What has no price, unless it is free.
    pub fn cost(
        &self,
        model: &str,
        spending: &Spending,
        free: bool,
    ) -> Result<(Cost, Vec<NoPrice>), NoPrice> {
        let mut missing = Vec::new();
        let mut none = |what: NoPrice| {
            if free {
                missing.push(what);
                Ok(())
            } else {
                Err(what)
            }
        };
        let price = match self.find(model) {
            Some(price) => price.clone(),
            None => {
                none(NoPrice::Model)?;
                Price { cache_write: Some(0), ..Price::default() }
            }
        };
        let mut cost = Cost {
            price: price.clone(),
            factors: Vec::new(),
            tier: MILLION,
            dearest_tier: MILLION,
            sums: Vec::new(),
        };
        if let Some(tier) = &spending.tier {
            match price.mode("service_tier", tier) {
                Some(factor) => cost.tier = factor,
                None => none(NoPrice::Extra(format!("service_tier={tier}")))?,
            }
        }
        let tiers = price.surcharge.iter().filter(|(name, _)| name.starts_with("service_tier="));
        let dearest = tiers.map(|own| u128::from(own.1)).max().filter(|_| spending.any_tier);
        cost.dearest_tier = dearest.map_or(cost.tier, |dearest| dearest.max(cost.tier));
        // If no region has a price of its own, all cost the same.
        let regions = price.surcharge.iter().any(|(name, _)| name.starts_with("region="));
        let region = spending.region.as_ref().filter(|own| regions && !is_ordinary(own));
        let region = region.map(|region| (format!("region={region}"), 0));
        for (name, uses) in spending.extras.iter().chain(&region) {
            match price.surcharge(name) {
                None => none(NoPrice::Extra(name.clone()))?,
                Some(factor) if name.contains('=') => {
                    cost.factors.push((name.clone(), u128::from(factor)));
                }
                Some(sum) => cost.sums.push((name.clone(), sum, *uses)),
            }
        }
        Ok((cost, missing))
    }

    /// What a usage did cost, in micro-dollars, rounded up once. Rounds of another model are charged at its price, if
    /// it has one of its own.
    #[must_use]
    pub fn real(&self, cost: &Cost, spending: &Spending, usage: &Usage) -> u64 {
        let of_round = |round: &Round| {
            let priced = |model: &&String| self.name(model).is_some_and(|name| !is_any(name));
            let own = round.model.as_ref().filter(priced);
            let own = own.and_then(|model| self.cost(model, spending, true).ok());
            own.as_ref().map_or(cost, |(cost, _)| cost).exact(&round.usage(usage))
        };
        let rounds = usage.rounds.iter().map(of_round);
        round_up(rounds.fold(cost.exact(&usage.rest()), u128::saturating_add))
    }
}

/// True for a price of every model, which tells nothing about a particular one.
#[must_use]
pub fn is_any(glob: &str) -> bool {
    glob.chars().all(|c| matches!(c, '*' | '?'))
}

impl Cost {
    /// The most that it may cost, in micro-dollars: all input written to a cache if that is more expensive, all output
    /// generated, all tools used, in the most expensive way that the request permits. The input is an estimate: if it
    /// is near the length from which other prices apply, they may.
    #[must_use]
    pub fn worst(&self, input: u64, output: u64) -> u64 {
        let uses: u128 =
            self.sums.iter().map(|(_, sum, uses)| u128::from(*sum) * u128::from(*uses)).sum();
        let factor =
            self.factors.iter().fold(self.dearest_tier, |all, (_, one)| product(all, *one));
        let at = |rates: Rates| {
            let dearest = rates.input.max(rates.written).max(rates.cached);
            times(input, dearest).saturating_add(times(output, rates.output))
        };
        let near = input.saturating_add(input / NEAR);
        let tokens = at(self.rates(input)).max(at(self.rates(near)));
        round_up(tokens.saturating_mul(factor).saturating_add(uses.saturating_mul(ONE)))
    }

    /// What it did cost, in micro-dollars, in the way that it was served.
    #[must_use]
    pub fn real(&self, usage: &Usage) -> u64 {
        round_up(self.exact(usage))
    }

    /// The same, in fractions of a micro-dollar ([`ONE`]).
    fn exact(&self, usage: &Usage) -> u128 {
        let rates = self.rates(usage.input().unwrap_or(0));
        let hour = usage.written_1h.min(usage.written);
        let (fresh, output) = (usage.fresh.unwrap_or(0), usage.output.unwrap_or(0));
        let tokens = times(fresh, rates.input)
            .saturating_add(times(usage.cached, rates.cached))
            .saturating_add(times(usage.written - hour, rates.written))
            .saturating_add(times(hour, rates.written_1h))
            .saturating_add(times(output, rates.output));
        let factor = self.served(usage);
        let mut sum = tokens.saturating_mul(factor);
        for (name, input, made) in &usage.modal {
            let Some(own) = self.price.surcharge(name) else { continue };
            let part = times((*input).min(fresh), rates.input)
                .saturating_add(times((*made).min(output), rates.output));
            sum = sum.saturating_sub(part.saturating_mul(factor));
            sum = sum.saturating_add(part.saturating_mul(product(factor, u128::from(own))));
        }
        let uses = self.uses(usage);
        sum.saturating_add(uses.saturating_mul(ONE))
    }

    /// The factor for the way it was served, in millionths. What the answer does not report is assumed to be as
    /// requested, and so is what has no price.
    fn served(&self, usage: &Usage) -> u128 {
        let tier = match &usage.tier {
            Some(tier) if is_ordinary(tier) => MILLION,
            Some(tier) => self.price.mode("service_tier", tier).unwrap_or(self.tier),
            None => self.tier,
        };
        let mut factor = tier;
        for (name, asked) in &self.factors {
            let key = name.split('=').next().unwrap_or_default();
            let said = usage.modes.iter().any(|(own, value)| {
                *own == key && (is_ordinary(value) || self.price.mode(key, value).is_some())
            });
            let apart = key == "modality" && usage.modal_told;
            if !said && !apart {
                factor = product(factor, *asked);
            }
        }
        for (key, value) in usage.modes.iter().filter(|(_, value)| !is_ordinary(value)) {
            if let Some(own) = self.price.mode(key, value) {
                factor = product(factor, own);
            }
        }
        factor
    }

    /// What the provider's tools cost, in micro-dollars. A tool whose use is not reported is charged once.
    fn uses(&self, usage: &Usage) -> u128 {
        let said =
            usage.uses.iter().filter(|(name, _)| !name.contains('=')).map(|(name, times)| {
                let sum = self.price.surcharge(name).unwrap_or(0);
                u128::from(sum).saturating_mul(u128::from(*times))
            });
        let known = |name: &String| usage.uses.iter().any(|(own, _)| own == name);
        let silent = self.sums.iter().filter(|(name, ..)| !usage.uses_told && !known(name));
        let silent = silent.map(|(_, sum, _)| u128::from(*sum));
        said.chain(silent).fold(0, u128::saturating_add)
    }

    /// True if the answer reports something that has no price.
    #[must_use]
    pub fn unpriced(&self, usage: &Usage) -> bool {
        let tier = usage.tier.iter().map(|tier| ("service_tier", tier));
        let modes = usage.modes.iter().map(|(key, value)| (*key, value));
        let mode = |(key, value): (&str, &String)| {
            !is_ordinary(value) && self.price.mode(key, value).is_none()
        };
        tier.chain(modes).any(mode)
            || usage.uses.iter().any(|(name, n)| *n > 0 && self.price.surcharge(name).is_none())
            || usage.modal.iter().any(|(name, ..)| self.price.surcharge(name).is_none())
    }

    /// The prices for this many input tokens.
    fn rates(&self, input: u64) -> Rates {
        let price = &self.price;
        let twice = price.input.saturating_mul(2);
        let written = price.cache_write.unwrap_or(twice);
        let plain = Rates {
            input: price.input,
            cached: price.cached_input.unwrap_or(price.input),
            written,
            written_1h: price.cache_write_1h.unwrap_or(written.max(twice)),
            output: price.output,
        };
        let Some(above) = price.above.as_ref().filter(|above| input > above.tokens) else {
            return plain;
        };
        let dearer = |own: u64| match price.input {
            0 => above.input,
            input => {
                let scaled = u128::from(own) * u128::from(above.input) / u128::from(input);
                u64::try_from(scaled).unwrap_or(u64::MAX)
            }
        };
        Rates {
            input: above.input,
            cached: above.cached_input.unwrap_or_else(|| dearer(plain.cached)),
            written: above.cache_write.unwrap_or_else(|| dearer(plain.written)),
            written_1h: above.cache_write_1h.unwrap_or_else(|| dearer(plain.written_1h)),
            output: above.output,
        }
    }
}

/// Estimates of input are low by less than this fraction, except for a few in a hundred (docs/limits.md).
const NEAR: u64 = 4;

/// A micro-dollar, in the fractions in which sums are computed: a millionth of it for the price per million, a
/// millionth of that for factors.
const ONE: u128 = MILLION * MILLION;

fn round_up(sum: u128) -> u64 {
    u64::try_from(sum.div_ceil(ONE)).unwrap_or(u64::MAX)
}

/// The product of two factors, in millionths.
fn product(one: u128, other: u128) -> u128 {
    one.saturating_mul(other) / MILLION
}

impl Price {
    /// The surcharge with this name, in millionths.
    fn surcharge(&self, name: &str) -> Option<u64> {
        self.surcharge.iter().find(|(own, _)| own == name).map(|own| own.1)
    }

    /// The factor of a way of serving (`service_tier`, `priority`), in millionths.
    fn mode(&self, key: &str, value: &str) -> Option<u128> {
        let named = |name: &str| name.strip_prefix(key)?.strip_prefix('=').map(|own| own == value);
        let own = self.surcharge.iter().find(|(name, _)| named(name) == Some(true))?;
        Some(u128::from(own.1))
    }
}

/// Tokens at micro-dollars a million: millionths of a micro-dollar.
fn times(tokens: u64, price: u64) -> u128 {
    u128::from(tokens) * u128::from(price)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(input: u64, output: u64) -> Price {
        Price { input, output, ..Price::default() }
    }

    fn prices() -> Prices {
        let mut gpt = price(1_250_000, 10_000_000);
        gpt.cached_input = Some(125_000);
        gpt.surcharge = vec![
            ("service_tier=priority".to_owned(), 2_000_000),
            ("web_search".to_owned(), 10_000),
        ];
        Prices::compile(&[
            ("*".to_owned(), price(5_000_000, 25_000_000)),
            ("gpt-5*".to_owned(), gpt),
            ("gpt-5-mini".to_owned(), price(250_000, 2_000_000)),
            ("gpt-5-m*".to_owned(), price(1, 1)),
        ])
    }

    #[test]
    fn the_exact_name_wins_then_the_most_literal_glob() {
        let prices = prices();
        for (model, input) in [
            ("gpt-5-mini", 250_000),
            ("gpt-5-medium", 1),
            ("gpt-5.1", 1_250_000),
            ("other", 5_000_000),
        ] {
            assert_eq!(prices.find(model).unwrap().input, input, "{model}");
        }
        assert_eq!(Prices::default().find("gpt-5"), None);
    }

    fn usage(fresh: u64, cached: u64, written: u64, output: u64) -> Usage {
        Usage { fresh: Some(fresh), cached, written, output: Some(output), ..Usage::default() }
    }

    #[test]
    fn money_is_rounded_up_once_a_request() {
        let (cost, _) = prices().cost("gpt-5", &Spending::default(), false).unwrap();
        // 1 × 1.25 + 1 × 0.125 + 1 × 2.5 + 1 × 10 = 13.875 micro-dollars.
        assert_eq!(cost.real(&usage(1, 1, 1, 1)), 14);
        assert_eq!(cost.real(&usage(1_000_000, 0, 0, 0)), 1_250_000);
        assert_eq!(cost.real(&usage(0, 0, 0, 0)), 0);
        assert!(cost.worst(1000, 100) >= cost.real(&usage(0, 0, 1000, 100)));
        assert!(cost.worst(u64::MAX, u64::MAX) > 0);
    }

    #[test]
    fn surcharges_are_factors_and_sums() {
        let asked = Spending {
            tier: Some("priority".to_owned()),
            extras: vec![("web_search".to_owned(), 5)],
            ..Spending::default()
        };
        let (cost, _) = prices().cost("gpt-5", &asked, false).unwrap();
        assert_eq!(cost.worst(0, 1), 20 + 50_000);
        let mut used = usage(0, 0, 0, 1);
        used.uses.push(("web_search".to_owned(), 2));
        assert_eq!(cost.real(&used), 20 + 20_000);
    }

    #[test]
    fn the_tier_that_was_served_is_what_is_paid_for() {
        let served = |tier: &str| Usage { tier: Some(tier.to_owned()), ..usage(0, 0, 0, 100) };
        let asked = |tier: Option<&str>| {
            let spending = Spending { tier: tier.map(str::to_owned), ..Spending::default() };
            prices().cost("gpt-5", &spending, false).unwrap().0
        };
        for (wanted, given, paid) in [
            (None, "default", 1_000),
            (None, "priority", 2_000),
            (Some("priority"), "default", 1_000),
            (Some("priority"), "priority", 2_000),
            // It has no known price: the requested one stands.
            (Some("priority"), "scale", 2_000),
        ] {
            assert_eq!(asked(wanted).real(&served(given)), paid, "{wanted:?} {given}");
        }
        assert_eq!(asked(Some("priority")).real(&usage(0, 0, 0, 100)), 2_000);
    }

    #[test]
    fn what_is_kept_for_an_hour_has_a_price_of_its_own() {
        let mut price = price(3_000_000, 15_000_000);
        price.cache_write = Some(3_750_000);
        let written = Usage { written_1h: 60, ..usage(0, 0, 100, 0) };
        let cost = |price: &Price| {
            let prices = Prices::compile(&[("*".to_owned(), price.clone())]);
            prices.cost("m", &Spending::default(), false).unwrap().0
        };
        assert_eq!(cost(&price).real(&written), 40 * 15 / 4 + 60 * 6);
        price.cache_write_1h = Some(7_000_000);
        assert_eq!(cost(&price).real(&written), 40 * 15 / 4 + 60 * 7);
    }

    #[test]
    fn nothing_without_a_price_passes_silently() {
        let tier = Spending { tier: Some("flex".to_owned()), ..Spending::default() };
        let missing = NoPrice::Extra("service_tier=flex".to_owned());
        assert_eq!(prices().cost("gpt-5", &tier, false), Err(missing.clone()));
        assert_eq!(prices().cost("gpt-5", &tier, true).unwrap().1, [missing]);
        let none = Prices::default();
        assert_eq!(none.cost("m", &Spending::default(), false), Err(NoPrice::Model));
        let (free, named) = none.cost("m", &Spending::default(), true).unwrap();
        assert_eq!((free.real(&usage(9, 9, 9, 9)), named), (0, vec![NoPrice::Model]));
    }
}
