//! The timeline of an incident: change, symptom, detection, mitigation, resolution.

use super::sources::{ALERT, Activation, Event};
use crate::command::scope::Report;
use crate::command::scope::finding::{Dearer, Finding};
use crate::command::scope::survey::WHO;

/// The moments of an incident (Unix milliseconds), as far as machines know them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Timeline {
    /// The change that preceded it.
    pub(super) change: Option<u64>,
    /// The first bad call.
    pub(super) symptom: Option<u64>,
    /// The first alert or event about it, before anybody acted: a lever raises events itself once it is moved.
    pub(super) detection: Option<u64>,
    /// The first activation against it.
    pub(super) mitigation: Option<u64>,
    /// The last bad call, if none follows for a while.
    pub(super) resolution: Option<u64>,
}

/// Kinds of events about callers' answers. The others are about releases and memory.
const TELLING: [&str; 6] =
    [ALERT, "decision", "handoff", "limit_full", "limit_warning", "unchecked"];

/// How long before a limit is reached an alert on money may fire.
const ALERT_BEFORE_MS: u64 = 10 * 60 * 1000;

/// How long before the symptom an event may be: the beginning is known only to a bucket of the log's grid.
const EVENT_BEFORE_MS: u64 = 60 * 1000;

/// How long there must be no bad call for the incident to be over, unless its window ends.
const QUIET_MS: u64 = 5 * 60 * 1000;

impl Timeline {
    pub(super) fn of(
        finding: Option<&Finding>,
        scope: Option<&Report>,
        activations: &[Activation],
        events: &[Event],
    ) -> Self {
        let Some(finding) = finding else { return Self::default() };
        // Runaway spending costs money before it reaches a limit.
        let same = |own: &&Dearer| {
            let (name, value) = (&own.label.0, &own.label.1);
            finding.is_a_limit()
                && (finding.label(name) == Some(value)
                    || name == WHO && finding.who.iter().any(|(tenant, _)| tenant == value))
        };
        let dearer = scope.and_then(|scope| scope.dearer.as_ref()).filter(same);
        let symptom = dearer.map_or(finding.since_ms, |own| own.since_ms.min(finding.since_ms));
        let told = |own: &Event| {
            // A budget is spent before its limit is reached, so an alert on money may come first.
            let alert = own.kind == ALERT && finding.is_a_limit();
            let slack = if alert { ALERT_BEFORE_MS } else { EVENT_BEFORE_MS };
            let near = TELLING.contains(&own.kind.as_str()) && own.at + slack >= symptom;
            // Events have times in whole seconds.
            near.then(|| if alert { own.at } else { own.at.max(symptom) })
        };
        let detection = events.iter().filter_map(told).min();
        // An activation between such an alert and the first bad call counts as a mitigation.
        let begun = detection.map_or(symptom, |at| at.min(symptom));
        let moves = activations.iter().filter(|own| !own.drill && own.at > begun);
        let mitigation = moves.map(|own| own.at).min();
        let release = finding.release.as_ref().map(|own| own.since).filter(|at| *at <= begun);
        let change = release.or(finding.first_seen_ms);
        let last = (finding.last_ms > 0).then_some(finding.last_ms);
        let end = scope.map(Report::end).unwrap_or_default();
        let over = |last: &u64| finding.until_ms.is_some() || end.saturating_sub(*last) >= QUIET_MS;
        let detection = detection.filter(|at| mitigation.is_none_or(|moved| *at <= moved));
        // Rounded to whole seconds, as shown; otherwise moments shown two seconds apart could be "1 s" apart.
        let second = |at: u64| at / 1000 * 1000;
        Self {
            change: change.map(second),
            symptom: Some(second(symptom)),
            detection: detection.map(second),
            mitigation: mitigation.map(second),
            resolution: last.filter(over).map(second),
        }
    }
}
