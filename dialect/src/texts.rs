//! Walks a JSON value and pushes every text in it, in the order of its bytes and without recursion.

use super::fields::{self, DataUrlContent, KeyRole, field, inline, named, string};
use super::inline::{FileContent, content};
use super::place::Places;
use super::{Item, Role, TextKey, ValueShape};
use crate::limits;
use crate::wire::frame::Framing;
use crate::wire::json::{Doc, Kind, NodeId, Value};
use crate::word::{self, Word, WordSet};

/// Collects items from one document.
#[derive(Debug)]
pub(super) struct TextWalk<'a, 'b> {
    doc: &'a Doc,
    bytes: &'a [u8],
    items: &'b mut Vec<Item>,
    /// Where the texts come from.
    pub(super) role: Role,
    /// It is a request: references are counted, tool definitions are not texts, signed parts are marked.
    request: bool,
    /// What is erased if one of the next texts is changed.
    pub(super) erase: Option<NodeId>,
    /// References found in a request.
    pub(super) remote: u32,
    /// It is an event of a stream: strings at unknown places continue from event to event.
    runs: bool,
    places: Places,
    /// The item of the answer that is being read: texts at unknown places end with it.
    pub(super) item: u32,
    /// What is being read is complete in its event, because the format says so: a repetition, a part that is added.
    pub(super) whole: bool,
    /// The calls in what is being read are already known.
    pub(super) calls_known: bool,
}

/// The item of texts that belong to none.
pub(super) const NO_ITEM: u32 = u32::MAX;

impl<'a, 'b> TextWalk<'a, 'b> {
    /// For an answer: texts are `Output`, arguments of calls `ToolArgs`.
    pub(super) fn answer(doc: &'a Doc, bytes: &'a [u8], items: &'b mut Vec<Item>) -> Self {
        Self {
            doc,
            bytes,
            items,
            role: Role::Output,
            request: false,
            erase: None,
            remote: 0,
            runs: false,
            places: Places::default(),
            item: NO_ITEM,
            whole: false,
            calls_known: false,
        }
    }

    /// For an event of a stream, unless `framing` is that of a whole answer.
    pub(super) fn event(
        doc: &'a Doc,
        bytes: &'a [u8],
        items: &'b mut Vec<Item>,
        framing: Framing,
    ) -> Self {
        Self { runs: framing != Framing::Json, ..Self::answer(doc, bytes, items) }
    }

    /// True for an event of a stream.
    pub(super) fn is_event(&self) -> bool {
        self.runs
    }

    /// For a request: every text has `role`, which the caller sets as it proceeds.
    pub(super) fn request(
        doc: &'a Doc,
        bytes: &'a [u8],
        items: &'b mut Vec<Item>,
        role: Role,
    ) -> Self {
        Self { request: true, role, ..Self::answer(doc, bytes, items) }
    }

    /// The document's root.
    pub(super) fn root(&self) -> Value<'a> {
        self.doc.root(self.bytes)
    }

    /// Pushes something that is not a text.
    // One copy: it would stand at a hundred places, each time with all of the list's growing.
    #[inline(never)]
    pub(super) fn push(&mut self, item: Item) {
        self.items.push(item);
    }

    /// The value is the next piece of a running text; anything but a string is walked.
    pub(super) fn running(
        &mut self,
        value: &Value<'a>,
        key: TextKey,
        shape: ValueShape,
        role: Role,
    ) {
        if value.kind() == Kind::String {
            self.item(value, shape, role, Some(key), false);
        } else {
            let outer = std::mem::replace(&mut self.role, role);
            if role == Role::ToolArgs {
                // A member that the next event may continue.
                self.values(value, role, false);
            } else {
                self.walk(value);
            }
            self.role = outer;
        }
    }

    /// This value, which is read next, repeats the running text `key`, or contains the part of it that has not arrived
    /// yet.
    pub(super) fn again(&mut self, value: &Value<'a>, key: TextKey) {
        if self.runs && value.kind() == Kind::String {
            self.items.push(Item::TextAgain { node: value.id(), text: key });
        }
    }

    /// The same for every text in this value, which is read here.
    pub(super) fn again_below(&mut self, value: &Value<'a>, key: TextKey) {
        for below in value.descendants().filter(|below| below.key_is("text")) {
            self.again(&below, key);
        }
        self.walk(value);
    }

    /// A string that is a signature over the running text `key`.
    pub(super) fn seal(&mut self, value: &Value<'a>, key: TextKey) {
        if value.kind() == Kind::String {
            self.item(value, ValueShape::Seal, Role::Output, Some(key), false);
        } else {
            self.walk(value);
        }
    }

    /// The members of an object. Any other value has none and is walked at once, so that nothing is lost because its
    /// type is unexpected.
    pub(super) fn fields(
        &mut self,
        value: &Value<'a>,
    ) -> impl Iterator<Item = Value<'a>> + use<'a> {
        self.of_kind(value, Kind::Object)
    }

    /// The items of an array; anything else is walked, as in [`TextWalk::fields`].
    pub(super) fn elements(
        &mut self,
        value: &Value<'a>,
    ) -> impl Iterator<Item = Value<'a>> + use<'a> {
        self.of_kind(value, Kind::Array)
    }

    fn of_kind(
        &mut self,
        value: &Value<'a>,
        kind: Kind,
    ) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let fits = value.kind() == kind;
        if !fits {
            // An event that is JSON within a string: a reader that decodes it sees what is not examined here.
            if value.id() == 0 && !self.request && is_written(value) {
                self.items.push(Item::Unreadable);
            }
            self.walk(value);
        }
        value.children().take(if fits { usize::MAX } else { 0 })
    }

    /// The contents of a value, regardless of its own key.
    pub(super) fn under(&mut self, value: &Value<'a>) {
        if value.kind() == Kind::String {
            self.text(value, false);
        }
        for child in value.children() {
            self.walk(&child);
        }
    }

    /// The variables of a stored prompt: their names do not tell what they contain.
    pub(super) fn variables(&mut self, variables: &Value<'a>) {
        match variables.kind() {
            Kind::Object => variables.children().for_each(|one| self.under(&one)),
            _ => self.under(variables),
        }
    }

    /// A value with keys chosen by the caller: every key, string and number is a text.
    pub(super) fn free(&mut self, value: &Value<'a>) {
        self.values(value, self.role, false);
    }

    fn item(
        &mut self,
        value: &Value<'a>,
        shape: ValueShape,
        role: Role,
        text: Option<TextKey>,
        signed: bool,
    ) {
        // Nothing can be found in an empty string, so it need not be reported.
        if shape != ValueShape::Key && value.raw() == b"\"\"" {
            return;
        }
        let node = value.id();
        self.items.push(Item::Text { node, shape, role, text, signed, erase: self.erase });
    }

    /// Every string below the value (itself included), unless it is known not to contain text.
    pub(super) fn walk(&mut self, value: &Value<'a>) {
        self.walk_from(value, None);
    }

    /// The same, where the word that is the value's key is known.
    pub(super) fn walk_as(&mut self, value: &Value<'a>, key: Word) {
        self.walk_from(value, Some(key));
    }

    fn walk_from(&mut self, value: &Value<'a>, mut known: Option<Word>) {
        let end = value.after();
        let mut at = value.id();
        let mut signed_until = 0;
        while at < end {
            let Some(here) = self.doc.value(self.bytes, at) else { return };
            at += 1;
            if matches!(here.kind(), Kind::Null | Kind::Bool) {
                continue;
            }
            let signed = here.id() < signed_until;
            let key = known.take().unwrap_or_else(|| Word::key_in_place(&here));
            match named(key, &here) {
                KeyRole::Never => at = here.after(),
                KeyRole::FieldName if self.request => at = here.after(),
                KeyRole::FieldName => self.name(&here),
                KeyRole::Role => self.speaker(&here),
                KeyRole::File | KeyRole::Media if self.request => self.file(&here, signed),
                KeyRole::File | KeyRole::Media => {}
                KeyRole::Tools if self.request => at = here.after(),
                KeyRole::Link if self.request => {
                    match inline(&here) {
                        DataUrlContent::No => self.remote = self.remote.saturating_add(1),
                        DataUrlContent::Text if !here.raw().contains(&b'%') => {
                            self.text(&here, signed)
                        }
                        DataUrlContent::Binary | DataUrlContent::Text => self.file(&here, signed),
                    }
                    at = here.after();
                }
                KeyRole::Link
                    if inline(&here) == DataUrlContent::Binary || here.key_is("file_id") => {}
                KeyRole::Arguments => {
                    self.arguments(&here, signed);
                    at = here.after();
                }
                KeyRole::Free => {
                    self.values(&here, self.role, signed);
                    at = here.after();
                }
                KeyRole::Logprobs => {
                    let outer = self.erase.replace(here.id());
                    self.tokens(&here);
                    self.erase = outer;
                    at = here.after();
                }
                KeyRole::Text | KeyRole::Tools | KeyRole::Link => match here.kind() {
                    Kind::String => self.text(&here, signed),
                    Kind::Object if self.request && !signed && is_signed(&here) => {
                        signed_until = here.after();
                    }
                    Kind::Object if !self.request && !self.calls_known => self.stray(&here),
                    _ => {}
                },
            }
        }
    }

    /// The name of a tool or the id of a call in an answer, which is complete in its event.
    pub(super) fn name(&mut self, value: &Value<'a>) {
        self.item(value, ValueShape::Text, Role::Output, None, false);
    }

    /// Who speaks. An unknown word is a text: templates of models insert it as it is.
    fn speaker(&mut self, value: &Value<'a>) {
        if !SPEAKERS.has(Word::of(&value.word())) {
            self.whole_text(value);
        }
    }

    /// A file in a request: scanned if it is text; if not, and not a picture, it is counted as unchecked.
    pub(super) fn file(&mut self, value: &Value<'a>, signed: bool) {
        match content(&value.as_bytes()) {
            FileContent::Encoded => self.item(value, ValueShape::File, self.role, None, true),
            FileContent::Plain => self.text(value, signed),
            FileContent::Binary if fields::file(value) == KeyRole::Media => {}
            FileContent::Binary => self.remote = self.remote.saturating_add(1),
        }
    }

    fn text(&mut self, value: &Value<'a>, signed: bool) {
        let place = self.place(value);
        self.item(value, ValueShape::Text, self.role, place, signed);
    }

    /// A text that is whole in this value.
    fn whole_text(&mut self, value: &Value<'a>) {
        self.item(value, ValueShape::Text, self.role, None, false);
    }

    /// The running text that the string at an unknown place continues.
    fn place(&mut self, value: &Value<'a>) -> Option<TextKey> {
        if !self.runs || self.whole {
            return None;
        }
        let b = self.places.of(self.doc, self.bytes, value);
        Some(TextKey { kind: TextKey::UNKNOWN, a: self.item, b })
    }

    fn arguments(&mut self, value: &Value<'a>, signed: bool) {
        let role = if self.request { self.role } else { Role::ToolArgs };
        if value.kind() == Kind::String {
            let place = self.place(value);
            self.item(value, ValueShape::Json, role, place, signed);
        } else {
            self.values(value, role, signed);
        }
    }

    /// Tokens with their probabilities in an answer: the items of `list` form one running text, each alternative is
    /// scanned separately, and all of `logprobs` is erased if one is changed.
    pub(super) fn tokens_run(&mut self, logprobs: &Value<'a>, list: &Value<'a>, key: TextKey) {
        let outer = self.erase.replace(logprobs.id());
        if list.kind() == Kind::Array {
            for token in list.children() {
                // An alternative may be a key: `{"go": -0.1}`.
                if list.key_is("top_logprobs") {
                    self.keys(&token);
                }
                self.token(&token, key);
            }
        } else {
            self.token(list, key);
        }
        self.erase = outer;
    }

    /// A token: a string, an object with one, or objects keyed by token number of which the first is the token itself.
    fn token(&mut self, token: &Value<'a>, key: TextKey) {
        let says =
            |value: &Value<'_>| value.kind() == Kind::String && field(value) != KeyRole::Never;
        let own = |value: &Value<'_>| {
            value.id() == token.id()
                || value.parent().is_some_and(|holder| holder.id() == token.id())
        };
        let named = token.get("token").is_some();
        let mut nested = !says(token) && !token.children().any(|member| says(&member));
        for below in tree(token).filter(says) {
            let piece = nested || (own(&below) && (!named || below.key_is("token")));
            if piece {
                nested = false;
                self.running(&below, key, ValueShape::Text, self.role);
            } else {
                self.whole_text(&below);
            }
        }
    }

    /// Tokens with their probabilities at places where no dialect has them. In an answer they may be the only copy of
    /// the text, and continue as it does; in a request each is scanned separately, and the text that they repeat stands
    /// beside them.
    fn tokens(&mut self, value: &Value<'a>) {
        if self.request {
            for below in tree(value) {
                if below.kind() == Kind::String && field(&below) != KeyRole::Never {
                    self.text(&below, false);
                }
            }
            return;
        }
        let listed = matches!(value.kind(), Kind::Object).then(|| value.children());
        let alone = std::iter::once(*value).take(usize::from(listed.is_none()));
        for list in listed.into_iter().flatten().chain(alone) {
            let b = self.places.of(self.doc, self.bytes, &list);
            let key = TextKey { kind: TextKey::UNKNOWN, a: self.item, b };
            self.tokens_run(value, &list, key);
            if self.whole {
                self.items.push(Item::TextEnd(key));
            }
        }
    }

    /// The keys of an object, each a separate text.
    pub(super) fn keys(&mut self, object: &Value<'a>) {
        for member in object.children() {
            if member.key_span().is_some_and(|key| !key.is_empty()) {
                self.item(&member, ValueShape::Key, self.role, None, false);
            }
        }
    }

    /// Arguments of a call as a JSON value: every key, string and number is a text.
    pub(super) fn leaves(&mut self, value: &Value<'a>) {
        let outer = std::mem::replace(&mut self.whole, true);
        self.values(value, self.role, false);
        self.whole = outer;
    }

    fn values(&mut self, value: &Value<'a>, role: Role, signed: bool) {
        self.leaf(value, role, signed);
        for below in value.descendants() {
            if below.key_span().is_some_and(|key| !key.is_empty()) {
                self.item(&below, ValueShape::Key, role, None, signed);
            }
            self.leaf(&below, role, signed);
        }
    }

    fn leaf(&mut self, value: &Value<'a>, role: Role, signed: bool) {
        match value.kind() {
            Kind::String => {
                let place = self.place(value);
                self.item(value, ValueShape::Text, role, place, signed);
            }
            Kind::Number => self.item(value, ValueShape::Number, role, None, signed),
            _ => {}
        }
    }
}

/// The value itself and every value below it.
fn tree<'a>(value: &Value<'a>) -> impl Iterator<Item = Value<'a>> + use<'a> {
    std::iter::once(*value).chain(value.descendants())
}

/// True for a string that contains an object or a list.
fn is_written(value: &Value<'_>) -> bool {
    let text = value.as_bytes();
    value.kind() == Kind::String
        && text.trim_ascii_start().first().is_some_and(|c| b"{[".contains(c))
}

/// True for the values that `role` has in an answer.
#[rustfmt::skip]
static SPEAKERS: WordSet = WordSet::of([
    word::empty, word::assistant, word::model, word::user, word::tool, word::function, word::system, word::developer,
    word::agent, word::ROLE_USER, word::ROLE_AGENT,
]);

/// True if the object's texts are signed or encrypted: the provider refuses a request in which one was changed.
fn is_signed(object: &Value<'_>) -> bool {
    let filled = |value: &Value<'_>| !string(Some(*value)).is_empty();
    let (mut reasoning, mut encrypted) = (false, false);
    for child in object.children() {
        match Word::key(&child) {
            word::type_ => match Word::of(&child.word()) {
                word::thinking | word::redacted_thinking => return true,
                word::reasoning => reasoning = true,
                _ => {}
            },
            word::signature | word::thoughtSignature | word::thought_signature
                if filled(&child) =>
            {
                return true;
            }
            word::encrypted_content if filled(&child) => encrypted = true,
            _ => {}
        }
    }
    reasoning && encrypted
}

/// An id or a name of plausible length; longer ones are not repeated.
pub(super) fn short(value: Option<Value<'_>>) -> Option<String> {
    let value = value.filter(|value| value.raw().len() <= limits::ANSWER_ID_BYTES)?;
    Some(value.as_str().filter(|text| !text.is_empty())?.into_owned())
}
