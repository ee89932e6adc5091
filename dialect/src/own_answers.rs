//! Answers that the proxy makes itself: canned ones, and ones that say that the answer was withheld.

use super::answer::Answer;
use super::call::CallKind;
use super::write::{json_reply, sse_reply};
use super::{Call, CannedAnswer, EndingHow, Reply};
use crate::wire::frame::Framing;

/// An empty list, in place of a list that may not leave.
const NO_ITEMS: &str =
    r#"{"object":"list","data":[],"first_id":null,"last_id":null,"has_more":false}"#;

/// How a dialect's own answers are written.
#[derive(Debug, Clone, Copy)]
pub(super) enum OwnAnswers {
    /// As JSON from this function, or as a stream of server-sent events that ends at once.
    Json(fn(&Call, &EndingHow, decision: &str, now: u64) -> String),
    /// In a way specific to the dialect.
    Own {
        /// A complete canned answer.
        canned: fn(&Call, &CannedAnswer) -> Reply,
        /// A complete answer which says that another was withheld.
        blocked: fn(&Call, decision: &str, now: u64) -> Reply,
    },
}

impl OwnAnswers {
    /// A canned answer; `read` begins to read an answer of the dialect.
    pub(super) fn canned(
        self,
        read: fn(&Call, Framing) -> Box<dyn Answer>,
        call: &Call,
        canned: &CannedAnswer,
    ) -> Reply {
        match self {
            Self::Own { canned: own, .. } => own(call, canned),
            Self::Json(_) if call.stream && call.recognised.kind != CallKind::StoredList => {
                sse_reply(&read(call, Framing::Sse).ending(&canned.ending()))
            }
            Self::Json(json) => whole(json, call, &canned.how(), &canned.decision, canned.now),
        }
    }

    /// An answer, not streamed, which says that another was withheld.
    pub(super) fn blocked(self, call: &Call, decision: &str, now: u64) -> Reply {
        match self {
            Self::Own { blocked, .. } => blocked(call, decision, now),
            Self::Json(json) => whole(json, call, &EndingHow::Blocked, decision, now),
        }
    }
}

fn whole(
    json: fn(&Call, &EndingHow, &str, u64) -> String,
    call: &Call,
    how: &EndingHow,
    decision: &str,
    now: u64,
) -> Reply {
    match call.recognised.kind {
        CallKind::StoredList => json_reply(200, NO_ITEMS.to_owned()),
        _ => json_reply(200, json(call, how, decision, now)),
    }
}
