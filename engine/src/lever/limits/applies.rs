//! Which exchanges limits apply to, and how much is charged where a limit counts requests or calls.

use crate::context::Context;
use crate::dialect::CallKind;
use crate::policy::program::limit::{Limit, LimitUnit};

/// True if limits apply to this kind of call: it makes a model generate.
pub(super) fn is_limited(cx: &Context) -> bool {
    let generates = |r: &crate::dialect::Recognised| r.kind == CallKind::Generate;
    !cx.program.limits.rules.is_empty() && cx.recognised.as_ref().is_some_and(generates)
}

/// True if a limit counts anything in exchanges like this one: tokens and money where a model answers, tool calls in
/// MCP.
pub(crate) fn is_limited_by(cx: &Context, limit: &Limit) -> bool {
    is_limited(cx)
        && match limit.unit {
            LimitUnit::Tokens | LimitUnit::Usd => !cx.is_mcp(),
            LimitUnit::Calls => cx.is_mcp() || cx.is_also_mcp(),
            LimitUnit::Requests | LimitUnit::Concurrent => true,
        }
}

/// What a limit is charged that counts requests or calls; `None` if there are none to count.
pub(super) fn count_of(cx: &Context, unit: LimitUnit) -> Option<u64> {
    let both = cx.is_also_mcp();
    let mcp = cx.mcp.as_ref().filter(|_| cx.is_mcp() || (both && unit == LimitUnit::Calls));
    let Some(mcp) = mcp else { return Some(1) };
    let count = match unit {
        LimitUnit::Calls => mcp.calls,
        LimitUnit::Concurrent => mcp.requests.min(1),
        _ => mcp.requests,
    };
    Some(count).filter(|count| *count > 0)
}
