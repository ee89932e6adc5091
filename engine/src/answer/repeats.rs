//! Events that are written like an earlier one except for their text: most of every stream, recognised by comparing
//! bytes.
//!
//! Why this is correct: an event that only continues texts ([`Answer::goes_on`]) changes nothing in the reader when it
//! is read again. So one that repeats it, except for the content of these texts and for values that no dialect depends
//! on, has the same items, and need not be read. Reading any other event invalidates everything that was learned before
//! ([`Repeats::read`]), since it may change how such an event is read. The document is that of the event itself
//! ([`Template`]), so its view is the same as if it had been parsed.

use std::ops::Range;

use crate::dialect::{Answer, ArgsForm, Item, Role, TextKey, ValueShape};
use crate::wire::frame::Frame;
use crate::wire::json::{Doc, Hole, Kind, Template, Value};

/// Templates that are remembered: a stream of several choices, or with reasoning, alternates between some.
const KNOWN: usize = 4;

/// Events with more values than this are not learned: they contain more than a piece of text.
const VALUES: usize = 96;

/// How many events are learned without a repetition before learning pauses: learning an event costs as much as reading
/// it.
const CREDIT: u8 = 8;

/// An event that is written like one that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RepeatedEvent {
    /// The range of its payload.
    pub payload: Range<usize>,
    /// The range of its name.
    pub event: Option<Range<usize>>,
    /// What it repeats.
    pub repeat: Repeat,
}

/// Identifies a template: events with the same one differ only in words, padding and counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemplateId(u64);

/// The events of a stream that were learned.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    known: Vec<KnownEvent>,
    /// The one that matched last.
    last: usize,
    /// Anything learned in an earlier epoch is invalid.
    epoch: u32,
    /// Events that could be learned since a learned one was last repeated.
    vain: u8,
    found: u64,
    learned: u64,
}

/// What a matched event repeats: needed when it has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeat {
    pub(super) like: TemplateId,
    /// The running text that it continues, if there is only one.
    pub(super) key: Option<TextKey>,
    /// Its own number (`sequence_number`).
    pub(super) number: Option<u64>,
}

/// The only piece of text in a learned event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LearnedWord {
    /// The running text that it continues.
    pub(super) key: TextKey,
    /// Where the text comes from.
    pub(super) role: Role,
    /// The number of its hole.
    hole: usize,
    /// The hole of the event's own number (`sequence_number`), if it has one.
    number: Option<usize>,
    /// The event's template.
    pub(super) like: TemplateId,
    /// It has other numbers that differ from event to event: counts.
    pub(super) counts: bool,
}

/// A learned event.
#[derive(Debug)]
struct KnownEvent {
    template: Template,
    items: Vec<Item>,
    /// The range of the event's name, which precedes everything that differs.
    event: Option<Range<usize>>,
    /// The event's name, if it is outside of the learned bytes: in the headers of a binary message.
    name: Vec<u8>,
    epoch: u32,
    like: TemplateId,
    /// Set if the event has exactly one piece of text.
    word: Option<LearnedWord>,
}

impl KnownEvent {
    /// The number of the event `raw`, which was matched.
    fn number(&self, word: LearnedWord, raw: &[u8]) -> Option<u64> {
        let (at, _) = self.template.content(word.number?)?;
        // At most fifteen digits, or it would not have matched.
        let digits = raw.get(at)?.iter();
        Some(digits.fold(0, |number, digit| {
            number.wrapping_mul(10).wrapping_add(u64::from(digit.wrapping_sub(b'0')))
        }))
    }
}

impl Repeats {
    /// The length of the event at the beginning of `data`, if it matches a learned one, which is then the current
    /// match.
    pub(super) fn fits(&mut self, data: &[u8]) -> Option<usize> {
        let last = self.last;
        if let Some(length) = self.fits_one(last, data) {
            return Some(length);
        }
        (0..self.known.len()).filter(|at| *at != last).find_map(|at| self.fits_one(at, data))
    }

    /// The same for one template.
    fn fits_one(&mut self, at: usize, data: &[u8]) -> Option<usize> {
        let known = self.known.get_mut(at).filter(|known| known.epoch == self.epoch)?;
        let length = known.template.fits(data)?;
        (self.last, self.vain) = (at, 0);
        Some(length)
    }

    /// True if this whole document, in an event with this name, matches a learned one, which is then the current match.
    pub(super) fn fits_document(&mut self, payload: &[u8], name: &[u8]) -> bool {
        self.fits(payload) == Some(payload.len())
            && self.known.get(self.last).is_some_and(|known| known.name == name)
    }

    /// Writes the document and the items of the matched event `raw` to `doc` and `items`.
    pub(super) fn show(
        &mut self,
        raw: &[u8],
        doc: &mut Doc,
        items: &mut Vec<Item>,
    ) -> Option<RepeatedEvent> {
        let known = self.known.get(self.last)?;
        known.template.write(doc);
        items.clear();
        items.extend_from_slice(&known.items);
        let payload = known.template.payload(raw.len());
        let event = known.event.clone();
        let number = known.word.and_then(|word| known.number(word, raw));
        let repeat = Repeat { like: known.like, key: known.word.map(|word| word.key), number };
        Some(RepeatedEvent { payload, event, repeat })
    }

    /// The template of the matched event.
    #[inline(always)]
    pub(super) fn like(&self) -> Option<TemplateId> {
        self.known.get(self.last).map(|known| known.like)
    }

    /// The only piece of text in the matched event; `None` if there are others.
    #[inline(always)]
    pub(super) fn word(&self) -> Option<LearnedWord> {
        self.known.get(self.last)?.word
    }

    /// The range of that piece in the event, and whether it is written with escapes.
    #[inline(always)]
    pub(super) fn written(&self, word: LearnedWord) -> Option<(Range<usize>, bool)> {
        self.known.get(self.last)?.template.content(word.hole)
    }

    /// The event's own number, if it has one.
    pub(super) fn number(&self, word: LearnedWord, raw: &[u8]) -> Option<u64> {
        self.known.get(self.last)?.number(word, raw)
    }

    /// Forgets everything that was learned, and frees its memory.
    pub(super) fn clear(&mut self) {
        // Templates learned from now on get new identities.
        *self = Self { learned: self.learned, found: self.found, ..Self::default() };
    }

    /// Another event was matched, and is taken.
    #[inline(always)]
    pub(super) fn take(&mut self) {
        self.found += 1;
    }

    /// How many events were matched.
    pub(super) fn found(&self) -> u64 {
        self.found
    }

    /// Something was read that may change how an event is read.
    pub(super) fn forget(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
    }

    /// An event was read by its dialect: `root` is its document `doc`, `items` what was found in it. Returns its
    /// template, if it was learned. `payload`: set if it is recognised by its document alone, since the bytes around
    /// that contain lengths and checksums.
    pub(super) fn read(
        &mut self,
        frame: &Frame<'_>,
        payload: Option<&[u8]>,
        root: &Value<'_>,
        doc: &Doc,
        items: &[Item],
        reader: &dyn Answer,
    ) -> Option<TemplateId> {
        // The end of another text is repeated many times, and ends nothing that has begun since: an event that begins a
        // text is not learned.
        let ends_another = |item: &Item| match *item {
            Item::TextEnd(end) => items.iter().all(|item| match item {
                Item::Text { text: Some(key), .. } => !key.ends_with(end),
                _ => true,
            }),
            _ => false,
        };
        let goes_on = |item: &Item| text(item).is_some() || is_piece(item) || ends_another(item);
        let texts = items.iter().all(goes_on) && items.iter().any(|item| text(item).is_some());
        if !texts || !reader.goes_on(root) {
            self.forget();
            return None;
        }
        self.vain = self.vain.saturating_add(1);
        if self.vain <= CREDIT {
            return match payload {
                None => self.learn_event(frame, root, doc, items),
                Some(payload) => self.learn_document(payload, frame, root, doc, items),
            };
        }
        if self.vain == u8::MAX {
            self.vain = 0;
        }
        None
    }

    /// Learns an event that is recognised by all its bytes, line ends included.
    fn learn_event(
        &mut self,
        frame: &Frame<'_>,
        root: &Value<'_>,
        doc: &Doc,
        items: &[Item],
    ) -> Option<TemplateId> {
        let mut lines = frame.payload.iter();
        let (Some(line), None) = (lines.next(), lines.next()) else { return None };
        // It begins and ends like most events, so that its end does not depend on what follows.
        let usual = matches!(frame.raw.first(), Some(b'd' | b'e' | b'i'))
            && (frame.raw.ends_with(b"}\n\n") || frame.raw.ends_with(b"}\r\n\r\n"))
            && frame.event.as_ref().is_none_or(|event| event.end <= line.start);
        if !usual || frame.truncated || doc.len() > VALUES {
            return None;
        }
        let template = Template::new(&frame.raw, line.clone(), doc, &holes(root, items))?;
        Some(self.learn(template, frame.event.clone(), Vec::new(), root, items))
    }

    /// Learns an event that is recognised by its document, and by the name beside it.
    fn learn_document(
        &mut self,
        payload: &[u8],
        frame: &Frame<'_>,
        root: &Value<'_>,
        doc: &Doc,
        items: &[Item],
    ) -> Option<TemplateId> {
        let usual = payload.first() == Some(&b'{') && payload.last() == Some(&b'}');
        if !usual || frame.truncated || doc.len() > VALUES {
            return None;
        }
        let template = Template::new(payload, 0..payload.len(), doc, &holes(root, items))?;
        let name = frame.event_name().unwrap_or_default().to_vec();
        Some(self.learn(template, None, name, root, items))
    }

    fn learn(
        &mut self,
        template: Template,
        event: Option<Range<usize>>,
        name: Vec<u8>,
        root: &Value<'_>,
        items: &[Item],
    ) -> TemplateId {
        self.learned += 1;
        let like = TemplateId(self.learned);
        let word = only_word(root, items, &template, like);
        let items = items.to_vec();
        let known = KnownEvent { template, items, event, name, epoch: self.epoch, like, word };
        let void = self.known.iter().position(|known| known.epoch != self.epoch);
        self.last = match void {
            Some(void) => void,
            None if self.known.len() < KNOWN => self.known.len(),
            None => (self.last + 1) % KNOWN,
        };
        match self.known.get_mut(self.last) {
            Some(old) => *old = known,
            None => self.known.push(known),
        }
        like
    }
}

/// Everything that differs between events like this one.
fn holes(root: &Value<'_>, items: &[Item]) -> Vec<Hole> {
    let texts = items.iter().filter_map(text);
    texts.chain(root.descendants().filter_map(|value| inert(&value))).collect()
}

/// A piece of a running text of the answer or of a call's arguments, and nothing else.
fn text(item: &Item) -> Option<Hole> {
    match *item {
        Item::Text {
            node,
            shape: ValueShape::Text,
            role: Role::Output | Role::ToolArgs,
            text: Some(_),
            signed: false,
            erase: None,
        }
        | Item::Text {
            node,
            shape: ValueShape::Json,
            role: Role::ToolArgs,
            text: Some(_),
            signed: false,
            erase: None,
        } => Some(Hole::Text(node)),
        _ => None,
    }
}

/// True for the item that marks such a piece as part of a continuing call.
fn is_piece(item: &Item) -> bool {
    let piece = |form| matches!(form, ArgsForm::Piece | ArgsForm::TextPiece);
    matches!(*item, Item::CallPiece { .. })
        || matches!(*item, Item::CallArgs { form, .. } if piece(form))
}

/// The only piece of text among these items, if its text is known to the dialect.
fn only_word(
    root: &Value<'_>,
    items: &[Item],
    template: &Template,
    like: TemplateId,
) -> Option<LearnedWord> {
    let mut texts = items.iter().filter_map(|item| match *item {
        Item::Text { node, role, text: Some(key), .. } => Some((node, role, key)),
        _ => None,
    });
    let ((node, role, key), None) = (texts.next()?, texts.next()) else { return None };
    let hole = template.number_of(Hole::Text(node)).filter(|_| !key.is_unknown())?;
    let number = match root.get("sequence_number") {
        // A number in another form is not read as one.
        Some(own) if own.as_u64().is_some() => Some(template.number_of(Hole::Number(own.id()))?),
        _ => None,
    };
    let counts = template.numbers() > usize::from(number.is_some());
    Some(LearnedWord { key, role, hole, number, like, counts })
}

/// A value that differs from event to event and that no dialect depends on: padding, and counts.
fn inert(value: &Value<'_>) -> Option<Hole> {
    match value.kind() {
        Kind::String if value.key_is("obfuscation") || is_padding(value) => {
            Some(Hole::Plain(value.id()))
        }
        Kind::Number if value.key_is("sequence_number") || is_usage(value) => {
            value.raw().iter().all(u8::is_ascii_digit).then(|| Hole::Number(value.id()))
        }
        _ => None,
    }
}

/// Bedrock's padding, and the time that Ollama adds to each line. If they are something else they are texts, and two
/// holes in one place are not learned.
fn is_padding(value: &Value<'_>) -> bool {
    (value.key_is("p") || value.key_is("created_at"))
        && value.parent().is_some_and(|parent| parent.id() == 0)
}

fn is_usage(value: &Value<'_>) -> bool {
    std::iter::successors(value.parent(), Value::parent).any(|above| above.key_is("usageMetadata"))
}
