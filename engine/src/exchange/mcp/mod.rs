//! MCP in one exchange: calls of tools stand in the request, texts for the model in the answer.
//!
//! ```text
//! headers ─┬─ MCP by its headers ──────────────────┐
//!          └─ not known ─ Sniff → request_sniff* ──┤→ whole body: calls judged, texts scanned, limits asked
//!                                                  └→ answer: message by message, nothing waits but the message itself
//! ```

mod answer;
mod begin;
mod request;

use super::Exchange;
use crate::policy::program::limit::Unit;
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
        self.tools.return_grants(&mut self.cx);
    }
}
