//! What the host is asked to do besides moving bytes and sending messages.

use std::borrow::Cow;
use std::rc::Rc;

use crate::event::{Event, EventKind};
use crate::policy::document::CaptureTo;

/// Something the glue does for the engine besides moving bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Add one to a counter; the name is complete, labels included (docs/operations.md).
    Count(String),
    /// Add this much to a counter (tokens, micro-dollars).
    CountBy(String, u64),
    /// Put a value into a histogram.
    Observe(&'static str, u64),
    /// A line for the proxy's log: rule and decision id, never text.
    Log(String),
    /// A per-request value for the access log (filter state), by key.
    State(Cow<'static, str>, Cow<'static, str>),
    /// Something that operators are told of: to be sent where its origin says, and its call remembered.
    Event(Box<Event>),
    /// An exchange to be sent to a backend for traces.
    Capture(Box<Captured>),
}

impl Effect {
    /// Operators are told that the rate-limit service in this cluster does not seem to know a limit.
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
    /// Where to.
    pub to: Rc<CaptureTo>,
    /// The proxy's scope.
    pub scope: String,
    /// An `opentelemetry.proto.trace.v1.Span`.
    pub span: Vec<u8>,
}
