//! The records that a report is made from, as arguments: which time, and where activations and calls are written down.

use std::io::Write;

use serde_json::Value;

use crate::shared::error::Result;
use crate::shared::fleet::FleetArgs;
use crate::shared::journal;
use crate::shared::when;

/// The time that a report is about. Both ends are Unix seconds and belong to it; an end that is not given is open.
#[derive(Debug, Default, Clone, Copy, clap::Args)]
pub(crate) struct Period {
    /// From when on: a time, or `30m`, `6h`, `2d` before now [default: all that is known]
    #[arg(long, value_parser = when::ago, value_name = "TIME")]
    pub(crate) since: Option<u64>,
    /// Until when
    #[arg(long, value_parser = when::ago, value_name = "TIME")]
    pub(crate) until: Option<u64>,
}

impl Period {
    /// True for a moment of it (Unix milliseconds).
    pub(crate) fn contains(self, at_ms: u64) -> bool {
        self.overlaps(at_ms, Some(at_ms))
    }

    /// True for what lasted for a part of it (Unix milliseconds); `ends` is `None` for what still lasts.
    pub(crate) fn overlaps(self, begins_ms: u64, ends_ms: Option<u64>) -> bool {
        self.until.is_none_or(|until| begins_ms / 1000 <= until)
            && self.since.is_none_or(|since| ends_ms.is_none_or(|ends| ends / 1000 >= since))
    }
}

/// Where a report finds what happened.
#[derive(Debug, clap::Args)]
pub(crate) struct Records {
    #[command(flatten)]
    pub(crate) period: Period,
    /// What `hemostat history --json` said, instead of asking proxies
    #[arg(long, value_name = "FILE")]
    pub(crate) history: Option<String>,
    /// Access logs: files, folders, globs, plain or gz
    #[arg(long, value_name = "LOG")]
    pub(crate) access_log: Vec<String>,
}

impl Records {
    /// All activations, newest first: those of `--history`, or those that the proxies remember. `None` if no proxy answered,
    /// which `err` has been told.
    pub(crate) fn activations(
        &self,
        fleet: &FleetArgs,
        err: &mut dyn Write,
    ) -> Result<Option<Vec<Value>>> {
        match &self.history {
            Some(file) => journal::told(file).map(Some),
            None => {
                let newest = fleet.some()?.newest(err)?;
                Ok(newest.map(|status| status.list("history").to_vec()))
            }
        }
    }
}
