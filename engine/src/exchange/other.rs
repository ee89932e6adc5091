//! Traffic that is no call of a dialect, and headers that are nobody's but ours.

use super::{Exchange, Phase};
use crate::context::facts::{self, seconds};
use crate::context::verdict::{HeaderEdit, RequestVerdict};
use crate::policy::document::Mode;
use crate::policy::program::selector::Holds;
use crate::policy::program::{OtherTraffic, Program};

/// Headers that only this filter writes and reads; callers' and upstreams' own are removed.
const INTERNAL: &[u8] = b"x-hemostat-";

impl Exchange {
    /// Traffic that no lever touches; lanes of it may be closed.
    pub(super) fn other_traffic(&mut self, edits: Vec<HeaderEdit>) -> RequestVerdict {
        self.is_other();
        let program = std::rc::Rc::clone(&self.cx.program);
        let closed = self.lane(&program).and_then(|lane| self.close_lane(lane));
        closed.unwrap_or(RequestVerdict::Pass { edits, body: None })
    }

    /// It is no call of a dialect.
    pub(super) fn is_other(&mut self) {
        self.phase = Phase::Other;
        self.cx.recognised = None;
        self.cx.record.count("hemostat_requests_total;dialect=other".to_owned());
    }

    /// The lane that is closed for this request.
    pub(super) fn lane<'p>(&self, program: &'p Program) -> Option<&'p OtherTraffic> {
        let now = seconds(self.cx.facts.now_ns);
        let lane = program.other_traffic.iter().find(|lane| {
            lane.rule.mode_at(now) != Mode::Disabled
                && lane.rule.selector.holds(&self.cx.labels) == Holds::Yes
        });
        lane.filter(|lane| lane.block)
    }

    /// 403, unless the lane only watches.
    pub(super) fn close_lane(&mut self, lane: &OtherTraffic) -> Option<RequestVerdict> {
        let shadow = lane.rule.mode == Mode::Shadow;
        self.cx.record.action(&lane.rule.id, "block", shadow);
        let message = format!("this lane is closed by rule `{}`", lane.rule.id);
        (!shadow).then(|| {
            let reply = self.cx.error(403, "lane_closed", &message);
            self.answered(reply)
        })
    }
}

/// Edits that take internal headers away, in either direction.
pub(super) fn remove_internal(headers: &facts::Headers) -> Vec<HeaderEdit> {
    // A set: a caller may send as many of them as the host lets through.
    let mut names = std::collections::BTreeSet::new();
    for (name, _) in headers.iter() {
        let internal =
            name.get(..INTERNAL.len()).is_some_and(|own| own.eq_ignore_ascii_case(INTERNAL));
        if let (true, Ok(name)) = (internal, std::str::from_utf8(name)) {
            names.insert(name);
        }
    }
    names.into_iter().map(|name| HeaderEdit::Remove(name.to_owned())).collect()
}
