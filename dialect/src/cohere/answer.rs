//! Answers: events and whole bodies.

use super::super::fields::{pick, string};
use super::super::last_members::LastMembers;
use super::super::number::number;
use super::super::splice::twice;
use super::super::texts::{NO_ITEM, TextWalk};
use super::super::{
    Answer, ArgsForm, Call, CallName, CallPiece, Ending, Item, Leaves, Role, TextKey, ValueShape,
};
use super::ending::Sent;
use super::kind;
use super::own;
use super::stopped::Leaving;
use crate::wire::frame::Framing;
use crate::wire::json::{Doc, Kind, Value};
use crate::wire::own::OwnEvents;
use crate::word::{self, Word};

/// Calls are numbered separately from contents.
const CALLS: u32 = 0x4000_0000;

/// Reads one answer.
#[derive(Debug)]
pub(super) struct Reading {
    call: Call,
    framing: Framing,
    sent: Sent,
    leaving: Leaving,
}

fn text(kind: u8, index: u32) -> TextKey {
    TextKey { kind, a: index, b: 0 }
}

impl Reading {
    pub(super) fn new(call: &Call, framing: Framing) -> Self {
        let (sent, leaving) = (Sent::default(), Leaving::default());
        Self { call: call.clone(), framing, sent, leaving }
    }
}

/// The message of a whole body, or the part of one in an event. `event`: its type; "" for a whole body.
fn message<'a>(texts: &mut TextWalk<'a, '_>, message: &Value<'a>, event: &[u8], index: u32) {
    let mut last = LastMembers::default();
    for field in texts.fields(message) {
        match Word::key(&field) {
            word::content if last.is(message, &field, 0, "content") => match field.kind() {
                Kind::Object => content(texts, &field, index),
                _ => texts.walk(&field),
            },
            word::tool_plan if last.is(message, &field, 1, "tool_plan") => {
                texts.running(&field, text(kind::PLAN, 0), ValueShape::Text, Role::Output);
            }
            word::tool_calls if last.is(message, &field, 2, "tool_calls") => match field.kind() {
                Kind::Array => {
                    for (at, call) in field.children().enumerate() {
                        let at = u32::try_from(at).unwrap_or(u32::MAX);
                        let key = TextKey { b: 1, ..text(kind::ARGUMENTS, at) };
                        tool_call(texts, &call, call.id(), key, true, true);
                    }
                }
                Kind::Object if event.starts_with(b"tool-call") => {
                    // The whole event is removed with the call.
                    let key = text(kind::ARGUMENTS, index);
                    tool_call(texts, &field, 0, key, event == b"tool-call-start", false);
                }
                Kind::Object => {
                    let key = TextKey { b: 2, ..text(kind::ARGUMENTS, index) };
                    tool_call(texts, &field, field.id(), key, true, true);
                }
                _ => texts.walk(&field),
            },
            word::tool_calls if !field.is_null() => {
                texts.push(Item::Twice);
                texts.walk(&field);
            }
            key => texts.walk_as(&field, key),
        }
    }
}

fn content<'a>(texts: &mut TextWalk<'a, '_>, content: &Value<'a>, index: u32) {
    let mut last = LastMembers::default();
    for field in texts.fields(content) {
        match Word::key(&field) {
            word::text if last.is(content, &field, 0, "text") => {
                texts.running(&field, text(kind::TEXT, index), ValueShape::Text, Role::Output);
            }
            word::thinking if last.is(content, &field, 1, "thinking") => {
                texts.running(&field, text(kind::THINKING, index), ValueShape::Text, Role::Output);
            }
            key => texts.walk_as(&field, key),
        }
    }
}

/// A call or a piece of one; `node` is the value that contains all of it in this frame.
fn tool_call<'a>(
    texts: &mut TextWalk<'a, '_>,
    entry: &Value<'a>,
    node: u32,
    call: TextKey,
    begins: bool,
    whole: bool,
) {
    let body = entry.get("function").filter(|body| body.kind() == Kind::Object);
    let name = body.and_then(|body| body.get("name")).filter(|name| name.kind() == Kind::String);
    if begins {
        texts.push(Item::CallBegin { call, name: name.map(|name| name.id()) });
    }
    texts.push(Item::CallPiece { call, node });
    let odd = |body: Value<'_>| twice(&body, &["name", "arguments"]);
    if twice(entry, &["function"]) || body.is_some_and(odd) {
        texts.push(Item::Twice);
    }
    if let Some(name) = name.filter(|name| name.raw().len() > 2) {
        texts.push(Item::CallName { call, name: CallName::Node(name.id()), open: false });
    }
    for field in texts.fields(entry) {
        if Some(field.id()) != body.map(|body| body.id()) {
            texts.walk(&field);
            continue;
        }
        for field in field.children() {
            match Word::key(&field) {
                word::arguments => {
                    let form = match (field.kind(), whole) {
                        (Kind::String, true) => ArgsForm::Whole,
                        (Kind::String, false) => ArgsForm::Piece,
                        _ => ArgsForm::Value,
                    };
                    texts.push(Item::CallArgs { call, node: field.id(), form });
                    texts.running(&field, call, ValueShape::Json, Role::ToolArgs);
                }
                word::name if field.kind() == Kind::String => {}
                key => texts.walk_as(&field, key),
            }
        }
    }
    if whole {
        texts.push(Item::CallEnd { call });
    }
}

fn event<'a>(texts: &mut TextWalk<'a, '_>, root: &Value<'a>) {
    let [event, index] = pick(root, ["type", "index"]);
    let (event, index) = (string(event), index);
    let number = number(index);
    let of_call = event.starts_with(b"tool-call");
    texts.item = match index {
        None => NO_ITEM,
        Some(_) if of_call => number ^ CALLS,
        Some(_) => number,
    };
    if twice(root, &["type", "index", "delta"]) {
        texts.push(Item::Twice);
    }
    if &*event == b"tool-call-end" {
        let call = text(kind::ARGUMENTS, number);
        texts.push(Item::CallPiece { call, node: root.id() });
    }
    for field in root.children() {
        if !field.key_is("delta") || field.kind() != Kind::Object {
            texts.walk(&field);
            continue;
        }
        for field in field.children() {
            if field.key_is("message") && field.kind() == Kind::Object {
                message(texts, &field, &event, number);
            } else {
                texts.walk(&field);
            }
        }
    }
    match Word::of(&event) {
        word::content__end => {
            texts.push(Item::TextEnd(TextKey::all_unknown(texts.item)));
            texts.push(Item::TextEnd(text(kind::TEXT, number)));
            texts.push(Item::TextEnd(text(kind::THINKING, number)));
        }
        word::tool__call__end => {
            let call = text(kind::ARGUMENTS, number);
            texts.push(Item::TextEnd(TextKey::all_unknown(texts.item)));
            texts.push(Item::TextEnd(call));
            texts.push(Item::CallEnd { call });
        }
        word::message__end => texts.push(Item::AnswerEnd),
        _ => {}
    }
}

impl Answer for Reading {
    fn read(&mut self, doc: &Doc, payload: &[u8], items: &mut Vec<Item>) {
        let mut texts = TextWalk::event(doc, payload, items, self.framing);
        let root = texts.root();
        if self.framing != Framing::Json {
            match root.kind() {
                Kind::Object => event(&mut texts, &root),
                _ => texts.walk(&root),
            }
            return;
        }
        for field in texts.fields(&root) {
            match field.key_is("message") && field.kind() == Kind::Object {
                true => message(&mut texts, &field, b"", 0),
                false => texts.walk(&field),
            }
        }
        items.push(Item::AnswerEnd);
    }

    fn read_other(&mut self, _payload: &[u8], _items: &mut Vec<Item>) {}

    fn goes_on(&self, root: &Value<'_>) -> bool {
        root.get("type").is_some_and(|kind| kind.is_str("content-delta"))
    }

    fn leave(&mut self, doc: &Doc, payload: &[u8], pieces: &[CallPiece<'_>]) -> Leaves {
        self.leaving.frame(&doc.root(payload), self.framing, pieces)
    }

    fn sent(&mut self, doc: &Doc, payload: &[u8]) {
        self.sent.frame(&doc.root(payload));
    }

    fn keeps_words(&self) -> bool {
        false
    }

    fn sent_other(&mut self, bytes: &[u8]) {
        self.sent.other(bytes);
    }

    fn ending(&mut self, ending: &Ending) -> OwnEvents {
        if self.framing == Framing::Json {
            return OwnEvents::one(own::whole(&self.call, &ending.how, &ending.decision));
        }
        self.sent.ending(&self.call, ending)
    }

    fn model(&self) -> Option<&str> {
        // Answers do not name the model.
        None
    }
}
