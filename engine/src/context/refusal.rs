//! What a caller gets whose request is refused or answered with a canned answer, in the shape of its own dialect.

use super::Context;
use super::facts::seconds;
use crate::dialect::{self, CannedAnswer, ErrorAnswer, Reply};
use crate::policy::document::Fallback;

/// Why a request is refused.
pub(crate) struct Refusal {
    /// The message for people: rule and place.
    pub message: String,
    /// The machine-readable code.
    pub code: &'static str,
}

impl Context {
    /// 403 in the caller's dialect.
    pub(crate) fn refused(&self, refusal: &Refusal) -> Reply {
        self.error(403, refusal.code, &refusal.message)
    }

    /// An error in the caller's dialect; the message contains the decision id.
    pub(crate) fn error(&self, status: u16, code: &'static str, message: &str) -> Reply {
        let message = format!("{message} (decision {})", self.record.decision());
        let error = ErrorAnswer { status, message, code };
        if let Some(mcp) = self.mcp.as_ref().filter(|_| self.is_mcp()) {
            return mcp.error(&error);
        }
        match &self.recognised {
            Some(recognised) => dialect::dialect(recognised.dialect).error(recognised, &error),
            None => dialect::plain_error(&error),
        }
    }

    /// A canned answer in the caller's dialect.
    pub(crate) fn canned(&mut self, fallback: &Fallback) -> Reply {
        let canned = CannedAnswer {
            text: fallback.text.clone(),
            json: fallback.json.clone(),
            refusal: fallback.ends_as_refusal,
            decision: self.record.decision().to_owned(),
            now: seconds(self.facts.now_ns),
        };
        let mut reply = match (self.mcp_canned(fallback), &self.call) {
            (Some(reply), _) => reply,
            (None, Some(call)) => dialect::dialect(call.recognised.dialect).canned(call, &canned),
            (None, None) => self.error(503, "no_call", "no call to answer"),
        };
        if fallback.handoff {
            reply.headers.push(("x-hemostat-handoff", "true".to_owned()));
            self.record.handoff();
        }
        reply
    }

    /// The headers that callers see.
    pub(crate) fn own_headers(&self) -> Vec<(&'static str, String)> {
        self.record.headers(self.program.version.as_deref(), self.program.show)
    }
}
