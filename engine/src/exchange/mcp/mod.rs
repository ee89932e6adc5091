//! MCP in one exchange: calls of tools stand in the request, texts for the model in the answer.
//!
//! ```text
//! headers ─┬─ MCP by its headers ──────────────────┐
//!          └─ not known ─ Sniff → request_sniff* ──┤→ whole body: calls judged, texts scanned, limits asked
//!                                                  └→ answer: message by message, nothing waits but the message itself
//! ```

mod answer;
mod begin;
mod judge;
mod reply;
mod request;

use super::Exchange;
use crate::context::facts;
use crate::dialect::DialectId;
use crate::dialect::mcp::sign::Sign;
use crate::dialect::mcp::sniff::Sniffer;
use crate::grant::Grant;
use crate::policy::program::guard::Guard;
use crate::policy::program::label::{Label, LabelId};
use crate::policy::program::limit::{Limit, Unit};
pub(super) use answer::Messages;

/// What is known of an exchange that is MCP, or may be.
#[derive(Debug, Default)]
pub(super) struct Mcp {
    /// What its headers said.
    sign: Option<Sign>,
    /// Its body is being looked at.
    sniff: Option<Sniff>,
    /// The stateless revision, whose results name their type.
    modern: bool,
    /// It came as a list.
    batch: bool,
    /// Its requests, in order.
    asked: Vec<Asked>,
    /// Calls of tools that go on.
    calls: u64,
    /// Requests that go on.
    requests: u64,
    /// Grants that its calls use.
    granted: Vec<Grant>,
    /// A call wants input: its next round goes on with the same grant, and counts then.
    wants_input: bool,
    /// The answer to a POST comes on another stream.
    old_transport: bool,
    /// Headers repeat the body wrongly.
    mismatch: bool,
    /// Answers of ours that join upstream's: of the calls of a batch that were stopped.
    ours: Vec<String>,
    /// The other protocol in which the request may be read.
    beside: Option<DialectId>,
}

/// A body that may be a call.
#[derive(Debug, Default)]
struct Sniff {
    sniffer: Sniffer,
    /// Bytes that came.
    bytes: usize,
    /// They wait; if not, they have left.
    waits: bool,
    /// Headers wait with them.
    hold: bool,
}

/// A request that someone waits for an answer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// Its id, as it was written.
    id: Vec<u8>,
    /// It calls a tool.
    call: bool,
}

impl Exchange {
    /// True if this is MCP.
    pub(super) fn is_mcp(&self) -> bool {
        self.recognised.as_ref().is_some_and(|own| own.dialect == DialectId::Mcp)
    }

    /// True if a call may come in several rounds, of which the last one counts and uses the grant.
    pub(super) fn may_want_input(&self) -> bool {
        let mcp = self.mcp.as_ref().filter(|_| self.is_mcp());
        mcp.is_some_and(|mcp| mcp.modern && mcp.calls > 0)
            && (mcp.is_some_and(|mcp| !mcp.granted.is_empty())
                || self.program.limits.rules.iter().any(|limit| limit.unit == Unit::Calls))
    }

    /// The answer wants input before the call is done: this round used no grant, and counts for nothing.
    pub(super) fn call_wants_input(&mut self) {
        if let Some(mcp) = &mut self.mcp {
            mcp.wants_input = true;
        }
        self.return_grants();
    }

    /// True if this was a call's round that was not its last.
    pub(super) fn goes_on(&self) -> bool {
        self.mcp.as_ref().is_some_and(|mcp| mcp.wants_input)
    }

    /// True if this is a call of a dialect that may be read as MCP too: rules for both hold.
    pub(super) fn is_also_mcp(&self) -> bool {
        self.mcp.as_ref().is_some_and(|mcp| mcp.beside == Some(DialectId::Mcp))
    }

    /// Gives the label `dialect` the other protocol too.
    pub(super) fn label_beside(&mut self) {
        if let Some(beside) = self.mcp.as_ref().and_then(|mcp| mcp.beside) {
            self.labels.add(LabelId::DIALECT, Label::value(beside.name(), true));
        }
    }

    /// True if this only ends a session of MCP's, which costs nothing and tells nothing.
    pub(super) fn ends_session(&self) -> bool {
        let method = facts::text(&self.facts.headers, ":method");
        self.is_mcp() && method.is_some_and(|method| method.eq_ignore_ascii_case("DELETE"))
    }

    /// True if a guardrail looks at requests like this one. Tools are called in MCP's requests, not in its answers.
    pub(super) fn reads_request(&self, guard: &Guard) -> bool {
        guard.on_request() || ((self.is_mcp() || self.is_also_mcp()) && guard.on_tool_args())
    }

    /// True if a guardrail looks at the answer. What MCP's answers say is input of a model.
    pub(super) fn reads_answer(&self, guard: &Guard) -> bool {
        if self.is_mcp() {
            guard.on_request()
        } else if !self.answer_speaks() {
            false
        } else {
            guard.on_answer() || (self.is_also_mcp() && guard.on_request())
        }
    }

    /// True if a limit counts anything in exchanges like this one: tokens and money where a model answers, calls of
    /// tools in MCP.
    pub(super) fn is_limited_by(&self, limit: &Limit) -> bool {
        self.is_limited()
            && match limit.unit {
                Unit::Tokens | Unit::Usd => !self.is_mcp(),
                Unit::Calls => self.is_mcp() || self.is_also_mcp(),
                Unit::Requests | Unit::Concurrent => true,
            }
    }

    /// What a limit is charged that counts requests or calls; `None`: nothing of the kind is asked for.
    pub(super) fn count_of(&self, unit: Unit) -> Option<u64> {
        let both = self.is_also_mcp();
        let mcp = self.mcp.as_ref().filter(|_| self.is_mcp() || (both && unit == Unit::Calls));
        let Some(mcp) = mcp else { return Some(1) };
        let count = match unit {
            Unit::Calls => mcp.calls,
            Unit::Concurrent => mcp.requests.min(1),
            _ => mcp.requests,
        };
        Some(count).filter(|count| *count > 0)
    }
}
