//! Upgrades to a websocket where a model is called: messages on one cannot be read, so it is opened only if no enforced
//! rule needs to read them. Callers that get 426 ask over HTTP.

use super::{Exchange, Phase};
use crate::context::facts::{self, Headers};
use crate::context::verdict::{HeaderEdit, RequestVerdict};
use crate::counters::Unchecked;
use crate::dialect::{self, Call, CallKind};
use crate::lever::{choose, describe, failsafe};
use crate::policy::document::UnknownLanes;
use crate::policy::program::label::{Label, LabelId};

/// "Upgrade Required" (RFC 9110 §15.5.22): Codex and others then ask over HTTP at once.
const UPGRADE_REQUIRED: u16 = 426;

/// True for a request to switch to a websocket (RFC 6455; RFC 8441 if a proxy forwards it like that). A request with a
/// body is a call like any other: the header is only the caller's claim.
fn is_upgrade(headers: &Headers, method: &str) -> bool {
    let tokens = |name| {
        facts::values(headers, name)
            .flat_map(|value| value.split(|byte| *byte == b','))
            .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"websocket"))
    };
    (method.eq_ignore_ascii_case("GET") && tokens("upgrade"))
        || (method.eq_ignore_ascii_case("CONNECT") && tokens(":protocol"))
}

impl Exchange {
    /// What happens to a request for a websocket at a path of a model; `None` if it is not one.
    pub(super) fn upgrade(
        &mut self,
        method: &str,
        target: &str,
        edits: &[HeaderEdit],
    ) -> Option<RequestVerdict> {
        if !is_upgrade(&self.cx.facts.headers, method) {
            return None;
        }
        let Some(recognised) = dialect::recognise("POST", target) else {
            return self.live(target);
        };
        if recognised.kind != CallKind::Generate {
            return None;
        }
        self.cx.call = Some(Call::without_body(recognised.clone()));
        self.cx.recognise_as(recognised);
        self.cx.label_line();
        self.cx.count_dialect();
        self.phase = Phase::Asked;
        if self.cx.program.unusable {
            return Some(self.no_policy());
        }
        describe::request(&mut self.cx);
        if let Some(reply) = failsafe::before(&mut self.cx) {
            // A canned answer is useless to a caller that wants to continue the conversation: over HTTP it gets one.
            let status = if reply.status == 200 { UPGRADE_REQUIRED } else { reply.status };
            let reply = self.cx.error(status, "content_blocked", "a kill rule is in force");
            return Some(self.answered(reply));
        }
        if choose::needs_what_is_said(&self.cx) {
            self.cx.record.unchecked(Unchecked::Websocket, true);
            return Some(self.upgrade_required());
        }
        self.cx.record.unchecked(Unchecked::Websocket, false);
        Some(self.charge(edits.to_vec(), None, None))
    }

    /// Lanes that exist only on websockets pass like other traffic, and are closed with it.
    fn live(&mut self, target: &str) -> Option<RequestVerdict> {
        if !dialect::lane::is_live(target) || self.cx.program.unusable {
            return None;
        }
        let unread = self.cx.labels.get(LabelId::DIALECT).clone();
        self.cx.labels.set(LabelId::DIALECT, Label::value("", true));
        self.cx.label_line();
        let ruled = choose::may_be_ruled(&self.cx);
        self.cx.labels.set(LabelId::DIALECT, unread);
        if !ruled {
            return None;
        }
        let closed = self.cx.program.unknown_lanes == UnknownLanes::Block;
        self.cx.record.unchecked(Unchecked::Websocket, closed);
        closed.then(|| {
            self.is_other();
            self.upgrade_required()
        })
    }

    fn upgrade_required(&mut self) -> RequestVerdict {
        let message = "what is said on a websocket cannot be read by the policy: call over HTTP";
        let reply = self.cx.error(UPGRADE_REQUIRED, "upgrade_required", message);
        self.answered(reply)
    }
}
