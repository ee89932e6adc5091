//! The answer, message by message. A message is complete within its event, so it is judged on arrival and leaves at
//! once: nothing waits for what follows.

use std::rc::Rc;

use super::waiting::WaitingRequests;
use crate::answer::frame_loop::{FrameContent, ShownFrame};
use crate::answer::{ChosenRules, FrameContext, Output, Rules, ToolRules};
use crate::context::Context;
use crate::context::mcp::{RpcRequest, WithheldReply};
use crate::context::record::Record;
use crate::counters::Unchecked;
use crate::dialect::mcp::answer::{self, ServerMessage};
use crate::lever::guardrails::look;
use crate::policy::Program;
use crate::policy::document::{Fallback, OnUnreadable};
use crate::policy::program::guard::{Action, Guard};
use crate::wire::edit::{self, Edit};
use crate::wire::frame::{Frame, Framing};
use crate::wire::json::{Doc, Kind, NodeId, Value};
use crate::wire::own::OwnEvents;

/// What decides about the messages of an answer.
#[derive(Debug)]
pub(crate) struct Messages {
    program: Rc<Program>,
    rules: Rules,
    tool_rules: ToolRules,
    framing: Framing,
    modern: bool,
    /// Requests that are not answered yet.
    waiting: WaitingRequests,
    /// The proxy's own answers that have not left yet.
    ours: Vec<String>,
    joins: bool,
    /// Nothing more leaves.
    cut: bool,
    /// Guardrails scan the messages.
    scans: bool,
    /// Guardrails scan tool definitions.
    defines: bool,
    /// A call needs input before it is done.
    wants_input: bool,
}

/// What happens to a message.
enum MessageFate {
    /// It leaves, edited or not.
    Leaves,
    /// More was found in it than can be remembered.
    Unread,
    /// This message replaces it.
    Replaced(String),
    /// It does not leave, and nothing waits for it.
    Dropped(String),
    /// It does not leave, and the server would wait for an answer to it: the exchange ends here.
    Ends(String),
}

impl Messages {
    /// True if messages may be changed.
    pub(crate) fn acts(&self) -> bool {
        self.rules.act() || !self.tool_rules.acting.is_empty() || self.joins
    }

    /// True, once, if a call needs input before it is done.
    pub(crate) fn take_wants_input(&mut self) -> bool {
        std::mem::take(&mut self.wants_input)
    }

    /// True if nothing more leaves.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut
    }

    /// Part of the answer has arrived: the proxy's own answers leave before it.
    pub(crate) fn begin(&mut self, out: &mut Output<'_>) {
        if self.framing == Framing::Sse {
            for ours in self.ours.drain(..) {
                out.push(&event(&ours));
            }
        }
    }

    /// Handles one event, or a whole body.
    pub(crate) fn frame(&mut self, shown: &ShownFrame<'_>, around: &mut FrameContext<'_, '_>) {
        let ShownFrame { frame, content, .. } = shown;
        if self.cut {
            return;
        }
        let payload = frame.payload_bytes();
        match content {
            FrameContent::Nothing => around.out.push(&frame.raw),
            FrameContent::Json => {
                let FrameContext { frames, out, record } = around;
                self.messages(frame, frames.doc(), &payload, out, record);
            }
            FrameContent::Unread(Unchecked::Dialect) | FrameContent::Other
                if !payload.is_empty() && !is_message(frame, &payload) =>
            {
                // Not a message: in the first revision this event names the endpoint.
                around.out.push(&frame.raw);
            }
            FrameContent::Other => {
                self.unreadable(Unchecked::Dialect, &frame.raw, around.out, around.record)
            }
            FrameContent::Unread(why) => {
                self.unreadable(*why, &frame.raw, around.out, around.record)
            }
        }
    }

    fn messages(
        &mut self,
        frame: &Frame<'_>,
        doc: &Doc,
        payload: &[u8],
        out: &mut Output<'_>,
        record: &mut Record,
    ) {
        let root = doc.root(payload);
        let batch = root.kind() == Kind::Array;
        let messages: Vec<Value<'_>> = if batch { root.children().collect() } else { vec![root] };
        if messages.iter().any(|message| message.kind() == Kind::Array) {
            // A list within a list is not a message, and its contents have not been examined.
            return self.unreadable(Unchecked::Dialect, &frame.raw, out, record);
        }
        let mut edits: Vec<Edit> = Vec::new();
        let mut gone: Vec<NodeId> = Vec::new();
        for message in &messages {
            match self.message(message, doc, payload, &mut edits, record) {
                MessageFate::Leaves => {}
                MessageFate::Unread => {
                    return self.unreadable(Unchecked::TooBig, &frame.raw, out, record);
                }
                MessageFate::Replaced(json) => {
                    edits.push(Edit { at: message.span(), with: json.into_bytes() })
                }
                // A whole answer of one message cannot be left empty.
                MessageFate::Dropped(text) if self.framing == Framing::Json && !batch => {
                    return self.end(&text, out);
                }
                MessageFate::Dropped(_) => gone.push(message.id()),
                MessageFate::Ends(text) => return self.end(&text, out),
            }
        }
        if gone.len() == messages.len() && !messages.is_empty() && self.framing == Framing::Sse {
            return;
        }
        if batch && !gone.is_empty() {
            edits.extend(crate::dialect::mcp::without_messages(doc, payload, &gone));
        }
        if self.framing == Framing::Json && !self.ours.is_empty() {
            self.join(&root, gone.len() < messages.len(), &mut edits);
        }
        match edits.is_empty() {
            true => out.push(&frame.raw),
            false => out.push(&edit::apply(frame, &edits)),
        }
    }

    /// Adds the proxy's own answers to a whole body. `left`: some messages of a batch leave.
    fn join(&mut self, root: &Value<'_>, left: bool, edits: &mut Vec<Edit>) {
        let ours = std::mem::take(&mut self.ours).join(",");
        let span = root.span();
        let at = |place: usize, with: String| Edit { at: place..place, with: with.into_bytes() };
        if root.kind() == Kind::Array {
            let comma = if left { "," } else { "" };
            edits.push(at(span.end.saturating_sub(1), format!("{comma}{ours}")));
        } else {
            edits.push(at(span.start, "[".to_owned()));
            edits.push(at(span.end, format!(",{ours}]")));
        }
    }

    fn message(
        &mut self,
        message: &Value<'_>,
        doc: &Doc,
        payload: &[u8],
        edits: &mut Vec<Edit>,
        record: &mut Record,
    ) -> MessageFate {
        let sent = answer::sent(message);
        let id = message.get("id").map(|id| id.raw().to_vec()).unwrap_or_else(|| b"null".to_vec());
        let call = self.is_call(message, &id);
        if sent == ServerMessage::Answer {
            self.wants_input |= call && self.modern && answer::wants_input(message);
            self.waiting.answered(&id);
        }
        let hidden = self.hidden(message, record);
        edits.extend(answer::without(message, &hidden));
        let mut items = Vec::new();
        let files = answer::texts(message, doc, payload, &mut items);
        if self.defines {
            answer::definitions(message, doc, payload, &mut items);
        }
        if files > 0 && self.scans {
            record.unchecked(Unchecked::Remote, false);
        }
        let Ok(looked) = look(&self.rules, &items, doc, payload, record) else {
            return MessageFate::Unread;
        };
        let Some((rule, _)) = looked.stop else {
            if call && answer::breaks_schema(message, &looked.edits) {
                let decision = record.decision();
                let text =
                    format!("a part of the result was withheld by policy (decision {decision})");
                return MessageFate::Replaced(WithheldReply::Blocked(&text).message(
                    &id,
                    call,
                    self.modern,
                ));
            }
            edits.extend(looked.edits);
            return MessageFate::Leaves;
        };
        let Some(guard) = self.rules.guard(rule) else { return MessageFate::Leaves };
        let text = format!("blocked by rule `{}` (decision {})", guard.rule.id, record.decision());
        let said = match &guard.action {
            Action::Fallback(fallback) => WithheldReply::Canned(fallback),
            _ => WithheldReply::Blocked(&text),
        };
        let word = if matches!(said, WithheldReply::Canned(_)) { "fallback" } else { "block" };
        record.action(&guard.rule.id, word, false);
        match sent {
            ServerMessage::Answer => MessageFate::Replaced(said.message(&id, call, self.modern)),
            ServerMessage::Request if !self.waiting.is_empty() => MessageFate::Ends(text),
            ServerMessage::Request | ServerMessage::Notification => MessageFate::Dropped(text),
        }
    }

    /// True if the message is the result of a tool, judged by the request that it answers, else by its shape.
    fn is_call(&self, message: &Value<'_>, id: &[u8]) -> bool {
        if let Some(asked) = self.waiting.find(id) {
            return asked.call;
        }
        let result = message.get("result");
        result.is_some_and(|result| {
            ["content", "structuredContent", "isError"]
                .iter()
                .any(|name| result.get(name).is_some())
        })
    }

    /// The listed tools that the caller must not see.
    fn hidden(&self, message: &Value<'_>, record: &mut Record) -> Vec<NodeId> {
        if self.tool_rules.is_empty() {
            return Vec::new();
        }
        let (tools, all) = (&self.program.tools, self.tool_rules.all());
        let mut gone = Vec::new();
        let pins = tools.any_pins();
        for (node, names, definition) in answer::listed(message, pins) {
            let name = names.first().map(String::as_str).unwrap_or_default();
            let holding = |rules: &[usize]| match pins {
                true => tools.unpinned(rules, name, definition.as_deref()),
                false => rules.to_vec(),
            };
            let (all, acting) = (holding(&all), holding(&self.tool_rules.acting));
            let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
            if names.is_empty() {
                names.push("");
            }
            let watched = tools.takes_out(&all, &names);
            if let Some(rule) = watched.filter(|rule| self.tool_rules.watching.contains(rule))
                && let Some(rule) = tools.rules.get(rule)
            {
                record.action(&rule.rule.id, "deny", true);
            }
            if let Some(rule) = tools.takes_out(&acting, &names)
                && let Some(rule) = tools.rules.get(rule)
            {
                record.action(&rule.rule.id, "deny", false);
                gone.push(node);
            }
        }
        gone.sort_unstable();
        gone
    }

    /// Something that cannot be read: refused if a rule acts and the policy does not say `pass`.
    fn unreadable(
        &mut self,
        why: Unchecked,
        raw: &[u8],
        out: &mut Output<'_>,
        record: &mut Record,
    ) {
        let acts = self.rules.act() || !self.tool_rules.acting.is_empty();
        let refuse = acts && self.program.on_unreadable != Some(OnUnreadable::Pass);
        record.unchecked(why, refuse);
        if refuse {
            let decision = record.decision();
            self.end(&format!("the answer was withheld by policy (decision {decision})"), out);
        } else {
            out.push(raw);
        }
    }

    /// A policy that came into force ends the answer: each request that still waits is answered with its canned answer
    /// or refusal.
    pub(crate) fn end_here(
        &mut self,
        fallback: Option<&Fallback>,
        around: &mut FrameContext<'_, '_>,
    ) {
        if self.cut {
            return;
        }
        let decision = around.record.decision();
        let text = format!("stopped by policy (decision {decision})");
        let said = fallback.map_or(WithheldReply::Blocked(&text), WithheldReply::Canned);
        self.end_with(&said, around.out);
    }

    /// Answers every request that still waits; nothing more leaves.
    fn end(&mut self, text: &str, out: &mut Output<'_>) {
        self.end_with(&WithheldReply::Blocked(text), out);
    }

    fn end_with(&mut self, said: &WithheldReply<'_>, out: &mut Output<'_>) {
        self.cut = true;
        let modern = self.modern;
        let waiting = self.waiting.take();
        let mut all: Vec<String> =
            waiting.iter().map(|RpcRequest { id, call }| said.message(id, *call, modern)).collect();
        if self.framing == Framing::Sse {
            return all.iter().for_each(|message| out.push(&event(message)));
        }
        all.append(&mut self.ours);
        let body = match all.as_slice() {
            [] => said.message(b"null", false, modern),
            [one] if !self.joins => one.clone(),
            all => format!("[{}]", all.join(",")),
        };
        out.replace(body.into_bytes());
    }
}

/// True if some clients take this for a message although it could not be read: an event without an event type, or text
/// that begins like a message.
fn is_message(frame: &Frame<'_>, payload: &[u8]) -> bool {
    frame.event_name().is_none_or(|name| matches!(name.trim_ascii(), b"" | b"message"))
        || matches!(payload.trim_ascii_start(), [b'{' | b'[', ..])
}

/// One event, as servers write it.
fn event(message: &str) -> Vec<u8> {
    let mut events = OwnEvents::default();
    events.push("message", message);
    events.written(Framing::Sse)
}

/// Begins to judge the answer; `None` if it is not MCP.
pub(crate) fn open_messages(
    cx: &mut Context,
    tool_rules: &ToolRules,
    framing: Framing,
    chosen: &ChosenRules,
) -> Option<Messages> {
    if !cx.is_mcp() {
        return None;
    }
    let mcp = cx.mcp.as_mut()?;
    let joins = mcp.joins();
    Some(Messages {
        program: Rc::clone(&cx.program),
        rules: Rules::new(Rc::clone(&cx.program), chosen.clone()),
        tool_rules: tool_rules.clone(),
        framing,
        modern: mcp.modern,
        waiting: WaitingRequests::new(&mcp.asked),
        ours: std::mem::take(&mut mcp.ours),
        joins,
        cut: false,
        scans: !chosen.is_empty(),
        defines: !chosen.only(&cx.program, &Guard::on_definitions).is_empty(),
        wants_input: false,
    })
}
