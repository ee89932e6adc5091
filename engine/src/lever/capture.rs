//! What is captured of an exchange (`capture`): chosen once its labels are known, gathered as request and answer leave,
//! and turned into a span when the exchange is over.

use std::rc::Rc;

use crate::answer::readable::{Readable, before_events, looks_like_events, readable, status};
use crate::capture::{
    AttributeValue, Captured, CapturedAnswer, CapturedRequest, CapturedTool, SpanWriter, Trace,
    WantedTexts, attribute, fit,
};
use crate::context::Context;
use crate::context::facts::{self, Headers, Now, seconds};
use crate::context::verdict::ResponseVerdict;
use crate::dialect::{self, CallKind, Recognised, Reply, RequestView};
use crate::lever::need::{Need, Needs, may_hold};
use crate::policy::document::Mode;
use crate::policy::program::capture::Capture;
use crate::policy::program::label::LabelId;
use crate::policy::program::selector::Holds;
use crate::wire::frame::Framing;
use crate::wire::json::Doc;

/// What is being captured.
#[derive(Debug)]
pub(crate) struct ActiveCapture {
    /// The capture rules that hold.
    rules: Vec<Rc<Capture>>,
    asked: CapturedRequest,
    got: Option<CapturedAnswer>,
    /// Why part of the answer is missing, if it is.
    answer_cut: bool,
    /// The status that the caller got; 0 if none yet.
    status: u16,
    /// When something last happened (Unix nanoseconds).
    last_ns: u64,
}

impl ActiveCapture {
    fn wants(&self) -> WantedTexts {
        WantedTexts {
            output: self.rules.iter().any(|rule| rule.output),
            tool_args: self.rules.iter().any(|rule| rule.tool_args),
        }
    }

    fn wants_input(&self) -> bool {
        self.rules.iter().any(|rule| rule.input)
    }

    fn room(&self) -> usize {
        self.rules.iter().map(|rule| rule.max_bytes).max().unwrap_or(0)
    }
}

/// What capture rules need that may hold; they hold nothing back.
pub(crate) fn may_be_captured(cx: &Context, now: u64) -> Needs {
    let mut needs = Needs::NOTHING;
    if generates(cx) {
        for capture in &cx.program.captures {
            if may_hold(cx, &capture.rule, now).0 != Need::Nothing {
                needs.body = Need::Peek;
                needs.said = true;
                needs.answer |= if cx.is_mcp() { capture.input } else { capture.answer() };
            }
        }
    }
    needs
}

/// True for a call of a model, and for messages to a tool server.
fn generates(cx: &Context) -> bool {
    cx.recognised.as_ref().is_some_and(|own| own.kind == CallKind::Generate)
}

/// What is captured of one exchange, if anything.
#[derive(Debug, Default)]
pub(crate) struct Capturing {
    taking: Option<Box<ActiveCapture>>,
}

impl Capturing {
    /// The labels are known: chooses the capture rules that hold. Of the messages to a tool server only calls are
    /// captured.
    pub(crate) fn begin(&mut self, cx: &mut Context, doc: &Doc, body: Option<&[u8]>) {
        if cx.program.captures.is_empty() || !generates(cx) {
            return;
        }
        let tool = cx.is_mcp().then(|| CapturedTool::read(doc, body.unwrap_or_default()));
        if matches!(tool, Some(None)) {
            return;
        }
        let now = seconds(cx.facts.now_ns);
        let holds = |capture: &&Rc<Capture>| {
            capture.rule.mode_at(now) != Mode::Disabled
                && capture.rule.selector.holds(&cx.labels) == Holds::Yes
        };
        let rules: Vec<Rc<Capture>> =
            cx.program.captures.iter().filter(holds).map(Rc::clone).collect();
        if rules.is_empty() {
            return;
        }
        cx.record.keep_states();
        self.taking = Some(Box::new(ActiveCapture {
            rules,
            asked: CapturedRequest { tool: tool.flatten(), ..CapturedRequest::default() },
            got: None,
            answer_cut: false,
            status: 0,
            last_ns: cx.facts.now_ns,
        }));
    }

    /// The request is forwarded with these texts.
    pub(crate) fn input(&mut self, cx: &mut Context, view: &RequestView, doc: &Doc, body: &[u8]) {
        let Some(taking) = &mut self.taking else { return };
        if !taking.wants_input() {
            return;
        }
        // Half is kept for the answer, if that is wanted.
        let share = |rule: &Rc<Capture>| rule.max_bytes / if rule.answer() { 2 } else { 1 };
        let inputs = taking.rules.iter().filter(|rule| rule.input);
        let room = inputs.map(share).max().unwrap_or(0);
        let room = room.min(cx.memory.captured.room() / 2);
        let asked = CapturedRequest::read(view, doc, body, room, taking.wants().tool_args);
        if cx.memory.captured.ask(asked.memory()) {
            taking.asked = asked;
        } else {
            taking.asked.cut = true;
        }
    }

    /// A tool call is forwarded with this body.
    pub(crate) fn arguments(&mut self, cx: &mut Context, body: &[u8]) {
        let Some(taking) = &mut self.taking else { return };
        let room = taking.room().min(cx.memory.captured.room() / 2);
        let wanted = taking.wants().tool_args;
        let Some(tool) = taking.asked.tool.as_mut().filter(|_| wanted) else { return };
        taking.asked.cut = tool.take_arguments(body, room);
        if !cx.memory.captured.ask(taking.asked.memory()) {
            taking.asked.tool.iter_mut().for_each(|tool| tool.arguments = None);
            taking.asked.cut = true;
        }
    }

    /// True if the answer is searched for a tool's result.
    pub(crate) fn wants_result(&self) -> bool {
        let wants = |taking: &ActiveCapture| taking.asked.tool.is_some() && taking.wants_input();
        self.taking.as_deref().is_some_and(wants)
    }

    /// The request is forwarded with a body that rules have changed.
    pub(crate) fn rewritten(&mut self, cx: &mut Context, recognised: &Recognised, body: &[u8]) {
        if self.taking.is_none() {
            return;
        }
        let mut doc = Doc::default();
        match cx.read(recognised, Some(body), &mut doc) {
            Ok(view) => self.input(cx, &view, &doc, body),
            Err(_) => self.taking.iter_mut().for_each(|taking| taking.asked.cut = true),
        }
    }

    /// The proxy answers with this.
    pub(crate) fn reply(&mut self, cx: &mut Context, reply: &Reply) {
        let Some(taking) = &mut self.taking else { return };
        taking.status = reply.status;
        taking.got = None;
        if !(200..300).contains(&reply.status) {
            return;
        }
        let named = |(name, value): &&(&str, String)| {
            (*name == "content-type")
                .then(|| value.split(';').next().unwrap_or_default().to_owned())
        };
        let kind = reply.headers.iter().find_map(|header| named(&header)).unwrap_or_default();
        let asked = cx.call.as_ref().filter(|call| call.stream);
        let framing = match kind.as_str() {
            "text/event-stream" => Framing::Sse,
            "application/vnd.amazon.eventstream" => Framing::EventStream,
            _ => match asked.map(|call| call.recognised.json_stream) {
                Some(Framing::JsonArray) => Framing::JsonArray,
                _ => Framing::Json,
            },
        };
        self.open_got(cx, framing);
        self.gather(cx, &reply.body, true);
    }

    /// The answer's headers tell how it will leave.
    pub(crate) fn headers(
        &mut self,
        cx: &mut Context,
        verdict: &ResponseVerdict,
        headers: &Headers,
        answered: bool,
        now_ns: u64,
    ) {
        let Some(taking) = &mut self.taking else { return };
        taking.last_ns = now_ns.max(taking.last_ns);
        if let ResponseVerdict::Reply(reply) = verdict {
            return self.reply(cx, reply);
        }
        if answered {
            return;
        }
        taking.status = status(headers);
        let ok = (200..300).contains(&taking.status);
        match (verdict, readable(cx, headers, status(headers))) {
            _ if !ok => {}
            (ResponseVerdict::Stream { .. }, Readable::Stream(framing)) => {
                self.open_got(cx, framing)
            }
            (ResponseVerdict::Stream { .. }, Readable::Whole) => self.open_got(cx, Framing::Json),
            (ResponseVerdict::Whole { .. }, _) | (_, Readable::Nothing) => {}
            _ => self.taking.iter_mut().for_each(|taking| taking.answer_cut = true),
        }
    }

    /// These bytes of a stream have left.
    pub(crate) fn chunk(&mut self, cx: &mut Context, left: &[u8], end: bool, now: Now) {
        let Some(taking) = &mut self.taking else { return };
        taking.last_ns = now.ns().max(taking.last_ns);
        self.gather(cx, left, end);
    }

    /// This whole answer has left; `None` if it is unknown what did.
    pub(crate) fn body(&mut self, cx: &mut Context, left: Option<&[u8]>, now_ns: u64) {
        let Some(taking) = &mut self.taking else { return };
        taking.last_ns = now_ns.max(taking.last_ns);
        if !(200..300).contains(&taking.status) {
            return;
        }
        let Some(left) = left else {
            taking.answer_cut = true;
            return;
        };
        let stream = looks_like_events(left);
        self.open_got(cx, if stream { Framing::Sse } else { Framing::Json });
        let left = if stream { left } else { before_events(left).0 };
        self.gather(cx, left, true);
    }

    /// The host failed; if the caller was refused because of that, it is unknown what has left.
    pub(crate) fn host_failed(&mut self, refused: bool) {
        if let Some(taking) = self.taking.as_mut().filter(|_| refused) {
            taking.got = None;
            taking.answer_cut = true;
        }
    }

    fn open_got(&mut self, cx: &mut Context, framing: Framing) {
        let (Some(taking), Some(call)) = (&mut self.taking, &cx.call) else { return };
        if let Some(tool) = &taking.asked.tool {
            if taking.wants_input() {
                taking.got = Some(CapturedAnswer::of_tool(framing, taking.room(), tool.id.clone()));
            }
            return;
        }
        let wanted = taking.wants();
        if wanted != WantedTexts::default() {
            let room = taking.room().saturating_sub(taking.asked.bytes);
            taking.got = Some(CapturedAnswer::new(call, framing, room, wanted));
        }
    }

    fn gather(&mut self, cx: &mut Context, left: &[u8], end: bool) {
        let Some(taking) = &mut self.taking else { return };
        let Some(got) = &mut taking.got else { return };
        let asked = taking.asked.memory();
        got.set_room(cx.memory.captured.room().saturating_sub(asked));
        got.feed(left, end);
        if !cx.memory.captured.ask(asked + got.memory()) {
            cx.memory.captured.set(asked);
            taking.got = None;
            taking.answer_cut = true;
        }
    }

    /// The exchange is over, and its record complete.
    pub(crate) fn ended(&mut self, cx: &mut Context) {
        let Some(taking) = self.taking.take() else { return };
        let states = cx.record.take_states();
        let traceparent = {
            let mut all = facts::values(&cx.facts.headers, "traceparent");
            all.next().filter(|_| all.next().is_none())
        };
        let trace = Trace::of(traceparent, cx.record.decision());
        let state =
            |key: &str| states.iter().find(|(own, _)| own == key).map(|(_, value)| &**value);
        let operation = state("gen_ai.operation.name").unwrap_or("chat");
        let tool = taking.asked.tool.as_ref();
        let model = || state("gen_ai.request.model").unwrap_or_default();
        let name = format!("{operation} {}", tool.map_or_else(model, |tool| &tool.name));
        let finish = state("gen_ai.response.finish_reasons").unwrap_or_default();
        let host = cx.labels.get(LabelId::HOST).text().unwrap_or_default();
        let dialect = cx.recognised.as_ref().map(|own| own.dialect);
        let result = taking.got.as_ref().and_then(|got| got.result());
        let scope = &cx.program.tools.scope;
        let mut all = Vec::new();
        for rule in &taking.rules {
            let fitted = fit(rule, &taking.asked, taking.got.as_ref(), taking.answer_cut);
            let mut span =
                SpanWriter::new(name.trim_end(), &trace, cx.facts.now_ns, taking.last_ns);
            for (key, value) in &states {
                span.attribute(key, &attribute(key, value));
            }
            if let Some(dialect) = dialect {
                if state("hemostat.dialect").is_none() {
                    span.attribute("hemostat.dialect", &AttributeValue::Text(dialect.name()));
                }
                if tool.is_none() {
                    let provider = dialect::dialect(dialect).provider();
                    span.attribute("gen_ai.provider.name", &AttributeValue::Text(provider));
                }
            }
            if let Some(tool) = tool {
                let id = String::from_utf8_lossy(&tool.id);
                for (key, value) in [
                    ("gen_ai.tool.name", tool.name.as_str()),
                    ("mcp.method.name", "tools/call"),
                    ("jsonrpc.request.id", id.trim_matches('"')),
                ] {
                    span.attribute(key, &AttributeValue::Text(value));
                }
            }
            if !host.is_empty() {
                span.attribute("server.address", &AttributeValue::Text(host));
            }
            if state("http.response.status_code").is_none() && taking.status > 0 {
                let status = AttributeValue::Number(u64::from(taking.status));
                span.attribute("http.response.status_code", &status);
            }
            for (key, json) in fitted.attributes(finish) {
                span.attribute(key, &AttributeValue::Text(&json));
            }
            if !fitted.cut.is_empty() {
                span.attribute("hemostat.capture.cut", &AttributeValue::List(fitted.cut.clone()));
            }
            let status = taking.status.to_string();
            let error = match taking.status {
                0 => Some("no_answer"),
                200..400 => result.and_then(|result| result.error.as_deref()),
                _ => Some(status.as_str()),
            };
            if let Some(error) = error {
                span.attribute("error.type", &AttributeValue::Text(error));
                span.failed();
            }
            let is_cut = !fitted.cut.is_empty();
            let captured =
                Captured { to: Rc::clone(&rule.to), scope: scope.clone(), span: span.end() };
            all.push((captured, is_cut));
        }
        for (captured, is_cut) in all {
            if is_cut {
                cx.record.count("hemostat_capture_total;outcome=cut");
            }
            cx.record.capture(captured);
        }
        cx.memory.captured.set(0);
    }
}
