//! Which policy was in force, by the log itself and, where it is given, by a history.

use std::collections::BTreeMap;

use serde_json::Value;

use super::count::{Call, Sums};
use crate::shared::access_log::{Entry, Field, milliseconds};
use crate::shared::error::Result;
use crate::shared::journal;

/// Releases that are told apart; a log that names more is no log of a proxy.
const MOST: usize = 1000;

/// A policy that was in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Release {
    pub(crate) serial: Option<u64>,
    pub(crate) version: String,
    /// From when on (Unix milliseconds): by the history where it says so, else its first call.
    pub(crate) since: u64,
    /// It was in force when the log began.
    pub(crate) before: bool,
    pub(crate) issuer: String,
    pub(crate) reason: String,
    pub(crate) rolls_back: Option<u64>,
    pub(crate) sums: Sums,
}

impl Release {
    /// `release 17`, or `version prod-9`.
    pub(crate) fn name(&self) -> String {
        match self.serial {
            Some(serial) if serial > 0 => format!("release {serial}"),
            _ => format!("version {}", self.version),
        }
    }
}

/// All of them, by serial and version.
#[derive(Debug, Default)]
pub(crate) struct Releases {
    all: BTreeMap<(Option<u64>, String), Release>,
    told: Vec<Release>,
    /// The first call of the log, whoever is looked at (Unix milliseconds).
    pub(super) first_ms: Option<u64>,
    /// Calls whose release came when there was no more room.
    pub(crate) folded: u64,
}

fn key(entry: &Entry<'_>) -> Option<(Option<u64>, String)> {
    let serial = entry.whole(Field::Serial);
    let version = entry.text(Field::PolicyVersion).map(|version| version.into_owned());
    (serial.is_some() || version.is_some()).then(|| (serial, version.unwrap_or_default()))
}

impl Releases {
    /// A call was under a policy.
    pub(super) fn saw(&mut self, entry: &Entry<'_>) {
        self.first_ms = Some(self.first_ms.map_or(entry.at_ms, |first| first.min(entry.at_ms)));
        let Some(key) = key(entry) else { return };
        if !self.all.contains_key(&key) && self.all.len() >= MOST {
            self.folded += 1;
            return;
        }
        let new = Release {
            serial: key.0,
            version: key.1.clone(),
            since: entry.at_ms,
            ..Release::default()
        };
        let own = self.all.entry(key).or_insert(new);
        own.since = own.since.min(entry.at_ms);
    }

    /// A call that is looked at was under a policy.
    pub(super) fn count(&mut self, entry: &Entry<'_>, call: &Call) {
        if let Some(own) = key(entry).and_then(|key| self.all.get_mut(&key)) {
            own.sums.add(call);
        }
    }

    /// Takes what `hemostat history --json` wrote, or commands wrote down: when each came into force, by whom, and why.
    pub(crate) fn tell(&mut self, file: &str) -> Result<()> {
        for entry in &journal::told(file)? {
            let text =
                |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let Some(since) = milliseconds(&text("at")) else { continue };
            self.told.push(Release {
                serial: entry.get("serial").and_then(Value::as_u64),
                version: text("version"),
                since,
                issuer: text("issuer"),
                reason: text("reason"),
                rolls_back: entry.get("rolls_back").and_then(Value::as_u64),
                ..Release::default()
            });
        }
        Ok(())
    }

    /// All, in the order in which they came into force.
    pub(crate) fn list(&self) -> Vec<Release> {
        let mut all: Vec<Release> = self.all.values().cloned().collect();
        for told in &self.told {
            match all.iter_mut().find(|own| own.serial == told.serial && told.serial.is_some()) {
                // A release that brings only a digest is written down without the version that it brings back.
                Some(own) => {
                    let version = match told.version.is_empty() {
                        true => own.version.clone(),
                        false => told.version.clone(),
                    };
                    *own = Release { sums: own.sums.clone(), version, ..told.clone() };
                }
                None => all.push(told.clone()),
            }
        }
        all.sort_by_key(|own| (own.since, own.serial));
        // What the first call met was there before it; nobody can say since when.
        let told = |own: &Release| self.told.iter().any(|told| told.serial == own.serial);
        if let Some(first) = all.iter_mut().find(|own| Some(own.since) == self.first_ms)
            && !told(first)
        {
            first.before = true;
        }
        all
    }
}
