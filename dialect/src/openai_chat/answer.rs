//! Answers: chunks and whole bodies.

mod copies;

use super::super::fields::{pick, string};
use super::super::last_members::LastMembers;
use super::super::number::{name_number, number};
use super::super::openai::finishes;
use super::super::splice::twice;
use super::super::texts::{NO_ITEM, TextWalk, short};
use super::super::{
    Answer, ArgsForm, Call, CallKind, CallName, CallPiece, Ending, Item, Leaves, Role, TextKey,
    ValueShape,
};
use super::ending::Sent;
use super::kind;
use super::own;
use super::parts::{audio, details, log_probabilities, parts};
use super::shapes::{self, LastPiece};
use super::stopped::Leaving;
use crate::done;
use crate::limits;
use crate::wire::frame::Framing;
use crate::wire::json::{Doc, Kind, Value};
use crate::wire::own::OwnEvents;
use crate::word::{self, Word};

/// The old `function_call` has no index of its own.
const OLD_CALL: u32 = u32::MAX;

/// Reads one answer.
#[derive(Debug)]
pub(super) struct Reading {
    call: Call,
    framing: Framing,
    /// Calls that have begun, in the order of choice, index, and number of earlier calls with that index.
    calls: Vec<BegunCall>,
    last_piece: LastPiece,
    /// The first number for the choices of the list item that is being read.
    base: u32,
    model: Option<String>,
    sent: Sent,
    leaving: Leaving,
}

/// A call that has begun.
#[derive(Debug)]
struct BegunCall {
    choice: u32,
    index: u32,
    /// Its id, hashed.
    id: Option<u32>,
    /// Its first name, hashed.
    name: Option<u32>,
    /// How many earlier calls had this index: some servers give all of them the same.
    earlier: u32,
}

impl BegunCall {
    fn key(&self) -> TextKey {
        TextKey { kind: kind::ARGUMENTS, a: self.choice, b: self.index ^ (self.earlier << 16) }
    }
}

impl Reading {
    pub(super) fn new(call: &Call, framing: Framing) -> Self {
        Self {
            call: call.clone(),
            framing,
            calls: Vec::new(),
            last_piece: LastPiece::default(),
            base: 0,
            model: None,
            sent: Sent::default(),
            leaving: Leaving::default(),
        }
    }

    /// A chunk or a whole answer; `listed`: or a list of those, or of messages.
    fn chunk<'a>(&mut self, texts: &mut TextWalk<'a, '_>, chunk: &Value<'a>, listed: bool) {
        let mut last = LastMembers::default();
        for field in texts.fields(chunk) {
            match Word::key(&field) {
                word::choices if last.is(chunk, &field, 0, "choices") => {
                    for choice in shapes::each(&field) {
                        self.choice(texts, &choice);
                    }
                }
                word::choices => {
                    texts.push(Item::Twice);
                    texts.walk(&field);
                }
                word::model if self.model.is_none() && field.kind() == Kind::String => {
                    self.model = short(Some(field));
                }
                word::data if listed && field.kind() == Kind::Array => {
                    for (at, item) in field.children().enumerate() {
                        let at = u32::try_from(at).unwrap_or(u32::MAX);
                        self.base = at.wrapping_mul(limits::CHOICES);
                        match item.get("choices") {
                            Some(_) => self.chunk(texts, &item, false),
                            None => self.message(texts, &item, self.base, true),
                        }
                        self.base = 0;
                    }
                }
                key => self.member(texts, &field, key, self.base),
            }
        }
    }

    fn choice<'a>(&mut self, texts: &mut TextWalk<'a, '_>, choice: &Value<'a>) {
        if choice.kind() != Kind::Object {
            texts.walk(choice);
            return;
        }
        let [index, logprobs] = pick(choice, ["index", "logprobs"]);
        let index = self.base.wrapping_add(number(index));
        self.sent.was_read(choice, index);
        let logprobs = logprobs.filter(|l| !l.is_null());
        texts.item = index;
        let mut last = LastMembers::default();
        for field in choice.children() {
            match Word::key(&field) {
                word::delta if last.is(choice, &field, 0, "delta") => {
                    texts.erase = logprobs.map(|l| l.id());
                    self.message(texts, &field, index, false);
                    texts.erase = None;
                }
                word::message if last.is(choice, &field, 1, "message") => {
                    texts.erase = logprobs.map(|l| l.id());
                    if texts.is_event() && choice.get("delta").is_some() {
                        self.copy(texts, &field, word::message, index);
                    } else {
                        self.message(texts, &field, index, true);
                    }
                    texts.erase = None;
                }
                word::delta | word::message => {
                    texts.push(Item::Twice);
                    texts.walk(&field);
                }
                word::logprobs if last.is(choice, &field, 2, "logprobs") => {
                    log_probabilities(texts, &field, index);
                }
                key => self.member(texts, &field, key, index),
            }
        }
        texts.item = NO_ITEM;
    }

    fn message<'a>(
        &mut self,
        texts: &mut TextWalk<'a, '_>,
        message: &Value<'a>,
        choice: u32,
        whole: bool,
    ) {
        if message.kind() != Kind::Object {
            texts.walk(message);
            return;
        }
        let text = |kind, b| TextKey { kind, a: choice, b };
        let mut last = LastMembers::default();
        for field in message.children() {
            let name = Word::key(&field);
            let plain = match name {
                word::content => Some((kind::CONTENT, 0, "content")),
                word::refusal => Some((kind::REFUSAL, 1, "refusal")),
                word::reasoning_content => Some((kind::REASONING_CONTENT, 2, "reasoning_content")),
                word::reasoning => Some((kind::REASONING, 3, "reasoning")),
                _ => None,
            };
            match (name, plain) {
                // In a stream, a whole message is a growing copy, beside the deltas or in their place.
                (_, Some(_)) if whole && texts.is_event() => texts.walk_as(&field, name),
                (_, Some((kind, slot, name))) if last.is(message, &field, slot, name) => {
                    if field.kind() == Kind::Array {
                        parts(texts, &field, choice);
                    } else {
                        texts.running(&field, text(kind, 0), ValueShape::Text, Role::Output);
                    }
                }
                (word::reasoning_details, _)
                    if !(whole && texts.is_event())
                        && last.is(message, &field, 4, "reasoning_details") =>
                {
                    details(texts, &field, choice)
                }
                (word::tool_calls, _) if last.is(message, &field, 5, "tool_calls") => {
                    if field.kind() == Kind::Object {
                        texts.push(Item::Twice);
                    }
                    let alone = field.children().nth(1).is_none();
                    for (at, call) in texts.elements(&field).enumerate() {
                        let at = u32::try_from(at).unwrap_or(OLD_CALL);
                        let index = self.index_of(&call, choice, (!alone).then_some(at));
                        self.tool_call(texts, &call, choice, index, whole);
                    }
                }
                (word::function_call, _)
                    if field.kind() == Kind::Object
                        && last.is(message, &field, 6, "function_call") =>
                {
                    let name = field.get("name");
                    let key = self.begin(texts, choice, OLD_CALL, None, name);
                    let again = !whole && self.named_again((choice, OLD_CALL), key, name);
                    piece(texts, &field, &field, key, whole, again);
                    arguments(texts, &field, key, whole, again);
                    if whole {
                        texts.push(Item::CallEnd { call: key });
                    }
                }
                (word::audio, _)
                    if field.kind() == Kind::Object
                        && !(whole && texts.is_event())
                        && last.is(message, &field, 7, "audio") =>
                {
                    audio(texts, &field, text(kind::TRANSCRIPT, 0))
                }
                (word::tool_calls | word::function_call, _) if !field.is_null() => {
                    texts.push(Item::Twice);
                    texts.walk(&field);
                }
                _ => self.copy(texts, &field, name, choice),
            }
        }
    }

    /// True if the call's name is repeated: some servers send it with each piece.
    fn named_again(
        &mut self,
        (choice, index): (u32, u32),
        call: TextKey,
        name: Option<Value<'_>>,
    ) -> bool {
        let Some(name) = name.filter(|name| name.kind() == Kind::String && name.raw().len() > 2)
        else {
            return false;
        };
        let name = name_number(&string(Some(name)));
        let Some(known) = self.latest(choice, index).filter(|own| own.key() == call) else {
            return false;
        };
        match known.name {
            Some(first) => first == name,
            None => {
                known.name = Some(name);
                false
            }
        }
    }

    /// The index of the call that a piece belongs to.
    fn index_of(&mut self, piece: &Value<'_>, choice: u32, at: Option<u32>) -> u32 {
        let mut last = std::mem::take(&mut self.last_piece);
        let index = last.index(piece, choice, at, |own| self.latest(choice, own).is_some());
        self.last_piece = last;
        index
    }

    /// Where a call of this choice with this index would be inserted.
    fn after(&self, choice: u32, index: u32) -> usize {
        self.calls.partition_point(|own| (own.choice, own.index) <= (choice, index))
    }

    /// The latest call of this choice with this index.
    fn latest(&mut self, choice: u32, index: u32) -> Option<&mut BegunCall> {
        let last = self.after(choice, index).checked_sub(1)?;
        self.calls.get_mut(last).filter(|own| (own.choice, own.index) == (choice, index))
    }

    fn begin<'a>(
        &mut self,
        texts: &mut TextWalk<'a, '_>,
        choice: u32,
        index: u32,
        id: Option<u32>,
        name: Option<Value<'a>>,
    ) -> TextKey {
        let name = name.filter(|n| n.kind() == Kind::String);
        // Some servers invent an id for every piece: without a name it is not another call.
        let named = name.is_some_and(|n| n.raw().len() > 2);
        let name = name.map(|n| n.id());
        let known = self.latest(choice, index);
        let mut earlier = 0;
        if let Some(known) = known {
            if known.id.is_none() || id.is_none() || known.id == id || !named {
                known.id = known.id.or(id);
                return known.key();
            }
            texts.push(Item::CallEnd { call: known.key() });
            earlier = known.earlier.saturating_add(1);
        }
        let begun = BegunCall { choice, index, id, name: None, earlier };
        let call = begun.key();
        if self.calls.len() < limits::OPEN_TEXTS {
            let after = self.after(choice, index);
            self.calls.insert(after, begun);
        }
        texts.push(Item::CallBegin { call, name });
        call
    }

    fn tool_call<'a>(
        &mut self,
        texts: &mut TextWalk<'a, '_>,
        call: &Value<'a>,
        choice: u32,
        index: u32,
        whole: bool,
    ) {
        if call.kind() != Kind::Object {
            texts.push(Item::Twice);
            texts.walk(call);
            return;
        }
        if twice(call, &["function", "custom", "index", "id"]) {
            texts.push(Item::Twice);
        }
        let body = call.get("function").or_else(|| call.get("custom"));
        let id = string(call.get("id"));
        let id = (!id.is_empty()).then(|| name_number(&id));
        let name = body.and_then(|b| b.get("name"));
        let key_of = self.begin(texts, choice, index, id, name);
        let again = !whole && self.named_again((choice, index), key_of, name);
        piece(texts, call, &body.unwrap_or(*call), key_of, whole, again);
        for field in call.children() {
            match Word::key(&field) {
                word::function | word::custom => arguments(texts, &field, key_of, whole, again),
                key => texts.walk_as(&field, key),
            }
        }
        if whole {
            texts.push(Item::CallEnd { call: key_of });
        }
    }
}

/// A piece of a call: `all` of it, and its `body` with the name; `named`: the name is known.
fn piece<'a>(
    texts: &mut TextWalk<'a, '_>,
    all: &Value<'a>,
    body: &Value<'a>,
    call: TextKey,
    whole: bool,
    named: bool,
) {
    texts.push(Item::CallPiece { call, node: all.id() });
    if twice(body, &["name", "arguments", "input"]) {
        texts.push(Item::Twice);
    }
    // SDKs join the pieces of a name.
    let name = body.get("name").filter(|n| n.raw().len() > 2 && !n.is_null());
    if let Some(name) = name.filter(|_| !named) {
        let name = CallName::Node(name.id());
        texts.push(Item::CallName { call, name, open: !whole });
    }
}

/// `arguments` of a function, `input` of a custom tool. `named`: the name is known.
fn arguments<'a>(
    texts: &mut TextWalk<'a, '_>,
    body: &Value<'a>,
    call: TextKey,
    whole: bool,
    named: bool,
) {
    let name = TextKey { kind: kind::NAME, ..call };
    let mut last = LastMembers::default();
    for field in texts.fields(body) {
        match Word::key(&field) {
            word::arguments if last.is(body, &field, 0, "arguments") => {
                let form = match (field.kind(), whole) {
                    (Kind::String, true) => ArgsForm::Whole,
                    (Kind::String, false) => ArgsForm::Piece,
                    _ => ArgsForm::Value,
                };
                texts.push(Item::CallArgs { call, node: field.id(), form });
                texts.running(&field, call, ValueShape::Json, Role::ToolArgs)
            }
            word::input if last.is(body, &field, 1, "input") => {
                let form = if whole { ArgsForm::WholeText } else { ArgsForm::TextPiece };
                texts.push(Item::CallArgs { call, node: field.id(), form });
                texts.running(&field, call, ValueShape::Text, Role::ToolArgs)
            }
            word::name if field.kind() == Kind::String && (whole || named) => texts.name(&field),
            word::name if field.kind() == Kind::String => {
                texts.running(&field, name, ValueShape::Text, Role::Output);
            }
            key => texts.walk_as(&field, key),
        }
    }
    // Once arguments have arrived, the name is complete.
    let begun = |field: Value<'_>| !field.key_is("name") && field.raw().len() > 2;
    if !whole && body.children().any(begun) {
        texts.push(Item::TextEnd(name));
    }
}

impl Answer for Reading {
    fn read(&mut self, doc: &Doc, payload: &[u8], items: &mut Vec<Item>) {
        let mut texts = TextWalk::event(doc, payload, items, self.framing);
        let listed = self.call.recognised.kind == CallKind::StoredList;
        for chunk in shapes::each(&texts.root()) {
            self.chunk(&mut texts, &chunk, listed);
        }
        if self.framing == Framing::Json {
            items.push(Item::AnswerEnd);
        }
    }

    fn read_other(&mut self, payload: &[u8], items: &mut Vec<Item>) {
        if done::is(payload) {
            items.push(Item::AnswerEnd);
        }
    }

    fn goes_on(&self, root: &Value<'_>) -> bool {
        // Besides texts, only the model is read, and whether a choice has finished; calls are items.
        self.model.is_some() && !finishes(root)
    }

    fn keeps_words(&self) -> bool {
        false
    }

    fn leave(&mut self, doc: &Doc, payload: &[u8], pieces: &[CallPiece<'_>]) -> Leaves {
        self.leaving.frame(&doc.root(payload), pieces, &self.sent)
    }

    fn sent(&mut self, doc: &Doc, payload: &[u8]) {
        self.sent.frame(&doc.root(payload));
    }

    fn sent_other(&mut self, bytes: &[u8]) {
        self.sent.other(bytes);
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
        self.sent.ending(&self.call, self.model.as_deref(), ending)
    }

    fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }
}
