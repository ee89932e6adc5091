//! Everything that the report is written from.

use super::args::Args;
use super::sources::{Activation, Event, Incident};
use super::timeline::Timeline;
use crate::command::scope::Report;
use crate::command::scope::finding::Finding;

/// Everything that the report is written from.
pub(super) struct Known<'a> {
    pub(super) args: &'a Args,
    pub(super) activations: Vec<Activation>,
    pub(super) before: Option<Activation>,
    pub(super) events: Vec<Event>,
    pub(super) incidents: Vec<Incident>,
    pub(super) scope: Option<Report>,
    pub(super) timeline: Timeline,
}

impl Known<'_> {
    pub(super) fn finding(&self) -> Option<&Finding> {
        turned_bad(self.scope.as_ref())
    }
}

/// The finding that the report is about: the first that is not a lever which somebody moved, else the first of all. If
/// there are only levers, the lever is what happened.
pub(super) fn turned_bad(scope: Option<&Report>) -> Option<&Finding> {
    let findings = &scope?.findings;
    findings.iter().find(|one| !one.lever).or_else(|| findings.first())
}
