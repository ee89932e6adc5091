//! Recognition: by headers where they say it, else by the body.

use std::rc::Rc;

use crate::context::facts;
use crate::context::mcp::{Asked, Mcp, Sniff};
use crate::context::record::Unchecked;
use crate::context::verdict::{HeaderEdit, RequestVerdict};
use crate::dialect::mcp::sign::{self, Sign};
use crate::dialect::mcp::sniff::Sniffed;
use crate::dialect::mcp::{self, MessageKind};
use crate::dialect::{DialectId, Recognised, RequestView};
use crate::exchange::{Exchange, Phase};
use crate::lever::choose;
use crate::lever::need::{Need, Needs};
use crate::lever::signed::Signed;
use crate::limits;
use crate::policy::document::OnUnreadable;
use crate::wire::json::Doc;

impl Exchange {
    /// What a request is whose path is no dialect's, if its headers say that it is MCP.
    pub(in crate::exchange) fn mcp_by_headers(
        &mut self,
        method: &str,
        target: &str,
    ) -> Option<Recognised> {
        let headers = &self.cx.facts.headers;
        if let Some(recognised) = sign::without_body(method, target, headers) {
            self.cx.mcp = Some(Box::default());
            return Some(recognised);
        }
        if !method.eq_ignore_ascii_case("POST") {
            return None;
        }
        let sign = sign::of_post(target, headers);
        self.cx.mcp = Some(Box::new(Mcp { sign: Some(sign), ..Mcp::default() }));
        matches!(sign, Sign::Own | Sign::Accepts).then(|| sign::recognised(false))
    }

    /// A request that nothing tells of before its body: looked at where an enforced rule would need it if it were MCP,
    /// else other traffic.
    pub(in crate::exchange) fn unrecognised(&mut self, edits: Vec<HeaderEdit>) -> RequestVerdict {
        let Some(sign) = self.cx.mcp.as_ref().and_then(|mcp| mcp.sign) else {
            return self.other_traffic(edits);
        };
        let usable = !self.cx.program.unusable;
        let looks = usable && self.has_rules_for_mcp() && self.needs_as_mcp().body == Need::Hold;
        let lane_waits = usable && self.look_for_lane(sign);
        if !looks {
            self.cx.mcp = None;
            if self.lane.is_none() {
                return self.other_traffic(edits);
            }
        }
        if let Some(verdict) = self.closed_lane() {
            return verdict;
        }
        let waits = lane_waits || (looks && sign == Sign::MayBeJson);
        let hold = waits && self.cx.program.hold_headers;
        if let Some(mcp) = &mut self.cx.mcp {
            mcp.sniff = Some(Sniff { waits, hold, ..Sniff::default() });
        }
        self.phase = Phase::Sniffing;
        RequestVerdict::Sniff { waits, hold, edits }
    }

    /// The next bytes of a body that is being looked at (after [`RequestVerdict::Sniff`]). `end`: they are the last.
    pub fn request_sniff(&mut self, bytes: &[u8], end: bool) -> RequestVerdict {
        self.feed_lane(bytes);
        let Some(sniff) = self.cx.mcp.as_mut().and_then(|mcp| mcp.sniff.as_mut()) else {
            return self.judge_lane(end);
        };
        sniff.bytes = sniff.bytes.saturating_add(bytes.len());
        let known = sniff.sniffer.feed(bytes);
        let (waits, hold) = (sniff.waits, sniff.hold);
        let long = sniff.bytes > limits::SNIFFED_BYTES;
        match known {
            Sniffed::Mcp if waits => {
                self.cx.recognise_as(sign::recognised(false));
                let needs = choose::needs_with_changes(&mut self.cx);
                let covers = |signed: &Signed| signed.covers("accept-encoding");
                let signed = self.signed.as_ref().is_some_and(covers);
                // Headers that have left cannot ask for a plain answer any more, nor say another length.
                if !hold && needs.rewrite {
                    return self.found_late();
                }
                self.phase = Phase::Body;
                let edits =
                    if needs.answer && hold && !signed { vec![identity()] } else { Vec::new() };
                RequestVerdict::NeedBody { hold, edits }
            }
            Sniffed::Mcp => self.found_late(),
            Sniffed::Open if !end => {
                let waits = waits && !long;
                if !waits && self.is_closed_lane() {
                    return self.judge_lane(end);
                }
                if let Some(sniff) = self.cx.mcp.as_mut().and_then(|mcp| mcp.sniff.as_mut()) {
                    sniff.waits = waits;
                }
                RequestVerdict::Sniff { waits, hold, edits: Vec::new() }
            }
            Sniffed::Open | Sniffed::Other => {
                self.cx.mcp = None;
                self.judge_lane(end)
            }
        }
    }

    /// A call in a body of which the beginning has left: it never becomes whole at the server.
    fn found_late(&mut self) -> RequestVerdict {
        self.cx.recognise_as(sign::recognised(false));
        self.cx.count_dialect();
        let refuse = self.cx.program.on_unreadable != Some(OnUnreadable::Pass);
        self.cx.record.unchecked(Unchecked::Late, refuse);
        self.phase = Phase::Asked;
        if !refuse {
            return RequestVerdict::Pass { edits: Vec::new(), body: None };
        }
        let message =
            "an MCP call says so in its headers: `accept: application/json, text/event-stream`";
        let reply = self.cx.error(403, "unreadable", message);
        self.answered(reply)
    }

    /// Sees by its body whose protocol a request is. False: it is other traffic.
    pub(in crate::exchange) fn settle_protocol(
        &mut self,
        recognised: &mut Recognised,
        read: &mut Result<RequestView, Unchecked>,
        doc: &mut Doc,
        body: Option<&[u8]>,
    ) -> bool {
        if recognised.kind.is_stored() {
            return true;
        }
        if recognised.dialect == DialectId::Mcp {
            if !self.stays_mcp(doc, body) {
                self.cx.mcp = None;
                return false;
            }
        } else {
            // Servers of the first revision take calls at `…/messages`, those that are mounted under a prefix take
            // them anywhere, and a model's server passes over members that it does not know. Where nothing but
            // JSON-RPC stands in the body no model is called; else both readings count.
            let body = body.filter(|_| !doc.is_empty());
            let beside = match body {
                Some(body) if mcp::is_nothing_else(doc, body) => recognised.dialect,
                Some(body) if mcp::names_a_method(doc, body) => DialectId::Mcp,
                _ => return true,
            };
            let (sign, own) = (Some(Sign::MayBeJson), recognised.clone());
            self.cx.mcp = Some(Box::new(Mcp { sign, beside: Some(beside), ..Mcp::default() }));
            if beside != DialectId::Mcp {
                *recognised = sign::recognised(false);
                recognised.model = own.model;
            }
            self.guardrails.chosen.as_input = beside == DialectId::Mcp;
            *read = self.cx.read(recognised, body, doc);
        }
        self.cx.recognise_as(recognised.clone());
        self.cx.label_beside();
        if recognised.dialect == DialectId::Mcp {
            self.cx.count_dialect();
        }
        self.ask_mcp(read, doc, body.unwrap_or_default());
        true
    }

    /// Asks for an answer that can be read, where the body has shown that rules for MCP hold too.
    pub(in crate::exchange) fn identity_beside(&self) -> Option<HeaderEdit> {
        self.cx.mcp.as_ref().and_then(|mcp| mcp.beside)?;
        let covers = |signed: &Signed| signed.covers("accept-encoding");
        let signed = self.signed.as_ref().is_some_and(covers);
        (!signed && choose::needs(&self.cx).answer).then(identity)
    }

    /// True if the body of what headers call MCP does not say otherwise.
    fn stays_mcp(&self, doc: &Doc, body: Option<&[u8]>) -> bool {
        let Some(mcp) = &self.cx.mcp else { return true };
        match body {
            _ if facts::is_encoded(&self.cx.facts.headers) => true,
            None => true,
            Some(body) if body.trim_ascii().is_empty() => false,
            Some(body) if !doc.is_empty() => {
                mcp::is_json_rpc(doc, body) || mcp::names_a_method(doc, body)
            }
            // It is no JSON here, and may be for a server that takes more for JSON.
            Some(body) => {
                let sniffed = mcp::sniff::Sniffer::default().feed(body);
                mcp.sign == Some(Sign::Own) || sniffed == Sniffed::Mcp
            }
        }
    }

    /// Notes who waits for answers.
    fn ask_mcp(&mut self, read: &mut Result<RequestView, Unchecked>, doc: &Doc, body: &[u8]) {
        let Some(mut mcp) = self.cx.mcp.take() else { return };
        mcp.modern = mcp::is_modern(&self.cx.facts.headers, doc, body);
        let target = facts::text(&self.cx.facts.headers, ":path").unwrap_or_default();
        mcp.old_transport = sign::is_old_transport(&target, &self.cx.facts.headers);
        mcp.batch = body.trim_ascii_start().first() == Some(&b'[');
        let messages = match read {
            Ok(_) => mcp::messages(doc, body).unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        let requests = messages.iter().filter(|message| message.kind == MessageKind::Request);
        mcp.asked = requests
            .map(|message| Asked {
                id: message.id.clone(),
                call: message.call.as_ref().is_some_and(|call| !call.task),
            })
            .collect();
        mcp.requests = mcp.asked.len() as u64;
        if mcp.modern && mcp::is_mismatch(&self.cx.facts.headers, doc, body, &messages) {
            mcp.mismatch = true;
            *read = Err(Unchecked::Mismatch);
        }
        self.cx.mcp = Some(mcp);
    }

    /// What the rules would need if this were MCP.
    pub(in crate::exchange) fn needs_as_mcp(&mut self) -> Needs {
        if !self.has_rules_for_mcp() {
            return Needs::NOTHING;
        }
        let labels = self.cx.labels.clone();
        let recognised = self.cx.recognised.take();
        self.cx.recognise_as(sign::recognised(false));
        let needs = choose::needs_with_changes(&mut self.cx);
        self.cx.labels = labels;
        self.cx.recognised = recognised;
        needs
    }

    /// True if the policy has rules that a call must not get around. The others are judged by what says that it is MCP.
    fn has_rules_for_mcp(&self) -> bool {
        let program = &self.cx.program;
        !program.tools.rules.is_empty()
            || !program.limits.rules.is_empty()
            || program.guards.rules.iter().any(|guard| guard.on_request() || guard.on_tool_args())
            || program.failsafe.iter().any(|rule| rule.upstream.is_none())
    }

    /// A closed lane answers; what is then let through may still turn out to be MCP.
    fn closed_lane(&mut self) -> Option<RequestVerdict> {
        let program = Rc::clone(&self.cx.program);
        let lane = self.lane(&program)?;
        self.is_other();
        self.close_lane(lane)
    }
}

/// Asks for an answer that can be read.
fn identity() -> HeaderEdit {
    HeaderEdit::Set("accept-encoding".to_owned(), "identity".to_owned())
}
