//! One pass over access logs. Counts are exact up to bounds that the report names.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::against::Against;
use super::condition::Conditions;
use super::count::{Call, Grouping, Sums};
use super::dimension::Dimension;
use super::interned::Interned;
use super::latency::Latency;
use super::releases::Releases;
use super::series::{Grid, Series};
use crate::shared::access_log::{self, Entry, Field, Read, Sources};
use crate::shared::error::Result;
use crate::shared::records::Period;
use crate::shared::terminal::{count, safe};

/// The dimensions that are combined to locate an incident, in the order in which the sentence names them.
pub(crate) const TOGETHER: [&str; 6] =
    ["feature", "prompt_version", "model", "prompt", "served", "upstream"];

/// The values of [`TOGETHER`] for one call, as numbers.
pub(crate) type Mix = [u32; TOGETHER.len()];

/// How many mixes and label values have series of their own; further ones are counted in the tables only.
const TRACKS: usize = 4096;

/// The maximum number of series: at 8 bytes × 1440 buckets, about 90 MB if every one is full.
const SERIES: usize = 8192;

/// How many kinds of outcome (`RULE:ACTION`, `status:5xx` …) are followed over time.
const OUTCOMES: usize = 64;

/// How many tenants are distinguished over all outcomes.
const TENANTS: usize = 200_000;

/// The label that identifies a customer.
pub(crate) const WHO: &str = "tenant";

/// Calls of one mix, or of one label's value.
#[derive(Debug, Default)]
pub(crate) struct Track {
    pub(crate) calls: Series<u32>,
    pub(crate) micro_usd: Series<u64>,
    pub(crate) outcomes: Vec<(u32, Outcome)>,
}

/// Calls of a track with one outcome.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) calls: Series<u32>,
    pub(crate) tenants: HashMap<u32, Share>,
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// The decision id of the first.
    pub(crate) first_decision: Option<String>,
}

/// One tenant's part of an outcome.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share {
    /// Unix milliseconds.
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) calls: u64,
}

impl Track {
    fn coarsen(&mut self) {
        self.calls.coarsen();
        self.micro_usd.coarsen();
        self.outcomes.iter_mut().for_each(|(_, own)| own.calls.coarsen());
    }
}

/// The counts from which all reports are made.
#[derive(Debug)]
pub(crate) struct Survey {
    pub(crate) conditions: Conditions,
    period: Period,
    pub(crate) all: Sums,
    pub(crate) groups: Vec<Grouping>,
    pub(crate) grid: Grid,
    /// The values of [`TOGETHER`] by number; 0 is no value.
    pub(crate) names: [Interned; TOGETHER.len()],
    dimensions: [Dimension; TOGETHER.len()],
    pub(crate) mixes: HashMap<Mix, Track>,
    /// Labels that are not in [`TOGETHER`], by label and value.
    pub(crate) singles: BTreeMap<String, HashMap<String, Track>>,
    pub(crate) outcomes: Interned,
    pub(crate) tenants: Interned,
    pub(crate) latency: Latency,
    pub(crate) first_chunk: Latency,
    pub(crate) releases: Releases,
    tracks: usize,
    series: usize,
    within_outcomes: usize,
    /// Calls without a series of their own, for lack of room.
    pub(crate) unfollowed: u64,
    /// Some tenants were not distinguished, so their number is a lower bound.
    pub(crate) tenants_folded: bool,
    /// Calls outside `--since` and `--until`, and calls that the conditions exclude.
    pub(crate) elsewhen: u64,
    pub(crate) elsewhere: u64,
    pub(crate) read: Read,
    pub(crate) against: Option<Against>,
}

/// What to count.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) by: Vec<String>,
    pub(crate) conditions: Conditions,
    pub(crate) period: Period,
    /// Another period to compare with.
    pub(crate) against: Option<Against>,
}

impl Survey {
    /// A survey that has read nothing yet.
    pub(crate) fn new(wanted: Wanted) -> Self {
        Self {
            groups: wanted.by.iter().map(|names| Grouping::named(names)).collect(),
            conditions: wanted.conditions,
            period: wanted.period,
            all: Sums::default(),
            grid: Grid::default(),
            names: std::array::from_fn(|_| Interned::new(super::count::VALUES)),
            dimensions: TOGETHER.map(Dimension::named),
            mixes: HashMap::new(),
            singles: BTreeMap::new(),
            outcomes: Interned::new(OUTCOMES),
            tenants: Interned::new(TENANTS),
            latency: Latency::default(),
            first_chunk: Latency::default(),
            releases: Releases::default(),
            tracks: 0,
            series: 0,
            within_outcomes: 0,
            unfollowed: 0,
            tenants_folded: false,
            elsewhen: 0,
            elsewhere: 0,
            read: Read::default(),
            against: wanted.against,
        }
    }

    /// True for a moment between `--since` and `--until` (Unix milliseconds).
    pub(crate) fn is_within(&self, at_ms: u64) -> bool {
        self.period.contains(at_ms)
    }

    /// Why there is nothing to report; `logs`: where it was looked for.
    pub(crate) fn nothing(&self, logs: &[String]) -> String {
        let (read, logs) = (&self.read, logs.iter().map(|log| safe(log)).collect::<Vec<_>>());
        let lines = count(usize::try_from(read.lines).unwrap_or(usize::MAX), "line", "lines");
        let mut parts = vec![format!("{}: no call of a model in {lines}", logs.join(", "))];
        let mut add = |count: u64, what: &str| {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        };
        add(read.other, "of other traffic");
        add(self.elsewhen, "outside `--since` and `--until`");
        add(self.elsewhere, "that `--where` does not look at");
        if read.unusable() > 0 {
            parts.push(read.troubles());
        }
        let help = match read.lines == read.unusable() {
            true => "; the JSON access log of proxies is expected (docs/operations.md)",
            false => "",
        };
        format!("{}{help}", parts.join(", "))
    }

    /// Reads all sources.
    pub(crate) fn read(&mut self, sources: &Sources, tick: impl FnMut(u64)) -> Result<()> {
        let read = access_log::read(sources, |entry| self.add(entry), tick)?;
        self.read = read;
        Ok(())
    }

    fn add(&mut self, entry: &Entry<'_>) {
        if !self.is_within(entry.at_ms) {
            let other = self.against.as_mut().filter(|own| own.window.contains(&entry.at_ms));
            match other {
                Some(other) if self.conditions.looks_at(entry) => {
                    other.add(&self.conditions, entry)
                }
                Some(_) => {}
                None => self.elsewhen += 1,
            }
            return;
        }
        // Releases concern all calls, whichever are examined.
        self.releases.saw(entry);
        if !self.conditions.looks_at(entry) {
            self.elsewhere += 1;
            return;
        }
        let (mut found, mut folded) = (Vec::new(), false);
        let outcomes = &mut self.outcomes;
        self.conditions.outcomes(entry, &mut |outcome| match outcomes.number(outcome) {
            Some(number) if !found.contains(&number) => found.push(number),
            Some(_) => {}
            None => folded = true,
        });
        let call = Call::of(entry, folded || !found.is_empty());
        self.all.add(&call);
        for group in &mut self.groups {
            group.add(entry, &call);
        }
        self.releases.count(entry, &call);
        while self.grid.take_in(entry.at_ms) {
            self.mixes.values_mut().for_each(Track::coarsen);
            self.singles.values_mut().flat_map(HashMap::values_mut).for_each(Track::coarsen);
            self.latency.coarsen();
            self.first_chunk.coarsen();
        }
        let bucket = self.grid.bucket(entry.at_ms);
        if let Some(ms) = call.duration_ms {
            self.latency.add(bucket, ms);
        }
        if let Some(micro) = entry.micro(Field::FirstChunk) {
            self.first_chunk.add(bucket, micro / 1000);
        }
        self.follow(entry, &call, bucket, &found);
    }

    /// Adds the call to the series of its mix, and of its other labels.
    fn follow(&mut self, entry: &Entry<'_>, call: &Call, bucket: i64, found: &[u32]) {
        let mut mix: Mix = [0; TOGETHER.len()];
        for ((at, dimension), names) in mix.iter_mut().zip(&self.dimensions).zip(&mut self.names) {
            dimension
                .values(entry, &mut |value| *at = names.number(value).unwrap_or(Interned::FOLDED));
        }
        let tenant = entry.label(WHO).map(|name| self.tenants.number(name));
        let room = self.tracks < TRACKS && self.series + 2 <= SERIES;
        let track = match self.mixes.get_mut(&mix) {
            Some(track) => Some(track),
            None if room => {
                (self.tracks, self.series) = (self.tracks + 1, self.series + 2);
                Some(self.mixes.entry(mix).or_default())
            }
            None => None,
        };
        let Some(track) = track else {
            self.unfollowed += 1;
            return;
        };
        add(track, entry, call, bucket, found, &mut self.series);
        if let Some(tenant) = tenant {
            for (number, outcome) in &mut track.outcomes {
                if !found.contains(number) {
                    continue;
                }
                match tenant {
                    Some(tenant)
                        if outcome.tenants.contains_key(&tenant)
                            || self.within_outcomes < TENANTS =>
                    {
                        let at = call.at_ms;
                        let own = outcome.tenants.entry(tenant).or_insert_with(|| {
                            self.within_outcomes += 1;
                            Share { first: at, last: at, calls: 0 }
                        });
                        (own.first, own.last) = (own.first.min(at), own.last.max(at));
                        own.calls += 1;
                    }
                    _ => self.tenants_folded = true,
                }
            }
        }
        for (name, value) in &entry.labels {
            if TOGETHER.contains(&name.as_ref()) {
                continue;
            }
            if !self.singles.contains_key(name.as_ref()) {
                if self.singles.len() >= 32 {
                    continue;
                }
                self.singles.insert(name.clone().into_owned(), HashMap::new());
            }
            let Some(values) = self.singles.get_mut(name.as_ref()) else { continue };
            let room = self.tracks < TRACKS && self.series + 2 <= SERIES;
            let track = match values.get_mut(value.as_ref()) {
                Some(track) => track,
                None if room => {
                    (self.tracks, self.series) = (self.tracks + 1, self.series + 2);
                    values.entry(value.clone().into_owned()).or_default()
                }
                None => continue,
            };
            add(track, entry, call, bucket, found, &mut self.series);
        }
    }
}

fn add(
    track: &mut Track,
    entry: &Entry<'_>,
    call: &Call,
    bucket: i64,
    found: &[u32],
    series: &mut usize,
) {
    track.calls.add(bucket, 1);
    if let Some(micro) = call.micro_usd.filter(|micro| *micro > 0) {
        track.micro_usd.add(bucket, micro);
    }
    for number in found {
        let known = track.outcomes.iter().position(|(own, _)| own == number);
        let at = known.unwrap_or(track.outcomes.len());
        if known.is_none() {
            if *series >= SERIES {
                continue;
            }
            *series += 1;
            let new = Outcome { first: u64::MAX, ..Outcome::default() };
            track.outcomes.push((*number, new));
        }
        if let Some((_, own)) = track.outcomes.get_mut(at) {
            own.calls.add(bucket, 1);
            own.last = own.last.max(call.at_ms);
            if call.at_ms < own.first {
                own.first = call.at_ms;
                own.first_decision = entry.text(Field::Decision).map(Cow::into_owned);
            }
        }
    }
}
