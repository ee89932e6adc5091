//! Exact counts by value, up to a bound.

use std::collections::HashMap;

use super::dimension::Dimension;
use crate::shared::access_log::{Entry, Field};

/// How many values of a grouping are counted separately. There may be more tenants or users: further ones are counted
/// together, and the report says how many calls that were.
pub(crate) const VALUES: usize = 10_000;

/// The separator between the values of a combined grouping in one text.
const BETWEEN: char = '\u{1f}';

/// The sums over some calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) calls: u64,
    /// The calls that are looked for.
    pub(crate) hit: u64,
    pub(crate) input: u64,
    pub(crate) cached: u64,
    pub(crate) output: u64,
    pub(crate) micro_usd: u64,
    /// Calls with a cost.
    pub(crate) priced: u64,
    pub(crate) duration_ms: u64,
    /// Calls with a duration.
    pub(crate) timed: u64,
    /// Times in Unix milliseconds: of the first and last call, and of the first and last one that is looked for.
    pub(crate) first: Option<u64>,
    pub(crate) last: Option<u64>,
    pub(crate) first_hit: Option<u64>,
    pub(crate) last_hit: Option<u64>,
}

fn widen(first: &mut Option<u64>, last: &mut Option<u64>, at: u64) {
    *first = Some(first.map_or(at, |first| first.min(at)));
    *last = Some(last.map_or(at, |last| last.max(at)));
}

impl Sums {
    /// Adds a call.
    pub(crate) fn add(&mut self, one: &Call) {
        self.calls += 1;
        self.input += one.input;
        self.cached += one.cached;
        self.output += one.output;
        if let Some(micro) = one.micro_usd {
            self.micro_usd += micro;
            self.priced += 1;
        }
        if let Some(duration) = one.duration_ms {
            self.duration_ms += duration;
            self.timed += 1;
        }
        widen(&mut self.first, &mut self.last, one.at_ms);
        if one.hit {
            self.hit += 1;
            widen(&mut self.first_hit, &mut self.last_hit, one.at_ms);
        }
    }

    /// The share of its calls that is looked for, from 0 to 1.
    pub(crate) fn rate(&self) -> f64 {
        ratio(self.hit, self.calls)
    }
}

/// The ratio of two numbers; 0 if the second is 0.
pub(crate) fn ratio(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}

/// The numbers of one call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) at_ms: u64,
    pub(crate) hit: bool,
    pub(crate) input: u64,
    pub(crate) cached: u64,
    pub(crate) output: u64,
    pub(crate) micro_usd: Option<u64>,
    pub(crate) duration_ms: Option<u64>,
}

impl Call {
    pub(crate) fn of(entry: &Entry<'_>, hit: bool) -> Self {
        // No report of more than four million tokens is believed: such a line would spoil a sum.
        let tokens = |field| entry.whole(field).unwrap_or(0).min(4_000_000);
        Self {
            at_ms: entry.at_ms,
            hit,
            input: tokens(Field::Input),
            cached: tokens(Field::Cached),
            output: tokens(Field::Output),
            micro_usd: entry.micro(Field::Cost),
            duration_ms: entry.whole(Field::Duration),
        }
    }
}

/// Calls grouped by the values of one or several dimensions.
#[derive(Debug)]
pub(crate) struct Grouping {
    pub(crate) by: Vec<Dimension>,
    values: HashMap<String, Sums>,
    /// Calls with further values, for which there was no room.
    pub(crate) folded: Sums,
    key: String,
}

impl Grouping {
    /// `feature`, or `feature,prompt_version` for both together.
    pub(crate) fn named(names: &str) -> Self {
        let by = names.split(',').map(str::trim).filter(|name| !name.is_empty());
        Self {
            by: by.map(Dimension::named).collect(),
            values: HashMap::new(),
            folded: Sums::default(),
            key: String::new(),
        }
    }

    /// Its name on the command line.
    pub(crate) fn name(&self) -> String {
        self.by.iter().map(|own| own.name.as_str()).collect::<Vec<_>>().join(",")
    }

    /// Adds a call; a call with several rules counts under each.
    pub(crate) fn add(&mut self, entry: &Entry<'_>, call: &Call) {
        let Self { by, values, folded, key } = self;
        if let [one] = by.as_slice() {
            one.values(entry, &mut |value| count(values, folded, value, call));
            return;
        }
        key.clear();
        for (at, own) in by.iter().enumerate() {
            if at > 0 {
                key.push(BETWEEN);
            }
            key.push_str(&own.value(entry).replace(BETWEEN, "\u{fffd}"));
        }
        count(values, folded, key, call);
    }

    /// Values with their sums: those with the most calls that are looked for come first, then those with the most
    /// calls.
    pub(crate) fn rows(&self) -> Vec<(Vec<&str>, &Sums)> {
        let mut all: Vec<_> = self.values.iter().collect();
        all.sort_by(|(a, left), (b, right)| {
            let key = |sums: &Sums| (sums.hit, sums.calls);
            key(right).cmp(&key(left)).then_with(|| a.cmp(b))
        });
        let several = self.by.len() > 1;
        let mut rows = Vec::with_capacity(all.len());
        for (key, sums) in all {
            rows.push(match several {
                true => (key.split(BETWEEN).collect(), sums),
                false => (vec![key.as_str()], sums),
            });
        }
        rows
    }

    /// True if no call has a value.
    pub(crate) fn says_nothing(&self) -> bool {
        self.values.keys().all(|key| key.chars().all(|c| c == BETWEEN))
    }

    /// The number of values that are counted separately.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }
}

fn count(values: &mut HashMap<String, Sums>, folded: &mut Sums, key: &str, call: &Call) {
    if let Some(sums) = values.get_mut(key) {
        sums.add(call);
    } else if values.len() < VALUES {
        values.entry(key.to_owned()).or_default().add(call);
    } else {
        folded.add(call);
    }
}
