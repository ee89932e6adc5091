//! What tokens cost, in integer micro-dollars.

use crate::dialect::spend::{Spending, Usage, is_ordinary};
use crate::policy::document::Price;
use crate::policy::program::glob;

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

/// What one request costs: its model's price with the factors and sums that hold for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    price: Price,
    /// Factors on the whole but for the tier's, in millionths, as one.
    factor: u128,
    /// The factor of the tier that was asked for.
    tier: u128,
    /// Sums a use by name, in micro-dollars, with how often it may be used.
    sums: Vec<(String, u64, u64)>,
}

const MILLION: u128 = 1_000_000;

impl Prices {
    pub(super) fn compile(prices: &[(String, Price)]) -> Self {
        Self { prices: prices.to_vec() }
    }

    /// The names and globs of models that have a price.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.prices.iter().map(|(glob, _)| glob.as_str())
    }

    /// The name or glob in `prices` that holds for a model: a bounded set, fit for a metric's label.
    #[must_use]
    pub fn name(&self, model: &str) -> Option<&str> {
        self.best(model).map(|(glob, _)| glob.as_str())
    }

    /// The price of a model: the exact name wins, then the glob with most literal characters, then the first.
    #[must_use]
    pub fn find(&self, model: &str) -> Option<&Price> {
        self.best(model).map(|(_, price)| price)
    }

    fn best(&self, model: &str) -> Option<&(String, Price)> {
        let literal = |glob: &str| glob.chars().filter(|c| !matches!(c, '*' | '?')).count();
        let rank = |glob: &str| (glob == model, literal(glob));
        let mut best: Option<&(String, Price)> = None;
        for candidate in self.prices.iter().filter(|(glob, _)| glob::matches(glob, model)) {
            if best.is_none_or(|best| rank(&candidate.0) > rank(&best.0)) {
                best = Some(candidate);
            }
        }
        best
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
        let known =
            |name: &str| price.surcharge.iter().find(|(own, _)| own == name).map(|own| own.1);
        let mut cost =
            Cost { price: price.clone(), factor: MILLION, tier: MILLION, sums: Vec::new() };
        if let Some(tier) = &spending.tier {
            match price.tier(tier) {
                Some(factor) => cost.tier = factor,
                None => none(NoPrice::Extra(format!("service_tier={tier}")))?,
            }
        }
        for (name, uses) in &spending.extras {
            match known(name) {
                None => none(NoPrice::Extra(name.clone()))?,
                Some(factor) if name.contains('=') => {
                    cost.factor = cost.factor.saturating_mul(u128::from(factor)) / MILLION;
                }
                Some(sum) => cost.sums.push((name.clone(), sum, *uses)),
            }
        }
        Ok((cost, missing))
    }
}

impl Cost {
    /// The most that it may cost, in micro-dollars: all input written to a cache if that is dearer, all output made, all
    /// tools used.
    #[must_use]
    pub fn worst(&self, input: u64, output: u64) -> u64 {
        let dearest = self.price.input.max(self.written()).max(self.cached());
        let uses: u128 =
            self.sums.iter().map(|(_, sum, uses)| u128::from(*sum) * u128::from(*uses)).sum();
        self.total(self.tier, times(input, dearest), times(output, self.price.output), uses)
    }

    /// What it did cost, in micro-dollars, in the tier that it was served in.
    #[must_use]
    pub fn real(&self, usage: &Usage) -> u64 {
        let hour = usage.written_1h.min(usage.written);
        let input = times(usage.fresh.unwrap_or(0), self.price.input)
            .saturating_add(times(usage.cached, self.cached()))
            .saturating_add(times(usage.written - hour, self.written()))
            .saturating_add(times(hour, self.written_1h()));
        let uses = self.sums.iter().map(|(name, sum, _)| {
            let said = usage.uses.iter().find(|(tool, _)| tool == name).map_or(0, |tool| tool.1);
            u128::from(*sum).saturating_mul(u128::from(said))
        });
        let tier = match &usage.tier {
            Some(tier) if is_ordinary(tier) => MILLION,
            // A tier that nobody has a price for is not free: it costs what was asked for.
            Some(tier) => self.price.tier(tier).unwrap_or(self.tier),
            None => self.tier,
        };
        self.total(tier, input, times(usage.output.unwrap_or(0), self.price.output), uses.sum())
    }

    /// Micro-dollars for millionths of them and whole ones, rounded up once.
    fn total(&self, tier: u128, input: u128, output: u128, uses: u128) -> u64 {
        let factor = self.factor.saturating_mul(tier) / MILLION;
        let tokens = input.saturating_add(output).saturating_mul(factor);
        let tokens = tokens.div_ceil(MILLION * MILLION);
        u64::try_from(tokens.saturating_add(uses)).unwrap_or(u64::MAX)
    }

    fn cached(&self) -> u64 {
        self.price.cached_input.unwrap_or(self.price.input)
    }

    fn written(&self) -> u64 {
        self.price.cache_write.unwrap_or(self.price.input.saturating_mul(2))
    }

    fn written_1h(&self) -> u64 {
        let twice = self.price.input.saturating_mul(2);
        self.price.cache_write_1h.unwrap_or(self.written().max(twice))
    }
}

impl Price {
    /// The factor of a service tier, in millionths.
    fn tier(&self, tier: &str) -> Option<u128> {
        let named = |name: &str| name.strip_prefix("service_tier=") == Some(tier);
        let own = self.surcharge.iter().find(|(name, _)| named(name))?;
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
            // Nobody knows its price: what was asked for stands.
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
