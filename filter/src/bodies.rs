//! Whether the host delivers the bodies of requests whose headers wait.
//!
//! Envoy does so only with `allow_on_headers_stop_iteration: true`, which a filter cannot see. Without it, a request
//! whose headers wait for its body waits for ever, and nothing says why. One body that came is proof; until then, a
//! request that has waited too long is a reason to speak up.

use std::cell::{Cell, RefCell};

use hemostat_engine::base::sorted_map::SortedMap;
use hemostat_engine::bundle::{NO_BODIES, Problem};
use hemostat_engine::limits::BODY_LATE_NS;

use crate::clock;
use crate::host::Level;
use crate::telemetry;

/// Requests that are watched at a time: one that waits is enough to know.
const WATCHED: usize = 64;

/// How often waiting requests are checked, in milliseconds.
pub const LOOK_MS: u64 = 1_000;

const WHY: &str = "requests wait for their bodies and the host delivers none: is Envoy's \
                   `allow_on_headers_stop_iteration: true` set on this filter, as `hold_headers: true` says?";

/// Watches the requests of one configuration.
#[derive(Debug, Default)]
pub struct Bodies {
    /// A body has come: nothing is watched any more.
    proven: Cell<bool>,
    /// Since when each request waits (Unix nanoseconds), by the number of its context.
    waiting: RefCell<SortedMap<u32, u64>>,
    /// Since when the host is suspected of withholding bodies (Unix seconds).
    suspected: Cell<Option<u64>>,
}

impl Bodies {
    /// The headers of this request wait for its body.
    pub fn wait(&self, request: u32) {
        if self.proven.get() {
            return;
        }
        let mut waiting = self.waiting.borrow_mut();
        if waiting.len() < WATCHED {
            waiting.insert(request, clock::now_ns());
        }
    }

    /// Part of this request's body arrived. That proves something only if its headers are waiting.
    pub fn came(&self, request: u32) {
        if !self.proven.get() && self.waiting.borrow().contains_key(&request) {
            self.proven.set(true);
            self.waiting.borrow_mut().clear();
            self.suspected.set(None);
        }
    }

    /// A request has ended.
    pub fn ended(&self, request: u32) {
        if !self.proven.get() {
            self.look();
            self.waiting.borrow_mut().remove(&request);
        }
    }

    /// Checks whether a request has waited too long.
    pub fn look(&self) {
        if self.proven.get() || self.suspected.get().is_some() {
            return;
        }
        let oldest = self.waiting.borrow().values().min().copied();
        let now = clock::now_ns();
        if oldest.is_some_and(|since| now.saturating_sub(since) >= BODY_LATE_NS) {
            self.suspected.set(Some(now / 1_000_000_000));
            telemetry::count("hemostat_bodies_late_total");
            telemetry::line(Level::Error, WHY);
        }
    }

    /// The problem to report to operators, if there is one.
    pub fn problem(&self) -> Option<Problem> {
        self.suspected.get().map(|since| Problem::new(NO_BODIES, WHY, since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_body_is_proof() {
        let bodies = Bodies::default();
        bodies.wait(1);
        bodies.came(7);
        assert_eq!(bodies.waiting.borrow().len(), 1, "its headers had gone");
        bodies.came(1);
        bodies.wait(2);
        assert!(bodies.waiting.borrow().is_empty());
        assert_eq!(bodies.problem(), None);
    }

    #[test]
    fn what_waits_is_bounded_and_forgotten() {
        let bodies = Bodies::default();
        (0..1_000).for_each(|request| bodies.wait(request));
        assert_eq!(bodies.waiting.borrow().len(), WATCHED);
        (0..1_000).for_each(|request| bodies.ended(request));
        assert!(bodies.waiting.borrow().is_empty());
    }
}
