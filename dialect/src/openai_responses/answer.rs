//! Answers: events and whole bodies.

use super::super::bounded_set::BoundedSet;
use super::super::fields::string;
use super::super::last_members::LastMembers;
use super::super::names::NameSet;
use super::super::splice::twice;
use super::super::texts::{NO_ITEM, TextWalk, short};
use super::super::{
    Answer, ArgsForm, Call, CallKind, CallName, CallPiece, Ending, Item, Leaves, Role, TextKey,
    ValueShape,
};
use super::names::{EventType, built_in, is_call, kind, part_kind, running_text};
use super::own;
use super::sent::Sent;
use super::stopped::Leaving;
use crate::done;
use crate::wire::frame::Framing;
use crate::wire::json::{Doc, Kind, Value};
use crate::wire::own::OwnEvents;
use crate::word::{self, Word};

/// Members that a response repeats from its request.
#[rustfmt::skip]
static ECHOED: NameSet<16> = NameSet::new([
    "instructions", "tools", "tool_choice", "text", "prompt", "metadata", "input", "user", "safety_identifier",
    "prompt_cache_key", "prompt_cache_retention", "reasoning", "truncation", "conversation", "previous_response_id",
    "billing",
]);

/// The stage of an item that an event reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ItemPhase {
    Added,
    /// Added again, with more in it.
    Again,
    Done,
    /// In a response object: repeated, or not streamed at all.
    Whole,
}

/// Reads one answer.
#[derive(Debug)]
pub(super) struct Reading {
    call: Call,
    framing: Framing,
    /// Calls that have begun and not ended.
    open: BoundedSet<TextKey>,
    /// Items that are calls, including those that the provider runs.
    calls: BoundedSet<u32>,
    /// Texts of parts that were added.
    parts: BoundedSet<TextKey>,
    ended: bool,
    model: Option<String>,
    sent: Sent,
    leaving: Leaving,
}

impl Reading {
    pub(super) fn new(call: &Call, framing: Framing) -> Self {
        Self {
            call: call.clone(),
            framing,
            open: BoundedSet::default(),
            calls: BoundedSet::default(),
            parts: BoundedSet::default(),
            ended: false,
            model: None,
            sent: Sent::default(),
            leaving: Leaving::default(),
        }
    }

    /// A response object: its items and its error, but not its echo of the request.
    fn response<'a>(&mut self, texts: &mut TextWalk<'a, '_>, response: &Value<'a>) {
        let listed = self.call.recognised.kind == CallKind::StoredList;
        let (items, word) = if listed { ("data", word::data) } else { ("output", word::output) };
        let mut last = LastMembers::default();
        for field in texts.fields(response) {
            if field.is_null() || ECHOED.has(&field) {
                continue;
            }
            match Word::key(&field) {
                word::model if self.model.is_none() && field.kind() == Kind::String => {
                    self.model = short(Some(field))
                }
                name if name == word
                    && field.kind() == Kind::Array
                    && last.is(response, &field, 0, items) =>
                {
                    for (at, item) in field.children().enumerate() {
                        let at = u32::try_from(at).unwrap_or(u32::MAX);
                        self.item(texts, &item, &item, at, ItemPhase::Whole);
                    }
                }
                name if name == word => {
                    texts.push(Item::Twice);
                    texts.walk(&field);
                }
                key => texts.walk_as(&field, key),
            }
        }
    }

    /// An item; `all` is the value to remove with it if it is a call that is stopped.
    fn item<'a>(
        &mut self,
        texts: &mut TextWalk<'a, '_>,
        item: &Value<'a>,
        all: &Value<'a>,
        at: u32,
        phase: ItemPhase,
    ) {
        if item.kind() != Kind::Object {
            texts.walk(item);
            return;
        }
        let kind = string(item.get("type"));
        let call = TextKey { kind: kind::ARGUMENTS, a: at, b: 0 };
        let is_call = is_call(Word::of(&kind));
        let again = phase == ItemPhase::Added && self.open.has(&call);
        let phase = if again { ItemPhase::Again } else { phase };
        if is_call {
            self.begin(texts, item, call, phase);
        }
        let ruled = is_call || kind.ends_with(b"_call") || kind.ends_with(b"approval_request");
        if ruled {
            self.name(texts, item, all, call, phase);
        }
        let mut last = LastMembers::default();
        for field in item.children() {
            match Word::key(&field) {
                word::content | word::summary if field.kind() == Kind::Array => {
                    for (b, piece) in field.children().enumerate() {
                        let b = u32::try_from(b).unwrap_or(u32::MAX);
                        let kind = part_kind(&piece);
                        part(texts, &piece, TextKey { kind, a: at, b }, false);
                    }
                }
                word::arguments
                    if phase == ItemPhase::Added && last.is(item, &field, 0, "arguments") =>
                {
                    texts.running(&field, call, ValueShape::Json, Role::ToolArgs);
                }
                word::input
                    if is_call
                        && phase == ItemPhase::Added
                        && last.is(item, &field, 1, "input") =>
                {
                    texts.running(&field, call, ValueShape::Text, Role::ToolArgs);
                }
                word::input | word::action | word::operation if is_call => {
                    texts.again(&field, call);
                    texts.role = Role::ToolArgs;
                    texts.walk(&field);
                    texts.role = Role::Output;
                }
                word::name if is_call && field.kind() == Kind::String => texts.name(&field),
                // Half of a growing JSON text: it is scanned as it is written.
                word::arguments if phase == ItemPhase::Again && field.kind() == Kind::String => {
                    texts.again(&field, call);
                    texts.role = Role::ToolArgs;
                    texts.under(&field);
                    texts.role = Role::Output;
                }
                _ => {
                    if field.key_is("arguments") {
                        texts.again(&field, call);
                    }
                    texts.walk(&field);
                }
            }
        }
        if ruled && !matches!(phase, ItemPhase::Added | ItemPhase::Again) {
            self.open.remove(&call);
            texts.push(Item::CallEnd { call });
        }
    }

    /// The call's names, and its arguments if they are complete.
    fn name<'a>(
        &mut self,
        texts: &mut TextWalk<'a, '_>,
        item: &Value<'a>,
        all: &Value<'a>,
        call: TextKey,
        phase: ItemPhase,
    ) {
        self.calls.add(call.a);
        texts.push(Item::CallPiece { call, node: all.id() });
        if twice(item, &["type", "name", "arguments", "input", "action", "server_label"]) {
            texts.push(Item::Twice);
        }
        let string = |name: &str| item.get(name).filter(|value| value.kind() == Kind::String);
        let names = built_in(Word::value(item.get("type")));
        let mut named = |name| texts.push(Item::CallName { call, name, open: false });
        names.iter().for_each(|name| named(CallName::BuiltIn(name)));
        if let Some(server) = string("server_label") {
            named(CallName::Alias(server.id()));
        }
        match (string("name"), string("type")) {
            (Some(name), _) => named(CallName::Node(name.id())),
            // A tool of an unknown kind goes by its type.
            (None, Some(kind)) if names.is_empty() => named(CallName::Node(kind.id())),
            (None, Some(kind)) => named(CallName::Alias(kind.id())),
            (None, None) => {}
        }
        for field in item.children() {
            let form = match (Word::key(&field), field.kind(), phase) {
                (_, _, ItemPhase::Again) => continue,
                (word::arguments | word::input | word::code, Kind::String, _)
                    if field.raw().len() <= 2 =>
                {
                    continue;
                }
                (word::arguments, Kind::String, ItemPhase::Added) => ArgsForm::Piece,
                (word::arguments, Kind::String, _) => ArgsForm::Whole,
                (word::input, Kind::String, ItemPhase::Added) => ArgsForm::TextPiece,
                (word::input | word::code, Kind::String, ItemPhase::Done | ItemPhase::Whole) => {
                    ArgsForm::WholeText
                }
                (word::arguments | word::action | word::operation | word::queries, _, _)
                    if phase != ItemPhase::Added && !field.is_null() =>
                {
                    ArgsForm::Value
                }
                _ => continue,
            };
            texts.push(Item::CallArgs { call, node: field.id(), form });
        }
    }

    /// An event about a call, except that of its item.
    fn call_event(
        &self,
        texts: &mut TextWalk<'_, '_>,
        root: &Value<'_>,
        call: TextKey,
        phase: Word,
    ) {
        texts.push(Item::CallPiece { call, node: root.id() });
        if twice(root, &["type", "output_index", "delta", "arguments", "input", "name"]) {
            texts.push(Item::Twice);
        }
        if let Some(name) = root.get("name").filter(|name| name.kind() == Kind::String) {
            let name = CallName::Node(name.id());
            texts.push(Item::CallName { call, name, open: false });
        }
        for field in root.children().filter(|field| field.kind() == Kind::String) {
            let text = root.get("type").is_some_and(|t| t.raw().starts_with(b"\"response.custom"));
            let form = match (Word::key(&field), phase) {
                (word::delta, word::delta) if text => ArgsForm::TextPiece,
                (word::delta, word::delta) => ArgsForm::Piece,
                (word::arguments, word::done) => ArgsForm::Whole,
                (word::input, word::done) => ArgsForm::WholeText,
                _ => continue,
            };
            texts.push(Item::CallArgs { call, node: field.id(), form });
        }
    }

    fn begin(
        &mut self,
        texts: &mut TextWalk<'_, '_>,
        item: &Value<'_>,
        call: TextKey,
        phase: ItemPhase,
    ) {
        if phase == ItemPhase::Added || !self.open.has(&call) {
            let name = item.get("name").filter(|n| n.kind() == Kind::String).map(|n| n.id());
            texts.push(Item::CallBegin { call, name });
        }
        if phase == ItemPhase::Added {
            self.open.add(call);
        }
    }

    fn event<'a>(&mut self, texts: &mut TextWalk<'a, '_>, root: &Value<'a>, event: &[u8]) {
        let event = EventType::of(event);
        let (name, phase) = (event.name, event.phase);
        if event.state() == word::created {
            // Another response in the same body has an end of its own, and numbers its items anew.
            self.ended = false;
            self.calls.clear();
            self.parts.clear();
        }
        let (text, shape, role) = running_text(event, root);
        let call = TextKey { kind: kind::ARGUMENTS, a: text.a, b: 0 };
        if text == call {
            self.call_event(texts, root, call, phase);
        } else if name != word::output_item
            && root.get("output_index").is_some()
            && self.calls.has(&call.a)
        {
            texts.push(Item::CallPiece { call, node: root.id() });
        }
        if twice(root, &["item", "output_index", "response"]) {
            texts.push(Item::Twice);
        }
        let logprobs = root.get("logprobs").filter(|l| l.raw().len() > 2 && !l.is_null());
        texts.item = root.get("output_index").map_or(NO_ITEM, |_| text.a);
        let known = event.is_known();
        // An item that is not done may be repeated with more in it.
        texts.whole = known && (phase == word::done || event.is_last());
        let mut last = LastMembers::default();
        for field in root.children() {
            match (Word::key(&field), phase) {
                (word::delta, word::delta) if !known => texts.walk(&field),
                (word::delta, word::delta) if last.is(root, &field, 0, "delta") => {
                    // Sound is base64.
                    let sound = matches!(name, word::audio | word::output_audio);
                    if !sound || field.kind() != Kind::String {
                        texts.erase = logprobs.map(|l| l.id());
                        texts.running(&field, text, shape, role);
                        texts.erase = None;
                    }
                }
                (word::logprobs, word::delta) => {
                    let tokens = TextKey { kind: kind::LOGPROBS, ..text };
                    texts.tokens_run(&field, &field, tokens);
                }
                (word::item, _)
                    if name == word::output_item && last.is(root, &field, 1, "item") =>
                {
                    let phase =
                        if phase == word::done { ItemPhase::Done } else { ItemPhase::Added };
                    self.item(texts, &field, root, text.a, phase);
                }
                (word::part, _) if last.is(root, &field, 2, "part") => {
                    let first = phase == word::added && !self.parts.has(&text);
                    self.parts.add(text);
                    part(texts, &field, text, first);
                }
                (word::response, _) if last.is(root, &field, 3, "response") => {
                    self.response(texts, &field);
                }
                (word::text | word::refusal, word::done) => {
                    texts.again(&field, text);
                    texts.erase = logprobs.map(|l| l.id());
                    texts.walk(&field);
                    texts.erase = None;
                }
                (word::arguments | word::code, word::done) => {
                    texts.again(&field, text);
                    texts.walk(&field);
                }
                (word::input | word::command | word::diff, word::added | word::done) => {
                    if phase == word::done {
                        texts.again(&field, text);
                    }
                    texts.role = role;
                    texts.walk(&field);
                    texts.role = Role::Output;
                }
                (key, _) => texts.walk_as(&field, key),
            }
        }
        texts.whole = false;
        if phase == word::done && name != word::output_item && !event.written.ends_with(b"_part") {
            texts.push(Item::TextEnd(text));
            if name == word::output_text {
                texts.push(Item::TextEnd(TextKey { kind: kind::LOGPROBS, ..text }));
            }
        }
        if (name, phase) == (word::output_item, word::done) {
            texts.push(Item::TextEnd(TextKey::all_unknown(text.a)));
        }
        // `error` may be followed by `response.failed`, or by more of the answer.
        if event.is_last() && !std::mem::replace(&mut self.ended, true) {
            texts.push(Item::AnswerEnd);
        }
    }
}

/// A part of a message or of reasoning, whose text is that of `key`. `added`: the text has just begun, and continues.
fn part<'a>(texts: &mut TextWalk<'a, '_>, part: &Value<'a>, key: TextKey, added: bool) {
    if part.kind() != Kind::Object {
        texts.walk(part);
        return;
    }
    let logprobs = part.get("logprobs").filter(|l| l.raw().len() > 2 && !l.is_null());
    let mut last = LastMembers::default();
    for field in part.children() {
        let (slot, name) = if field.key_is("text") { (0, "text") } else { (1, "refusal") };
        if !field.key_is(name) {
            texts.walk(&field);
            continue;
        }
        texts.erase = logprobs.map(|l| l.id());
        // After pieces that have already arrived, the text of a part may be the next of them or a separate text.
        texts.again(&field, key);
        if added && last.is(part, &field, slot, name) {
            texts.running(&field, key, ValueShape::Text, Role::Output);
        } else {
            texts.walk(&field);
        }
        texts.erase = None;
    }
}

impl Answer for Reading {
    fn read(&mut self, doc: &Doc, payload: &[u8], items: &mut Vec<Item>) {
        let mut texts = TextWalk::event(doc, payload, items, self.framing);
        let root = texts.root();
        if self.framing == Framing::Json {
            self.response(&mut texts, &root);
            items.push(Item::AnswerEnd);
        } else if root.kind() == Kind::Object {
            let event = string(root.get("type"));
            self.event(&mut texts, &root, &event);
        } else {
            texts.walk(&root);
        }
    }

    fn read_other(&mut self, payload: &[u8], items: &mut Vec<Item>) {
        // Not part of OpenAI's API, but sent by compatible servers.
        if done::is(payload) && !std::mem::replace(&mut self.ended, true) {
            items.push(Item::AnswerEnd);
        }
    }

    fn goes_on(&self, root: &Value<'_>) -> bool {
        string(root.get("type")).ends_with(b".delta")
    }

    fn sent_again(&mut self, doc: &Doc, payload: &[u8], items: &[Item]) {
        let delta = items.iter().find_map(|item| match *item {
            Item::Text { node, text: Some(key), .. } => {
                let value = doc.value(payload, node).filter(|value| value.key_is("delta"))?;
                Some((key, value))
            }
            _ => None,
        });
        self.sent.again(&doc.root(payload), delta);
    }

    fn sent_word(&mut self, key: TextKey, text: &str, number: Option<u64>) -> bool {
        self.sent.word(key, text, number);
        true
    }

    fn leave(&mut self, doc: &Doc, payload: &[u8], pieces: &[CallPiece<'_>]) -> Leaves {
        self.leaving.frame(&doc.root(payload), self.framing, pieces, &self.sent)
    }

    fn sent(&mut self, doc: &Doc, payload: &[u8]) {
        self.sent.frame(&doc.root(payload));
    }

    fn ending(&mut self, ending: &Ending) -> OwnEvents {
        if self.framing == Framing::Json {
            return OwnEvents::one(own::whole(
                &self.call,
                &ending.how,
                &ending.decision,
                ending.now,
            ));
        }
        super::ending::end(&mut self.sent, &self.call, self.model.as_deref(), ending)
    }

    fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }
}
