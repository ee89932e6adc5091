//! What the caller has been sent of a stream, kept so that the ending can repeat it: the last event contains the whole
//! answer.

use super::super::TextKey;
use super::super::fields::{pick, string};
use super::super::number::number;
use super::super::texts::short;
use super::super::write::{lossy, quoted, repaired};
use super::names::{EventType, kind, running_text};
use crate::limits;
use crate::wire::json::{Kind, Value};
use crate::word;

/// A part of an item: its text as sent.
#[derive(Debug)]
pub(super) struct SentPart {
    /// [`kind::TEXT`], [`kind::REFUSAL`], [`kind::SUMMARY`] or [`kind::REASONING`].
    pub(super) kind: u8,
    pub(super) index: u32,
    pub(super) text: String,
    /// Annotations as sent: the inside of a JSON list.
    pub(super) annotations: String,
    /// Its text's `done` was sent.
    pub(super) text_done: bool,
    /// Its own `done` was sent.
    pub(super) done: bool,
}

/// An output item.
#[derive(Debug)]
pub(super) struct OutputItem {
    pub(super) index: u32,
    pub(super) id: String,
    /// Its `type`.
    pub(super) kind: String,
    /// The item as it was added; empty if that was not seen, or too long.
    pub(super) head: String,
    pub(super) parts: Vec<SentPart>,
    /// A call's arguments, once their `done` was sent.
    pub(super) arguments: Option<String>,
    /// The item as it was when done.
    pub(super) done: Option<String>,
}

/// What the caller has been sent of a stream.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// True once any event was sent.
    pub(super) any: bool,
    pub(super) id: Option<String>,
    pub(super) model: Option<String>,
    pub(super) created: u64,
    /// The response object as it was first sent, if it is not too long.
    pub(super) head: Option<String>,
    /// The number of the next event.
    pub(super) sequence: u64,
    /// The output items, in the order of their indexes.
    pub(super) items: Vec<OutputItem>,
    /// The last event was sent.
    pub(super) over: bool,
    /// The last event sent was an error, which ends the answer if nothing follows.
    pub(super) failed: bool,
    /// Bytes that are remembered.
    kept: usize,
    /// Something did not fit: from then on nothing more is remembered, so that there are no gaps.
    full: bool,
}

impl Sent {
    /// An event was sent.
    pub(super) fn frame(&mut self, root: &Value<'_>) {
        let [event, number, response] = pick(root, ["type", "sequence_number", "response"]);
        let event = string(event);
        let kind = EventType::of(&event);
        if self.over && kind.state() == word::created {
            // Another response in the same body: the state of the previous one is dropped.
            *self = Self::default();
        }
        self.any = true;
        if let Some(number) = number.and_then(|n| n.as_u64()) {
            self.sequence = self.sequence.max(number.saturating_add(1));
        }
        self.over |= kind.is_last();
        self.failed = &*event == b"error";
        if let Some(response) = response {
            self.response(&response);
        }
        match (kind.name, kind.phase) {
            (word::output_item, word::added | word::done) => {
                self.item_event(root, kind.phase == word::done)
            }
            (word::output_text_annotation, word::added) => self.annotation(root),
            (_, word::added | word::delta | word::done) => self.text_event(root, kind),
            _ => {}
        }
    }

    /// A delta was sent that differs from the one before it only in its text and its number.
    pub(super) fn again(&mut self, root: &Value<'_>, delta: Option<(TextKey, Value<'_>)>) {
        let number = root.get("sequence_number").and_then(|number| number.as_u64());
        match delta {
            Some((key, value)) => self.words(key, &string(Some(value)), number),
            None => self.number(number),
        }
    }

    /// The same, for a delta that was not parsed.
    pub(super) fn word(&mut self, key: TextKey, text: &str, number: Option<u64>) {
        self.words(key, text.as_bytes(), number);
    }

    fn number(&mut self, number: Option<u64>) {
        if let Some(number) = number {
            self.sequence = self.sequence.max(number.saturating_add(1));
        }
    }

    fn words(&mut self, key: TextKey, text: &[u8], number: Option<u64>) {
        self.number(number);
        if key.kind > kind::REASONING {
            return;
        }
        let news = self.room(text.len());
        let item = self.known_mut(key.a);
        if let Some(part) = item.and_then(|item| item.part(key.kind, key.b))
            && news
        {
            part.push(text);
        }
    }

    fn response(&mut self, response: &Value<'_>) {
        if self.id.is_none() {
            self.id = short(response.get("id"));
        }
        if self.model.is_none() {
            self.model = short(response.get("model"));
        }
        self.created = response.get("created_at").and_then(|t| t.as_u64()).unwrap_or(self.created);
        let short = response.raw().len() <= limits::REPEATED_HEAD_BYTES;
        if self.head.is_none() && short && response.kind() == Kind::Object {
            self.head = Some(repaired(response.raw()));
        }
    }

    /// Takes room for this many more bytes; false if there is none.
    fn room(&mut self, bytes: usize) -> bool {
        let kept = self.kept.saturating_add(bytes);
        self.full |= kept > limits::REPEATED_BYTES;
        if !self.full {
            self.kept = kept;
        }
        !self.full
    }

    /// Text to be remembered, if there is room for it.
    fn keep(&mut self, text: &[u8]) -> Option<String> {
        self.room(text.len()).then(|| lossy(text).into_owned())
    }

    /// A JSON value to be remembered, if there is room for it.
    fn keep_json(&mut self, value: &Value<'_>) -> Option<String> {
        self.room(value.raw().len()).then(|| repaired(value.raw()))
    }

    /// The item with this index; started here if it was not added before (a replay from the middle).
    pub(super) fn item(&mut self, index: u32, id: &str, kind: &str) -> Option<&mut OutputItem> {
        let at = match self.at(index) {
            Ok(at) => at,
            Err(_) if self.items.len() >= limits::OPEN_TEXTS => return None,
            Err(at) => {
                let item = OutputItem {
                    index,
                    id: id.to_owned(),
                    kind: kind.to_owned(),
                    head: String::new(),
                    parts: Vec::new(),
                    arguments: None,
                    done: None,
                };
                self.items.insert(at, item);
                at
            }
        };
        self.items.get_mut(at)
    }

    /// The position of the item with this index, or where it would be inserted.
    fn at(&self, index: u32) -> Result<usize, usize> {
        self.items.binary_search_by_key(&index, |item| item.index)
    }

    /// The item with this index, if it has begun.
    pub(super) fn known_mut(&mut self, index: u32) -> Option<&mut OutputItem> {
        let at = self.at(index).ok()?;
        self.items.get_mut(at)
    }

    fn item_event(&mut self, root: &Value<'_>, done: bool) {
        // Anything but an object is not an item, and could not be repeated.
        let Some(value) = root.get("item").filter(|item| item.kind() == Kind::Object) else {
            return;
        };
        let id = short(value.get("id")).unwrap_or_default();
        let kind = short(value.get("type")).unwrap_or_default();
        let raw = self.keep_json(&value);
        // Hand-made streams omit the index; the id identifies the item as well.
        let index = root.get("output_index").map_or_else(
            || self.items.iter().find(|item| item.id == id).map_or(0, |item| item.index),
            |index| number(Some(index)),
        );
        let Some(item) = self.item(index, &id, &kind) else { return };
        if done {
            // Too long to be repeated: a stub that identifies it is kept.
            let stand_in = || {
                format!(r#"{{"id":{},"type":{},"status":"completed"}}"#, quoted(&id), quoted(&kind))
            };
            item.done = Some(raw.unwrap_or_else(stand_in));
            let head = std::mem::take(&mut item.head).len();
            let parts: usize = item.parts.drain(..).map(|part| part.text.len()).sum();
            self.kept = self.kept.saturating_sub(head + parts);
        } else {
            item.head = raw.unwrap_or_default();
        }
    }

    fn annotation(&mut self, root: &Value<'_>) {
        let raw = root.get("annotation").and_then(|a| self.keep_json(&a));
        let part = number(root.get("content_index"));
        let index = number(root.get("output_index"));
        let item = self.known_mut(index);
        let part = item.and_then(|item| item.parts.iter_mut().find(|p| p.index == part));
        if let (Some(part), Some(raw)) = (part, raw) {
            if !part.annotations.is_empty() {
                part.annotations.push(',');
            }
            part.annotations.push_str(&raw);
        }
    }

    fn text_event(&mut self, root: &Value<'_>, event: EventType<'_>) {
        let (key, ..) = running_text(event, root);
        let phase = event.phase;
        let field = match (event.name, phase) {
            (word::function_call_arguments | word::mcp_call_arguments, word::done) => "arguments",
            (word::custom_tool_call_input, word::done) => "input",
            (word::content_part | word::reasoning_summary_part, _) => "part",
            (_, word::delta) => "delta",
            (word::refusal, _) => "refusal",
            _ => "text",
        };
        let value = root.get(field);
        let text = match key.kind {
            kind::REFUSAL if field == "part" => value.and_then(|part| part.get("refusal")),
            _ if field == "part" => value.and_then(|part| part.get("text")),
            _ => value,
        };
        let text = string(text);
        if key.kind == kind::ARGUMENTS && phase == word::done {
            let text = self.keep(&text);
            if let Some(item) = self.known_mut(key.a) {
                item.arguments = text;
            }
        }
        if key.kind > kind::REASONING {
            return;
        }
        let known = self.at(key.a).ok().and_then(|at| self.items.get(at));
        let id = match known {
            Some(_) => String::new(),
            None => short(root.get("item_id")).unwrap_or_default(),
        };
        // The end of a text repeats it: that is nothing new, and takes no room.
        let repeat = phase != word::delta
            && known.and_then(|item| item.text(key.kind, key.b)).is_some_and(|kept| *kept == *text);
        let news = !repeat && self.room(text.len());
        let reasoning = matches!(key.kind, kind::SUMMARY | kind::REASONING);
        let item_kind = if reasoning { "reasoning" } else { "message" };
        let Some(item) = self.item(key.a, &id, item_kind) else { return };
        let Some(part) = item.part(key.kind, key.b) else { return };
        if news {
            if phase != word::delta {
                part.text.clear();
            }
            part.push(&text);
        }
        part.done |= phase == word::done && field == "part";
        part.text_done |= phase == word::done;
    }
}

impl SentPart {
    fn push(&mut self, text: &[u8]) {
        self.text.push_str(&lossy(text));
    }
}

impl OutputItem {
    /// The text of a part that has begun.
    fn text(&self, kind: u8, index: u32) -> Option<&[u8]> {
        let part = self.parts.iter().find(|p| p.kind == kind && p.index == index)?;
        Some(part.text.as_bytes())
    }

    /// The part with this index; started here if it is new.
    pub(super) fn part(&mut self, kind: u8, index: u32) -> Option<&mut SentPart> {
        let at = match self.parts.iter().position(|p| p.kind == kind && p.index == index) {
            Some(at) => at,
            None if self.parts.len() >= limits::OPEN_TEXTS => return None,
            None => {
                self.parts.push(SentPart {
                    kind,
                    index,
                    text: String::new(),
                    annotations: String::new(),
                    text_done: false,
                    done: false,
                });
                self.parts.len() - 1
            }
        };
        self.parts.get_mut(at)
    }
}
