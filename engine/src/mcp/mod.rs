//! MCP in one exchange: tool calls stand in the request, texts for the model in the answer. A2A requests, which look
//! the same until their body is read, are told apart from MCP here (`protocol`).
//!
//! ```text
//! headers ─┬─ MCP by its headers ──────────────────┐
//!          └─ not known ─ Sniff → request_sniff* ──┤→ whole body: calls judged, texts scanned, limits asked
//!                                                  └→ answer: message by message, nothing waits but the message itself
//! ```

mod answer;
pub(crate) mod protocol;
pub(crate) mod request;
mod waiting;

use crate::context::Context;
use crate::lever::tools::ToolsLever;
pub(crate) use answer::{Messages, open_messages};

/// True if a call may take several rounds, of which the last one counts and uses the grant.
pub(crate) fn may_want_input(cx: &Context) -> bool {
    let mcp = cx.mcp.as_ref().filter(|_| cx.is_mcp());
    mcp.is_some_and(|mcp| mcp.modern && mcp.calls > 0)
        && (mcp.is_some_and(|mcp| !mcp.granted.is_empty())
            || cx.program.limits.rules.iter().any(|limit| limit.unit.counts_calls()))
}

/// The answer asks for input before the call is done: this round used no grant, and is not counted.
pub(crate) fn call_wants_input(cx: &mut Context, tools: &ToolsLever) {
    if let Some(mcp) = &mut cx.mcp {
        mcp.wants_input = true;
    }
    tools.return_grants(cx);
}
