//! What turned bad: which outcome became more frequent, among which calls, and since when.
//!
//! Every outcome (a rule's action, a failed status, an unusual end) is looked for in every *cell*: calls that share the
//! values of one to three of feature, prompt version, model and so on, or of one other label. For each cell and every
//! window of time the two rates, inside and everywhere else, are compared by their likelihood (a scan statistic, Kulldorff
//! 1997): the cell and window that explain most are the ones to name. A cell that is too wide thins its own rate; one that
//! is too narrow leaves bad calls outside; so the maximum is at the right size.

mod cells;
mod spend;

use cells::{Cell, Explanation, met_a_limit};

use super::releases::Release;
use super::survey::{Mix, Survey, TOGETHER};

pub(crate) use spend::{Dearer, dearer};

/// How long before the beginning a release, or the cell's first call, is still named with it.
const BEFORE_MS: u64 = 60 * 60 * 1000;

/// A cap that is activated against spending that is already running away is full within this time.
const CAP_FILLS_MS: u64 = 60 * 1000;

/// The maximum number of findings.
const MOST: usize = 5;

/// The label whose new value on-call asks for first.
const VERSION: &str = "prompt_version";

/// A value is named if at least this share of a cell's bad calls has it.
const NEARLY_ALL: f64 = 0.98;

/// An outcome that became more frequent.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    /// `RULE:ACTION`, `status:5xx`, `finish:REASON`; empty where `--where` says what is looked for.
    pub(crate) outcome: String,
    /// Dimensions and values, in the order of the sentence.
    pub(crate) labels: Vec<(String, String)>,
    /// When it began, in Unix milliseconds: exact if there was no bad call before, else the beginning of a bucket.
    pub(crate) since_ms: u64,
    pub(crate) exact: bool,
    /// The end of its window, if it ended before the log did.
    pub(crate) until_ms: Option<u64>,
    /// Its last bad call (Unix milliseconds).
    pub(crate) last_ms: u64,
    /// Calls of the cell within the window, and the bad ones among them.
    pub(crate) calls: u64,
    pub(crate) hit: u64,
    /// The same for the cell before the window.
    pub(crate) calls_before: u64,
    pub(crate) hit_before: u64,
    pub(crate) tenants: u64,
    pub(crate) tenants_at_least: bool,
    /// Tenants and the number of their bad calls, most first.
    pub(crate) who: Vec<(String, u64)>,
    /// The decision id of the first bad call, if it is logged.
    pub(crate) first_decision: Option<String>,
    /// The last release that came into force before it began.
    pub(crate) release: Option<Release>,
    /// The cell's first call, if it was within the hour before.
    pub(crate) first_seen_ms: Option<u64>,
    /// Other values of the last named version: value, calls, bad calls.
    pub(crate) beside: Vec<(String, u64, u64)>,
    /// It began with a release and holds for nearly all calls: somebody moved a lever.
    pub(crate) lever: bool,
    /// How much better it explains the log than chance does: a log-likelihood ratio.
    pub(crate) score: f64,
}

impl Finding {
    /// The share of bad calls in the cell within the window.
    pub(crate) fn rate(&self) -> f64 {
        super::count::ratio(self.hit, self.calls)
    }

    /// True if the outcome is that a limit was reached: there are more or dearer calls, whose answers may be as good as
    /// ever.
    pub(crate) fn is_a_limit(&self) -> bool {
        met_a_limit(&self.outcome)
    }

    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// All findings, the strongest first; moved levers come last.
pub(crate) fn findings(survey: &Survey) -> Vec<Finding> {
    let releases = survey.releases.list();
    let mut all: Vec<Finding> = cells::search(survey)
        .into_iter()
        .filter_map(|found| described(survey, &releases, found))
        .collect();
    all.sort_by(|a, b| a.lever.cmp(&b.lever).then(b.score.total_cmp(&a.score)));
    let mut kept: Vec<Finding> = Vec::new();
    for finding in all {
        // A block is also an unusual end, and a 5xx a fallback: one incident seen twice.
        let same = |known: &&Finding| {
            known.labels == finding.labels
                && known.since_ms.abs_diff(finding.since_ms) <= survey.grid.width_ms
        };
        if kept.iter().find(same).is_none() {
            kept.push(finding);
        }
    }
    kept.truncate(MOST);
    kept
}

fn described(survey: &Survey, releases: &[Release], found: Explanation) -> Option<Finding> {
    let (first, many) = survey.grid.span();
    let (from, to) = found.window;
    let (begin, end) = (first + from as i64, first + to as i64);
    let labels = match &found.cell {
        Cell::Mix(values) => named(survey, values, found.outcome, begin, end),
        Cell::Label(name, value) => vec![(name.clone(), value.clone())],
    };
    let in_cell = |mix: &Mix| {
        TOGETHER.iter().zip(mix).zip(&survey.names).all(|((name, number), names)| {
            labels.iter().all(|(own, value)| own != name || names.name(*number) == value)
        })
    };
    let mut finding = Finding {
        outcome: survey.outcomes.name(found.outcome).to_owned(),
        labels: labels.clone(),
        since_ms: survey.grid.begins(begin),
        exact: false,
        until_ms: None,
        last_ms: 0,
        calls: 0,
        hit: 0,
        calls_before: 0,
        hit_before: 0,
        tenants: 0,
        tenants_at_least: survey.tenants_folded,
        who: Vec::new(),
        first_decision: None,
        release: None,
        first_seen_ms: None,
        beside: Vec::new(),
        lever: false,
        score: found.score,
    };
    let mut tenants: std::collections::HashMap<u32, u64> = std::collections::HashMap::new();
    let (mut first_bad, mut first_call) = (u64::MAX, i64::MAX);
    let tracks: Vec<_> = match &found.cell {
        Cell::Mix(_) => {
            survey.mixes.iter().filter(|(mix, _)| in_cell(mix)).map(|(_, track)| track).collect()
        }
        Cell::Label(name, value) => survey.singles.get(name)?.get(value).into_iter().collect(),
    };
    for track in tracks {
        for (bucket, calls) in track.calls.iter().filter(|(_, calls)| *calls > 0) {
            first_call = first_call.min(bucket);
            let into = if bucket < begin { &mut finding.calls_before } else { &mut finding.calls };
            if bucket < end {
                *into += u64::from(calls);
            }
        }
        for (_, outcome) in track.outcomes.iter().filter(|(own, _)| *own == found.outcome) {
            if outcome.first < first_bad {
                first_bad = outcome.first;
                finding.first_decision.clone_from(&outcome.first_decision);
            }
            finding.last_ms = finding.last_ms.max(outcome.last);
            for (bucket, calls) in outcome.calls.iter().filter(|(bucket, _)| *bucket < end) {
                let into = if bucket < begin { &mut finding.hit_before } else { &mut finding.hit };
                *into += u64::from(calls);
            }
            let window = (finding.since_ms, survey.grid.begins(end));
            let within = outcome
                .tenants
                .iter()
                .filter(|(_, own)| own.last >= window.0 && own.first < window.1);
            within.for_each(|(tenant, own)| *tenants.entry(*tenant).or_default() += own.calls);
        }
    }
    finding.tenants = tenants.len() as u64;
    let name = |(tenant, calls)| (survey.tenants.name(tenant).to_owned(), calls);
    finding.who = tenants.into_iter().map(name).collect();
    finding.who.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    if let Cell::Label(name, value) = &found.cell
        && name == super::survey::WHO
    {
        finding.tenants = 1;
        finding.who = vec![(value.clone(), finding.hit)];
    }
    if first_bad != u64::MAX && finding.hit_before == 0 {
        (finding.since_ms, finding.exact) = (first_bad, true);
    }
    // It is not over if its window ends with the log.
    if to < many {
        finding.until_ms = Some(survey.grid.begins(end));
    }
    let near = |at: &u64| *at <= finding.since_ms && finding.since_ms - at <= BEFORE_MS;
    let slack = if finding.exact { 0 } else { survey.grid.width_ms };
    // There is no earlier time to compare with for a release that was in force at the log's first call.
    let opening = survey.releases.first_ms.unwrap_or_default();
    let release = releases
        .iter()
        .filter(|own| !own.before && own.since > opening && own.since <= finding.since_ms + slack);
    finding.release = release
        .max_by_key(|own| own.since)
        .filter(|own| own.since + BEFORE_MS >= finding.since_ms)
        .cloned();
    let begins = survey.grid.begins(first_call);
    finding.first_seen_ms = (first_call > first).then_some(begins).filter(near);
    finding.beside = beside(survey, &labels, found.outcome);
    finding.lever = is_lever(&finding, survey.grid.width_ms);
    Some(finding)
}

/// True if somebody moved a lever: what it does began with a release and holds for nearly all calls, or it is a cap
/// that refused at once. Most caps are activated because something else is wrong.
fn is_lever(finding: &Finding, width_ms: u64) -> bool {
    let action = finding.outcome.rsplit_once(':').map_or("", |(_, action)| action);
    let within = |ms: u64| {
        finding.release.as_ref().is_some_and(|own| finding.since_ms.abs_diff(own.since) <= ms)
    };
    match action {
        "reject" | "downgrade" => within((2 * width_ms).max(CAP_FILLS_MS)),
        "fallback" | "block" | "deny" | "approve" => finding.rate() > 0.9 && within(2 * width_ms),
        _ => false,
    }
}

/// The values that nearly all bad calls of a cell share, whether or not the cell was found by them.
fn named(
    survey: &Survey,
    values: &[(usize, u32)],
    outcome: u32,
    begin: i64,
    end: i64,
) -> Vec<(String, String)> {
    let fits = |mix: &Mix| values.iter().all(|(at, value)| mix.get(*at) == Some(value));
    let mut labels = Vec::new();
    for (at, name) in TOGETHER.iter().enumerate() {
        let (mut bad, mut calls) =
            (std::collections::HashMap::new(), std::collections::HashMap::new());
        for (mix, track) in survey.mixes.iter().filter(|(mix, _)| fits(mix)) {
            let Some(value) = mix.get(at) else { continue };
            let within = |count: &(i64, u32)| (begin..end).contains(&count.0);
            let sum = |series: &super::series::Series<u32>| -> u64 {
                series.iter().filter(within).map(|(_, count)| u64::from(count)).sum()
            };
            *calls.entry(*value).or_insert(0) += sum(&track.calls);
            for (_, own) in track.outcomes.iter().filter(|(own, _)| *own == outcome) {
                *bad.entry(*value).or_insert(0) += sum(&own.calls);
            }
        }
        let most = |counts: &std::collections::HashMap<u32, u64>| {
            let all: u64 = counts.values().sum();
            let (value, count) = counts.iter().max_by_key(|(value, count)| (**count, **value))?;
            (*count as f64 >= NEARLY_ALL * all as f64).then_some(*value)
        };
        let found_by = values.iter().find(|(own, _)| *own == at).map(|(_, value)| *value);
        let shared = most(&bad).filter(|value| most(&calls) == Some(*value));
        if let (Some(value), Some(names)) = (found_by.or(shared), survey.names.get(at)) {
            let text = names.name(value);
            // A value that repeats another, or that nobody has, explains nothing; a prompt version that everybody uses
            // would look like the cause. A value by which the cell was found has at least one call outside it.
            let share = if found_by.is_some() { 1.0 } else { NEARLY_ALL };
            let telling = *name != VERSION || !everybodys(survey, at, value, share);
            let needed = telling && (found_by.is_some() || at < 3);
            if needed && !text.is_empty() {
                labels.push(((*name).to_owned(), text.to_owned()));
            }
        }
    }
    labels
}

/// True if at least this share of the log's calls has this value.
fn everybodys(survey: &Survey, at: usize, value: u32, share: f64) -> bool {
    let (mut own, mut all) = (0_u64, 0_u64);
    for (mix, track) in &survey.mixes {
        let calls = track.calls.iter().map(|(_, count)| u64::from(count)).sum::<u64>();
        all += calls;
        own += if mix.get(at) == Some(&value) { calls } else { 0 };
    }
    own as f64 >= share * all as f64
}

/// Compares with other prompt versions of the same feature, or with other models.
fn beside(survey: &Survey, labels: &[(String, String)], outcome: u32) -> Vec<(String, u64, u64)> {
    let of =
        |name: &str| labels.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    let Some(axis) = ["prompt_version", "model"].into_iter().find(|name| of(name).is_some()) else {
        return Vec::new();
    };
    let at = |name: &str| TOGETHER.iter().position(|own| *own == name).unwrap_or_default();
    let value = |mix: &Mix, name: &str| -> String {
        let number = mix.get(at(name)).copied().unwrap_or_default();
        survey.names.get(at(name)).map_or("", |names| names.name(number)).to_owned()
    };
    let mut others = std::collections::BTreeMap::new();
    for (mix, track) in &survey.mixes {
        let same = of("feature").is_none_or(|feature| value(mix, "feature") == feature);
        let other = value(mix, axis);
        if !same || other.is_empty() || of(axis) == Some(other.as_str()) {
            continue;
        }
        let own = others.entry(other).or_insert((0, 0));
        own.0 += track.calls.iter().map(|(_, count)| u64::from(count)).sum::<u64>();
        let bad = track.outcomes.iter().filter(|(own, _)| *own == outcome);
        own.1 += bad
            .flat_map(|(_, own)| own.calls.iter())
            .map(|(_, count)| u64::from(count))
            .sum::<u64>();
    }
    let mut all: Vec<_> =
        others.into_iter().map(|(value, (calls, bad))| (value, calls, bad)).collect();
    all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    all
}
