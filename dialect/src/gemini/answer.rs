//! Answers: events and whole bodies have one format.

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
use crate::wire::frame::Framing;
use crate::wire::json::{Doc, Kind, Value};
use crate::wire::own::OwnEvents;
use crate::word::{self, Word};

/// Reads one answer.
#[derive(Debug)]
pub(super) struct Reading {
    call: Call,
    framing: Framing,
    /// How many calls have begun.
    calls: u32,
    /// The call whose arguments arrive in pieces (`willContinue`).
    open_call: Option<TextKey>,
    /// A hash of the name that the last call began with.
    open_name: u32,
    model: Option<String>,
    sent: Sent,
    leaving: Leaving,
}

impl Reading {
    pub(super) fn new(call: &Call, framing: Framing) -> Self {
        Self {
            call: call.clone(),
            framing,
            calls: 0,
            open_call: None,
            open_name: 0,
            model: None,
            sent: Sent::default(),
            leaving: Leaving::default(),
        }
    }

    fn event<'a>(&mut self, texts: &mut TextWalk<'a, '_>, root: &Value<'a>) {
        let mut last = LastMembers::default();
        for field in texts.fields(root) {
            match Word::key(&field) {
                word::candidates if last.is(root, &field, 0, "candidates") => {
                    for candidate in texts.elements(&field) {
                        self.candidate(texts, &candidate);
                    }
                }
                word::candidates => {
                    texts.push(Item::Twice);
                    texts.walk(&field);
                }
                word::modelVersion | word::model_version
                    if self.model.is_none() && field.kind() == Kind::String =>
                {
                    self.model = short(Some(field));
                }
                key => texts.walk_as(&field, key),
            }
        }
    }

    fn candidate<'a>(&mut self, texts: &mut TextWalk<'a, '_>, candidate: &Value<'a>) {
        if candidate.kind() != Kind::Object {
            texts.walk(candidate);
            return;
        }
        let index = number(candidate.get("index"));
        let logprobs = candidate.get("logprobsResult").filter(|l| !l.is_null());
        texts.item = index;
        let mut last = LastMembers::default();
        for field in candidate.children() {
            match Word::key(&field) {
                word::content if last.is(candidate, &field, 0, "content") => {
                    texts.erase = logprobs.map(|l| l.id());
                    self.content(texts, &field, index);
                    texts.erase = None;
                }
                word::content => {
                    texts.push(Item::Twice);
                    texts.walk(&field);
                }
                word::logprobsResult if field.kind() == Kind::Object => {
                    for list in field.children() {
                        if list.key_is("chosenCandidates") {
                            let key = TextKey { kind: kind::LOGPROBS, a: index, b: 0 };
                            texts.tokens_run(&field, &list, key);
                        } else {
                            texts.erase = Some(field.id());
                            texts.whole = true;
                            texts.walk(&list);
                            texts.whole = false;
                            texts.erase = None;
                        }
                    }
                }
                key => texts.walk_as(&field, key),
            }
        }
        texts.item = NO_ITEM;
    }

    fn content<'a>(&mut self, texts: &mut TextWalk<'a, '_>, content: &Value<'a>, index: u32) {
        for field in texts.fields(content) {
            if field.key_is("parts") && field.kind() == Kind::Array {
                for part in field.children() {
                    self.part(texts, &part, index);
                }
            } else {
                if field.key_is("parts") && field.kind() == Kind::Object {
                    // One part instead of a list: it is unknown which clients read a call there.
                    texts.push(Item::Twice);
                }
                texts.walk(&field);
            }
        }
    }

    fn part<'a>(&mut self, texts: &mut TextWalk<'a, '_>, part: &Value<'a>, index: u32) {
        if part.kind() != Kind::Object {
            texts.walk(part);
            return;
        }
        let thought = part.get("thought").and_then(|t| t.as_bool()) == Some(true);
        let kind = if thought { kind::THOUGHT } else { kind::TEXT };
        // Log probabilities take precedence over a signature: only one value can be erased, and they repeat the words.
        let outer = texts.erase;
        let signature = part.get("thoughtSignature").filter(|s| s.raw().len() > 2);
        texts.erase = outer.or_else(|| signature.map(|s| s.id()));
        let mut last = LastMembers::default();
        for field in part.children() {
            match Word::key(&field) {
                word::text if last.is(part, &field, 0, "text") => {
                    let key = TextKey { kind, a: index, b: 0 };
                    texts.running(&field, key, ValueShape::Text, Role::Output);
                }
                word::functionCall | word::toolCall | word::function_call | word::tool_call
                    if field.kind() == Kind::Object =>
                {
                    self.function_call(texts, part, &field, index);
                }
                word::executableCode | word::executable_code => {
                    self.code(texts, part, &field, index)
                }
                key => texts.walk_as(&field, key),
            }
        }
        texts.erase = outer;
    }

    /// Code that the provider runs itself: part of the answer, and a call for tools rules.
    fn code<'a>(
        &mut self,
        texts: &mut TextWalk<'a, '_>,
        part: &Value<'a>,
        body: &Value<'a>,
        index: u32,
    ) {
        self.calls = self.calls.wrapping_add(1);
        let call = TextKey { kind: kind::ARGUMENTS, a: index, b: self.calls };
        texts.push(Item::CallPiece { call, node: part.id() });
        let name = CallName::BuiltIn("code_execution");
        texts.push(Item::CallName { call, name, open: false });
        texts.push(Item::CallArgs { call, node: body.id(), form: ArgsForm::Value });
        texts.walk(body);
        texts.push(Item::CallEnd { call });
    }

    fn function_call<'a>(
        &mut self,
        texts: &mut TextWalk<'a, '_>,
        part: &Value<'a>,
        body: &Value<'a>,
        index: u32,
    ) {
        let name = body.get("name").filter(|n| n.kind() == Kind::String && n.raw().len() > 2);
        // Some servers repeat the name in every piece.
        let named = name_number(&string(name));
        let same = name.is_none() || named == self.open_name;
        let goes_on = self.open_call.filter(|open| same && open.a == index);
        let call = goes_on.unwrap_or_else(|| {
            self.calls = self.calls.wrapping_add(1);
            TextKey { kind: kind::ARGUMENTS, a: index, b: self.calls }
        });
        if goes_on.is_none() {
            // A call that was left open ends when the next begins.
            if let Some(call) = self.open_call.take() {
                texts.push(Item::CallEnd { call });
            }
            texts.push(Item::CallBegin { call, name: name.map(|n| n.id()) });
            self.open_name = named;
        }
        texts.push(Item::CallPiece { call, node: part.id() });
        let doubtful = twice(part, &["functionCall", "toolCall"])
            || twice(body, &["name", "args", "partialArgs", "toolType", "willContinue"]);
        if doubtful {
            texts.push(Item::Twice);
        }
        let kind = body.get("toolType").filter(|n| n.kind() == Kind::String);
        if let Some(name) = name.or(kind) {
            let name = CallName::Node(name.id());
            texts.push(Item::CallName { call, name, open: false });
        }
        texts.role = Role::ToolArgs;
        for field in body.children() {
            match Word::key(&field) {
                word::args => {
                    let form = ArgsForm::Value;
                    texts.push(Item::CallArgs { call, node: field.id(), form });
                    texts.leaves(&field);
                }
                word::partialArgs => {
                    // Pieces of single values under paths cannot be judged as a whole: it would be unclear what was
                    // approved.
                    let form = ArgsForm::Opaque;
                    texts.push(Item::CallArgs { call, node: field.id(), form });
                    for piece in texts.elements(&field) {
                        partial_argument(texts, &piece, call);
                    }
                }
                word::name if field.kind() == Kind::String => texts.name(&field),
                word::toolType if field.kind() == Kind::String => {}
                key => texts.walk_as(&field, key),
            }
        }
        texts.role = Role::Output;
        if body.get("willContinue").and_then(|w| w.as_bool()) == Some(true) {
            self.open_call = Some(call);
        } else {
            self.open_call = None;
            texts.push(Item::CallEnd { call });
        }
    }
}

/// A piece of one argument: strings with the same path continue each other.
fn partial_argument<'a>(texts: &mut TextWalk<'a, '_>, piece: &Value<'a>, call: TextKey) {
    let path = string(piece.get("jsonPath"));
    let key_of = TextKey {
        kind: kind::PARTIAL,
        a: call.a,
        b: name_number(&path) ^ call.b.wrapping_mul(0x9E37_79B1),
    };
    for field in texts.fields(piece) {
        match Word::key(&field) {
            word::stringValue => texts.running(&field, key_of, ValueShape::Text, Role::ToolArgs),
            // The path contains the argument's keys.
            word::jsonPath => texts.walk(&field),
            _ => texts.leaves(&field),
        }
    }
}

impl Answer for Reading {
    fn read(&mut self, doc: &Doc, payload: &[u8], items: &mut Vec<Item>) {
        let mut texts = TextWalk::event(doc, payload, items, self.framing);
        let root = texts.root();
        if root.kind() == Kind::Array {
            // A whole array stream, read as one body.
            for event in root.children() {
                self.event(&mut texts, &event);
            }
        } else {
            self.event(&mut texts, &root);
        }
        if self.framing == Framing::Json {
            items.push(Item::AnswerEnd);
        }
    }

    fn read_other(&mut self, _payload: &[u8], _items: &mut Vec<Item>) {}

    fn goes_on(&self, _root: &Value<'_>) -> bool {
        // Besides texts, only the model is read; calls are items.
        self.model.is_some()
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
        if self.framing == Framing::JsonArray {
            self.sent.bracket(bytes);
        }
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
