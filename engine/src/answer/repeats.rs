//! Events that are written like one before but for their text: most of every stream, and read by comparing bytes.
//!
//! What makes this sound: an event that only goes on with texts ([`Answer::goes_on`]) changes nothing in the reader when
//! it is read again. So one that repeats it, but for the content of these texts and for values that no dialect reads an
//! event by, has the same items, and need not be read. Whatever else is read makes void all that was learned before
//! ([`Repeats::read`]): it may have changed how such an event is read.
//! The document is that of the event itself ([`Template`]): whoever looks into it sees what he would have seen.

use std::ops::Range;

use crate::dialect::{Answer, ArgsForm, Item, Role, TextKey, ValueShape};
use crate::wire::frame::Frame;
use crate::wire::json::{Doc, Hole, Kind, Template, Value};

/// Ways of writing that are remembered: a stream of several choices, or one that thinks aloud, alternates.
const KNOWN: usize = 4;

/// Values of an event worth learning. Larger ones hold more than a piece of text.
const VALUES: usize = 96;

/// How many events are learned in vain before it is given up for a while: to learn one costs as much as to read it.
const CREDIT: u8 = 8;

/// An event that was found to be written like one that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RepeatedEvent {
    /// Where its payload stands in them.
    pub payload: Range<usize>,
    /// Where its name stands in them.
    pub event: Option<Range<usize>>,
    /// What it is written like.
    pub repeat: Repeat,
}

/// Names a way of writing: events with the same one differ in nothing but words, padding and counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Like(u64);

/// The events of a stream that were learned.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    known: Vec<KnownEvent>,
    /// The one that fitted last.
    last: usize,
    /// What was learned before this changed is void.
    epoch: u32,
    /// Events that could be learned, since one that was learned came again.
    vain: u8,
    found: u64,
    learned: u64,
}

/// What an event repeats that was found: for whoever is told later that it has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeat {
    pub(super) like: Like,
    /// The running text that it goes on with, where there is one only.
    pub(super) key: Option<TextKey>,
    /// Its own number (`sequence_number`).
    pub(super) number: Option<u64>,
}

/// The one piece of text in an event that was learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LearnedWord {
    /// The running text that it goes on with.
    pub(super) key: TextKey,
    /// Whose words it is.
    pub(super) role: Role,
    /// Which hole it stands in, by number.
    hole: usize,
    /// The hole of the event's own number (`sequence_number`), where it has one.
    number: Option<usize>,
    /// What the event is written like.
    pub(super) like: Like,
    /// It has other numbers that differ from event to event: counts.
    pub(super) counts: bool,
}

/// One of them.
#[derive(Debug)]
struct KnownEvent {
    template: Template,
    items: Vec<Item>,
    /// Where the event's name stands; before all that differs.
    event: Option<Range<usize>>,
    /// The event's name, where that stands beside what was learned: in the headers of a binary message.
    name: Vec<u8>,
    epoch: u32,
    like: Like,
    /// The event has one piece of text and it is this.
    word: Option<LearnedWord>,
}

impl KnownEvent {
    /// The number of the event `raw`, which was found.
    fn number(&self, word: LearnedWord, raw: &[u8]) -> Option<u64> {
        let (at, _) = self.template.content(word.number?)?;
        // At most fifteen digits, or it had not been found.
        let digits = raw.get(at)?.iter();
        Some(digits.fold(0, |number, digit| {
            number.wrapping_mul(10).wrapping_add(u64::from(digit.wrapping_sub(b'0')))
        }))
    }
}

impl Repeats {
    /// The length of the event that `data` begins with, if it was learned: then it is the one that is found.
    pub(super) fn fits(&mut self, data: &[u8]) -> Option<usize> {
        let last = self.last;
        if let Some(length) = self.fits_one(last, data) {
            return Some(length);
        }
        (0..self.known.len()).filter(|at| *at != last).find_map(|at| self.fits_one(at, data))
    }

    /// The same, of one way of writing.
    fn fits_one(&mut self, at: usize, data: &[u8]) -> Option<usize> {
        let known = self.known.get_mut(at).filter(|known| known.epoch == self.epoch)?;
        let length = known.template.fits(data)?;
        (self.last, self.vain) = (at, 0);
        Some(length)
    }

    /// True if all of this document was learned, in an event of this name: then it is the one that is found.
    pub(super) fn fits_document(&mut self, payload: &[u8], name: &[u8]) -> bool {
        self.fits(payload) == Some(payload.len())
            && self.known.get(self.last).is_some_and(|known| known.name == name)
    }

    /// What the event `raw` is, which was found. Its document and its items are written to `doc` and `items`.
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

    /// What the event that was found is written like.
    #[inline(always)]
    pub(super) fn like(&self) -> Option<Like> {
        self.known.get(self.last).map(|known| known.like)
    }

    /// The one piece of text in the event that was found; `None`: there are others.
    #[inline(always)]
    pub(super) fn word(&self) -> Option<LearnedWord> {
        self.known.get(self.last)?.word
    }

    /// How that piece is written in the event, and whether with escapes.
    #[inline(always)]
    pub(super) fn written(&self, word: LearnedWord) -> Option<(Range<usize>, bool)> {
        self.known.get(self.last)?.template.content(word.hole)
    }

    /// The event's own number, where it has one.
    pub(super) fn number(&self, word: LearnedWord, raw: &[u8]) -> Option<u64> {
        self.known.get(self.last)?.number(word, raw)
    }

    /// Forgets all that was learned, and gives its memory back.
    pub(super) fn clear(&mut self) {
        // What is learned from now on is named otherwise.
        *self = Self { learned: self.learned, found: self.found, ..Self::default() };
    }

    /// One more was found, and is taken.
    #[inline(always)]
    pub(super) fn take(&mut self) {
        self.found += 1;
    }

    /// How many events were found.
    pub(super) fn found(&self) -> u64 {
        self.found
    }

    /// Something was read that may change how an event is read.
    pub(super) fn forget(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
    }

    /// An event was read by its dialect: `root` is its document `doc`, `items` what was found in it. Says what it is
    /// written like, if it was learned. `payload`: where it is known by its document alone, since what is around it tells
    /// lengths and sums.
    pub(super) fn read(
        &mut self,
        frame: &Frame<'_>,
        payload: Option<&[u8]>,
        root: &Value<'_>,
        doc: &Doc,
        items: &[Item],
        reader: &dyn Answer,
    ) -> Option<Like> {
        // The end of another text is told again and again, and ends nothing that has not been begun since: what begins one
        // is no event that is learned.
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

    /// One that is known by its bytes, lines and all.
    fn learn_event(
        &mut self,
        frame: &Frame<'_>,
        root: &Value<'_>,
        doc: &Doc,
        items: &[Item],
    ) -> Option<Like> {
        let mut lines = frame.payload.iter();
        let (Some(line), None) = (lines.next(), lines.next()) else { return None };
        // One that begins and ends as an event usually does: where it ends does not depend on what comes next.
        let usual = matches!(frame.raw.first(), Some(b'd' | b'e' | b'i'))
            && (frame.raw.ends_with(b"}\n\n") || frame.raw.ends_with(b"}\r\n\r\n"))
            && frame.event.as_ref().is_none_or(|event| event.end <= line.start);
        if !usual || frame.truncated || doc.len() > VALUES {
            return None;
        }
        let template = Template::new(&frame.raw, line.clone(), doc, &holes(root, items))?;
        Some(self.learn(template, frame.event.clone(), Vec::new(), root, items))
    }

    /// One that is known by its document, and by its name beside it.
    fn learn_document(
        &mut self,
        payload: &[u8],
        frame: &Frame<'_>,
        root: &Value<'_>,
        doc: &Doc,
        items: &[Item],
    ) -> Option<Like> {
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
    ) -> Like {
        self.learned += 1;
        let like = Like(self.learned);
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

/// All that differs from one event to the next like it.
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

/// What says that such a piece is one of a call that goes on.
fn is_piece(item: &Item) -> bool {
    let piece = |form| matches!(form, ArgsForm::Piece | ArgsForm::TextPiece);
    matches!(*item, Item::CallPiece { .. })
        || matches!(*item, Item::CallArgs { form, .. } if piece(form))
}

/// The one piece of text among these items, if it is of a text that the dialect knows.
fn only_word(
    root: &Value<'_>,
    items: &[Item],
    template: &Template,
    like: Like,
) -> Option<LearnedWord> {
    let mut texts = items.iter().filter_map(|item| match *item {
        Item::Text { node, role, text: Some(key), .. } => Some((node, role, key)),
        _ => None,
    });
    let ((node, role, key), None) = (texts.next()?, texts.next()) else { return None };
    let hole = template.number_of(Hole::Text(node)).filter(|_| !key.is_unknown())?;
    let number = match root.get("sequence_number") {
        // A number that is written otherwise is none to anybody.
        Some(own) if own.as_u64().is_some() => Some(template.number_of(Hole::Number(own.id()))?),
        _ => None,
    };
    let counts = template.numbers() > usize::from(number.is_some());
    Some(LearnedWord { key, role, hole, number, like, counts })
}

/// A value that differs from event to event and by which no dialect reads one: padding, and counts.
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

/// Bedrock's padding, and the time that Ollama puts on each line. Where they are something else they are texts, and two holes
/// in one place are not learned.
fn is_padding(value: &Value<'_>) -> bool {
    (value.key_is("p") || value.key_is("created_at"))
        && value.parent().is_some_and(|parent| parent.id() == 0)
}

fn is_usage(value: &Value<'_>) -> bool {
    std::iter::successors(value.parent(), Value::parent).any(|above| above.key_is("usageMetadata"))
}
