//! Answers of Converse: events and whole bodies.

use super::super::bounded_set::BoundedSet;
use super::super::fields::string;
use super::super::last_members::LastMembers;
use super::super::number::{name_number, number};
use super::super::splice::twice;
use super::super::texts::{NO_ITEM, TextWalk, short};
use super::super::{
    Answer, ArgsForm, Call, CallName, CallPiece, Ending, Item, Leaves, Role, TextKey, ValueShape,
};
use super::ending::Sent;
use super::kind;
use super::own;
use super::stopped::Leaving;
use super::tools::provider_run;
use crate::wire::frame::Framing;
use crate::wire::json::{Doc, Kind, NodeId, Value};
use crate::wire::own::OwnEvents;
use crate::word::{self, Word};

/// Reads one answer.
#[derive(Debug)]
pub(super) struct Reading {
    call: Call,
    framing: Framing,
    /// The type of the event that is read next; clients rely on it alone. Empty if unknown.
    event: Vec<u8>,
    /// Blocks of tool calls that have begun and not stopped.
    open: BoundedSet<u32>,
    /// The model that a prompt router chose; no other answer names one.
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
            event: Vec::new(),
            open: BoundedSet::default(),
            model: None,
            sent: Sent::default(),
            leaving: Leaving::default(),
        }
    }

    /// One event. Its contents are determined by its fields, and what it ends by its type.
    fn event<'a>(&mut self, texts: &mut TextWalk<'a, '_>, root: &Value<'a>) {
        if twice(root, &["contentBlockIndex", "start", "delta"]) {
            texts.push(Item::Twice);
        }
        let index = number(root.get("contentBlockIndex"));
        texts.item = root.get("contentBlockIndex").map_or(NO_ITEM, |_| index);
        let (start, delta) = (root.get("start"), root.get("delta"));
        let is = |name: &[u8]| self.event.is_empty() || self.event == name;
        let stops = is(b"contentBlockStop")
            && start.is_none()
            && delta.is_none()
            && root.get("contentBlockIndex").is_some();
        let ends = (is(b"messageStop") && root.get("stopReason").is_some())
            || self.event.ends_with(b"Exception");
        let input = delta.is_some_and(|delta| delta.get("toolUse").is_some());
        if (delta.is_some() || stops) && (input || self.open.has(&index)) {
            texts.push(Item::CallPiece { call: text(kind::INPUT, index), node: root.id() });
        }
        let mut last = LastMembers::default();
        for field in root.children() {
            match Word::key(&field) {
                word::start if last.is(root, &field, 0, "start") => {
                    self.start(texts, &field, index);
                }
                word::delta if last.is(root, &field, 1, "delta") => {
                    block_delta(texts, &field, index);
                }
                // Padding.
                word::p if field.kind() == Kind::String => {}
                key => texts.walk_as(&field, key),
            }
        }
        if stops {
            self.stop(texts, index);
        }
        if ends {
            texts.push(Item::AnswerEnd);
        }
    }

    /// A block begins. Text and reasoning blocks begin with their first delta.
    fn start<'a>(&mut self, texts: &mut TextWalk<'a, '_>, start: &Value<'a>, index: u32) {
        if twice(start, &["toolUse"]) {
            texts.push(Item::Twice);
        }
        for field in texts.fields(start) {
            if !field.key_is("toolUse") || field.kind() != Kind::Object {
                texts.walk(&field);
                continue;
            }
            let call = text(kind::INPUT, index);
            self.open.add(index);
            // The whole event is removed with the call.
            begin_call(texts, &field, 0, call);
            call_fields(texts, &field, call);
        }
    }

    fn stop(&mut self, texts: &mut TextWalk<'_, '_>, index: u32) {
        for kind in [kind::TEXT, kind::REASONING, kind::RESULT] {
            texts.push(Item::TextEnd(text(kind, index)));
        }
        texts.push(Item::TextEnd(TextKey::all_unknown(index)));
        for field in CITED {
            texts.push(Item::TextEnd(cited(index, field)));
        }
        if self.open.remove(&index) {
            let call = text(kind::INPUT, index);
            texts.push(Item::TextEnd(call));
            texts.push(Item::CallEnd { call });
        }
    }
}

/// The fields of a call beside its name.
fn call_fields<'a>(texts: &mut TextWalk<'a, '_>, tool_use: &Value<'a>, call: TextKey) {
    for field in tool_use.children() {
        match Word::key(&field) {
            word::name if field.kind() == Kind::String => texts.name(&field),
            word::input => {
                texts.push(Item::CallArgs { call, node: field.id(), form: ArgsForm::Value });
                texts.role = Role::ToolArgs;
                texts.leaves(&field);
                texts.role = Role::Output;
            }
            key => texts.walk_as(&field, key),
        }
    }
}

/// The payload of a `contentBlockDelta`.
fn block_delta<'a>(texts: &mut TextWalk<'a, '_>, delta: &Value<'a>, index: u32) {
    if twice(delta, &["toolUse"]) {
        texts.push(Item::Twice);
    }
    let mut last = LastMembers::default();
    for field in texts.fields(delta) {
        match Word::key(&field) {
            word::text if last.is(delta, &field, 0, "text") => {
                texts.running(&field, text(kind::TEXT, index), ValueShape::Text, Role::Output);
            }
            word::toolUse if field.kind() == Kind::Object => input(texts, &field, index),
            word::reasoningContent if field.kind() == Kind::Object => {
                reasoning(texts, &field, index);
            }
            word::toolResult if field.kind() == Kind::Array => {
                pieces(texts, &field, text(kind::RESULT, index));
            }
            word::citation if field.kind() == Kind::Object => citation(texts, &field, index),
            key => texts.walk_as(&field, key),
        }
    }
}

/// A piece of a call's input.
fn input<'a>(texts: &mut TextWalk<'a, '_>, tool_use: &Value<'a>, index: u32) {
    if twice(tool_use, &["input"]) {
        texts.push(Item::Twice);
    }
    let call = text(kind::INPUT, index);
    let mut last = LastMembers::default();
    for field in tool_use.children() {
        if field.key_is("input") && last.is(tool_use, &field, 0, "input") {
            texts.push(Item::CallArgs { call, node: field.id(), form: ArgsForm::Piece });
            texts.running(&field, call, ValueShape::Json, Role::ToolArgs);
        } else {
            texts.walk(&field);
        }
    }
}

fn reasoning<'a>(texts: &mut TextWalk<'a, '_>, content: &Value<'a>, index: u32) {
    let mut last = LastMembers::default();
    for field in content.children() {
        match Word::key(&field) {
            word::text if last.is(content, &field, 0, "text") => {
                texts.running(&field, text(kind::REASONING, index), ValueShape::Text, Role::Output);
            }
            word::signature => texts.seal(&field, text(kind::REASONING, index)),
            key => texts.walk_as(&field, key),
        }
    }
}

/// Fields of a citation that arrive in pieces. Clients join them, like the text itself.
const CITED: [&str; 3] = ["title", "source", "sourceContent"];

fn cited(index: u32, field: &str) -> TextKey {
    TextKey { kind: kind::CITED, a: index, b: name_number(field.as_bytes()) }
}

fn citation<'a>(texts: &mut TextWalk<'a, '_>, citation: &Value<'a>, index: u32) {
    for field in citation.children() {
        match CITED.iter().find(|name| field.key_is(name)) {
            Some(name) if field.kind() == Kind::Array => {
                pieces(texts, &field, cited(index, name));
            }
            Some(name) if field.kind() == Kind::String => {
                texts.running(&field, cited(index, name), ValueShape::Text, Role::Output);
            }
            _ => texts.walk(&field),
        }
    }
}

/// Pieces of one text: the result of a provider's tool, the text of a source.
fn pieces<'a>(texts: &mut TextWalk<'a, '_>, list: &Value<'a>, key: TextKey) {
    for part in list.children() {
        let mut last = LastMembers::default();
        for field in texts.fields(&part) {
            if field.key_is("text") && last.is(&part, &field, 0, "text") {
                texts.running(&field, key, ValueShape::Text, Role::Output);
            } else {
                texts.walk(&field);
            }
        }
    }
}

/// A call begins; `node` is the value that contains all of it in this frame.
fn begin_call<'a>(texts: &mut TextWalk<'a, '_>, tool_use: &Value<'a>, node: NodeId, call: TextKey) {
    let name = tool_use.get("name").filter(|name| name.kind() == Kind::String);
    texts.push(Item::CallBegin { call, name: name.map(|name| name.id()) });
    texts.push(Item::CallPiece { call, node });
    if twice(tool_use, &["name", "input", "type"]) {
        texts.push(Item::Twice);
    }
    if let Some(name) = name {
        // Its own name comes last, and completes the names.
        let mut named = |name| texts.push(Item::CallName { call, name, open: false });
        if let Some(built_in) = provider_run(&string(Some(name))) {
            named(CallName::BuiltIn(built_in));
        }
        named(CallName::Node(name.id()));
    }
}

/// A whole body.
fn whole<'a>(texts: &mut TextWalk<'a, '_>, root: &Value<'a>) {
    let mut last = LastMembers::default();
    for field in texts.fields(root) {
        if !field.key_is("output") || field.kind() != Kind::Object {
            texts.walk(&field);
        } else if last.is(root, &field, 0, "output") {
            message(texts, &field);
        } else {
            texts.push(Item::Twice);
            texts.walk(&field);
        }
    }
}

fn message<'a>(texts: &mut TextWalk<'a, '_>, output: &Value<'a>) {
    if twice(output, &["message"]) {
        texts.push(Item::Twice);
    }
    for message in output.children() {
        if twice(&message, &["content"]) {
            texts.push(Item::Twice);
        }
        for field in texts.fields(&message) {
            if !field.key_is("content") || field.kind() != Kind::Array {
                texts.walk(&field);
                continue;
            }
            for (at, block) in field.children().enumerate() {
                whole_block(texts, &block, u32::try_from(at).unwrap_or(u32::MAX));
            }
        }
    }
}

fn whole_block<'a>(texts: &mut TextWalk<'a, '_>, block: &Value<'a>, at: u32) {
    if twice(block, &["toolUse"]) {
        texts.push(Item::Twice);
    }
    for field in texts.fields(block) {
        match Word::key(&field) {
            word::toolUse if field.kind() == Kind::Object => {
                let call = text(kind::WHOLE_INPUT, at);
                begin_call(texts, &field, block.id(), call);
                call_fields(texts, &field, call);
                texts.push(Item::CallEnd { call });
            }
            word::reasoningContent => {
                // The signature of changed reasoning is erased.
                let signature = field.get("reasoningText").and_then(|text| text.get("signature"));
                texts.erase = signature.filter(|s| s.raw().len() > 2).map(|s| s.id());
                texts.walk(&field);
                texts.erase = None;
            }
            key => texts.walk_as(&field, key),
        }
    }
}

/// The model that a prompt router chose, as requests name it: the end of its ARN.
fn routed(root: &Value<'_>) -> Option<String> {
    let router = root.get("trace")?.get("promptRouter")?;
    let arn = short(router.get("invokedModelId"))?;
    Some(arn.rsplit('/').next().unwrap_or(&arn).to_owned())
}

impl Answer for Reading {
    fn named(&mut self, event: &[u8]) {
        self.event.clear();
        self.event.extend_from_slice(event);
    }

    fn read(&mut self, doc: &Doc, payload: &[u8], items: &mut Vec<Item>) {
        let mut texts = TextWalk::event(doc, payload, items, self.framing);
        let root = texts.root();
        if self.framing == Framing::Json
            || matches!(Word::of(&self.event), word::metadata | word::empty)
        {
            self.model = routed(&root).or(self.model.take());
        }
        if self.framing == Framing::Json {
            whole(&mut texts, &root);
            items.push(Item::AnswerEnd);
        } else if root.kind() == Kind::Object {
            self.event(&mut texts, &root);
        } else {
            texts.walk(&root);
        }
    }

    fn goes_on(&self, root: &Value<'_>) -> bool {
        self.event == b"contentBlockDelta" && root.get("delta").is_some()
    }

    fn read_other(&mut self, _payload: &[u8], _items: &mut Vec<Item>) {}

    fn leave(&mut self, doc: &Doc, payload: &[u8], pieces: &[CallPiece<'_>]) -> Leaves {
        self.leaving.frame(&doc.root(payload), self.framing, pieces)
    }

    fn sent(&mut self, doc: &Doc, payload: &[u8]) {
        self.sent.frame(&doc.root(payload));
    }

    fn keeps_words(&self) -> bool {
        false
    }

    fn ending(&mut self, ending: &Ending) -> OwnEvents {
        if self.framing == Framing::Json {
            return OwnEvents::one(own::whole(&self.call, &ending.how));
        }
        self.sent.ending(&self.call, ending)
    }

    fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }
}
