//! Requests that method, path and headers do not show to be calls: some are recognised by their body, as MCP or as a call in
//! a format that is not read; the others are other traffic.

use std::rc::Rc;

use super::{Exchange, Phase};
use crate::context::mcp::Sniff;
use crate::context::verdict::{HeaderEdit, RequestVerdict};
use crate::counters::Unchecked;
use crate::dialect::mcp::sign::{self, Sign};
use crate::dialect::mcp::sniff::{Sniffed, Sniffer};
use crate::dialect::{DialectId, Recognised, a2a};
use crate::lever::need::Need;
use crate::lever::signed::Signed;
use crate::lever::unknown_lane::UnknownLane;
use crate::lever::{choose, other_traffic};
use crate::limits;
use crate::mcp::protocol::{has_rules_for_mcp, identity, needs_as_a2a, needs_as_mcp};
use crate::policy::document::{OnUnreadable, UnknownLanes};
use crate::policy::program::label::{Label, LabelId};

/// What a call is recognised as when only its body shows it.
fn by_body(protocol: DialectId) -> Recognised {
    match protocol {
        DialectId::A2a => a2a::recognised(),
        _ => sign::recognised(false),
    }
}

impl Exchange {
    /// A request that cannot be recognised before its body: examined if an enforced rule would need it if it were MCP,
    /// else other traffic.
    pub(crate) fn unrecognised(&mut self, edits: Vec<HeaderEdit>) -> RequestVerdict {
        let usable = !self.cx.program.unusable;
        let Some(sign) = self.cx.mcp.as_ref().and_then(|mcp| mcp.sign) else {
            let results = UnknownLane::of_results(&mut self.cx).filter(|_| usable);
            self.lane = results.map(Box::new);
            let closed = self.lane.is_some().then(|| self.unknown_lane()).flatten();
            return closed.unwrap_or_else(|| self.other_traffic(edits));
        };
        let mcp = usable
            && has_rules_for_mcp(&self.cx.program)
            && needs_as_mcp(&mut self.cx).body == Need::Hold;
        let a2a = usable && needs_as_a2a(&mut self.cx).body == Need::Hold;
        let looks = mcp || a2a;
        if usable {
            self.lane = UnknownLane::look_for(&mut self.cx, sign).map(Box::new);
        }
        let lane_waits = self.lane.as_ref().is_some_and(|lane| lane.waits());
        if !looks {
            self.cx.mcp = None;
            if self.lane.is_none() {
                return self.other_traffic(edits);
            }
        }
        if let Some(verdict) = self.closed_lane() {
            return verdict;
        }
        let waits = lane_waits || (looks && sign == Sign::MayBeJson);
        let hold = waits && self.cx.program.hold_headers;
        if let Some(own) = &mut self.cx.mcp {
            let sniffer = Sniffer::of(mcp, a2a);
            own.sniff = Some(Sniff { sniffer, waits, hold, ..Sniff::default() });
        }
        self.phase = Phase::Sniffing;
        RequestVerdict::Sniff { waits, hold, edits }
    }

    /// The next bytes of a body that is being examined (after [`RequestVerdict::Sniff`]). `end`: they are the last.
    pub fn request_sniff(&mut self, bytes: &[u8], end: bool) -> RequestVerdict {
        if let Some(lane) = &mut self.lane {
            lane.feed(&self.cx.program, bytes);
        }
        let Some(sniff) = self.cx.mcp.as_mut().and_then(|mcp| mcp.sniff.as_mut()) else {
            return self.judge_lane(end);
        };
        sniff.bytes = sniff.bytes.saturating_add(bytes.len());
        let known = sniff.sniffer.feed(bytes);
        let (waits, hold) = (sniff.waits, sniff.hold);
        let long = sniff.bytes > limits::SNIFFED_BYTES;
        match known {
            Sniffed::Call(protocol) if waits => {
                self.cx.recognise_as(by_body(protocol));
                let needs = choose::needs_with_changes(&mut self.cx);
                let covers = |signed: &Signed| signed.covers("accept-encoding");
                let signed = self.signed.as_ref().is_some_and(covers);
                // Headers that have left can no longer ask for an unencoded answer, nor state another length.
                if !hold && needs.rewrite {
                    return self.found_late(protocol);
                }
                self.phase = Phase::Body;
                let edits =
                    if needs.answer && hold && !signed { vec![identity()] } else { Vec::new() };
                RequestVerdict::NeedBody { hold, edits }
            }
            Sniffed::Call(protocol) => self.found_late(protocol),
            Sniffed::Open if !end => {
                let waits = waits && !long;
                if !waits && self.is_closed_lane() {
                    return self.judge_lane(end);
                }
                if let Some(sniff) = self.cx.mcp.as_mut().and_then(|mcp| mcp.sniff.as_mut()) {
                    sniff.waits = waits;
                }
                RequestVerdict::Sniff { waits, hold, edits: Vec::new() }
            }
            Sniffed::Open | Sniffed::Other => {
                self.cx.mcp = None;
                self.judge_lane(end)
            }
        }
    }

    /// A call in a body whose beginning has left: it never becomes complete at the server.
    fn found_late(&mut self, protocol: DialectId) -> RequestVerdict {
        self.cx.recognise_as(by_body(protocol));
        self.cx.count_dialect();
        let refuse = self.cx.program.on_unreadable != Some(OnUnreadable::Pass);
        self.cx.record.unchecked(Unchecked::Late, refuse);
        self.phase = Phase::Asked;
        if !refuse {
            return RequestVerdict::Pass { edits: Vec::new(), body: None };
        }
        let message = match protocol {
            DialectId::A2a => "a call of an agent says so in the beginning of its body, as JSON",
            _ => {
                "an MCP call says so in its headers: `accept: application/json, text/event-stream`"
            }
        };
        let reply = self.cx.error(403, "unreadable", message);
        self.answered(reply)
    }

    /// A closed lane is refused; what then passes may still turn out to be MCP.
    fn closed_lane(&mut self) -> Option<RequestVerdict> {
        let program = Rc::clone(&self.cx.program);
        let lane = other_traffic::lane(&self.cx, &program)?;
        self.is_other();
        let reply = other_traffic::close(&mut self.cx, lane)?;
        Some(self.answered(reply))
    }

    /// True if it is known to be a call in a format that is not read, and must not pass.
    fn is_closed_lane(&self) -> bool {
        self.cx.program.unknown_lanes == UnknownLanes::Block
            && self.lane.as_ref().is_some_and(|lane| lane.is_call())
    }

    /// What happens to a request of no other protocol. `end`: its body is complete.
    fn judge_lane(&mut self, end: bool) -> RequestVerdict {
        if let Some(lane) = &self.lane {
            if lane.is_open() && !end {
                let waits = lane.waits();
                let hold = waits && self.cx.program.hold_headers;
                return RequestVerdict::Sniff { waits, hold, edits: Vec::new() };
            }
            if lane.is_call()
                && let Some(verdict) = self.unknown_lane()
            {
                return verdict;
            }
        }
        self.lane = None;
        self.is_other();
        RequestVerdict::Pass { edits: Vec::new(), body: None }
    }

    /// What happens to a request at a path that a dialect shares with others, whose body is not in that dialect's
    /// format.
    pub(super) fn other_shape(&mut self, body: &[u8], edits: Vec<HeaderEdit>) -> RequestVerdict {
        self.cx.mcp = None;
        self.cx.labels.set(LabelId::DIALECT, Label::value("", true));
        if let Some(lane) = UnknownLane::of_body(&self.cx, body) {
            self.lane = Some(Box::new(lane));
        }
        if self.lane.as_ref().is_some_and(|lane| lane.is_call())
            && let Some(verdict) = self.unknown_lane()
        {
            return verdict;
        }
        self.lane = None;
        self.other_traffic(edits)
    }

    /// A call in a format that is not read; `None`: it passes.
    fn unknown_lane(&mut self) -> Option<RequestVerdict> {
        let reply = self.lane.take()?.closed(&mut self.cx)?;
        Some(self.answered(reply))
    }

    /// Traffic that no lever touches; lanes of it may be closed.
    pub(super) fn other_traffic(&mut self, edits: Vec<HeaderEdit>) -> RequestVerdict {
        self.is_other();
        let program = Rc::clone(&self.cx.program);
        let lane = other_traffic::lane(&self.cx, &program);
        match lane.and_then(|lane| other_traffic::close(&mut self.cx, lane)) {
            Some(reply) => self.answered(reply),
            None => RequestVerdict::Pass { edits, body: None },
        }
    }

    /// It is not a call of a dialect.
    pub(super) fn is_other(&mut self) {
        self.phase = Phase::Other;
        self.cx.is_other();
    }
}
