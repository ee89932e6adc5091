//! The list of tool calls that wait for leave: a value that all workers of a process share.

use hemostat_engine::event::pending::{PendingApprovals, WaitingApproval};
use hemostat_engine::event::{EventKind, PendingCall};

use crate::clock;
use crate::host::shared;
use crate::telemetry::Trouble;

/// Attempts while other workers write. The list is an aid for people: after that this call is left out, which the log and
/// the event name too.
const TRIES: usize = 16;

fn key(scope: &str) -> String {
    format!("hemostat.pending.{scope}")
}

/// Notes that a call waits, or waits no more.
pub fn note(kind: EventKind, call: &PendingCall, scope: &str) {
    let key = key(scope);
    let now = clock::now_ns() / 1_000_000_000;
    for _ in 0..TRIES {
        let stored = match shared::get(&key) {
            Ok(stored) => stored,
            Err(error) => return Trouble { call: "get_shared_data", error }.report(),
        };
        let before =
            stored.as_ref().map(|s| PendingApprovals::decode(&s.value)).unwrap_or_default();
        let mut pending = before.clone();
        match kind {
            EventKind::ApprovalGranted => pending.granted(call),
            _ => pending.wanted(call.clone(), now),
        }
        if pending == before {
            return;
        }
        match shared::replace(&key, stored.as_ref(), &pending.encode()) {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => return Trouble { call: "set_shared_data", error }.report(),
        }
    }
}

/// The calls of this scope that wait now.
pub fn read(scope: &str) -> Vec<WaitingApproval> {
    let stored = shared::get(&key(scope)).ok().flatten();
    let pending = stored.map(|s| PendingApprovals::decode(&s.value)).unwrap_or_default();
    pending.now(clock::now_ns() / 1_000_000_000)
}
