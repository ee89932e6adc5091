//! Limits that did not admit a request, and for how long.

use std::rc::Rc;

use crate::ledger::{Standing, Wait};
use crate::policy::program::limit::Limit;

/// A limit that did not admit a request.
#[derive(Debug, Clone)]
pub(super) struct LimitRefusal {
    pub(super) limit: Rc<Limit>,
    pub(super) wait: Wait,
    pub(super) standing: Standing,
    pub(super) charge: u64,
    pub(super) by: RefusedBy,
}

/// What refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefusedBy {
    /// An account of this process.
    Process,
    /// The service that counts for the whole fleet.
    Fleet,
    /// The limit itself: the service does not answer, and the policy says that nothing passes then.
    Silence,
}

/// All limits that refused a request.
#[derive(Debug, Clone)]
pub(super) struct Refusals {
    /// The first that did: its `over` decides.
    pub(super) first: LimitRefusal,
    /// The one that would refuse longest: its wait is what the caller is told.
    pub(super) longest: LimitRefusal,
}

impl Refusals {
    /// One limit has refused, and no other yet.
    pub(super) fn by(first: LimitRefusal) -> Self {
        Self { longest: first.clone(), first }
    }
}

/// True if one wait is longer than another. A place in flight is retried after a second.
pub(super) fn longer(one: Wait, other: Wait) -> bool {
    const SECOND_NS: u64 = 1_000_000_000;
    let rank = |wait: Wait| match wait {
        Wait::Ns(ns) => (false, ns),
        Wait::Place => (false, SECOND_NS),
        Wait::Never => (true, 0),
    };
    rank(one) > rank(other)
}
