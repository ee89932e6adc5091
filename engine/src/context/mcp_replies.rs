//! Replies to the caller of an exchange that is MCP.

use super::Context;
use super::mcp::WithheldReply;
use crate::dialect::Reply;
use crate::dialect::mcp::write::{self, ReplyTo};
use crate::policy::document::Fallback;

impl Context {
    /// The canned answer in MCP.
    pub(crate) fn mcp_canned(&self, fallback: &Fallback) -> Option<Reply> {
        let mcp = self.mcp.as_ref().filter(|_| self.is_mcp())?;
        Some(mcp.say(&WithheldReply::Canned(fallback)))
    }

    /// What replaces an answer that is withheld.
    pub(crate) fn mcp_blocked(&self) -> Option<Reply> {
        let mcp = self.mcp.as_ref().filter(|_| self.is_mcp())?;
        let text =
            format!("the answer was withheld by policy (decision {})", self.record.decision());
        let said = WithheldReply::Blocked(&text);
        let nobody = || {
            write::error(
                &ReplyTo::Nobody,
                403,
                write::code("content_blocked"),
                &text,
                "content_blocked",
            )
        };
        Some(if mcp.asked.is_empty() { nobody() } else { mcp.say(&said) })
    }

    /// The proxy's own answers alone: nothing is forwarded.
    pub(crate) fn stopped_reply(&self) -> Reply {
        let Some(mcp) = &self.mcp else { return write::accepted() };
        match (mcp.ours.as_slice(), mcp.batch) {
            ([], _) => write::accepted(),
            ([one], false) => write::json(one.clone()),
            (all, _) => write::json(format!("[{}]", all.join(","))),
        }
    }

    /// The proxy's own answers where upstream has none: everything forwarded of the batch was a notification.
    pub(crate) fn mcp_instead(&mut self, status: u16, end: bool) -> Option<Reply> {
        let joins = self.mcp.as_ref().is_some_and(|mcp| mcp.joins());
        let none = matches!(status, 202 | 204) || (end && (200..300).contains(&status));
        (joins && none).then(|| self.stopped_reply())
    }
}
