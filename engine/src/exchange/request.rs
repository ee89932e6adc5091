//! The request's side: recognise, label, and decide before the model is asked.

use std::rc::Rc;

use super::change::Said;
use super::choose::Need;
use super::other::remove_internal;
use super::signed::Signed;
use super::{Exchange, Phase};
use crate::context::facts::{self, RequestFacts, seconds};
use crate::context::labels::{self, Body, Line};
use crate::context::record::{Record, Unchecked};
use crate::context::verdict::{HeaderEdit, RequestVerdict};
use crate::dialect::{
    self, Call, CallKind, Canned, DialectId, ErrorAnswer, Recognised, Reply, RequestView,
};
use crate::policy::document::{Fallback, Mode};
use crate::policy::program::guard::Guard;
use crate::policy::program::label::{Label, LabelId};
use crate::policy::program::selector::Holds;
use crate::wire::json::Doc;

/// Why a request is refused.
pub(super) struct Refusal {
    /// For people: rule and place.
    pub message: String,
    /// Machine-readable.
    pub code: &'static str,
}

/// True for a call by a POST of a dialect that is not MCP.
fn by_post(recognised: &Recognised) -> bool {
    recognised.dialect != DialectId::Mcp && !recognised.kind.is_stored()
}

impl Exchange {
    /// Headers have come. `end`: there is no body.
    pub fn request_headers(&mut self, facts: RequestFacts, end: bool) -> RequestVerdict {
        self.record = Record::new(&facts.request_id, facts.now_ns, facts.nonce);
        self.record.raise_events(self.program.notify.is_some());
        self.facts = Rc::new(facts);
        let mut edits = remove_internal(&self.facts.headers);
        let header = |name| facts::text(&self.facts.headers, name).unwrap_or_default().into_owned();
        let (method, target) = (header(":method"), header(":path"));
        // By method and path alone: a content type or an `upgrade` header is the caller's word, and must not open a
        // way around.
        let (recognised, path) = dialect::read_line(&method, &target);
        let authority = header(":authority");
        let line = Line { method: &method, authority: &authority, path: &path };
        self.labels = labels::from_headers(&self.program.labels, &self.facts, line);
        self.signed = Signed::of(&self.facts.headers);
        if let Some(verdict) = self.upgrade(&method, &target, &edits) {
            return verdict;
        }
        let Some(recognised) = recognised.or_else(|| self.mcp_by_headers(&method, &target)) else {
            return self.unrecognised(edits);
        };
        let may_be_mcp = by_post(&recognised);
        let anthropic = recognised.dialect == DialectId::Anthropic;
        self.call = Some(Call::without_body(recognised.clone()));
        let by_body = (recognised.dialect == DialectId::Mcp
            && recognised.kind == CallKind::Generate)
            || dialect::dialect(recognised.dialect).shares_its_path();
        let more_models =
            recognised.model.is_some() && recognised.kind == CallKind::Generate && !end;
        self.recognise_as(recognised);
        if more_models {
            // The path names one, and the body may let others answer.
            self.labels.add(LabelId::MODEL, Label::Unknown);
        }
        if !by_body {
            self.count_dialect();
        }
        self.phase = Phase::Body;
        if self.program.unusable {
            return self.no_policy();
        }
        if let Some(refusal) = self.breaks_signature(&edits, false) {
            return self.refuse(&refusal);
        }
        let mut needs = self.needs_with_changes();
        if may_be_mcp {
            // Servers of MCP stand at such paths too. Only those of its first revision are at home at Anthropic's:
            // elsewhere the answer is asked for in plain once the body has shown that it may be one's.
            let mut as_mcp = self.needs_as_mcp();
            as_mcp.answer &= anthropic;
            needs = needs.and(as_mcp);
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
                let hold = self.program.hold_headers;
                if !hold && needs.rewrite && !signed("content-length") {
                    // The headers leave before anybody knows the new length.
                    edits.push(HeaderEdit::Remove("content-length".to_owned()));
                }
                RequestVerdict::NeedBody { hold, edits }
            }
            Need::Nothing | Need::Peek => RequestVerdict::Peek { edits },
        }
    }

    /// The body is whole (after [`RequestVerdict::NeedBody`]); `None`: the host would not give it.
    pub fn request_body(&mut self, body: Option<&[u8]>) -> RequestVerdict {
        if self.phase != Phase::Body {
            // The answer has overtaken the body, and was judged by what was known then.
            return RequestVerdict::Pass { edits: Vec::new(), body: None };
        }
        self.decide(body, Vec::new())
    }

    /// A part of the body passes (after [`RequestVerdict::Peek`]). Nothing that acts depends on it.
    pub fn request_chunk(&mut self, chunk: &[u8], end: bool) {
        if self.phase != Phase::Body {
            // The answer has overtaken the body: what it was judged by is known.
            return;
        }
        self.keep_peeked(chunk);
        if end {
            let body = std::mem::take(&mut self.peeked);
            // Only watching rules look at a body that passes, so the verdict is always to let it.
            let _ = self.decide(self.not_peeked.is_none().then_some(body.as_slice()), Vec::new());
            self.drop_peeked();
        }
    }

    /// The answer comes before the request's body is whole: it is judged by what is known without the body. Gives what
    /// is said in the answer's place, where an enforced rule needed the body and the policy does not say `pass`.
    /// `unasked`: the proxy says that it asked nobody, so that nothing is missed.
    pub(super) fn overtaken(&mut self, unasked: bool) -> Option<Reply> {
        if !self.peeked.is_empty() && Doc::default().parse(&self.peeked).is_ok() {
            // All of a watched body has come, and only the word that it ends is missing.
            self.request_chunk(&[], true);
            return None;
        }
        self.drop_peeked();
        self.not_peeked = Some(Unchecked::Overtaken);
        if unasked {
            let read = Err(Unchecked::Overtaken);
            self.complete_labels(&read, None, &Doc::default());
            self.phase = Phase::Asked;
            return None;
        }
        match self.decide(None, Vec::new()) {
            RequestVerdict::Reply(reply) => Some(reply),
            // A service that should have been asked first was not: nobody knows whether there was room.
            RequestVerdict::Ask(_) => {
                self.give_back();
                self.record.unchecked(Unchecked::Overtaken, true);
                let message = "the answer came before a limit could be asked for";
                match self.refuse(&Refusal { message: message.to_owned(), code: "unreadable" }) {
                    RequestVerdict::Reply(reply) => Some(reply),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Decides with the body in hand. `None`: it could not be had.
    fn decide(&mut self, body: Option<&[u8]>, mut edits: Vec<HeaderEdit>) -> RequestVerdict {
        let Some(mut recognised) = self.recognised.clone() else {
            return RequestVerdict::Pass { edits, body: None };
        };
        let mut doc = Doc::default();
        let mut read = self.read(&recognised, body, &mut doc);
        if dialect::dialect(recognised.dialect).shares_its_path() {
            if let Some(bytes) = body.filter(|body| self.is_of_another(&recognised, &doc, body)) {
                return self.other_shape(bytes, edits);
            }
            self.count_dialect();
        }
        if !self.settle_protocol(&mut recognised, &mut read, &mut doc, body) {
            return self.other_traffic(edits);
        }
        if self.program.hold_headers {
            edits.extend(self.identity_beside());
        }
        self.label(&read, body, &doc);
        if let Ok(view) = &read {
            self.call = Some(view.call.clone());
        }
        self.begin_capture();
        self.describe_request();
        self.phase = Phase::Asked;

        if !self.ends_session()
            && let Some(reply) = self.failsafe_before()
        {
            return self.answered(reply);
        }
        let changed = match self.change(&mut Said { view: &mut read, doc: &mut doc }, body) {
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
        if let Err(refusal) = self.check_readable(unreadable) {
            return self.refuse(&refusal);
        }
        let (Ok(view), Some(bytes)) = (&read, body) else {
            return self.charge(edits, changed.body, None);
        };
        if self.is_mcp() && recognised.kind == CallKind::Generate {
            return self.decide_mcp(edits, changed.body.clone(), view, &doc, bytes);
        }
        if self.is_also_mcp()
            && let Some(verdict) = self.decide_beside(&doc, bytes)
        {
            return verdict;
        }
        if view.remote > 0 && !self.chosen_for(Guard::on_request).is_empty() {
            self.record.unchecked(Unchecked::Remote, false);
        }
        let fewer = self.without_tools(&doc, bytes);
        let again = fewer.as_ref().map(|body| self.read(&recognised, Some(body), &mut doc));
        let (view, bytes) = match (&again, &fewer) {
            (Some(Ok(view)), Some(body)) => (view, body.as_slice()),
            _ => (view, bytes),
        };
        match self.scan_input(view, &doc, bytes) {
            super::input::Outcome::Pass => {
                self.capture_input(view, &doc, bytes);
                let body = fewer.clone().or_else(|| changed.body.clone());
                self.charge(edits, body, Some((view, &doc, bytes)))
            }
            super::input::Outcome::Rewritten(body) => {
                self.capture_rewritten(&recognised, &body);
                self.charge(edits, Some(body), Some((view, &doc, bytes)))
            }
            super::input::Outcome::Canned(fallback) => {
                let reply = self.canned(&fallback);
                self.answered(reply)
            }
            super::input::Outcome::Refused(refusal) => self.refuse(&refusal),
        }
    }

    pub(super) fn read(
        &self,
        recognised: &Recognised,
        body: Option<&[u8]>,
        doc: &mut Doc,
    ) -> Result<RequestView, Unchecked> {
        let body = body.ok_or(self.not_peeked.unwrap_or(Unchecked::Host))?;
        if recognised.kind.is_stored() {
            return Ok(RequestView {
                call: Call::without_body(recognised.clone()),
                texts: Vec::new(),
                remote: 0,
                edits: Vec::new(),
            });
        }
        if facts::is_encoded(&self.facts.headers) {
            return Err(Unchecked::Encoding);
        }
        doc.parse(body).map_err(|_| Unchecked::Dialect)?;
        let mut view = if recognised.kind == CallKind::Batch {
            dialect::read_batch(recognised, doc, body)
        } else {
            let dialect = dialect::dialect(recognised.dialect);
            dialect.read_request(recognised, doc, body).map_err(|_| Unchecked::Dialect)?
        };
        if self.is_also_mcp() {
            let read = dialect::mcp::texts_beside(doc, body, &mut view.texts);
            read.map_err(|_| Unchecked::Dialect)?;
        }
        Ok(view)
    }

    /// Completes the labels with what the body says.
    fn label(&mut self, read: &Result<RequestView, Unchecked>, body: Option<&[u8]>, doc: &Doc) {
        self.complete_labels(read, body, doc);
        if self.labels.any_cut() {
            self.record.count("hemostat_labels_cut_total".to_owned());
        }
    }

    pub(super) fn complete_labels(
        &mut self,
        read: &Result<RequestView, Unchecked>,
        body: Option<&[u8]>,
        doc: &Doc,
    ) {
        let model = match read {
            Ok(view) => Label::value(&view.call.model, false),
            Err(_) => Label::Unreadable,
        };
        let mcp = self.is_mcp();
        let labels = &mut self.labels;
        labels.forget_more(LabelId::MODEL);
        if *labels.get(LabelId::MODEL) == Label::Unknown {
            labels.set(LabelId::MODEL, model);
        }
        if matches!(read, Err(why) if *why != Unchecked::Dialect) && doc.is_empty() && !mcp {
            // Which others it names is not known.
            labels.add(LabelId::MODEL, Label::Unreadable);
        }
        if let Some(bytes) = body.filter(|_| !doc.is_empty() && !mcp) {
            match dialect::other_models(doc, bytes) {
                Ok(others) => {
                    for other in others {
                        labels.add(LabelId::MODEL, Label::value(&other, false));
                    }
                }
                Err(_) => labels.add(LabelId::MODEL, Label::Unreadable),
            }
        }
        let body = match (read, body) {
            (_, Some(bytes)) if !doc.is_empty() => Body::Json(doc, bytes),
            (Ok(_), _) => Body::Absent,
            _ => Body::Unreadable,
        };
        labels::from_body(labels, &self.program.labels, &self.facts, body);
        if self.asked.is_none() {
            self.asked = Some((Rc::clone(&self.facts), self.labels.clone()));
        }
    }

    /// Rules of lever 6 that are judged before the model is asked: the first that holds answers.
    pub(super) fn failsafe_before(&mut self) -> Option<Reply> {
        let now = seconds(self.facts.now_ns);
        let program = Rc::clone(&self.program);
        for rule in program.failsafe.iter().filter(|rule| rule.upstream.is_none()) {
            let mode = rule.rule.mode_at(now);
            if mode == Mode::Disabled || rule.rule.selector.holds(&self.labels) != Holds::Yes {
                continue;
            }
            let word = if rule.fallback.is_some() { "fallback" } else { "block" };
            let shadow = mode == Mode::Shadow;
            self.record.action(&rule.rule.id, word, shadow);
            if !shadow {
                return Some(match &rule.fallback {
                    Some(fallback) => self.canned(&Rc::clone(fallback)),
                    None => self.error(
                        403,
                        "content_blocked",
                        &format!("blocked by rule `{}`", rule.rule.id),
                    ),
                });
            }
        }
        None
    }

    pub(super) fn pass(
        &mut self,
        mut edits: Vec<HeaderEdit>,
        body: Option<Vec<u8>>,
    ) -> RequestVerdict {
        if let Some(refusal) = self.breaks_signature(&edits, body.is_some()) {
            self.give_back();
            return self.refuse(&refusal);
        }
        if let Some(body) = &body
            && self.program.hold_headers
        {
            edits.push(HeaderEdit::Set("content-length".to_owned(), body.len().to_string()));
            for stale in ["content-md5", "digest", "content-digest"] {
                if facts::values(&self.facts.headers, stale).next().is_some() {
                    edits.push(HeaderEdit::Remove(stale.to_owned()));
                }
            }
        }
        RequestVerdict::Pass { edits, body }
    }

    pub(super) fn refuse(&mut self, refusal: &Refusal) -> RequestVerdict {
        let reply = self.error(403, refusal.code, &refusal.message);
        self.answered(reply)
    }

    /// An error in the caller's dialect; the message says the decision's id.
    pub(super) fn error(&self, status: u16, code: &'static str, message: &str) -> Reply {
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
    pub(super) fn canned(&mut self, fallback: &Fallback) -> Reply {
        let canned = Canned {
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

    /// The proxy answers: our headers are put on, and what comes back through the response's side is our own.
    pub(super) fn answered(&mut self, mut reply: Reply) -> RequestVerdict {
        self.phase = Phase::Answered;
        self.return_grants();
        reply.headers.extend(self.own_headers());
        self.capture_reply(&reply);
        RequestVerdict::Reply(reply)
    }

    /// The headers that callers see.
    pub(super) fn own_headers(&self) -> Vec<(&'static str, String)> {
        self.record.headers(self.program.version.as_deref(), self.program.show)
    }
}
