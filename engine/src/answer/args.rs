//! Tool arguments that are JSON text inside JSON strings: every key, string and number in them is a separate text.
//!
//! The pieces of the arguments (outer strings, frame by frame) and the pieces of the inner texts have different
//! boundaries: a frame's end can cut an escape. So inner pieces are stored by their position in *all* of the arguments'
//! text, and a frame asks for those that overlap its part.

use std::ops::Range;
use std::rc::Rc;

use super::head::TextHead;
use super::place::{ArgsChange, TextEdit};
use super::rules::Rules;
use super::running::{AnswerStop, GrowingText};
use crate::context::record::Record;
use crate::dialect::{Role, TextKey};
use crate::limits;
use crate::search::Hit;
use crate::wire::inner::{Inner, InnerEvent, InnerJson, InnerKind, encode_inner};

/// The arguments of one call as they arrive.
#[derive(Debug)]
pub struct ArgsReader {
    /// The dialect's key for them, if they continue from frame to frame.
    pub key: Option<TextKey>,
    /// Nothing more will arrive.
    pub ended: bool,
    /// Something happened to them since the last settlement.
    pub listed: bool,
    role: Role,
    /// How they begin, if they have a key.
    pub head: TextHead,
    reader: InnerJson,
    /// Where something begins that must be seen as a whole and is incomplete.
    pending: Option<u64>,
    /// In the order of their numbers.
    texts: Vec<InnerText>,
    pieces: Vec<InnerPiece>,
    /// The stop of the first rule, in texts that have ended.
    stop: Option<AnswerStop>,
    /// Memory of what the pieces share, and of what was found in texts that have ended.
    inner: usize,
}

#[derive(Debug)]
struct InnerText {
    n: u32,
    kind: InnerKind,
    running: GrowingText,
}

/// A part of an inner text that arrived in one piece of the arguments.
#[derive(Debug)]
struct InnerPiece {
    n: u32,
    /// Bytes of the inner text.
    start: u64,
    end: u64,
    /// Its position in the arguments' text.
    at: Range<u64>,
    inner: Rc<Inner>,
    range: Range<usize>,
}

/// The stop of the rule that comes first.
fn first(one: Option<AnswerStop>, other: Option<AnswerStop>) -> Option<AnswerStop> {
    match (one, other) {
        (Some(one), Some(other)) if other.rule < one.rule => Some(other),
        (one, other) => one.or(other),
    }
}

impl InnerPiece {
    /// These bytes of a text, which are in this range of a piece of the arguments.
    fn new(n: u32, bytes: Range<u64>, inner: &Rc<Inner>, range: Range<usize>) -> Self {
        let (start, end, at) = (bytes.start, bytes.end, inner.span(range.clone()));
        Self { n, start, end, at, inner: Rc::clone(inner), range }
    }
}

impl ArgsReader {
    /// Arguments of which nothing has arrived.
    #[must_use]
    pub fn new(key: Option<TextKey>, role: Role) -> Self {
        Self {
            key,
            ended: false,
            listed: false,
            role,
            head: TextHead::default(),
            reader: InnerJson::new(),
            pending: None,
            texts: Vec::new(),
            pieces: Vec::new(),
            stop: None,
            inner: 0,
        }
    }

    /// How much of the arguments' text has arrived.
    #[must_use]
    pub fn fed(&self) -> u64 {
        self.reader.fed()
    }

    /// True if a value in them is incomplete.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        self.reader.is_inside()
    }

    /// Reads the next piece.
    pub fn feed(&mut self, piece: &str, rules: &Rules, record: &mut Record, hits: &mut Vec<Hit>) {
        if self.key.is_some() {
            self.head.add(piece);
        }
        let mut inner = Inner::default();
        self.reader.feed(piece, &mut inner);
        self.pending = inner.pending();
        self.take(inner, rules, record, hits);
    }

    /// The arguments are complete.
    pub fn finish(&mut self, rules: &Rules, record: &mut Record, hits: &mut Vec<Hit>) {
        let mut inner = Inner::default();
        self.reader.finish(&mut inner);
        self.pending = None;
        self.ended = true;
        self.take(inner, rules, record, hits);
        for text in self.texts.iter_mut().filter(|text| !text.running.ended) {
            text.running.finish(rules, record, hits);
        }
    }

    fn take(&mut self, inner: Inner, rules: &Rules, record: &mut Record, hits: &mut Vec<Hit>) {
        let inner = Rc::new(inner);
        self.take_events(&inner, rules, record, hits);
        if Rc::strong_count(&inner) > 1 {
            self.inner += inner.memory();
        }
    }

    fn take_events(
        &mut self,
        inner: &Rc<Inner>,
        rules: &Rules,
        record: &mut Record,
        hits: &mut Vec<Hit>,
    ) {
        let mut events = inner.events();
        while let [event, after @ ..] = events {
            events = after;
            match event {
                InnerEvent::Begin { n, kind } => {
                    if let [InnerEvent::Text { text, .. }, InnerEvent::End { .. }, next @ ..] =
                        after
                        && text.len() <= limits::SHORT_TEXT_BYTES
                    {
                        events = next;
                        let (id, own) = (u64::from(*n), inner.text(text.clone()));
                        if !rules.may_find(self.role, own) {
                            continue;
                        }
                        let running = GrowingText::short(id, self.role, own, rules, record, hits);
                        if running.touched_at_all() {
                            self.keep(
                                InnerText { n: *n, kind: *kind, running },
                                inner,
                                text.clone(),
                            );
                        }
                        continue;
                    }
                    let running = GrowingText::new(u64::from(*n), None, self.role);
                    self.texts.push(InnerText { n: *n, kind: *kind, running });
                }
                InnerEvent::Text { n, text: range } => {
                    let Some(text) = self.texts.iter_mut().rfind(|text| text.n == *n) else {
                        continue;
                    };
                    let start = text.running.fed();
                    text.running.feed(inner.text(range.clone()), rules, record, hits);
                    let end = text.running.fed();
                    self.pieces.push(InnerPiece::new(*n, start..end, inner, range.clone()));
                }
                InnerEvent::End { n } => {
                    if let Some(text) = self.texts.iter_mut().rfind(|text| text.n == *n) {
                        text.running.finish(rules, record, hits);
                        let (memory, stop) = (text.running.memory(), text.running.any_stop());
                        self.note_end(memory, stop);
                    }
                    self.forget_last();
                }
            }
        }
    }

    /// Keeps a text that arrived whole, in which something was found.
    fn keep(&mut self, text: InnerText, inner: &Rc<Inner>, range: Range<usize>) {
        self.pieces.push(InnerPiece::new(text.n, 0..text.running.fed(), inner, range));
        self.note_end(text.running.memory(), text.running.any_stop());
        self.texts.push(text);
    }

    /// A text has ended that takes this much memory, with this stop in it.
    fn note_end(&mut self, memory: usize, stop: Option<AnswerStop>) {
        self.inner += memory - size_of::<GrowingText>();
        self.stop = first(self.stop, stop);
    }

    /// Most inner texts end without a hit and without anything waiting: they are forgotten at once, since a list of
    /// numbers has as many of them as bytes.
    fn forget_last(&mut self) {
        let plain = |text: &InnerText| text.running.ended && !text.running.touched_at_all();
        while let Some(text) = self.texts.pop_if(|text| plain(text)) {
            while self.pieces.pop_if(|piece| piece.n == text.n).is_some() {}
        }
    }

    fn text(&self, n: u32) -> Option<&InnerText> {
        self.texts.get(self.texts.binary_search_by_key(&n, |text| text.n).ok()?)
    }

    /// The inner pieces that overlap a part of the arguments' text.
    fn touching(&self, part: Range<u64>) -> impl Iterator<Item = (&InnerPiece, &InnerText)> {
        // They are in order and do not overlap.
        let first = self.pieces.partition_point(|piece| piece.at.end <= part.start);
        let from = self.pieces.get(first..).unwrap_or_default().iter();
        from.take_while(move |piece| piece.at.start < part.end)
            .filter_map(|piece| Some((piece, self.text(piece.n)?)))
    }

    /// True if this part of the arguments' text is decided.
    #[must_use]
    pub fn ready(&self, part: Range<u64>) -> bool {
        if self.pending.is_some_and(|from| part.end > from) {
            return false;
        }
        // No two are open at once, and what has ended is decided: only the last text's pieces may wait.
        let Some(last) = self.texts.last() else { return true };
        let end = self.pieces.partition_point(|piece| piece.at.start < part.end);
        let before = self.pieces.get(..end).unwrap_or_default();
        let open = before.iter().rev().take_while(|piece| piece.n == last.n);
        open.take_while(|piece| piece.at.end > part.start)
            .all(|piece| last.running.clear() >= piece.end)
    }

    /// Decoded bytes that partial matches hold back.
    #[must_use]
    pub fn held(&self) -> usize {
        // No two are open at once, and what has ended is decided.
        self.texts.last().map_or(0, |text| text.running.held())
    }

    /// Approximate memory in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        let last = self.texts.last().map_or(0, |text| text.running.memory());
        size_of::<Self>()
            + self.texts.capacity() * size_of::<InnerText>()
            + self.pieces.capacity() * size_of::<InnerPiece>()
            + self.inner
            + last
    }

    /// Gives up partial matches, and the wait for incomplete values.
    pub fn release(&mut self, rules: &Rules, hits: &mut Vec<Hit>) {
        self.pending = None;
        for text in &mut self.texts {
            text.running.release(rules, hits);
        }
    }

    /// The stop in this part of the arguments' text that begins first.
    #[must_use]
    pub fn stop(&self, part: Range<u64>) -> Option<AnswerStop> {
        self.touching(part).find_map(|(piece, text)| text.running.stop(piece.start, piece.end))
    }

    /// A stop anywhere in the arguments; of several, that of the first rule.
    #[must_use]
    pub fn any_stop(&self) -> Option<AnswerStop> {
        let open = self.texts.last().and_then(|text| text.running.any_stop());
        first(self.stop, open)
    }

    /// True if a rule acts on any of it.
    #[must_use]
    pub fn touched(&self) -> bool {
        self.texts.iter().any(|text| text.running.touched_at_all())
    }

    /// The changes that overlap a part of the arguments' text, in order.
    #[must_use]
    pub fn changes(&self, part: Range<u64>, rules: &Rules) -> Vec<ArgsChange> {
        let mut changes = Vec::new();
        for (piece, text) in self.touching(part) {
            let spans: Vec<_> = text.running.spans(piece.start, piece.end).collect();
            let Some(first) = spans.first().copied() else { continue };
            let local = |offset: u64| {
                let within = offset.clamp(piece.start, piece.end) - piece.start;
                piece.range.start + usize::try_from(within).unwrap_or(usize::MAX)
            };
            if text.kind == InnerKind::Number {
                let number = piece.inner.text(piece.range.clone());
                let inside: Vec<TextEdit<'_>> = spans
                    .iter()
                    .map(|span| TextEdit {
                        at: local(span.start) - piece.range.start
                            ..local(span.end) - piece.range.start,
                        with: rules.replacement(span.rule),
                    })
                    .collect();
                let mut with = Vec::new();
                encode_inner(text.kind, &super::place::changed(number, &inside), &mut with);
                changes.push(ArgsChange { at: piece.at.clone(), with, rule: first.rule });
                continue;
            }
            for span in spans {
                let mut with = Vec::new();
                if span.start >= piece.start {
                    encode_inner(text.kind, rules.replacement(span.rule), &mut with);
                }
                let at = piece.inner.span(local(span.start)..local(span.end));
                changes.push(ArgsChange { at, with, rule: span.rule });
            }
        }
        changes
    }

    /// Everything that arrived has left.
    pub fn settle(&mut self) {
        self.texts.retain(|text| !text.running.ended);
        self.texts.iter_mut().for_each(|text| text.running.settle());
        self.pieces.clear();
        (self.stop, self.inner) = (None, 0);
    }
}
