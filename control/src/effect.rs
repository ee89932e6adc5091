//! What the host is asked to do besides moving bytes and sending messages.

use std::borrow::Cow;
use std::rc::Rc;

use crate::event::{Event, EventKind};
use crate::policy::document::CaptureTo;

/// Something that the filter does for the engine besides moving bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Increment a counter; the name is complete, labels included (docs/operations.md).
    Count(Cow<'static, str>),
    /// Add this much to a counter (tokens, micro-dollars).
    CountBy(Cow<'static, str>, u64),
    /// Record a value in a histogram.
    Observe(&'static str, u64),
    /// Write a line to the proxy's log: rule and decision id, never text.
    Log(String),
    /// Set a per-request value for the access log (filter state), by key.
    State(Cow<'static, str>, Cow<'static, str>),
    /// Notify operators: the event is sent where its origin says, and its call is remembered.
    Event(Box<Event>),
    /// Send an exchange to a backend for traces.
    Capture(Box<Captured>),
}

impl Effect {
    /// The effect that tells operators that the rate-limit service in this cluster does not seem to know a limit.
    #[must_use]
    pub fn limit_unknown(limit: &str, cluster: &str) -> Self {
        let fields =
            vec![("hemostat.rule", limit.into()), ("hemostat.limit.cluster", cluster.into())];
        Self::Event(Box::new(Event::new(EventKind::LimitUnknown, fields)))
    }
}

/// One exchange, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// The receiver.
    pub to: Rc<CaptureTo>,
    /// The proxy's scope.
    pub scope: String,
    /// An `opentelemetry.proto.trace.v1.Span`.
    pub span: Vec<u8>,
}
