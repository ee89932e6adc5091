//! Answers: events and whole bodies.

use super::super::fields::{key, pick, string};
use super::super::texts::{Last, Texts, name_number, number, short};
use super::super::{Answer, Call, Ending, Item, Role, Shape, TextKey};
use super::ending::Sent;
use crate::limits;
use crate::stream::frame::Framing;
use crate::stream::json::{Doc, Kind, Value};

/// Kinds of running text; `a` is the content block's index.
pub(super) mod kind {
    /// A text block.
    pub(in super::super) const TEXT: u8 = 0;
    /// A thinking block.
    pub(in super::super) const THINKING: u8 = 1;
    /// The input of a tool call.
    pub(in super::super) const INPUT: u8 = 2;
    /// The input of a tool call that stands whole in a message (not streamed, or in `message_start`).
    pub(in super::super) const WHOLE_INPUT: u8 = 3;
    /// A field of a delta that this code does not know; `b` is made from its name.
    pub(in super::super) const OTHER: u8 = 4;
}

/// What a content block turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Text,
    Thinking,
    Call,
    Other,
}

/// Reads one answer.
#[derive(Debug)]
pub(super) struct Reading {
    call: Call,
    framing: Framing,
    /// Blocks that have begun and not stopped.
    open: Vec<(u32, Block)>,
    model: Option<String>,
    sent: Sent,
}

fn text(kind: u8, block: u32) -> TextKey {
    TextKey { kind, a: block, b: 0 }
}

impl Reading {
    pub(super) fn new(call: &Call, framing: Framing) -> Self {
        Self { call: call.clone(), framing, open: Vec::new(), model: None, sent: Sent::default() }
    }

    /// `message_start`'s message, or a whole body.
    fn message<'a>(&mut self, texts: &mut Texts<'a, '_>, message: &Value<'a>) {
        let mut last = Last::default();
        for field in texts.fields(message) {
            match &*key(&field) {
                b"model" if self.model.is_none() && field.kind() == Kind::String => {
                    self.model = short(Some(field))
                }
                b"content"
                    if field.kind() == Kind::Array && last.is(message, &field, 0, "content") =>
                {
                    for (at, block) in field.children().enumerate() {
                        whole_block(texts, &block, u32::try_from(at).unwrap_or(u32::MAX));
                    }
                }
                _ => texts.walk(&field),
            }
        }
    }

    fn block_start<'a>(&mut self, texts: &mut Texts<'a, '_>, block: &Value<'a>, index: u32) {
        let kind = match &*string(block.get("type")) {
            b"text" => Block::Text,
            b"thinking" => Block::Thinking,
            // `tool_use`, `server_tool_use`, `mcp_tool_use`
            name if name.ends_with(b"tool_use") => Block::Call,
            _ => Block::Other,
        };
        if self.open.len() < limits::OPEN_TEXTS {
            self.open.push((index, kind));
        }
        if kind == Block::Call {
            begin_call(texts, block, text(kind::INPUT, index));
        }
        let mut last = Last::default();
        for field in texts.fields(block) {
            match (&*key(&field), kind) {
                (b"text", Block::Text) if last.is(block, &field, 0, "text") => {
                    texts.running(&field, text(kind::TEXT, index), Shape::Text, Role::Output);
                }
                (b"thinking", Block::Thinking) if last.is(block, &field, 1, "thinking") => {
                    texts.running(&field, text(kind::THINKING, index), Shape::Text, Role::Output);
                }
                (b"signature", Block::Thinking) => texts.seal(&field, text(kind::THINKING, index)),
                (b"name", Block::Call) if field.kind() == Kind::String => {}
                (b"input", Block::Call) => {
                    texts.role = Role::ToolArgs;
                    texts.leaves(&field);
                    texts.role = Role::Output;
                }
                _ => texts.walk(&field),
            }
        }
    }

    fn block_stop(&mut self, texts: &mut Texts<'_, '_>, index: u32) {
        let Some(at) = self.open.iter().position(|(open, _)| *open == index) else { return };
        match self.open.remove(at).1 {
            Block::Text => texts.push(Item::TextEnd(text(kind::TEXT, index))),
            Block::Thinking => texts.push(Item::TextEnd(text(kind::THINKING, index))),
            Block::Call => {
                let call = text(kind::INPUT, index);
                texts.push(Item::TextEnd(call));
                texts.push(Item::CallEnd { call });
            }
            Block::Other => {}
        }
    }

    fn event<'a>(&mut self, texts: &mut Texts<'a, '_>, root: &Value<'a>, event: &[u8], index: u32) {
        let mut last = Last::default();
        for field in root.children() {
            match (&*key(&field), event) {
                (b"delta", b"content_block_delta") if last.is(root, &field, 0, "delta") => {
                    delta(texts, &field, index);
                }
                (b"content_block", b"content_block_start")
                    if last.is(root, &field, 1, "content_block") =>
                {
                    self.block_start(texts, &field, index);
                }
                (b"message", b"message_start") if last.is(root, &field, 2, "message") => {
                    self.message(texts, &field);
                }
                _ => texts.walk(&field),
            }
        }
        match event {
            b"content_block_stop" => self.block_stop(texts, index),
            b"message_stop" | b"error" => texts.push(Item::AnswerEnd),
            _ => {}
        }
    }
}

/// The payload of a `content_block_delta`. What it holds is told by its fields, not by its `type`.
fn delta<'a>(texts: &mut Texts<'a, '_>, delta: &Value<'a>, index: u32) {
    let mut last = Last::default();
    for field in texts.fields(delta) {
        let name = key(&field);
        match &*name {
            b"text" if last.is(delta, &field, 0, "text") => {
                texts.running(&field, text(kind::TEXT, index), Shape::Text, Role::Output);
            }
            b"thinking" if last.is(delta, &field, 1, "thinking") => {
                texts.running(&field, text(kind::THINKING, index), Shape::Text, Role::Output);
            }
            b"partial_json" if last.is(delta, &field, 2, "partial_json") => {
                texts.running(&field, text(kind::INPUT, index), Shape::Json, Role::ToolArgs);
            }
            b"signature" => texts.seal(&field, text(kind::THINKING, index)),
            // A field nobody knows yet (`compaction_delta.content`) runs on too.
            name if field.kind() == Kind::String => {
                texts
                    .unknown(&field, TextKey { kind: kind::OTHER, a: index, b: name_number(name) });
            }
            _ => texts.walk(&field),
        }
    }
}

fn begin_call<'a>(texts: &mut Texts<'a, '_>, block: &Value<'a>, call: TextKey) {
    let name = block.get("name").filter(|n| n.kind() == Kind::String).map(|n| n.id());
    texts.push(Item::CallBegin { call, name });
}

/// A content block that stands whole in a message.
fn whole_block<'a>(texts: &mut Texts<'a, '_>, block: &Value<'a>, at: u32) {
    let kind = string(block.get("type"));
    if kind.ends_with(b"tool_use") {
        let call = text(kind::WHOLE_INPUT, at);
        begin_call(texts, block, call);
        for field in texts.fields(block) {
            match &*key(&field) {
                b"name" if field.kind() == Kind::String => {}
                b"input" => {
                    texts.role = Role::ToolArgs;
                    texts.leaves(&field);
                    texts.role = Role::Output;
                }
                _ => texts.walk(&field),
            }
        }
        texts.push(Item::CallEnd { call });
        return;
    }
    if &*kind == b"thinking" {
        // Changed reasoning loses its signature.
        texts.erase = block.get("signature").filter(|s| s.raw().len() > 2).map(|s| s.id());
    }
    texts.walk(block);
    texts.erase = None;
}

impl Answer for Reading {
    fn read(&mut self, doc: &Doc, payload: &[u8], items: &mut Vec<Item>) {
        let mut texts = Texts::answer(doc, payload, items);
        let root = texts.root();
        if self.framing == Framing::Json {
            self.message(&mut texts, &root);
            items.push(Item::AnswerEnd);
        } else if root.kind() == Kind::Object {
            let [event, index] = pick(&root, [b"type", b"index"]);
            self.event(&mut texts, &root, &string(event), number(index));
        } else {
            texts.walk(&root);
        }
    }

    fn read_other(&mut self, _payload: &[u8], _items: &mut Vec<Item>) {}

    fn sent(&mut self, doc: &Doc, payload: &[u8]) {
        self.sent.frame(&doc.root(payload));
    }

    fn ending(&mut self, ending: &Ending) -> Vec<u8> {
        if self.framing == Framing::Json {
            return super::whole(&self.call, &ending.how, &ending.decision).into_bytes();
        }
        self.sent.ending(&self.call, self.model.as_deref(), ending)
    }

    fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }
}
