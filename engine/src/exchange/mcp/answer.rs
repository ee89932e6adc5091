//! The answer, message by message. A message is whole in its event, so it is judged when it has come and leaves at
//! once: nothing waits for what follows.

use std::rc::Rc;

use super::reply::Said;
use super::{Asked, Mcp};
use crate::answer::{Chosen, Rules, ToolRules};
use crate::context::record::{Record, Unchecked};
use crate::context::verdict::StreamVerdict;
use crate::dialect::mcp::answer::{self, Sent};
use crate::exchange::Exchange;
use crate::exchange::input::look;
use crate::limits;
use crate::policy::Program;
use crate::policy::document::OnUnreadable;
use crate::policy::program::guard::Action;
use crate::wire::edit::{self, Edit};
use crate::wire::frame::{Frame, Framing, Piece};
use crate::wire::framer::Framer;
use crate::wire::json::{Doc, Kind, NodeId, Value};

/// An answer that passes through.
#[derive(Debug)]
pub(super) struct Messages {
    program: Rc<Program>,
    rules: Rules,
    tool_rules: ToolRules,
    framing: Framing,
    framer: Framer,
    modern: bool,
    /// Requests that have no answer yet.
    waiting: Vec<Asked>,
    /// Answers of ours that have not left yet.
    ours: Vec<String>,
    joins: bool,
    /// Nothing more leaves.
    cut: bool,
    room: usize,
    doc: Doc,
    pieces: Vec<Piece>,
}

/// What becomes of a message.
enum Fate {
    /// It leaves, with edits or without.
    Leaves,
    /// This stands in its place.
    Replaced(String),
    /// It does not leave, and nobody waits for it.
    Dropped(String),
    /// It does not leave, and the server would wait for an answer to it: the exchange ends here.
    Ends(String),
}

impl Messages {
    /// True if what passes may change.
    fn acts(&self) -> bool {
        self.rules.act() || !self.tool_rules.acting.is_empty() || self.joins
    }

    fn feed(&mut self, chunk: &[u8], end: bool, out: &mut Vec<u8>, record: &mut Record) {
        if self.framing == Framing::Sse {
            for ours in self.ours.drain(..) {
                event(out, &ours);
            }
        }
        let mut pieces = std::mem::take(&mut self.pieces);
        self.framer.feed(chunk, &mut pieces);
        if end {
            self.framer.finish(&mut pieces);
        }
        for piece in pieces.drain(..) {
            match piece {
                _ if self.cut => {}
                Piece::Frame(frame) => self.frame(&frame, out, record),
                Piece::Oversized { raw, .. } => {
                    self.unreadable(Unchecked::TooBig, &raw, out, record)
                }
                Piece::Lost { raw } => self.unreadable(Unchecked::Dialect, &raw, out, record),
            }
        }
        self.pieces = pieces;
        if !self.cut && self.framer.held() > self.room {
            self.unreadable(Unchecked::HoldLimit, b"", out, record);
        }
    }

    /// One event, or a whole body.
    fn frame(&mut self, frame: &Frame, out: &mut Vec<u8>, record: &mut Record) {
        let bare =
            frame.payload.is_empty() && matches!(frame.raw.trim_ascii_start(), [b'{' | b'[', ..]);
        let whole;
        let frame = if bare {
            whole = Frame::whole(frame.raw.clone());
            &whole
        } else {
            frame
        };
        let payload = frame.payload_bytes();
        if payload.trim_ascii().is_empty() {
            return out.extend_from_slice(&frame.raw);
        }
        let mut doc = std::mem::take(&mut self.doc);
        if doc.parse(&payload).is_ok() {
            self.messages(frame, &doc, &payload, out, record);
        } else if is_message(frame, &payload) {
            self.unreadable(Unchecked::Dialect, &frame.raw, out, record);
        } else {
            // Not a message: the first revision tells its endpoint so.
            out.extend_from_slice(&frame.raw);
        }
        self.doc = doc;
    }

    fn messages(
        &mut self,
        frame: &Frame,
        doc: &Doc,
        payload: &[u8],
        out: &mut Vec<u8>,
        record: &mut Record,
    ) {
        let root = doc.root(payload);
        let batch = root.kind() == Kind::Array;
        let messages: Vec<Value<'_>> = if batch { root.children().collect() } else { vec![root] };
        if messages.iter().any(|message| message.kind() == Kind::Array) {
            // A list in a list is no message, and what is in it nobody has looked at.
            return self.unreadable(Unchecked::Dialect, &frame.raw, out, record);
        }
        let mut edits: Vec<Edit> = Vec::new();
        let mut gone: Vec<NodeId> = Vec::new();
        for message in &messages {
            match self.message(message, doc, payload, &mut edits, record) {
                Fate::Leaves => {}
                Fate::Replaced(json) => {
                    edits.push(Edit { at: message.span(), with: json.into_bytes() })
                }
                // A whole answer of one message has no empty place to leave.
                Fate::Dropped(text) if self.framing == Framing::Json && !batch => {
                    return self.end(&text, out);
                }
                Fate::Dropped(_) => gone.push(message.id()),
                Fate::Ends(text) => return self.end(&text, out),
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
            true => out.extend_from_slice(&frame.raw),
            false => out.extend_from_slice(&edit::apply(frame, &edits)),
        }
    }

    /// Our answers join those of a whole body. `left`: some of a list leave.
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
    ) -> Fate {
        let sent = answer::sent(message);
        let id = message.get("id").map(|id| id.raw().to_vec()).unwrap_or_else(|| b"null".to_vec());
        let call = self.is_call(message, &id);
        if sent == Sent::Answer {
            self.waiting.retain(|asked| asked.id != id);
        }
        let hidden = self.hidden(message, record);
        edits.extend(answer::without(message, &hidden));
        let mut items = Vec::new();
        answer::texts(message, doc, payload, &mut items);
        let looked = look(&self.rules, &items, doc, payload, record);
        let Some((rule, _)) = looked.stop else {
            edits.extend(looked.edits);
            return Fate::Leaves;
        };
        let Some(guard) = self.rules.guard(rule) else { return Fate::Leaves };
        let text = format!("blocked by rule `{}` (decision {})", guard.rule.id, record.decision());
        let said = match &guard.action {
            Action::Fallback(fallback) => Said::Canned(fallback),
            _ => Said::Blocked(&text),
        };
        let word = if matches!(said, Said::Canned(_)) { "fallback" } else { "block" };
        record.action(&guard.rule.id, word, false);
        match sent {
            Sent::Answer => Fate::Replaced(said.message(&id, call, self.modern)),
            Sent::Request if !self.waiting.is_empty() => Fate::Ends(text),
            Sent::Request | Sent::Notification => Fate::Dropped(text),
        }
    }

    /// True if the message is the result of a tool: by the request that it answers, else by its shape.
    fn is_call(&self, message: &Value<'_>, id: &[u8]) -> bool {
        if let Some(asked) = self.waiting.iter().find(|asked| asked.id == id) {
            return asked.call;
        }
        let result = message.get("result");
        result.is_some_and(|result| {
            ["content", "structuredContent", "isError"]
                .iter()
                .any(|name| result.get(name).is_some())
        })
    }

    /// The listed tools that callers do not see.
    fn hidden(&self, message: &Value<'_>, record: &mut Record) -> Vec<NodeId> {
        if self.tool_rules.is_empty() {
            return Vec::new();
        }
        let (tools, all) = (&self.program.tools, self.tool_rules.all());
        let mut gone = Vec::new();
        for (node, names) in answer::listed(message) {
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
            if let Some(rule) = tools.takes_out(&self.tool_rules.acting, &names)
                && let Some(rule) = tools.rules.get(rule)
            {
                record.action(&rule.rule.id, "deny", false);
                gone.push(node);
            }
        }
        gone.sort_unstable();
        gone
    }

    /// Something that cannot be read: refused where a rule acts and the policy does not say `pass`.
    fn unreadable(&mut self, why: Unchecked, raw: &[u8], out: &mut Vec<u8>, record: &mut Record) {
        let acts = self.rules.act() || !self.tool_rules.acting.is_empty();
        let refuse = acts && self.program.on_unreadable != Some(OnUnreadable::Pass);
        record.unchecked(why, refuse);
        if refuse {
            let decision = record.decision();
            self.end(&format!("the answer was withheld by policy (decision {decision})"), out);
        } else {
            out.extend_from_slice(raw);
        }
    }

    /// Whoever still waits is told; nothing more leaves.
    fn end(&mut self, text: &str, out: &mut Vec<u8>) {
        self.cut = true;
        let modern = self.modern;
        let said = Said::Blocked(text);
        let waiting = std::mem::take(&mut self.waiting);
        let mut all: Vec<String> =
            waiting.iter().map(|Asked { id, call }| said.message(id, *call, modern)).collect();
        if self.framing == Framing::Sse {
            return all.iter().for_each(|message| event(out, message));
        }
        all.append(&mut self.ours);
        out.clear();
        let body = match all.as_slice() {
            [] => said.message(b"null", false, modern),
            [one] if !self.joins => one.clone(),
            all => format!("[{}]", all.join(",")),
        };
        out.extend_from_slice(body.as_bytes());
    }
}

/// True if some client takes this for a message, though it could not be read: an event without a type of its own, or
/// what begins as one.
fn is_message(frame: &Frame, payload: &[u8]) -> bool {
    frame.event_name().is_none_or(|name| matches!(name.trim_ascii(), b"" | b"message"))
        || matches!(payload.trim_ascii_start(), [b'{' | b'[', ..])
}

/// One event, as servers write them.
fn event(out: &mut Vec<u8>, message: &str) {
    out.extend_from_slice(b"event: message\ndata: ");
    out.extend_from_slice(message.as_bytes());
    out.extend_from_slice(b"\n\n");
}

impl Mcp {
    /// Bytes that wait.
    pub(in crate::exchange) fn held_bytes(&self) -> usize {
        self.messages.as_ref().map_or(0, |messages| messages.framer.held())
    }

    /// Other answers leave this much room for what waits here.
    pub(in crate::exchange) fn set_room(&mut self, room: usize) {
        if let Some(messages) = &mut self.messages {
            messages.room = room.min(limits::HELD_FRAME_BYTES);
        }
    }
}

impl Exchange {
    /// Begins to read the answer. False: it is not MCP's.
    pub(in crate::exchange) fn open_messages(&mut self, framing: Framing, chosen: &Chosen) -> bool {
        if !self.is_mcp() {
            return false;
        }
        let Some(mcp) = &mut self.mcp else { return false };
        let joins = mcp.joins();
        mcp.messages = Some(Messages {
            program: Rc::clone(&self.program),
            rules: Rules::new(Rc::clone(&self.program), chosen.clone()),
            tool_rules: self.tool_rules.clone(),
            framing,
            framer: Framer::new(framing),
            modern: mcp.modern,
            waiting: mcp.asked.clone(),
            ours: std::mem::take(&mut mcp.ours),
            joins,
            cut: false,
            room: limits::HELD_FRAME_BYTES,
            doc: Doc::default(),
            pieces: Vec::new(),
        });
        true
    }

    /// A chunk of a streamed answer; `None`: it is not MCP's.
    pub(in crate::exchange) fn message_chunk(
        &mut self,
        chunk: &[u8],
        end: bool,
        now_ns: u64,
    ) -> Option<StreamVerdict> {
        let messages = self.mcp.as_mut()?.messages.as_mut()?;
        let mut out = Vec::with_capacity(chunk.len());
        messages.feed(chunk, end, &mut out, &mut self.record);
        if messages.cut {
            self.cut_ns = Some(now_ns);
        }
        let unchanged = !messages.acts() || (out == chunk && !messages.cut);
        Some(StreamVerdict { bytes: (!unchanged).then_some(out), reset: false })
    }

    /// A whole answer; `None`: it is not MCP's.
    pub(in crate::exchange) fn message_whole(&mut self, body: &[u8]) -> Option<Vec<u8>> {
        let messages = self.mcp.as_mut()?.messages.as_mut()?;
        let mut out = Vec::with_capacity(body.len());
        // The host had it in one piece: its size is its business.
        messages.frame(&Frame::whole(body.to_vec()), &mut out, &mut self.record);
        Some(out)
    }
}
