//! Answers: events and whole bodies.

use super::super::fields::{pick, string};
use super::super::last_members::LastMembers;
use super::super::number::number;
use super::super::splice::twice;
use super::super::texts::{NO_ITEM, TextWalk, short};
use super::super::{
    Answer, ArgsForm, Call, CallName, CallPiece, Ending, Item, Leaves, Role, TextKey, ValueShape,
};
use super::ending::Sent;
use super::kind;
use super::own;
use super::stopped::Leaving;
use crate::limits;
use crate::wire::frame::Framing;
use crate::wire::json::{Doc, Kind, NodeId, Value};
use crate::wire::own::OwnEvents;
use crate::word::{self, Word};

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
    /// Blocks that have begun and not stopped, in the order of their indexes.
    open: Vec<(u32, Block)>,
    model: Option<String>,
    sent: Sent,
    leaving: Leaving,
}

fn text(kind: u8, block: u32) -> TextKey {
    TextKey { kind, a: block, b: 0 }
}

impl Reading {
    pub(super) fn new(call: &Call, framing: Framing) -> Self {
        Self {
            call: call.clone(),
            framing,
            open: Vec::new(),
            model: None,
            sent: Sent::default(),
            leaving: Leaving::default(),
        }
    }

    /// `message_start`'s message, or a whole body.
    fn message<'a>(&mut self, texts: &mut TextWalk<'a, '_>, message: &Value<'a>) {
        let mut last = LastMembers::default();
        for field in texts.fields(message) {
            match Word::key(&field) {
                word::model if self.model.is_none() && field.kind() == Kind::String => {
                    self.model = short(Some(field))
                }
                word::content
                    if field.kind() == Kind::Array && last.is(message, &field, 0, "content") =>
                {
                    for (at, block) in field.children().enumerate() {
                        whole_block(texts, &block, u32::try_from(at).unwrap_or(u32::MAX));
                    }
                }
                word::content => {
                    texts.push(Item::Twice);
                    texts.walk(&field);
                }
                key => texts.walk_as(&field, key),
            }
        }
    }

    fn block_start<'a>(&mut self, texts: &mut TextWalk<'a, '_>, block: &Value<'a>, index: u32) {
        let name = string(block.get("type"));
        let kind = match Word::of(&name) {
            word::text => Block::Text,
            word::thinking => Block::Thinking,
            // `tool_use`, `server_tool_use`, `mcp_tool_use`
            _ if name.ends_with(b"tool_use") => Block::Call,
            _ => Block::Other,
        };
        if self.open.len() < limits::OPEN_TEXTS {
            let after = self.open.partition_point(|(own, _)| *own <= index);
            self.open.insert(after, (index, kind));
        }
        if kind == Block::Call {
            // The whole event is removed with the call.
            begin_call(texts, block, 0, text(kind::INPUT, index));
        }
        let mut last = LastMembers::default();
        for field in texts.fields(block) {
            match (Word::key(&field), kind) {
                (word::text, kind) if kind != Block::Call && last.is(block, &field, 0, "text") => {
                    texts.running(&field, text(kind::TEXT, index), ValueShape::Text, Role::Output);
                }
                (word::thinking, kind)
                    if kind != Block::Call && last.is(block, &field, 1, "thinking") =>
                {
                    texts.running(
                        &field,
                        text(kind::THINKING, index),
                        ValueShape::Text,
                        Role::Output,
                    );
                }
                (word::signature, Block::Thinking) => {
                    texts.seal(&field, text(kind::THINKING, index))
                }
                (word::name, Block::Call) if field.kind() == Kind::String => texts.name(&field),
                (word::input, Block::Call) => {
                    // An empty one is a placeholder, and pieces follow.
                    if field.children().next().is_some() || field.kind() != Kind::Object {
                        let call = text(kind::INPUT, index);
                        let form = ArgsForm::Value;
                        texts.push(Item::CallArgs { call, node: field.id(), form });
                    }
                    texts.role = Role::ToolArgs;
                    texts.leaves(&field);
                    texts.role = Role::Output;
                }
                (key, _) => texts.walk_as(&field, key),
            }
        }
    }

    /// The blocks with this index.
    fn open_at(&self, index: u32) -> &[(u32, Block)] {
        let from = self.open.partition_point(|(own, _)| *own < index);
        let rest = self.open.get(from..).unwrap_or_default();
        rest.get(..rest.partition_point(|(own, _)| *own == index)).unwrap_or_default()
    }

    fn block_stop(&mut self, texts: &mut TextWalk<'_, '_>, index: u32) {
        texts.push(Item::TextEnd(TextKey::all_unknown(index)));
        if self.open_at(index).is_empty() {
            return;
        }
        let at = self.open.partition_point(|(own, _)| *own < index);
        match self.open.remove(at).1 {
            // The contents are determined by the fields, both in the start event and in deltas.
            Block::Text | Block::Thinking | Block::Other => {
                texts.push(Item::TextEnd(text(kind::TEXT, index)));
                texts.push(Item::TextEnd(text(kind::THINKING, index)));
            }
            Block::Call => {
                let call = text(kind::INPUT, index);
                texts.push(Item::TextEnd(call));
                texts.push(Item::CallEnd { call });
            }
        }
    }

    fn event<'a>(
        &mut self,
        texts: &mut TextWalk<'a, '_>,
        root: &Value<'a>,
        event: Word,
        index: u32,
    ) {
        if twice(root, &["type", "index", "content_block", "delta", "message"]) {
            texts.push(Item::Twice);
        }
        self.piece(texts, root, event, index);
        let mut last = LastMembers::default();
        for field in root.children() {
            match (Word::key(&field), event) {
                (word::delta, word::content_block_delta) if last.is(root, &field, 0, "delta") => {
                    delta(texts, &field, index);
                }
                (word::content_block, word::content_block_start)
                    if last.is(root, &field, 1, "content_block") =>
                {
                    self.block_start(texts, &field, index);
                }
                (word::content_block, word::content_block_stop) => {
                    texts.again_below(&field, text(kind::TEXT, index));
                }
                (word::message, word::message_start) if last.is(root, &field, 2, "message") => {
                    self.message(texts, &field);
                }
                (key, _) => texts.walk_as(&field, key),
            }
        }
        match event {
            word::content_block_stop => self.block_stop(texts, index),
            word::message_stop => texts.push(Item::AnswerEnd),
            _ => {}
        }
    }
}

impl Reading {
    /// A later event of a call.
    fn piece(&self, texts: &mut TextWalk<'_, '_>, root: &Value<'_>, event: Word, index: u32) {
        let delta = root.get("delta");
        let input = delta.is_some_and(|delta| delta.get("partial_json").is_some());
        let open = self.open_at(index).contains(&(index, Block::Call));
        let of_block = matches!(event, word::content_block_delta | word::content_block_stop);
        if of_block && (open || input) {
            let call = text(kind::INPUT, index);
            texts.push(Item::CallPiece { call, node: root.id() });
            if delta.is_some_and(|delta| twice(&delta, &["partial_json"])) {
                texts.push(Item::Twice);
            }
        }
    }
}

/// The payload of a `content_block_delta`. Its contents are determined by its fields, not by its `type`.
fn delta<'a>(texts: &mut TextWalk<'a, '_>, delta: &Value<'a>, index: u32) {
    texts.stray(delta);
    let mut last = LastMembers::default();
    for field in texts.fields(delta) {
        match Word::key(&field) {
            word::text if last.is(delta, &field, 0, "text") => {
                texts.running(&field, text(kind::TEXT, index), ValueShape::Text, Role::Output);
            }
            word::thinking if last.is(delta, &field, 1, "thinking") => {
                texts.running(&field, text(kind::THINKING, index), ValueShape::Text, Role::Output);
            }
            word::partial_json if last.is(delta, &field, 2, "partial_json") => {
                let call = text(kind::INPUT, index);
                let form = ArgsForm::Piece;
                texts.push(Item::CallArgs { call, node: field.id(), form });
                texts.running(&field, text(kind::INPUT, index), ValueShape::Json, Role::ToolArgs);
            }
            word::signature => texts.seal(&field, text(kind::THINKING, index)),
            // An unknown field (`compaction_delta.content`) continues too.
            key => texts.walk_as(&field, key),
        }
    }
}

/// A call begins; `node` is the value that contains all of it in this frame.
fn begin_call<'a>(texts: &mut TextWalk<'a, '_>, block: &Value<'a>, node: NodeId, call: TextKey) {
    let name = block.get("name").filter(|n| n.kind() == Kind::String).map(|n| n.id());
    texts.push(Item::CallBegin { call, name });
    texts.push(Item::CallPiece { call, node });
    if twice(block, &["type", "name", "input", "server_name"]) {
        texts.push(Item::Twice);
    }
    let mut named = |name| texts.push(Item::CallName { call, name, open: false });
    match Word::value(block.get("type")) {
        word::mcp_tool_use => {
            named(CallName::BuiltIn("mcp"));
            if let Some(server) = block.get("server_name").filter(|n| n.kind() == Kind::String) {
                named(CallName::Alias(server.id()));
            }
        }
        word::server_tool_use if string(block.get("name")).ends_with(b"code_execution") => {
            named(CallName::BuiltIn("code_execution"));
        }
        _ => {}
    }
    // Its own name comes last, and completes the names.
    if let Some(node) = name {
        named(CallName::Node(node));
    }
}

/// A content block that is complete in a message.
fn whole_block<'a>(texts: &mut TextWalk<'a, '_>, block: &Value<'a>, at: u32) {
    let kind = string(block.get("type"));
    if kind.ends_with(b"tool_use") {
        let call = text(kind::WHOLE_INPUT, at);
        begin_call(texts, block, block.id(), call);
        for field in texts.fields(block) {
            match Word::key(&field) {
                word::name if field.kind() == Kind::String => texts.name(&field),
                word::input => {
                    let form = ArgsForm::Value;
                    texts.push(Item::CallArgs { call, node: field.id(), form });
                    texts.role = Role::ToolArgs;
                    texts.leaves(&field);
                    texts.role = Role::Output;
                }
                key => texts.walk_as(&field, key),
            }
        }
        texts.push(Item::CallEnd { call });
        return;
    }
    if &*kind == b"thinking" {
        // The signature of changed reasoning is erased.
        texts.erase = block.get("signature").filter(|s| s.raw().len() > 2).map(|s| s.id());
    }
    texts.walk(block);
    texts.erase = None;
}

impl Answer for Reading {
    fn read(&mut self, doc: &Doc, payload: &[u8], items: &mut Vec<Item>) {
        let mut texts = TextWalk::event(doc, payload, items, self.framing);
        let root = texts.root();
        if self.framing == Framing::Json {
            self.message(&mut texts, &root);
            items.push(Item::AnswerEnd);
        } else if root.kind() == Kind::Object {
            let [event, index] = pick(&root, ["type", "index"]);
            texts.item = index.map_or(NO_ITEM, |index| number(Some(index)));
            self.event(&mut texts, &root, Word::value(event), number(index));
        } else {
            texts.walk(&root);
        }
    }

    fn read_other(&mut self, _payload: &[u8], _items: &mut Vec<Item>) {}

    fn goes_on(&self, root: &Value<'_>) -> bool {
        root.get("type").is_some_and(|kind| kind.is_str("content_block_delta"))
    }

    fn keeps_words(&self) -> bool {
        false
    }

    fn leave(&mut self, doc: &Doc, payload: &[u8], pieces: &[CallPiece<'_>]) -> Leaves {
        self.leaving.frame(&doc.root(payload), self.framing, pieces)
    }

    fn sent(&mut self, doc: &Doc, payload: &[u8]) {
        self.sent.frame(&doc.root(payload));
    }

    fn ending(&mut self, ending: &Ending) -> OwnEvents {
        if self.framing == Framing::Json {
            return OwnEvents::one(own::whole(&self.call, &ending.how, &ending.decision));
        }
        self.sent.ending(&self.call, self.model.as_deref(), ending)
    }

    fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }
}
