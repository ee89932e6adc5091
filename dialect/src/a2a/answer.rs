//! Answers: events and whole bodies, each a message, a task, or an update of one.

use super::super::fields::is_among;
use super::super::fields::string;
use super::super::last_members::LastMembers;
use super::super::number::name_number;
use super::super::texts::TextWalk;
use super::super::{Answer, Call, CallPiece, Ending, Item, Leaves, Role, TextKey, ValueShape};
use super::ending::{Sent, ends};
use super::kind;
use crate::wire::frame::Framing;
use crate::wire::json::{Doc, Kind, Value};
use crate::wire::own::OwnEvents;
use crate::word::{self, Word, WordSet};

/// How deep nested objects are searched: an envelope, the name of a kind, the object's contents.
const DEPTH: u8 = 4;

/// Reads one answer.
#[derive(Debug)]
pub(super) struct Reading {
    call: Call,
    framing: Framing,
    sent: Sent,
}

impl Reading {
    pub(super) fn new(call: &Call, framing: Framing) -> Self {
        Self { call: call.clone(), framing, sent: Sent::default() }
    }
}

/// Members whose value is a file.
const CONTENT: [&str; 4] = ["raw", "bytes", "fileWithBytes", "file_with_bytes"];

/// Members that reference a file.
const LINKS: [&str; 4] = ["url", "uri", "fileWithUri", "file_with_uri"];

/// A part of a message: text, data, or a file. `key`: the running text that its text continues.
pub(super) fn part<'a>(texts: &mut TextWalk<'a, '_>, part: &Value<'a>, key: Option<TextKey>) {
    let mut last = LastMembers::default();
    for field in texts.fields(part) {
        let is_text = field.kind() == Kind::String;
        let name = Word::key(&field);
        match (name, key) {
            (word::text, Some(key))
                if (!texts.whole || key.kind == kind::MADE) && last.is(part, &field, 0, "text") =>
            {
                texts.running(&field, key, ValueShape::Text, Role::Output);
            }
            (word::data, _) => match key {
                // In an event it continues like any other text.
                Some(_) => texts.free(&field),
                None => texts.leaves(&field),
            },
            (word::file, _) if field.kind() == Kind::Object => {
                field.children().for_each(|own| file(texts, &own, key.is_none()));
            }
            (word::raw | word::url, _) => file(texts, &field, key.is_none()),
            _ if PLUMBING.has(name) && is_text => {}
            _ => texts.under(&field),
        }
    }
}

/// A member of a file: its content, or a reference to it.
fn file<'a>(texts: &mut TextWalk<'a, '_>, field: &Value<'a>, asked: bool) {
    let name = field.key();
    match () {
        () if field.kind() != Kind::String => texts.under(field),
        () if is_among(&CONTENT, name) => {
            if asked {
                texts.file(field, false);
            }
        }
        () if asked && is_among(&LINKS, name) => {
            match field.as_bytes().to_ascii_lowercase().starts_with(b"data:") {
                true => texts.file(field, false),
                false => texts.remote = texts.remote.saturating_add(1),
            }
        }
        () if is_plumbing(field) => {}
        () => texts.under(field),
    }
}

/// The parts of a message or an artifact.
fn parts<'a>(texts: &mut TextWalk<'a, '_>, list: &Value<'a>, key: TextKey) {
    match list.kind() {
        Kind::Array => list.children().for_each(|one| part(texts, &one, Some(key))),
        _ => texts.under(list),
    }
}

/// A message, a task, an artifact or an envelope of one, searched from the outside in; `key` is the running text of
/// parts directly below it. True if it ends the answer.
fn object<'a>(texts: &mut TextWalk<'a, '_>, object: &Value<'a>, key: TextKey, depth: u8) -> bool {
    let mut end = false;
    let mut last = LastMembers::default();
    let inner = |field: &Value<'_>| field.kind() == Kind::Object && depth > 0;
    for field in object.children() {
        match Word::key(&field) {
            word::result
            | word::task
            | word::statusUpdate
            | word::status_update
            | word::artifactUpdate
            | word::artifact_update
                if inner(&field) =>
            {
                end |= self::object(texts, &field, key, depth - 1);
            }
            // In a task's status a message reports progress; by itself it is the answer.
            word::message if inner(&field) && last.is(object, &field, 0, "message") => {
                self::object(texts, &field, key, depth - 1);
                end |= object.get("state").is_none();
            }
            word::status if inner(&field) && last.is(object, &field, 1, "status") => {
                self::object(texts, &field, key, depth - 1);
                end |= ends(&string(field.get("state")));
            }
            word::artifact if inner(&field) && last.is(object, &field, 2, "artifact") => {
                let id = field.get("artifactId").or_else(|| field.get("artifact_id"));
                let a = name_number(&string(id));
                let outer = std::mem::replace(&mut texts.item, a);
                let key = TextKey { kind: kind::ARTIFACT, a, b: 0 };
                self::object(texts, &field, key, depth - 1);
                texts.item = outer;
            }
            // A task repeats what events have already sent.
            word::artifacts | word::history => {
                let outer = std::mem::replace(&mut texts.whole, true);
                let made = field.key_is("artifacts");
                for (a, one) in texts.elements(&field).enumerate() {
                    let a = u32::try_from(a).unwrap_or(u32::MAX);
                    let key = if made { TextKey { kind: kind::MADE, a, b: 0 } } else { key };
                    let role = Word::value(one.get("role"));
                    match inner(&one) {
                        // The caller's own messages, returned.
                        true if matches!(role, word::user | word::ROLE_USER) => {}
                        true => _ = self::object(texts, &one, key, depth - 1),
                        false => texts.under(&one),
                    }
                }
                texts.whole = outer;
            }
            word::parts | word::content if last.is(object, &field, 3, "parts") => {
                parts(texts, &field, key);
                end |= object.get("kind").is_some_and(|kind| kind.is_str("message"))
                    && depth + 2 > DEPTH;
            }
            word::final_ => end |= field.as_bool() == Some(true),
            word::name | word::description if depth < DEPTH => {
                let outer = std::mem::replace(&mut texts.whole, true);
                texts.under(&field);
                texts.whole = outer;
            }
            word::error => {
                texts.under(&field);
                end = true;
            }
            name if PLUMBING.has(name) && field.kind() != Kind::Object => {
                if field.kind() == Kind::Array {
                    texts.under(&field);
                }
            }
            _ => texts.under(&field),
        }
    }
    end
}

impl Answer for Reading {
    fn read(&mut self, doc: &Doc, payload: &[u8], items: &mut Vec<Item>) {
        let mut texts = TextWalk::event(doc, payload, items, self.framing);
        texts.whole = self.framing == Framing::Json;
        let root = texts.root();
        self.sent.reads(&root);
        let key = TextKey { kind: kind::MESSAGE, a: 0, b: 0 };
        let end = match root.kind() {
            Kind::Object => object(&mut texts, &root, key, DEPTH),
            _ => {
                texts.walk(&root);
                false
            }
        };
        if end || self.framing == Framing::Json {
            items.push(Item::AnswerEnd);
        }
    }

    fn read_other(&mut self, _payload: &[u8], _items: &mut Vec<Item>) {}

    fn leave(&mut self, _doc: &Doc, _payload: &[u8], _pieces: &[CallPiece<'_>]) -> Leaves {
        // Agents do not call tools of their callers.
        Leaves::default()
    }

    fn sent(&mut self, doc: &Doc, payload: &[u8]) {
        self.sent.frame(&doc.root(payload));
    }

    fn ending(&mut self, ending: &Ending) -> OwnEvents {
        if self.framing == Framing::Json {
            return OwnEvents::one(super::ending::whole(&self.call, &ending.how, &ending.decision));
        }
        self.sent.ending(&self.call, ending)
    }

    fn model(&self) -> Option<&str> {
        // Answers do not name the model.
        None
    }
}

/// True for members that are not text.
pub(super) fn is_plumbing(member: &Value<'_>) -> bool {
    PLUMBING.has(Word::key(member))
}

/// Ids, kinds, states, timestamps. Readers of protocol buffers' JSON accept either spelling.
#[rustfmt::skip]
static PLUMBING: WordSet = WordSet::of([
    word::id, word::kind, word::role, word::state, word::timestamp, word::tenant, word::messageId, word::message_id,
    word::contextId, word::context_id, word::taskId, word::task_id, word::artifactId, word::artifact_id,
    word::sessionId, word::mediaType, word::media_type, word::mimeType, word::mime_type, word::jsonrpc,
    word::nextPageToken,
]);
