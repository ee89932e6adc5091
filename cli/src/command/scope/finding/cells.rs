//! The search over all outcomes, cells and windows.

use std::collections::HashMap;

use super::super::survey::{Mix, Survey, TOGETHER, Track};

/// Windows are tried at this many steps at most; the beginning is then refined to the bucket.
const STEPS: usize = 96;

/// The minimum number of bad calls.
const FEWEST: u64 = 5;

/// The minimum ratio of a rate to that elsewhere.
const TIMES: f64 = 2.0;

/// The minimum log-likelihood ratio: with some thousand cells and windows tried, e^-15 leaves little to chance.
const LEAST: f64 = 15.0;

/// What each further label of a cell must add to the ratio.
const PER_LABEL: f64 = 3.0;

/// The maximum number of cells per set of labels; those with the most bad calls are tried.
const CELLS: usize = 2000;

/// The values that the calls of a cell share, each with its index in [`TOGETHER`].
type Values = Vec<(usize, u32)>;

/// Calls with something in common.
#[derive(Debug, Clone)]
pub(super) enum Cell {
    Mix(Values),
    Label(String, String),
}

/// The best explanation of one outcome.
#[derive(Debug, Clone)]
pub(super) struct Explanation {
    pub(super) cell: Cell,
    pub(super) outcome: u32,
    /// A range of buckets, counted from the first of the grid.
    pub(super) window: (usize, usize),
    pub(super) score: f64,
}

/// A cell's calls and bad calls, by step.
#[derive(Debug, Clone)]
struct Rows {
    calls: Vec<u32>,
    bad: HashMap<u32, Vec<u32>>,
}

struct Search<'a> {
    survey: &'a Survey,
    first: i64,
    many: usize,
    /// Buckets per step.
    per: usize,
    steps: usize,
    all: Rows,
    best: HashMap<u32, Explanation>,
}

/// True for an action of a limit, enforced or in shadow.
pub(super) fn met_a_limit(outcome: &str) -> bool {
    let action = outcome.rsplit_once(':').map_or("", |(_, action)| action);
    ["reject", "downgrade"].contains(&action.trim_start_matches("shadow-"))
}

/// The best cell and window for each outcome that has any.
pub(super) fn search(survey: &Survey) -> Vec<Explanation> {
    let (first, many) = survey.grid.span();
    if many < 2 {
        return Vec::new();
    }
    let per = many.div_ceil(STEPS);
    let steps = many.div_ceil(per);
    let mut search = Search {
        survey,
        first,
        many,
        per,
        steps,
        all: Rows { calls: vec![0; steps], bad: HashMap::new() },
        best: HashMap::new(),
    };
    let mut all = search.empty();
    survey.mixes.values().for_each(|track| search.add(&mut all, track));
    search.all = all;
    for mask in 1_u32..1 << TOGETHER.len() {
        if mask.count_ones() <= 3 {
            search.mixes(mask);
        }
    }
    for (name, values) in &survey.singles {
        for (value, track) in values {
            let mut rows = search.empty();
            search.add(&mut rows, track);
            search.judge(&Cell::Label(name.clone(), value.clone()), 1, &rows);
        }
    }
    let mut found: Vec<Explanation> = std::mem::take(&mut search.best).into_values().collect();
    found.iter_mut().for_each(|found| search.to_the_bucket(found));
    found
}

fn masked(mix: &Mix, mask: u32) -> Values {
    mix.iter().copied().enumerate().filter(|(at, _)| mask & (1 << at) != 0).collect()
}

impl Search<'_> {
    fn empty(&self) -> Rows {
        Rows { calls: vec![0; self.steps], bad: HashMap::new() }
    }

    fn add(&self, rows: &mut Rows, track: &Track) {
        track.calls.add_to(&mut rows.calls, self.first, self.per);
        for (outcome, own) in &track.outcomes {
            let row = rows.bad.entry(*outcome).or_insert_with(|| vec![0; self.steps]);
            own.calls.add_to(row, self.first, self.per);
        }
    }

    /// All cells of one set of labels.
    fn mixes(&mut self, mask: u32) {
        let mut cells: HashMap<Values, (u64, Vec<&Track>)> = HashMap::new();
        for (mix, track) in &self.survey.mixes {
            let values = masked(mix, mask);
            // A missing label identifies nobody.
            if values.iter().any(|(_, value)| *value == 0) {
                continue;
            }
            let own = cells.entry(values).or_default();
            own.0 += track
                .outcomes
                .iter()
                .flat_map(|(_, own)| own.calls.iter())
                .map(|(_, n)| u64::from(n))
                .sum::<u64>();
            own.1.push(track);
        }
        let mut cells: Vec<_> = cells.into_iter().filter(|(_, (bad, _))| *bad >= FEWEST).collect();
        cells.sort_by(|a, b| b.1.0.cmp(&a.1.0).then_with(|| a.0.cmp(&b.0)));
        for (values, (_, tracks)) in cells.into_iter().take(CELLS) {
            let mut rows = self.empty();
            tracks.into_iter().for_each(|track| self.add(&mut rows, track));
            self.judge(&Cell::Mix(values), mask.count_ones(), &rows);
        }
    }

    /// Judges every window of a cell, for each of its outcomes.
    fn judge(&mut self, cell: &Cell, labels: u32, rows: &Rows) {
        // A call refused by a limit has no served model, so it cannot be compared by that.
        let by_served = match cell {
            Cell::Mix(values) => values.iter().any(|(at, _)| TOGETHER.get(*at) == Some(&"served")),
            Cell::Label(..) => false,
        };
        for (outcome, bad) in &rows.bad {
            let Some(all) = self.all.bad.get(outcome) else { continue };
            if by_served && met_a_limit(self.survey.outcomes.name(*outcome)) {
                continue;
            }
            let totals = (sum(&self.all.calls), sum(all));
            let Some((window, score)) = best_window(&rows.calls, bad, totals, &self.all.calls)
            else {
                continue;
            };
            let score = score - PER_LABEL * f64::from(labels);
            let better = self.best.get(outcome).is_none_or(|known| score > known.score + 1e-9);
            if score >= LEAST && better {
                let found = Explanation { cell: cell.clone(), outcome: *outcome, window, score };
                self.best.insert(*outcome, found);
            }
        }
    }

    /// Refines the beginning and the end from steps to buckets.
    fn to_the_bucket(&self, found: &mut Explanation) {
        let (mut calls, mut bad) = (vec![0; self.many], vec![0; self.many]);
        let mut add = |track: &Track| {
            track.calls.add_to(&mut calls, self.first, 1);
            for (_, own) in track.outcomes.iter().filter(|(own, _)| *own == found.outcome) {
                own.calls.add_to(&mut bad, self.first, 1);
            }
        };
        match &found.cell {
            Cell::Mix(values) => {
                let fits = |mix: &Mix| values.iter().all(|(at, value)| mix.get(*at) == Some(value));
                self.survey
                    .mixes
                    .iter()
                    .filter(|(mix, _)| fits(mix))
                    .for_each(|(_, track)| add(track));
            }
            Cell::Label(name, value) => {
                self.survey
                    .singles
                    .get(name)
                    .and_then(|values| values.get(value))
                    .into_iter()
                    .for_each(add);
            }
        }
        let totals =
            (sum(&self.all.calls), self.all.bad.get(&found.outcome).map_or(0, |row| sum(row)));
        let (sums, bads) = (prefix(&calls), prefix(&bad));
        let (from, to) = (found.window.0 * self.per, (found.window.1 * self.per).min(self.many));
        let near = |at: usize| at.saturating_sub(self.per)..=(at + self.per).min(self.many);
        let score = |from: usize, to: usize| ratio(&sums, &bads, (from, to), totals);
        let best = |of: &mut dyn Iterator<Item = (usize, usize)>| {
            of.filter(|(from, to)| from < to)
                .max_by(|a, b| score(a.0, a.1).total_cmp(&score(b.0, b.1)))
        };
        let end = if to >= self.many {
            self.many
        } else {
            best(&mut near(to).map(|to| (from, to))).map_or(to, |(_, to)| to)
        };
        let begin = best(&mut near(from).map(|from| (from, end))).map_or(from, |(from, _)| from);
        // It begins with a bad call, not with quiet minutes before one.
        let quiet = bad.iter().skip(begin).take_while(|count| **count == 0).count();
        let begin = (begin + quiet).min(end.saturating_sub(1));
        // It ends with its last bad call, not with quiet minutes after it.
        let last = bad.iter().take(end).rposition(|count| *count > 0);
        let end = last.map_or(end, |last| (last + 1).max(begin + 1));
        let (begin, end) = with_edges(&bad, begin, end);
        // It is over only if bad calls were to be expected after it and did not come: a few quiet minutes prove
        // nothing.
        let due =
            between(&bads, (begin, end)) as f64 * (self.many - end) as f64 / (end - begin) as f64;
        found.window = (begin, if due < FEWEST as f64 { self.many } else { end });
    }
}

/// If there is no bad call outside, the buckets at the edges belong to the window. They lie partly outside it, so their
/// rate alone would exclude them, with their bad calls.
fn with_edges(bad: &[u32], begin: usize, end: usize) -> (usize, usize) {
    let is_bad = |count: &&u32| **count > 0;
    let after = bad.iter().skip(end).take_while(is_bad).count();
    let before = bad.iter().take(begin).rev().take_while(is_bad).count();
    let (first, last) = (begin - before, end + after);
    let outside = bad.iter().take(first).chain(bad.iter().skip(last)).any(|count| *count > 0);
    if outside { (begin, end) } else { (first, last) }
}

fn sum(row: &[u32]) -> u64 {
    row.iter().map(|count| u64::from(*count)).sum()
}

fn prefix(row: &[u32]) -> Vec<u64> {
    let mut sums = vec![0];
    sums.extend(row.iter().scan(0, |sum, count| {
        *sum += u64::from(*count);
        Some(*sum)
    }));
    sums
}

fn between(sums: &[u64], (from, to): (usize, usize)) -> u64 {
    let at = |at: usize| sums.get(at).copied().unwrap_or_default();
    at(to).saturating_sub(at(from))
}

/// How much better two rates explain a window and the rest than one rate does.
fn ratio(sums: &[u64], bads: &[u64], window: (usize, usize), (calls, bad): (u64, u64)) -> f64 {
    let (n, b) = (between(sums, window), between(bads, window));
    likelihood(b, n) + likelihood(bad.saturating_sub(b), calls.saturating_sub(n))
        - likelihood(bad, calls)
}

fn likelihood(bad: u64, calls: u64) -> f64 {
    let (b, n) = (bad as f64, calls as f64);
    let part = |share: f64| if share > 0.0 { share * (share / n).ln() } else { 0.0 };
    if calls == 0 { 0.0 } else { part(b) + part(n - b) }
}

/// The window of a row that explains most, if the rate rose there.
fn best_window(
    calls: &[u32],
    bad: &[u32],
    totals: (u64, u64),
    all: &[u32],
) -> Option<((usize, usize), f64)> {
    let (sums, bads) = (prefix(calls), prefix(bad));
    let steps = calls.len();
    let before_all = prefix(all);
    let mut best: Option<((usize, usize), f64)> = None;
    for from in 1..steps {
        // A rate that was high from the log's beginning did not rise, and a window begins with a bad call.
        if between(&before_all, (0, from)) == 0 || bad.get(from).is_none_or(|count| *count == 0) {
            continue;
        }
        let (n, b) = (between(&sums, (0, from)), between(&bads, (0, from)));
        let before = if n == 0 { 0.0 } else { b as f64 / n as f64 };
        for to in from + 1..=steps {
            let window = (from, to);
            let (n, b) = (between(&sums, window), between(&bads, window));
            if b < FEWEST {
                continue;
            }
            let inside = b as f64 / n.max(1) as f64;
            let outside =
                totals.1.saturating_sub(b) as f64 / totals.0.saturating_sub(n).max(1) as f64;
            if inside < TIMES * outside || inside < TIMES * before {
                continue;
            }
            let score = ratio(&sums, &bads, window, totals);
            if best.is_none_or(|(_, known)| score > known) {
                best = Some((window, score));
            }
        }
    }
    best
}
