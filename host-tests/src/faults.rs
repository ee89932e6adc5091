//! Host calls that fail because a test planned it.

use std::collections::BTreeMap;

use crate::abi::Status;

#[derive(Debug, Clone)]
struct Fault {
    /// Only calls of this import count; all of them when `None`.
    import: Option<String>,
    /// Which call from now on fails, from 1; every one when `None`.
    nth: Option<u64>,
    status: Status,
    seen: u64,
}

/// The planned faults, and how often each import was called.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    planned: Vec<Fault>,
    calls: BTreeMap<&'static str, u64>,
    hits: u64,
}

impl Faults {
    pub(crate) fn plan(&mut self, import: Option<&str>, nth: Option<u64>, status: Status) {
        self.planned.push(Fault { import: import.map(str::to_owned), nth, status, seen: 0 });
    }

    pub(crate) fn clear(&mut self) {
        self.planned.clear();
        self.hits = 0;
    }

    /// Counts a call; `Some` when it has to fail.
    pub(crate) fn on_call(&mut self, import: &'static str) -> Option<Status> {
        let count = self.calls.entry(import).or_default();
        *count = count.saturating_add(1);
        let mut status = None;
        for fault in &mut self.planned {
            if fault.import.as_deref().is_some_and(|name| name != import) {
                continue;
            }
            fault.seen = fault.seen.saturating_add(1);
            if fault.nth.is_none_or(|nth| nth == fault.seen) {
                status = status.or(Some(fault.status));
            }
        }
        if status.is_some() {
            self.hits = self.hits.saturating_add(1);
        }
        status
    }

    pub(crate) fn calls(&self) -> BTreeMap<&'static str, u64> {
        self.calls.clone()
    }

    pub(crate) fn hits(&self) -> u64 {
        self.hits
    }
}
