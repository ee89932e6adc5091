//! Answers: one document per line, or a single one. Tool calls arrive whole.

use super::super::last_members::LastMembers;
use super::super::openai_chat::stopped::take_out;
use super::super::say::Say;
use super::super::splice::{extend, insert, replace, twice};
use super::super::texts::{TextWalk, short};
use super::super::write::quoted;
use super::super::{
    Answer, ArgsForm, Call, CallName, CallPiece, Ending, Item, Leaves, Role, TextKey, ValueShape,
};
use super::kind;
use super::own::{generates, line};
use crate::wire::frame::Framing;
use crate::wire::json::{Doc, Kind, Value};
use crate::wire::own::OwnEvents;
use crate::word::{self, Word};

/// Reads one answer.
#[derive(Debug)]
pub(super) struct Reading {
    call: Call,
    framing: Framing,
    generate: bool,
    model: Option<String>,
    calls: u32,
    /// Text was sent.
    spoke: bool,
    /// The last line was sent.
    done: bool,
}

impl Reading {
    pub(super) fn new(call: &Call, framing: Framing) -> Self {
        let (call, generate) = (call.clone(), generates(call));
        Self { call, framing, generate, model: None, calls: 0, spoke: false, done: false }
    }

    fn message<'a>(&mut self, texts: &mut TextWalk<'a, '_>, message: &Value<'a>) {
        let text = |kind| TextKey { kind, a: 0, b: 0 };
        let mut last = LastMembers::default();
        for field in texts.fields(message) {
            match Word::key(&field) {
                word::content if last.is(message, &field, 0, "content") => {
                    texts.running(&field, text(kind::CONTENT), ValueShape::Text, Role::Output);
                }
                word::thinking if last.is(message, &field, 1, "thinking") => {
                    texts.running(&field, text(kind::THINKING), ValueShape::Text, Role::Output);
                }
                word::tool_calls if last.is(message, &field, 2, "tool_calls") => {
                    for call in texts.elements(&field) {
                        self.tool_call(texts, &call);
                    }
                }
                word::tool_calls if !field.is_null() => {
                    texts.push(Item::Twice);
                    texts.walk(&field);
                }
                key => texts.walk_as(&field, key),
            }
        }
    }

    fn tool_call<'a>(&mut self, texts: &mut TextWalk<'a, '_>, entry: &Value<'a>) {
        let body = entry.get("function").filter(|body| body.kind() == Kind::Object);
        let Some(body) = body.filter(|_| !twice(entry, &["function"])) else {
            texts.push(Item::Twice);
            texts.walk(entry);
            return;
        };
        if twice(&body, &["name", "arguments"]) {
            texts.push(Item::Twice);
        }
        let call = TextKey { kind: kind::ARGUMENTS, a: 0, b: self.calls };
        self.calls = self.calls.saturating_add(1);
        let name = body.get("name").filter(|name| name.kind() == Kind::String);
        texts.push(Item::CallBegin { call, name: name.map(|name| name.id()) });
        texts.push(Item::CallPiece { call, node: entry.id() });
        if let Some(name) = name {
            texts.push(Item::CallName { call, name: CallName::Node(name.id()), open: false });
        }
        for field in entry.children() {
            if field.id() != body.id() {
                texts.walk(&field);
                continue;
            }
            for field in body.children() {
                match Word::key(&field) {
                    word::arguments => {
                        let whole = field.kind() == Kind::String;
                        let form = if whole { ArgsForm::Whole } else { ArgsForm::Value };
                        texts.push(Item::CallArgs { call, node: field.id(), form });
                        texts.running(&field, call, ValueShape::Json, Role::ToolArgs);
                    }
                    word::name if field.kind() == Kind::String => {}
                    key => texts.walk_as(&field, key),
                }
            }
        }
        texts.push(Item::CallEnd { call });
    }
}

impl Answer for Reading {
    fn read(&mut self, doc: &Doc, payload: &[u8], items: &mut Vec<Item>) {
        let mut texts = TextWalk::event(doc, payload, items, self.framing);
        let root = texts.root();
        let mut done = self.framing == Framing::Json;
        let mut last = LastMembers::default();
        for field in texts.fields(&root) {
            let text = |kind| TextKey { kind, a: 0, b: 0 };
            match Word::key(&field) {
                word::message if last.is(&root, &field, 0, "message") => {
                    self.message(&mut texts, &field);
                }
                word::message => {
                    texts.push(Item::Twice);
                    texts.walk(&field);
                }
                word::response if last.is(&root, &field, 1, "response") => {
                    texts.running(&field, text(kind::CONTENT), ValueShape::Text, Role::Output);
                }
                word::thinking if last.is(&root, &field, 2, "thinking") => {
                    texts.running(&field, text(kind::THINKING), ValueShape::Text, Role::Output);
                }
                word::model | word::created_at if field.kind() == Kind::String => {
                    if field.key_is("model") && self.model.is_none() {
                        self.model = short(Some(field));
                    }
                }
                word::done => done |= field.as_bool() == Some(true),
                word::done_reason if field.kind() == Kind::String => {}
                key => texts.walk_as(&field, key),
            }
        }
        // An error is a line of its own, and the last.
        if done || root.get("error").is_some() {
            items.push(Item::AnswerEnd);
        }
    }

    fn read_other(&mut self, _payload: &[u8], _items: &mut Vec<Item>) {}

    fn goes_on(&self, _root: &Value<'_>) -> bool {
        self.model.is_some()
    }

    fn leave(&mut self, doc: &Doc, payload: &[u8], pieces: &[CallPiece<'_>]) -> Leaves {
        let mut leaves = Leaves::default();
        let said: Vec<&str> =
            pieces.iter().filter_map(|piece| Some(piece.stopped?.text.as_str())).collect();
        let message = doc.root(payload).get("message").filter(|_| !said.is_empty());
        let Some(message) = message else { return leaves };
        let left = take_out(&message, pieces, &mut leaves.edits);
        let text = said.join("\n\n");
        let content = message.get("content");
        let filled = content.filter(|content| content.raw().len() > 2 && !content.is_null());
        let text = match filled.is_some() || self.spoke {
            true => format!("\n\n{text}"),
            false => text,
        };
        match content {
            Some(content) if filled.is_some() && content.kind() == Kind::String => {
                extend(&content, &text, true, &mut leaves.edits);
            }
            Some(content) => replace(&content, &quoted(&text), &mut leaves.edits),
            None => insert(&message, "content", &quoted(&text), left, &mut leaves.edits),
        }
        leaves
    }

    fn sent(&mut self, doc: &Doc, payload: &[u8]) {
        let root = doc.root(payload);
        let text = match self.generate {
            true => root.get("response"),
            false => root.get("message").and_then(|message| message.get("content")),
        };
        self.spoke |= text.is_some_and(|text| text.raw().len() > 2 && !text.is_null());
        self.done |= root.get("done").and_then(|done| done.as_bool()) == Some(true);
    }

    fn keeps_words(&self) -> bool {
        false
    }

    fn ending(&mut self, ending: &Ending) -> OwnEvents {
        if self.done {
            return OwnEvents::default();
        }
        let model = self.model.as_deref().unwrap_or(&self.call.model).to_owned();
        let mut lines = OwnEvents::default();
        let mut spoke = self.spoke;
        for (key, text) in &ending.before {
            if key.kind == kind::CONTENT && !text.is_empty() {
                lines.push("", &line(self.generate, &model, ending.now, text, None));
                spoke = true;
            }
        }
        let say = Say::ending(&ending.how, &self.call, spoke);
        let text = say.text.unwrap_or_default();
        if self.framing == Framing::Json {
            return OwnEvents::one(line(self.generate, &model, ending.now, text, Some(&say)));
        }
        if !text.is_empty() {
            let gap = if spoke { "\n\n" } else { "" };
            lines.push("", &line(self.generate, &model, ending.now, &format!("{gap}{text}"), None));
        }
        lines.push("", &line(self.generate, &model, ending.now, "", Some(&say)));
        self.done = true;
        lines
    }

    fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }
}
