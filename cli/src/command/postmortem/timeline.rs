//! Change → symptom → detection → mitigation → resolution, and how long each took.

use super::sources::{Activation, Event};
use crate::command::scope::Report;
use crate::command::scope::finding::Finding;

/// The moments of an incident (Unix milliseconds), as far as machines know them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Timeline {
    /// What was changed before it began.
    pub(super) change: Option<u64>,
    /// The first bad call.
    pub(super) symptom: Option<u64>,
    /// The first event that told of it.
    pub(super) detection: Option<u64>,
    /// The first move against it.
    pub(super) mitigation: Option<u64>,
    /// The last bad call, where there is none in what follows.
    pub(super) resolution: Option<u64>,
}

/// Kinds of events that tell of callers' answers. Others tell of releases and memory.
const TELLING: [&str; 5] = ["decision", "handoff", "limit_full", "limit_warning", "unchecked"];

/// An end is one after this long without a bad call, or with the end of the incident's window.
const QUIET_MS: u64 = 5 * 60 * 1000;

impl Timeline {
    pub(super) fn of(
        finding: Option<&Finding>,
        scope: Option<&Report>,
        activations: &[Activation],
        events: &[Event],
    ) -> Self {
        let Some(finding) = finding else { return Self::default() };
        let symptom = finding.since_ms;
        let change = finding.release.as_ref().map(|own| own.since).or(finding.first_seen_ms);
        let telling = events
            .iter()
            .filter(|own| TELLING.contains(&own.kind.as_str()) && own.at + 60_000 >= symptom);
        let moves = activations.iter().filter(|own| !own.drill && own.at > symptom);
        let last = scope.and_then(|scope| last_hit(scope, finding));
        let end = scope.map(Report::end).unwrap_or_default();
        let over = |last: &u64| finding.until_ms.is_some() || end.saturating_sub(*last) >= QUIET_MS;
        Self {
            change,
            symptom: Some(symptom),
            detection: telling.map(|own| own.at.max(symptom)).min(),
            mitigation: moves.map(|own| own.at).min(),
            resolution: last.filter(over),
        }
    }
}

/// The last call that ended so, by the table of rules, or of all.
fn last_hit(scope: &Report, finding: &Finding) -> Option<u64> {
    let rules = scope.survey.groups.iter().find(|group| group.name() == "rule")?;
    let rows = rules.rows();
    let row = rows.iter().find(|(values, _)| values.first() == Some(&finding.outcome.as_str()));
    row.map_or(scope.survey.all.last_hit, |(_, sums)| sums.last)
}
