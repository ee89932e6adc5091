//! Events that are written like one before but for their text: most of every stream, and read by comparing bytes.
//!
//! What makes this sound: an event that only goes on with texts ([`Answer::goes_on`]) changes nothing in the reader when
//! it is read again. So one that repeats it, but for the content of these texts and for values that no dialect reads an
//! event by, has the same items, and need not be read. Whatever else is read makes void all that was learned before
//! ([`Repeats::read`]): it may have changed how such an event is read.
//! The document is that of the event itself ([`Template`]): whoever looks into it sees what he would have seen.

use std::ops::Range;

use crate::dialect::{Answer, Item, Role, Shape};
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
pub(super) struct Found {
    /// Bytes of it, its blank line included.
    pub length: usize,
    /// Where its payload stands in them.
    pub payload: Range<usize>,
    /// Where its name stands in them.
    pub event: Option<Range<usize>>,
    /// What it is written like.
    pub like: Like,
}

/// Names a way of writing: events with the same one differ in nothing but words, padding and counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Like(u64);

/// The events of a stream that were learned.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    known: Vec<Known>,
    /// The one that fitted last.
    last: usize,
    /// What was learned before this changed is void.
    epoch: u32,
    /// Events that could be learned, since one that was learned came again.
    vain: u8,
    found: u64,
    learned: u64,
}

/// One of them.
#[derive(Debug)]
struct Known {
    template: Template,
    items: Vec<Item>,
    /// Where the event's name stands; before all that differs.
    event: Option<Range<usize>>,
    epoch: u32,
    like: Like,
}

impl Repeats {
    /// The event that `data` begins with, if it was learned. Its document and its items are written to `doc` and `items`.
    pub(super) fn find(
        &mut self,
        data: &[u8],
        doc: &mut Doc,
        items: &mut Vec<Item>,
    ) -> Option<Found> {
        let others = (0..self.known.len()).filter(|at| *at != self.last);
        for at in std::iter::once(self.last).chain(others) {
            let Some(known) = self.known.get_mut(at).filter(|known| known.epoch == self.epoch)
            else {
                continue;
            };
            if let Some(length) = known.template.fits(data) {
                known.template.write(doc);
                items.clear();
                items.extend_from_slice(&known.items);
                self.last = at;
                self.vain = 0;
                self.found += 1;
                let payload = known.template.payload(length);
                let (event, like) = (known.event.clone(), known.like);
                return Some(Found { length, payload, event, like });
            }
        }
        None
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
    /// written like, if it was learned.
    pub(super) fn read(
        &mut self,
        frame: &Frame<'_>,
        root: &Value<'_>,
        doc: &Doc,
        items: &[Item],
        reader: &dyn Answer,
    ) -> Option<Like> {
        let texts = !items.is_empty() && items.iter().all(|item| text(item).is_some());
        if !texts || !reader.goes_on(root) {
            self.forget();
            return None;
        }
        self.vain = self.vain.saturating_add(1);
        if self.vain <= CREDIT {
            return self.learn(frame, root, doc, items);
        }
        if self.vain == u8::MAX {
            self.vain = 0;
        }
        None
    }

    fn learn(
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
        let mut holes: Vec<Hole> = items.iter().filter_map(text).collect();
        holes.extend(root.descendants().filter_map(|value| inert(&value)));
        let template = Template::new(&frame.raw, line.clone(), doc, &holes)?;
        let (items, event) = (items.to_vec(), frame.event.clone());
        self.learned += 1;
        let like = Like(self.learned);
        let known = Known { template, items, event, epoch: self.epoch, like };
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
        Some(like)
    }
}

/// A piece of a running text of the answer, and nothing else.
fn text(item: &Item) -> Option<Hole> {
    match *item {
        Item::Text {
            node,
            shape: Shape::Text,
            role: Role::Output,
            text: Some(_),
            signed: false,
            erase: None,
        } => Some(Hole::Text(node)),
        _ => None,
    }
}

/// A value that differs from event to event and by which no dialect reads one: padding, and counts.
fn inert(value: &Value<'_>) -> Option<Hole> {
    match value.kind() {
        Kind::String if value.key_is("obfuscation") => Some(Hole::Plain(value.id())),
        Kind::Number if value.key_is("sequence_number") || is_usage(value) => {
            value.raw().iter().all(u8::is_ascii_digit).then(|| Hole::Number(value.id()))
        }
        _ => None,
    }
}

fn is_usage(value: &Value<'_>) -> bool {
    std::iter::successors(value.parent(), Value::parent).any(|above| above.key_is("usageMetadata"))
}
