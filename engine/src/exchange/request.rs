//! The request's side: recognise, label, and decide before the model is asked.

use std::rc::Rc;

use super::{Exchange, Phase};
use crate::base::callout::CalloutReply;
use crate::context::Refusal;
use crate::context::facts::{self, RequestFacts};
use crate::context::labels::{self, RequestLineLabels};
use crate::context::record::Record;
use crate::context::verdict::{HeaderEdit, RequestVerdict};
use crate::counters::Unchecked;
use crate::dialect::{self, Call, CallKind, DialectId, Recognised, Reply};
use crate::lever::change::{self, RequestValues};
use crate::lever::guardrails::InputOutcome;
use crate::lever::limits::{self, Admission};
use crate::lever::need::{Need, Needs};
use crate::lever::other_traffic::remove_internal;
use crate::lever::signed::Signed;
use crate::lever::{choose, describe, failsafe, unknown_lane};
use crate::mcp::request::McpDecision;
use crate::mcp::{self, protocol};
use crate::policy::program::label::{Label, LabelId};
use crate::wire::json::Doc;

/// True for a call by a POST of a dialect that is not MCP.
fn by_post(recognised: &Recognised) -> bool {
    recognised.dialect != DialectId::Mcp && !recognised.kind.is_stored()
}

impl Exchange {
    /// The headers have arrived. `end`: there is no body.
    pub fn request_headers(&mut self, facts: RequestFacts, end: bool) -> RequestVerdict {
        self.cx.record = Record::new(facts.request_id.clone(), facts.now_ns, facts.nonce);
        self.cx.record.raise_events(self.cx.program.notify.is_some());
        self.cx.facts = Rc::new(facts);
        let facts = Rc::clone(&self.cx.facts);
        let mut edits = remove_internal(&facts.headers);
        let header = |name| facts::text(&facts.headers, name).unwrap_or_default();
        let (method, target) = (header(":method"), header(":path"));
        // By method and path alone: a content type or an `upgrade` header is the caller's claim, and must not open a way
        // around the rules.
        let (recognised, path) = dialect::read_line(&method, &target);
        let authority = header(":authority");
        let line = RequestLineLabels { method: &method, authority: &authority, path: &path };
        self.cx.labels = labels::from_headers(&self.cx.program.labels, &self.cx.facts, line);
        self.signed = Signed::of(&self.cx.facts.headers);
        if let Some(verdict) = self.upgrade(&method, &target, &edits) {
            return verdict;
        }
        let Some(recognised) =
            recognised.or_else(|| protocol::by_headers(&mut self.cx, &method, &target))
        else {
            return self.unrecognised(edits);
        };
        let may_be_mcp = by_post(&recognised);
        let anthropic = recognised.dialect == DialectId::Anthropic;
        self.cx.call = Some(Call::without_body(recognised.clone()));
        let by_body = (recognised.dialect == DialectId::Mcp
            && recognised.kind == CallKind::Generate)
            || dialect::dialect(recognised.dialect).shares_its_path();
        let more_models =
            recognised.model.is_some() && recognised.kind == CallKind::Generate && !end;
        self.cx.recognise_as(recognised);
        if more_models {
            // The path names one, and the body may name others that may answer.
            self.cx.labels.add(LabelId::MODEL, Label::Unknown);
        }
        if !by_body {
            self.cx.count_dialect();
        }
        self.phase = Phase::Body;
        if self.cx.program.unusable {
            return self.no_policy();
        }
        let breaks = self.signed.as_ref();
        let breaks = breaks.and_then(|own| own.refuses(&mut self.cx.record, &edits, false));
        if let Some(refusal) = breaks {
            return self.refuse(&refusal);
        }
        let mut needs = choose::needs_with_changes(&mut self.cx);
        self.extent = choose::extent(&self.cx, &needs);
        if may_be_mcp {
            // MCP servers use such paths too, but only those of its first revision use Anthropic's: for the others, an
            // unencoded answer is requested once the body has shown that it may be MCP.
            let mut as_mcp = protocol::needs_as_mcp(&mut self.cx);
            as_mcp.answer &= anthropic;
            needs = needs.and(as_mcp);
        }
        let may_be_a2a = may_be_mcp || (by_body && self.cx.is_mcp());
        if may_be_a2a && needs.body != Need::Hold && self.cx.program.enforces() {
            // An agent at such a path. An unencoded answer is requested once the body has shown it.
            let as_a2a = protocol::needs_as_a2a(&mut self.cx);
            needs = needs.and(Needs { answer: false, ..as_a2a });
        }
        let signed = |name| self.signed.as_ref().is_some_and(|signed| signed.covers(name));
        if needs.answer && !signed("accept-encoding") {
            edits.push(HeaderEdit::Set("accept-encoding".to_owned(), "identity".to_owned()));
        }
        if end {
            return self.decide(Some(&[]), edits);
        }
        match needs.body {
            Need::Hold => {
                let hold = self.cx.program.hold_headers;
                if !hold && needs.rewrite && !signed("content-length") {
                    // The headers leave before the new length is known.
                    edits.push(HeaderEdit::Remove("content-length".to_owned()));
                }
                RequestVerdict::NeedBody { hold, edits }
            }
            Need::Nothing | Need::Peek => RequestVerdict::Peek { edits },
        }
    }

    /// The body is complete (after [`RequestVerdict::NeedBody`]); `None`: the host failed to provide it.
    pub fn request_body(&mut self, body: Option<&[u8]>) -> RequestVerdict {
        if self.phase != Phase::Body {
            // The answer came before the whole body, and was judged by what was known then.
            return RequestVerdict::Pass { edits: Vec::new(), body: None };
        }
        self.decide(body, Vec::new())
    }

    /// A part of the body passes (after [`RequestVerdict::Peek`]). No acting rule depends on it.
    pub fn request_chunk(&mut self, chunk: &[u8], end: bool) {
        if self.phase != Phase::Body {
            // The answer came before the whole body: what it was judged by is settled.
            return;
        }
        self.keep_peeked(chunk);
        if end {
            let body = std::mem::take(&mut self.peeked);
            // Only watching rules look at a body that passes, so the verdict is always to pass it.
            let _ = self.decide(self.cx.no_body.is_none().then_some(body.as_slice()), Vec::new());
            self.drop_peeked();
        }
    }

    /// The answer arrives before the whole request body: it is judged by what is known without the body. Returns the
    /// replacement of the answer if an enforced rule needed the body and the policy does not say `pass`. `unasked`: the
    /// proxy has forwarded nothing, so nothing was missed.
    pub(super) fn overtaken(&mut self, unasked: bool) -> Option<Reply> {
        if !self.peeked.is_empty() && Doc::default().parse(&self.peeked).is_ok() {
            // All of a watched body has arrived, and only the signal of its end is missing.
            self.request_chunk(&[], true);
            return None;
        }
        self.drop_peeked();
        self.cx.no_body = Some(Unchecked::Overtaken);
        if unasked {
            let read = Err(Unchecked::Overtaken);
            self.cx.complete_labels(&read, None, &Doc::default());
            self.phase = Phase::Asked;
            return None;
        }
        match self.decide(None, Vec::new()) {
            RequestVerdict::Reply(reply) => Some(reply),
            // A service that should have been asked first was not: it is unknown whether there was room.
            RequestVerdict::Ask(_) => {
                self.charges.give_back(&mut self.cx);
                self.cx.record.unchecked(Unchecked::Overtaken, true);
                let message = "the answer came before a limit could be asked for";
                match self.refuse(&Refusal { message: message.to_owned(), code: "unreadable" }) {
                    RequestVerdict::Reply(reply) => Some(reply),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Decides on the body. `None`: it is not available.
    fn decide(&mut self, body: Option<&[u8]>, mut edits: Vec<HeaderEdit>) -> RequestVerdict {
        let Some(mut recognised) = self.cx.recognised.clone() else {
            return RequestVerdict::Pass { edits, body: None };
        };
        let mut doc = Doc::default();
        let mut read = self.cx.read_to(self.extent, &recognised, body, &mut doc);
        if dialect::dialect(recognised.dialect).shares_its_path() {
            if let Some(bytes) =
                body.filter(|body| unknown_lane::is_of_another(&self.cx, &recognised, &doc, body))
            {
                return self.other_shape(bytes, edits);
            }
            self.cx.count_dialect();
        }
        if !protocol::settle_protocol(
            &mut self.cx,
            &mut self.guardrails,
            &mut recognised,
            &mut read,
            &mut doc,
            body,
        ) {
            return self.other_traffic(edits);
        }
        if self.cx.program.hold_headers {
            edits.extend(protocol::identity_beside(&self.cx, self.signed.as_ref()));
        }
        self.cx.label(&read, body, &doc);
        if let Ok(view) = &read {
            self.cx.call = Some(view.call.clone());
        }
        self.capturing.begin(&mut self.cx, &doc, body);
        describe::request(&mut self.cx);
        self.phase = Phase::Asked;

        if !self.cx.ends_session()
            && let Some(reply) = failsafe::before(&mut self.cx)
        {
            return self.answered(reply);
        }
        let changed = match change::change(
            &mut self.cx,
            &mut RequestValues { view: &mut read, doc: &mut doc },
            body,
        ) {
            Ok(changed) => changed,
            Err(refusal) => return self.refuse(&refusal),
        };
        edits.extend(changed.edits);
        let body = changed.body.as_deref().or(body);
        let unreadable = match &read {
            Ok(view) if view.call.background => Some(Unchecked::Background),
            Ok(_) => None,
            Err(why) => Some(*why),
        };
        if let Err(refusal) =
            choose::check_readable(&mut self.cx, &mut self.guardrails, &mut self.tools, unreadable)
        {
            return self.refuse(&refusal);
        }
        let (Ok(view), Some(bytes)) = (&read, body) else {
            return self.charge(edits, changed.body, None);
        };
        if self.cx.is_mcp() && recognised.kind == CallKind::Generate {
            let Self { cx, tools, guardrails, .. } = self;
            return match mcp::request::decide(
                cx,
                tools,
                guardrails,
                edits,
                changed.body.clone(),
                (view, &doc, bytes),
            ) {
                McpDecision::GoesOn { edits, body } => {
                    self.capturing.arguments(&mut self.cx, body.as_deref().unwrap_or(bytes));
                    self.charge(edits, body, None)
                }
                McpDecision::Reply(reply) => self.answered(reply),
            };
        }
        if self.cx.is_also_mcp()
            && let Some(reply) = mcp::request::beside(&mut self.cx, &self.tools, &doc, bytes)
        {
            return self.answered(reply);
        }
        if view.remote > 0 && self.guardrails.on_request(&self.cx) {
            self.cx.record.unchecked(Unchecked::Remote, false);
        }
        let fewer = self.tools.without_tools(&mut self.cx, &doc, bytes);
        let again = fewer.as_ref().map(|body| self.cx.read(&recognised, Some(body), &mut doc));
        let (view, bytes) = match (&again, &fewer) {
            (Some(Ok(view)), Some(body)) => (view, body.as_slice()),
            _ => (view, bytes),
        };
        match self.guardrails.scan_input(&mut self.cx, view, &doc, bytes) {
            InputOutcome::Pass => {
                self.capturing.input(&mut self.cx, view, &doc, bytes);
                let body = fewer.clone().or_else(|| changed.body.clone());
                self.charge(edits, body, Some((view, &doc, bytes)))
            }
            InputOutcome::Rewritten(body) => {
                self.capturing.rewritten(&mut self.cx, &recognised, &body);
                self.charge(edits, Some(body), Some((view, &doc, bytes)))
            }
            InputOutcome::Canned(fallback) => {
                let reply = self.cx.canned(&fallback);
                self.answered(reply)
            }
            InputOutcome::Refused(refusal) => self.refuse(&refusal),
        }
    }

    /// Asks the limits, which come last: what they admit leaves.
    pub(super) fn charge(
        &mut self,
        edits: Vec<HeaderEdit>,
        body: Option<Vec<u8>>,
        read: Option<limits::Read<'_>>,
    ) -> RequestVerdict {
        let admission = self.charges.charge(&mut self.cx, edits, body, read);
        self.by_limits(admission)
    }

    /// The callout with this number (of [`RequestVerdict::Ask`]) was answered. `None`: others are still open, or
    /// nothing waits any more.
    pub fn callout_answered(
        &mut self,
        number: usize,
        reply: CalloutReply<'_>,
    ) -> Option<RequestVerdict> {
        let admission = self.charges.answered(&mut self.cx, number, reply)?;
        Some(self.by_limits(admission))
    }

    fn by_limits(&mut self, admission: Admission) -> RequestVerdict {
        match admission {
            Admission::Pass { edits, body } => self.pass(edits, body),
            Admission::Ask(callouts) => RequestVerdict::Ask(callouts),
            Admission::Reply(reply) => self.answered(reply),
        }
    }

    pub(super) fn pass(
        &mut self,
        mut edits: Vec<HeaderEdit>,
        body: Option<Vec<u8>>,
    ) -> RequestVerdict {
        let signed = self.signed.as_ref();
        let breaks =
            signed.and_then(|own| own.refuses(&mut self.cx.record, &edits, body.is_some()));
        if let Some(refusal) = breaks {
            self.charges.give_back(&mut self.cx);
            return self.refuse(&refusal);
        }
        self.charges.leaves(&self.cx);
        if let Some(body) = &body
            && self.cx.program.hold_headers
        {
            edits.push(HeaderEdit::Set("content-length".to_owned(), body.len().to_string()));
            for stale in ["content-md5", "digest", "content-digest"] {
                if facts::values(&self.cx.facts.headers, stale).next().is_some() {
                    edits.push(HeaderEdit::Remove(stale.to_owned()));
                }
            }
        }
        RequestVerdict::Pass { edits, body }
    }

    pub(super) fn refuse(&mut self, refusal: &Refusal) -> RequestVerdict {
        let reply = self.cx.refused(refusal);
        self.answered(reply)
    }

    /// The reply to a call while there is no usable policy (`on_error: closed`): 503 in the caller's dialect, marked as
    /// retriable, since a policy may arrive at any moment.
    pub(super) fn no_policy(&mut self) -> RequestVerdict {
        const UNAVAILABLE: u16 = 503;
        self.cx.record.count("hemostat_no_policy_total");
        let mut reply = self.cx.error(UNAVAILABLE, "no_policy", "the proxy has no usable policy");
        reply.headers.push(("retry-after", "1".to_owned()));
        self.answered(reply)
    }

    /// The proxy answers: the filter's headers are added, and what arrives on the response's side is this reply.
    pub(super) fn answered(&mut self, mut reply: Reply) -> RequestVerdict {
        self.phase = Phase::Answered;
        self.tools.return_grants(&mut self.cx);
        reply.headers.extend(self.cx.own_headers());
        self.capturing.reply(&mut self.cx, &reply);
        RequestVerdict::Reply(reply)
    }
}
