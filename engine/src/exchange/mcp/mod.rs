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
mod request;

use super::Exchange;
use crate::policy::program::limit::{Limit, Unit};
pub(super) use answer::Messages;

impl Exchange {
    /// True if a call may come in several rounds, of which the last one counts and uses the grant.
    pub(super) fn may_want_input(&self) -> bool {
        let mcp = self.cx.mcp.as_ref().filter(|_| self.cx.is_mcp());
        mcp.is_some_and(|mcp| mcp.modern && mcp.calls > 0)
            && (mcp.is_some_and(|mcp| !mcp.granted.is_empty())
                || self.cx.program.limits.rules.iter().any(|limit| limit.unit == Unit::Calls))
    }

    /// The answer wants input before the call is done: this round used no grant, and counts for nothing.
    pub(super) fn call_wants_input(&mut self) {
        if let Some(mcp) = &mut self.cx.mcp {
            mcp.wants_input = true;
        }
        self.return_grants();
    }

    /// True if a limit counts anything in exchanges like this one: tokens and money where a model answers, calls of
    /// tools in MCP.
    pub(super) fn is_limited_by(&self, limit: &Limit) -> bool {
        self.is_limited()
            && match limit.unit {
                Unit::Tokens | Unit::Usd => !self.cx.is_mcp(),
                Unit::Calls => self.cx.is_mcp() || self.cx.is_also_mcp(),
                Unit::Requests | Unit::Concurrent => true,
            }
    }

    /// What a limit is charged that counts requests or calls; `None`: nothing of the kind is asked for.
    pub(super) fn count_of(&self, unit: Unit) -> Option<u64> {
        let both = self.cx.is_also_mcp();
        let mcp =
            self.cx.mcp.as_ref().filter(|_| self.cx.is_mcp() || (both && unit == Unit::Calls));
        let Some(mcp) = mcp else { return Some(1) };
        let count = match unit {
            Unit::Calls => mcp.calls,
            Unit::Concurrent => mcp.requests.min(1),
            _ => mcp.requests,
        };
        Some(count).filter(|count| *count > 0)
    }
}
