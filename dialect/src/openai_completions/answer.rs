//! Answers: `choices[].text`, in chunks and whole alike.

use super::super::last_members::LastMembers;
use super::super::number::number;
use super::super::openai::finishes;
use super::super::texts::{NO_ITEM, TextWalk, short};
use super::super::{
    Answer, Call, CallPiece, Ending, Item, Leaves, Role, TextKey, ValueShape, fields::pick,
};
use super::ending::Sent;
use super::kind;
use super::own;
use crate::done;
use crate::wire::frame::Framing;
use crate::wire::json::{Doc, Kind, Value};
use crate::wire::own::OwnEvents;
use crate::word::{self, Word};

/// Reads one answer.
#[derive(Debug)]
pub(super) struct Reading {
    call: Call,
    framing: Framing,
    model: Option<String>,
    sent: Sent,
}

impl Reading {
    pub(super) fn new(call: &Call, framing: Framing) -> Self {
        Self { call: call.clone(), framing, model: None, sent: Sent::default() }
    }
}

fn choice<'a>(texts: &mut TextWalk<'a, '_>, choice: &Value<'a>) {
    if choice.kind() != Kind::Object {
        texts.walk(choice);
        return;
    }
    let [index, logprobs] = pick(choice, ["index", "logprobs"]);
    let index = number(index);
    let logprobs = logprobs.filter(|l| !l.is_null());
    texts.item = index;
    let mut last = LastMembers::default();
    for field in choice.children() {
        match Word::key(&field) {
            word::text if last.is(choice, &field, 0, "text") => {
                texts.erase = logprobs.map(|l| l.id());
                let text = TextKey { kind: kind::TEXT, a: index, b: 0 };
                texts.running(&field, text, ValueShape::Text, Role::Output);
                texts.erase = None;
            }
            word::logprobs if last.is(choice, &field, 1, "logprobs") => {
                tokens(texts, &field, index)
            }
            key => texts.walk_as(&field, key),
        }
    }
    texts.item = NO_ITEM;
}

/// Tokens repeat the text, and continue as it does. Alternatives of a token are keys, each scanned separately.
fn tokens<'a>(texts: &mut TextWalk<'a, '_>, logprobs: &Value<'a>, choice: u32) {
    texts.erase = Some(logprobs.id());
    for list in texts.fields(logprobs) {
        if list.key_is("tokens") && list.kind() == Kind::Array {
            for token in list.children() {
                let text = TextKey { kind: kind::LOGPROBS, a: choice, b: 0 };
                texts.running(&token, text, ValueShape::Text, Role::Output);
            }
        } else if list.key_is("top_logprobs") {
            for token in list.children() {
                texts.keys(&token);
            }
        } else {
            texts.walk(&list);
        }
    }
    texts.erase = None;
}

impl Answer for Reading {
    fn read(&mut self, doc: &Doc, payload: &[u8], items: &mut Vec<Item>) {
        let mut texts = TextWalk::event(doc, payload, items, self.framing);
        let root = texts.root();
        let mut last = LastMembers::default();
        for field in texts.fields(&root) {
            match Word::key(&field) {
                word::choices if last.is(&root, &field, 0, "choices") => {
                    for one in texts.elements(&field) {
                        self.sent.was_read(&one);
                        choice(&mut texts, &one);
                    }
                }
                word::model if self.model.is_none() && field.kind() == Kind::String => {
                    self.model = short(Some(field));
                }
                key => texts.walk_as(&field, key),
            }
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
        self.model.is_some() && !finishes(root)
    }

    fn leave(&mut self, _doc: &Doc, _payload: &[u8], _pieces: &[CallPiece<'_>]) -> Leaves {
        Leaves::default()
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
