//! Change → symptom → detection → mitigation → resolution, and how long each took.

use super::sources::{ALERT, Activation, Event};
use crate::command::scope::Report;
use crate::command::scope::finding::{Dearer, Finding};
use crate::command::scope::survey::WHO;

/// The moments of an incident (Unix milliseconds), as far as machines know them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Timeline {
    /// What was changed before it began.
    pub(super) change: Option<u64>,
    /// The first bad call.
    pub(super) symptom: Option<u64>,
    /// The first alert or event that told of it, before anybody moved: what a lever does once it is moved raises events
    /// too, and tells nobody anything.
    pub(super) detection: Option<u64>,
    /// The first move against it.
    pub(super) mitigation: Option<u64>,
    /// The last bad call, where there is none in what follows.
    pub(super) resolution: Option<u64>,
}

/// Kinds of events that tell of callers' answers. Others tell of releases and memory.
const TELLING: [&str; 6] =
    [ALERT, "decision", "handoff", "limit_full", "limit_warning", "unchecked"];

/// An alert on money may fire this long before a limit is met.
const ALERT_BEFORE_MS: u64 = 10 * 60 * 1000;

/// The beginning is known to the bucket of the log's grid; an event may be of the bucket's begin.
const EVENT_BEFORE_MS: u64 = 60 * 1000;

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
        // What runs away costs money before it meets a limit.
        let same = |own: &&Dearer| {
            let (name, value) = (&own.label.0, &own.label.1);
            finding.is_a_limit()
                && (finding.label(name) == Some(value)
                    || name == WHO && finding.who.iter().any(|(tenant, _)| tenant == value))
        };
        let dearer = scope.and_then(|scope| scope.dearer.as_ref()).filter(same);
        let symptom = dearer.map_or(finding.since_ms, |own| own.since_ms.min(finding.since_ms));
        let told = |own: &Event| {
            // A budget is spent before its limit is met: an alert on money may come first.
            let alert = own.kind == ALERT && finding.is_a_limit();
            let slack = if alert { ALERT_BEFORE_MS } else { EVENT_BEFORE_MS };
            let near = TELLING.contains(&own.kind.as_str()) && own.at + slack >= symptom;
            // An event's time is a whole second.
            near.then(|| if alert { own.at } else { own.at.max(symptom) })
        };
        let detection = events.iter().filter_map(told).min();
        // What came between such an alert and the first bad call was a move.
        let begun = detection.map_or(symptom, |at| at.min(symptom));
        let moves = activations.iter().filter(|own| !own.drill && own.at > begun);
        let mitigation = moves.map(|own| own.at).min();
        let release = finding.release.as_ref().map(|own| own.since).filter(|at| *at <= begun);
        let change = release.or(finding.first_seen_ms);
        let last = (finding.last_ms > 0).then_some(finding.last_ms);
        let end = scope.map(Report::end).unwrap_or_default();
        let over = |last: &u64| finding.until_ms.is_some() || end.saturating_sub(*last) >= QUIET_MS;
        let detection = detection.filter(|at| mitigation.is_none_or(|moved| *at <= moved));
        // Whole seconds, as they are shown: else two moments two seconds apart are "1 s" after one another.
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
