//! What looks like a model call in a format that is not read here: counted wherever an enforced rule would hold for it,
//! and refused where the policy says so. No rule acts on it, since its contents are unknown.

use super::choose;
use crate::context::facts::{self};
use crate::context::{Context, Refusal};
use crate::counters::Unchecked;
use crate::dialect::lane::{LaneEvidence, LanePath, LaneSniffer, is_results};
use crate::dialect::mcp::sign::Sign;
use crate::dialect::{self, Recognised, Reply};
use crate::limits;
use crate::policy::Program;
use crate::policy::document::UnknownLanes;
use crate::policy::program::label::{Label, LabelId};
use crate::wire::json::Doc;

/// A body that may be such a call.
#[derive(Debug)]
pub(crate) struct UnknownLane {
    sniffer: LaneSniffer,
    seen: LaneEvidence,
    /// Bytes received so far.
    bytes: usize,
    /// The bytes are buffered; if not, they have been forwarded.
    waits: bool,
}

impl UnknownLane {
    /// Begins to examine a POST that is not a call of a dialect; `None` if no rule would hold for it, or its path is
    /// not one of such calls. [`UnknownLane::waits`] tells whether its body waits until it is known what it is; only a
    /// policy that closes such lanes makes it wait.
    pub(crate) fn look_for(cx: &mut Context, sign: Sign) -> Option<Self> {
        let target = facts::text(&cx.facts.headers, ":path").unwrap_or_default();
        Self::at(cx, LanePath::read(&target)?, sign)
    }

    /// A fetch of batch results, which are not read.
    pub(crate) fn of_results(cx: &mut Context) -> Option<Self> {
        let line = |name| facts::text(&cx.facts.headers, name).unwrap_or_default();
        let fetched = line(":method").eq_ignore_ascii_case("GET") && is_results(&line(":path"));
        let own = fetched.then(|| Self::at(cx, LanePath::default(), Sign::Own)).flatten()?;
        Some(Self { seen: LaneEvidence::Call, ..own })
    }

    fn at(cx: &mut Context, path: LanePath, sign: Sign) -> Option<Self> {
        let dialect = cx.labels.get(LabelId::DIALECT).clone();
        // It has no dialect: a rule for one does not hold, and a rule for all but one does.
        cx.labels.set(LabelId::DIALECT, Label::value("", true));
        if !choose::may_be_ruled(cx) {
            cx.labels.set(LabelId::DIALECT, dialect);
            return None;
        }
        let closed = cx.program.unknown_lanes == UnknownLanes::Block;
        let waits = closed && sign == Sign::MayBeJson;
        Some(Self { sniffer: LaneSniffer::new(path), seen: LaneEvidence::Open, bytes: 0, waits })
    }

    /// Looks at a whole body at a path that a dialect shares with others; `None` if the path is not one of such calls.
    pub(crate) fn of_body(cx: &Context, body: &[u8]) -> Option<Self> {
        let target = facts::text(&cx.facts.headers, ":path").unwrap_or_default();
        let sniffer = LaneSniffer::new(LanePath::read(&target)?);
        let mut lane = Self { sniffer, seen: LaneEvidence::Open, bytes: 0, waits: true };
        lane.feed(&cx.program, body);
        Some(lane)
    }

    /// The next bytes of its body.
    pub(crate) fn feed(&mut self, program: &Program, bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(bytes.len());
        self.waits &= self.bytes <= limits::SNIFFED_BYTES;
        self.seen = match program.unknown_lanes {
            UnknownLanes::Pass
                if self.bytes > limits::LANE_BYTES && self.seen == LaneEvidence::Open =>
            {
                LaneEvidence::Other
            }
            _ => self.sniffer.feed(bytes),
        };
    }

    /// True if its body waits.
    pub(crate) fn waits(&self) -> bool {
        self.waits
    }

    /// True until it is known what it is.
    pub(crate) fn is_open(&self) -> bool {
        self.seen == LaneEvidence::Open
    }

    /// It is known to be a call.
    pub(crate) fn is_call(&self) -> bool {
        self.seen == LaneEvidence::Call
    }

    /// The reply to a call that cannot be read; `None` if it passes.
    pub(crate) fn closed(&self, cx: &mut Context) -> Option<Reply> {
        let model = self.sniffer.model();
        if !model.is_empty() {
            cx.labels.set(LabelId::MODEL, Label::value(model, false));
        }
        if !choose::may_be_ruled(cx) {
            return None;
        }
        let closed = cx.program.unknown_lanes == UnknownLanes::Block;
        cx.record.unchecked(Unchecked::Lane, closed);
        closed.then(|| {
            cx.is_other();
            let message = "this looks like a call of a model in a shape that is not read here, \
                           and the policy says `unknown_lanes: block`";
            cx.refused(&Refusal { message: message.to_owned(), code: "unknown_lane" })
        })
    }
}

/// True if a body at a path that a dialect shares with others is not in that dialect's format. A body that is not a
/// JSON object is not a call at all. One that only a lenient server accepts stays the dialect's, and unreadable.
pub(crate) fn is_of_another(cx: &Context, recognised: &Recognised, doc: &Doc, body: &[u8]) -> bool {
    // A fetch has no body to judge by: only its path tells whose it is.
    if recognised.kind.is_stored() || facts::is_encoded(&cx.facts.headers) {
        return false;
    }
    if doc.is_empty() {
        let text = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
        let first = text.iter().find(|byte| !byte.is_ascii_whitespace() && **byte != 0);
        return first.is_none_or(|byte| *byte != b'{');
    }
    !dialect::dialect(recognised.dialect).takes(&doc.root(body))
}
