//! One account of a fleet in this process: what is owed, what is in flight, and the service's last decision.

use super::{FleetTarget, FleetWindow, SECOND_NS};
use crate::limits::{FLEET_CALL_MS, FLEET_LATE_NS};

/// How long a call may be in flight before its answer is no longer expected.
const BUSY_NS: u64 = 2 * FLEET_CALL_MS * 1_000_000;

/// The service's last decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceDecision {
    /// None that still holds, or that something is left.
    Free,
    /// Nothing is left until then (Unix nanoseconds), unless it decides otherwise before.
    Over(u64),
}

/// One account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FleetEntry {
    /// The account: a digest of scope, limit and labels.
    pub id: [u8; 16],
    /// The limit, for its share of the slot.
    pub limit: u32,
    /// The value of the first label in `per`, for its share.
    pub first: u32,
    /// Where it is counted.
    pub target: FleetTarget,
    /// The entries of the descriptor.
    pub entries: Vec<(String, String)>,
    /// What the fleet may use in a window, in the limit's own unit.
    pub cap: u64,
    /// Usage here that has not been reported, in the limit's own unit.
    pub owed: u64,
    /// Since when usage is unreported (Unix nanoseconds).
    pub since_ns: u64,
    /// The part of it that is in flight to the service.
    pub sent: u64,
    /// Until when a call is in flight; also identifies the call (Unix nanoseconds).
    pub busy_ns: u64,
    /// When the next call may begin (Unix nanoseconds).
    pub next_ns: u64,
    /// Until when the service's decision is "over" (Unix nanoseconds).
    pub over_ns: u64,
    /// When the service first counted usage of this process in the current window (Unix nanoseconds). Its window began
    /// then or earlier, since another proxy may have reported first.
    pub begun_ns: u64,
    /// How much of this process's usage it has counted since then, in the limit's own unit.
    pub counted: u64,
    /// A request was refused since the service was last asked.
    pub wanted: bool,
}

/// What is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DueReport {
    /// Identifies the call.
    pub stamp: u64,
    /// In the service's unit; zero only asks.
    pub hits: u32,
}

/// True while this moment is in the future by at most `most_ns`: one further ahead was written before the clock was set
/// back, and would hold for an unknown time.
fn ahead(until_ns: u64, now_ns: u64, most_ns: u64) -> bool {
    until_ns > now_ns && until_ns - now_ns <= most_ns
}

/// Until when usage of this moment may be reported: after that, its window is long over.
fn lapses(since_ns: u64, every: FleetWindow) -> u64 {
    let ns = every.ns();
    let end = (since_ns / ns).saturating_add(1).saturating_mul(ns);
    end.saturating_add(ns.min(FLEET_LATE_NS))
}

impl FleetEntry {
    fn unit(&self) -> u64 {
        u64::from(self.target.unit.max(1))
    }

    /// What is owed, in whole units of the service.
    fn whole(&self) -> u64 {
        self.owed / self.unit()
    }

    /// Lets time pass. Returns usage that will never be reported because of it, in the limit's own unit: `(too late,
    /// unanswered)`.
    pub(super) fn advance(&mut self, now_ns: u64) -> (u64, u64) {
        let (mut late, mut unanswered) = (0, 0);
        if self.sent > 0 && !self.is_busy(now_ns) {
            unanswered = std::mem::take(&mut self.sent);
            self.busy_ns = 0;
        }
        if self.owed > 0 && lapses(self.since_ns, self.target.every) <= now_ns {
            late = std::mem::take(&mut self.owed);
        }
        (late, unanswered)
    }

    /// Adds usage. Time must have been [advanced](Self::advance).
    pub(super) fn owe(&mut self, used: u64, now_ns: u64) {
        if self.owed == 0 {
            self.since_ns = now_ns;
        }
        self.owed = self.owed.saturating_add(used);
    }

    /// The service's decision.
    pub(super) fn word(&self, now_ns: u64) -> ServiceDecision {
        if ahead(self.over_ns, now_ns, self.target.every.ns()) {
            ServiceDecision::Over(self.over_ns.min(self.window_ends(now_ns).unwrap_or(u64::MAX)))
        } else {
            ServiceDecision::Free
        }
    }

    /// When the service's window ends at the latest, as far as this process knows.
    pub(super) fn window_ends(&self, now_ns: u64) -> Option<u64> {
        let longest = self.target.every.ns();
        let end = self.begun_ns.saturating_add(longest);
        ahead(end, now_ns, longest).then_some(end)
    }

    /// True if a call is in flight.
    fn is_busy(&self, now_ns: u64) -> bool {
        ahead(self.busy_ns, now_ns, BUSY_NS)
    }

    /// True if it is too early for the next call.
    fn is_early(&self, now_ns: u64) -> bool {
        ahead(self.next_ns, now_ns, u64::from(self.target.sync_ms) * 1_000_000)
    }

    /// True if there is something to send.
    pub(super) fn is_due(&self, now_ns: u64) -> bool {
        let waits = self.wanted || self.whole() > 0;
        waits && !self.is_busy(now_ns) && !self.is_early(now_ns)
    }

    /// Takes what is to be sent, if anything. `probe`: the service does not answer, and is only asked, since what is
    /// sent to it would be lost.
    pub(super) fn take(&mut self, now_ns: u64, probe: bool) -> Option<DueReport> {
        if !self.is_due(now_ns) {
            return None;
        }
        let whole = if probe { 0 } else { self.whole() };
        let hits = u32::try_from(whole).unwrap_or(u32::MAX);
        self.sent = u64::from(hits).saturating_mul(self.unit());
        self.owed = self.owed.saturating_sub(self.sent);
        if !probe {
            // The remainder below a unit counts as used from now on.
            self.since_ns = now_ns;
        }
        self.wanted = false;
        self.busy_ns = now_ns.saturating_add(BUSY_NS);
        // A little early: a turn that comes a moment too soon must not wait for the one after it.
        self.next_ns = now_ns.saturating_add(u64::from(self.target.sync_ms) * 750_000);
        Some(DueReport { stamp: self.busy_ns, hits })
    }

    /// True if this call is the one in flight.
    pub(super) fn waits_for(&self, stamp: u64) -> bool {
        self.busy_ns == stamp
    }

    /// The service has counted what was sent; the call continues with a question.
    pub(super) fn counted(&mut self, now_ns: u64) {
        let sent = std::mem::take(&mut self.sent);
        if sent > 0 && self.window_ends(now_ns).is_none() {
            (self.begun_ns, self.counted) = (now_ns, 0);
        }
        self.counted = self.counted.saturating_add(sent);
    }

    /// The service says that something is left. True if this process alone has reported the whole cap in the window, so
    /// that the service does not know the limit, or has another window for it. Reported once per window.
    pub(super) fn exceeds(&mut self) -> bool {
        let exceeds = self.cap > 0 && self.counted >= self.cap && self.counted != u64::MAX;
        if exceeds {
            self.counted = u64::MAX;
        }
        exceeds
    }

    /// The service has certainly not counted what was sent: it is owed again.
    pub(super) fn not_counted(&mut self, now_ns: u64) {
        let sent = std::mem::take(&mut self.sent);
        if sent > 0 {
            // It is as old as the call, not as the usage since.
            let begun = self.busy_ns.saturating_sub(BUSY_NS);
            self.since_ns = if self.owed > 0 { self.since_ns.min(begun) } else { begun };
            self.owed = self.owed.saturating_add(sent);
        }
        self.end(now_ns);
    }

    /// The call is over, and it is unknown whether it was counted: it is not sent again. Returns how much that is.
    pub(super) fn lost(&mut self, now_ns: u64) -> u64 {
        self.end(now_ns);
        std::mem::take(&mut self.sent)
    }

    /// The service has decided, and the call is over.
    pub(super) fn told(&mut self, over: bool, reset_s: Option<u64>, now_ns: u64) {
        let longest = self.target.every.ns();
        let until = reset_s.map_or(longest, |seconds| seconds.saturating_mul(SECOND_NS));
        self.over_ns = if over { now_ns.saturating_add(until.min(longest)) } else { 0 };
        self.end(now_ns);
    }

    fn end(&mut self, now_ns: u64) {
        self.busy_ns = self.busy_ns.min(now_ns);
    }

    /// True if forgetting it changes nothing.
    pub(super) fn rests(&self, now_ns: u64) -> bool {
        self.owed == 0
            && self.can_go(now_ns)
            && self.word(now_ns) == ServiceDecision::Free
            && !self.wanted
    }

    /// True if nothing that could be reported is owed, and nothing is in flight: only a decision would be forgotten,
    /// which the service repeats.
    pub(super) fn can_go(&self, now_ns: u64) -> bool {
        self.whole() == 0 && self.sent == 0 && !self.is_busy(now_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{RateLimitService, ServiceApi};
    use super::*;
    use proptest::prelude::*;

    const T0: u64 = 1_764_000_000 * SECOND_NS;

    fn entry(unit: u32, every: FleetWindow) -> FleetEntry {
        let service =
            RateLimitService { cluster: "c".into(), domain: "d".into(), api: ServiceApi::Envoy };
        FleetEntry {
            id: [0; 16],
            limit: 0,
            first: 0,
            target: FleetTarget { service, every, unit, sync_ms: 500 },
            entries: Vec::new(),
            cap: 0,
            owed: 0,
            since_ns: 0,
            sent: 0,
            busy_ns: 0,
            next_ns: 0,
            over_ns: 0,
            begun_ns: 0,
            counted: 0,
            wanted: false,
        }
    }

    #[test]
    fn money_goes_in_cents_and_the_rest_is_carried() {
        let mut own = entry(10_000, FleetWindow::Day);
        own.owe(9_999, T0);
        assert_eq!(own.take(T0, false), None);
        own.owe(10_002, T0);
        let take = own.take(T0, false).unwrap();
        assert_eq!((take.hits, own.owed), (2, 1));
        own.counted(T0);
        own.told(false, None, T0 + 1);
        own.owe(9_999, T0 + 2);
        assert_eq!(own.take(T0 + 3, false), None, "not before the next turn");
        assert_eq!(own.take(T0 + SECOND_NS, false).unwrap().hits, 1);
    }

    #[test]
    fn usage_whose_window_is_long_over_is_not_reported() {
        for (every, late) in
            [(FleetWindow::Second, 2), (FleetWindow::Minute, 120), (FleetWindow::Hour, 3660)]
        {
            let ns = every.ns();
            let start = T0 / ns * ns;
            let mut own = entry(1, every);
            own.owe(5, start);
            assert_eq!(own.advance(start + late * SECOND_NS - 1), (0, 0), "{every:?}");
            assert_eq!(own.advance(start + late * SECOND_NS), (5, 0), "{every:?}");
            assert!(own.rests(start + late * SECOND_NS));
        }
    }

    #[test]
    fn a_word_ends_with_its_window_or_with_another_word() {
        let mut own = entry(1, FleetWindow::Minute);
        own.told(true, Some(7), T0);
        assert_eq!(own.word(T0), ServiceDecision::Over(T0 + 7 * SECOND_NS));
        assert_eq!(own.word(T0 + 7 * SECOND_NS), ServiceDecision::Free);
        own.told(true, Some(1_000_000), T0);
        assert_eq!(
            own.word(T0),
            ServiceDecision::Over(T0 + 60 * SECOND_NS),
            "no longer than its window"
        );
        own.told(false, None, T0 + 1);
        assert_eq!(own.word(T0 + 1), ServiceDecision::Free);
    }

    #[test]
    fn who_was_refused_makes_it_ask_again() {
        let mut own = entry(1, FleetWindow::Day);
        own.told(true, None, T0);
        assert_eq!(own.take(T0 + SECOND_NS, false), None);
        own.wanted = true;
        let take = own.take(T0 + SECOND_NS, false).unwrap();
        assert_eq!(take.hits, 0);
        assert_eq!(own.take(T0 + 2 * SECOND_NS - 1, false), None, "one call at a time");
    }

    #[test]
    fn a_clock_that_is_set_back_holds_nothing_up() {
        let day = 86_400 * SECOND_NS;
        let mut own = entry(1, FleetWindow::Minute);
        own.owe(5, T0);
        own.take(T0, false).unwrap();
        own.told(true, Some(30), T0);
        let back = T0 - day;
        assert_eq!(
            own.word(back),
            ServiceDecision::Free,
            "it would be over for a day and a half minute"
        );
        own.owe(3, back);
        // The earlier call never ends.
        assert_eq!(own.advance(back), (0, 5));
        assert_eq!(own.take(back, false).unwrap().hits, 3);
    }

    /// What can happen to an account.
    #[derive(Debug, Clone)]
    enum Step {
        Use(u64),
        Wait(u64),
        DueReport,
        Counted,
        NotCounted,
        Lost,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0_u64..100_000).prop_map(Step::Use),
            3 => (1_u64..3000).prop_map(Step::Wait),
            3 => Just(Step::DueReport),
            3 => Just(Step::Counted),
            1 => Just(Step::NotCounted),
            1 => Just(Step::Lost),
        ]
    }

    proptest! {
        /// Every unit is counted by the service once, owed, in flight, or reported as lost.
        #[test]
        fn nothing_vanishes_and_nothing_doubles(
            steps in prop::collection::vec(step(), 0..80),
            cents in any::<bool>(),
        ) {
            let mut own = entry(if cents { 10_000 } else { 1 }, FleetWindow::Minute);
            let (mut now, mut used, mut counted, mut lost) = (T0, 0_u64, 0_u64, 0_u64);
            let mut call: Option<DueReport> = None;
            for step in steps {
                let (late, unanswered) = own.advance(now);
                lost += late + unanswered;
                match step {
                    Step::Use(units) => {
                        own.owe(units, now);
                        used += units;
                    }
                    Step::Wait(ms) => now += ms * 1_000_000,
                    Step::DueReport => {
                        if let Some(take) = own.take(now, false) {
                            call = Some(take);
                        }
                    }
                    other => {
                        let Some(take) = call.filter(|take| own.waits_for(take.stamp)) else { continue };
                        match other {
                            Step::Counted => {
                                counted += u64::from(take.hits) * own.unit();
                                own.counted(now);
                                own.told(false, None, now);
                            }
                            Step::NotCounted => own.not_counted(now),
                            Step::Lost => lost += own.lost(now),
                            _ => {}
                        }
                        call = None;
                    }
                }
                prop_assert_eq!(used, counted + lost + own.owed + own.sent);
            }
        }
    }
}
