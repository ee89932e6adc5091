//! Which policies were in force, according to the log and, if given, a history.

use std::collections::BTreeMap;

use serde_json::Value;

use super::count::{Call, Sums};
use crate::shared::access_log::{Entry, Field, milliseconds};
use crate::shared::error::Result;
use crate::shared::journal;

/// The maximum number of releases: a log with more is not a proxy's.
const MOST: usize = 1000;

/// A policy that was in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Release {
    pub(crate) serial: Option<u64>,
    pub(crate) version: String,
    /// Since when (Unix milliseconds): by the history if it says so, else by the first call.
    pub(crate) since: u64,
    /// It was already in force when the log began.
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

/// Releases by serial and version.
#[derive(Debug, Default)]
pub(crate) struct Releases {
    all: BTreeMap<(Option<u64>, String), Release>,
    told: Vec<Release>,
    /// The first call of the log, whichever calls are examined (Unix milliseconds).
    pub(super) first_ms: Option<u64>,
    /// Calls of further releases, for which there was no room.
    pub(crate) folded: u64,
}

fn key(entry: &Entry<'_>) -> Option<(Option<u64>, String)> {
    let serial = entry.whole(Field::Serial);
    let version = entry.text(Field::PolicyVersion).map(|version| version.into_owned());
    (serial.is_some() || version.is_some()).then(|| (serial, version.unwrap_or_default()))
}

impl Releases {
    /// Notes which policy a call was under.
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

    /// Counts an examined call for its policy.
    pub(super) fn count(&mut self, entry: &Entry<'_>, call: &Call) {
        if let Some(own) = key(entry).and_then(|key| self.all.get_mut(&key)) {
            own.sums.add(call);
        }
    }

    /// Adds activations from the output of `hemostat history --json` or from a history file: when each came into force,
    /// by whom, and why.
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

    /// All releases, in the order in which they came into force.
    pub(crate) fn list(&self) -> Vec<Release> {
        let mut all: Vec<Release> = self.all.values().cloned().collect();
        for told in &self.told {
            match all.iter_mut().find(|own| own.serial == told.serial && told.serial.is_some()) {
                // A history file has no version for a release that brought only a digest.
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
        // The policy of the first call was in force before the log began; since when is unknown.
        let told = |own: &Release| self.told.iter().any(|told| told.serial == own.serial);
        if let Some(first) = all.iter_mut().find(|own| Some(own.since) == self.first_ms)
            && !told(first)
        {
            first.before = true;
        }
        all
    }
}
