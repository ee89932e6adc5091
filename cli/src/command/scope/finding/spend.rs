//! Whose spending grew, and since when.

use super::super::survey::{Survey, TOGETHER, Track};

/// The number of steps at which windows may begin.
const STEPS: usize = 96;

/// The minimum ratio of spending to what it was before.
const TIMES: f64 = 3.0;

/// The minimum share of the additional cost in all spending.
const SHARE: f64 = 0.1;

/// Steps that are needed to know the usual spending, and that an increase which is over must have lasted.
const USUAL: usize = 3;

/// The minimum number of calls, however dear each is.
const FEWEST: u64 = 20;

/// A label value whose spending grew.
#[derive(Debug, Clone)]
pub(crate) struct Dearer {
    pub(crate) label: (String, String),
    pub(crate) since_ms: u64,
    /// When it ended, if before the end of the log.
    pub(crate) until_ms: Option<u64>,
    /// USD per hour, in that time and before it.
    pub(crate) now: f64,
    pub(crate) before: f64,
    /// USD in excess of the usual spending.
    pub(crate) more: f64,
    pub(crate) calls: u64,
}

/// The label value whose spending grew most, whether it continues or a cap has ended it.
pub(crate) fn dearer(survey: &Survey) -> Option<Dearer> {
    let (first, many) = survey.grid.span();
    let per = many.div_ceil(STEPS).max(1);
    let steps = many.div_ceil(per);
    let step_hours = (survey.grid.width_ms * per as u64) as f64 / 3_600_000.0;
    let spent_in_all = survey.all.micro_usd as f64 / 1e6;
    let mut best: Option<Dearer> = None;
    let mut judge = |name: &str, value: &str, tracks: &[&Track]| {
        let (mut money, mut calls) = (vec![0_u64; steps], vec![0_u32; steps]);
        for track in tracks {
            track.micro_usd.add_to(&mut money, first, per);
            track.calls.add_to(&mut calls, first, per);
        }
        let Some((from, to)) = turn(&money) else { return };
        let usd = |row: &[u64]| row.iter().sum::<u64>() as f64 / 1e6;
        let (past, present) = money.split_at_checked(from).unwrap_or_default();
        let (present, _) = present.split_at_checked(to - from).unwrap_or_default();
        let before = usd(past) / (past.len() as f64 * step_hours);
        let now = usd(present) / (present.len() as f64 * step_hours);
        let more = usd(present) - before * present.len() as f64 * step_hours;
        // The same money appears under every label: it is attributed to the one whose own past was cheapest.
        let telling = |more: f64, before: f64, now: f64| more * (1.0 - before / now);
        let calls: u64 = calls.iter().take(to).skip(from).map(|count| u64::from(*count)).sum();
        let lasts = to == steps || to - from >= USUAL;
        let fits = now >= TIMES * before
            && more >= SHARE * spent_in_all
            && more > 0.0
            && lasts
            && calls >= FEWEST;
        let better = best.as_ref().is_none_or(|known| {
            telling(more, before, now) > telling(known.more, known.before, known.now)
        });
        if fits && better {
            best = Some(Dearer {
                label: (name.to_owned(), value.to_owned()),
                since_ms: survey.grid.begins(first + (from * per) as i64),
                until_ms: (to < steps).then(|| survey.grid.begins(first + (to * per) as i64)),
                now,
                before,
                more,
                calls,
            });
        }
    };
    for (name, values) in &survey.singles {
        for (value, track) in values {
            judge(name, value, &[track]);
        }
    }
    // A new prompt version or model takes over the cost of the old one, which is no news.
    let features =
        TOGETHER.iter().zip(&survey.names).enumerate().filter(|(_, (name, _))| **name == "feature");
    for (at, (name, names)) in features {
        let mut by_value: std::collections::BTreeMap<u32, Vec<&Track>> =
            std::collections::BTreeMap::new();
        for (mix, track) in &survey.mixes {
            let value = mix.get(at).copied().unwrap_or_default();
            by_value.entry(value).or_default().push(track);
        }
        for (value, tracks) in by_value.into_iter().filter(|(value, _)| *value != 0) {
            judge(name, names.name(value), &tracks);
        }
    }
    best
}

/// The range of steps in which a higher rate of spending explains the row best.
fn turn(money: &[u64]) -> Option<(usize, usize)> {
    let all: u64 = money.iter().sum();
    let part = |sum: u64, steps: usize| {
        let rate = sum as f64 / steps.max(1) as f64;
        if sum == 0 { 0.0 } else { sum as f64 * rate.ln() }
    };
    let mut best: Option<((usize, usize), f64)> = None;
    for from in USUAL..money.len().saturating_sub(1) {
        let mut within = 0;
        for (to, step) in money.iter().enumerate().skip(from).map(|(at, step)| (at + 1, step)) {
            within += step;
            let (steps, others) = (to - from, money.len() - (to - from));
            let rises = within as f64 / steps as f64 > (all - within) as f64 / others as f64;
            let score = part(within, steps) + part(all - within, others);
            if rises && best.is_none_or(|(_, known)| score > known) {
                best = Some(((from, to), score));
            }
        }
    }
    best.map(|(window, _)| window)
}
