//! What looks like a call of a model in a shape that nobody here reads: counted wherever an enforced rule would hold for
//! it, and closed where the policy says so. No rule acts on it, since none could be told what it says.

use super::Exchange;
use crate::context::Refusal;
use crate::context::facts::{self};
use crate::context::record::Unchecked;
use crate::context::verdict::{HeaderEdit, RequestVerdict};
use crate::dialect::lane::{LanePath, LaneSniffer, Seen};
use crate::dialect::mcp::sign::Sign;
use crate::dialect::{self, Recognised};
use crate::lever::choose;
use crate::limits;
use crate::policy::document::UnknownLanes;
use crate::policy::program::label::{Label, LabelId};
use crate::wire::json::Doc;

/// A body that may be such a call.
#[derive(Debug)]
pub(super) struct Lane {
    sniffer: LaneSniffer,
    seen: Seen,
    /// Bytes that came.
    bytes: usize,
    /// They wait; if not, they have left.
    waits: bool,
}

impl Exchange {
    /// Begins to look at a POST that is no call of a dialect. True if its body waits until it is known what it is:
    /// nothing else but a policy that closes such lanes makes it.
    pub(super) fn look_for_lane(&mut self, sign: Sign) -> bool {
        let target = facts::text(&self.cx.facts.headers, ":path").unwrap_or_default();
        let Some(path) = LanePath::read(&target) else { return false };
        let dialect = self.cx.labels.get(LabelId::DIALECT).clone();
        // It is of no dialect: a rule for one does not hold, and one for all but one does.
        self.cx.labels.set(LabelId::DIALECT, Label::value("", true));
        if !choose::may_be_ruled(&self.cx) {
            self.cx.labels.set(LabelId::DIALECT, dialect);
            return false;
        }
        let closed = self.cx.program.unknown_lanes == UnknownLanes::Block;
        let waits = closed && sign == Sign::MayBeJson;
        let (sniffer, seen) = (LaneSniffer::new(path), Seen::Open);
        self.lane = Some(Box::new(Lane { sniffer, seen, bytes: 0, waits }));
        waits
    }

    /// The next bytes of its body.
    pub(super) fn feed_lane(&mut self, bytes: &[u8]) {
        let Some(lane) = &mut self.lane else { return };
        lane.bytes = lane.bytes.saturating_add(bytes.len());
        lane.waits &= lane.bytes <= limits::SNIFFED_BYTES;
        lane.seen = match self.cx.program.unknown_lanes {
            UnknownLanes::Pass if lane.bytes > limits::LANE_BYTES && lane.seen == Seen::Open => {
                Seen::Other
            }
            _ => lane.sniffer.feed(bytes),
        };
    }

    /// True if it is known to be a call, and must not pass.
    pub(super) fn is_closed_lane(&self) -> bool {
        let known = |lane: &Lane| lane.seen == Seen::Call;
        self.cx.program.unknown_lanes == UnknownLanes::Block
            && self.lane.as_deref().is_some_and(known)
    }

    /// What becomes of a request that is no other protocol's. `end`: its body is whole.
    pub(super) fn judge_lane(&mut self, end: bool) -> RequestVerdict {
        match self.lane.as_deref().map(|lane| (lane.seen, lane.waits)) {
            Some((Seen::Open, waits)) if !end => {
                let hold = waits && self.cx.program.hold_headers;
                return RequestVerdict::Sniff { waits, hold, edits: Vec::new() };
            }
            Some((Seen::Call, _)) => {
                if let Some(verdict) = self.unknown_lane() {
                    return verdict;
                }
            }
            _ => {}
        }
        self.lane = None;
        self.is_other();
        RequestVerdict::Pass { edits: Vec::new(), body: None }
    }

    /// True if a body at a path that a dialect shares with others is not in that dialect's shape: what is no JSON object
    /// is nobody's call, and what only a lenient server takes for one stays the dialect's, and unreadable.
    pub(super) fn is_of_another(&self, recognised: &Recognised, doc: &Doc, body: &[u8]) -> bool {
        if facts::is_encoded(&self.cx.facts.headers) {
            return false;
        }
        if doc.is_empty() {
            let text = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
            let first = text.iter().find(|byte| !byte.is_ascii_whitespace() && **byte != 0);
            return first.is_none_or(|byte| *byte != b'{');
        }
        !dialect::dialect(recognised.dialect).takes(&doc.root(body))
    }

    /// What becomes of a request at a path that a dialect shares with others, whose body is not in that dialect's shape.
    pub(super) fn other_shape(&mut self, body: &[u8], edits: Vec<HeaderEdit>) -> RequestVerdict {
        let target = facts::text(&self.cx.facts.headers, ":path").unwrap_or_default();
        let path = LanePath::read(&target);
        self.cx.mcp = None;
        self.cx.labels.set(LabelId::DIALECT, Label::value("", true));
        if let Some(path) = path {
            let (sniffer, seen) = (LaneSniffer::new(path), Seen::Open);
            self.lane = Some(Box::new(Lane { sniffer, seen, bytes: 0, waits: true }));
            self.feed_lane(body);
        }
        let known = self.lane.as_deref().is_some_and(|lane| lane.seen == Seen::Call);
        if let Some(verdict) = known.then(|| self.unknown_lane()).flatten() {
            return verdict;
        }
        self.lane = None;
        self.other_traffic(edits)
    }

    fn unknown_lane(&mut self) -> Option<RequestVerdict> {
        let model = self.lane.take().map(|lane| lane.sniffer.model().to_owned());
        if let Some(model) = model.filter(|model| !model.is_empty()) {
            self.cx.labels.set(LabelId::MODEL, Label::value(&model, false));
        }
        if !choose::may_be_ruled(&self.cx) {
            return None;
        }
        let closed = self.cx.program.unknown_lanes == UnknownLanes::Block;
        self.cx.record.unchecked(Unchecked::Lane, closed);
        closed.then(|| {
            self.is_other();
            let message = "this looks like a call of a model in a shape that is not read here, \
                           and the policy says `unknown_lanes: block`";
            self.refuse(&Refusal { message: message.to_owned(), code: "unknown_lane" })
        })
    }
}
