//! What the accounts of a fleet want counted, logged and told.

use crate::event::{Event, EventKind};

/// Something to be done besides sending a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// Add one to a counter; the name is complete, labels included (docs/operations.md).
    Count(String),
    /// A line for the proxy's log.
    Log(String),
    /// Operators are told.
    Event(Box<Event>),
}

/// Operators are told that the rate-limit service in this cluster does not seem to know a limit.
#[must_use]
pub fn limit_unknown(limit: &str, cluster: &str) -> Event {
    let fields = vec![("hemostat.rule", limit.into()), ("hemostat.limit.cluster", cluster.into())];
    Event::new(EventKind::LimitUnknown, fields)
}
