//! Frames that repeat an earlier one: neither parsed nor read, whether their view is needed or they only pass.

use std::ops::Range;

use super::{FoundWord, FrameContent, FrameLoop, NextFrame, ShownFrame};
use crate::answer::repeats::{LearnedWord, Repeats};
use crate::counters::Unchecked;
use crate::wire::frame::{Frame, Framing};

impl FrameLoop {
    /// True if events are recognised by all their bytes, and one may begin here.
    #[inline(always)]
    fn knows_events(&self) -> bool {
        self.framing == Framing::Sse && self.framer.is_between_events()
    }

    /// True if a frame equals one that was read before except for its text: recognised by its document, and by the name
    /// beside it.
    pub(super) fn knows_document(&mut self, frame: &Frame<'_>) -> bool {
        let Some(repeats) = self.repeats.as_mut().filter(|_| self.framing != Framing::Sse) else {
            return false;
        };
        let name = frame.event_name().unwrap_or_default();
        let known = repeats.fits_document(&frame.payload_bytes(), name);
        if known {
            repeats.take();
        }
        known
    }

    /// The frame that [`FrameLoop::knows_document`] has just recognised.
    pub(super) fn known_frame<'c>(&mut self, frame: Frame<'c>) -> NextFrame<'c> {
        let number = self.frames;
        match self.repeats.as_ref().and_then(Repeats::word) {
            Some(word) => NextFrame::Word(FoundWord { frame, word, number }),
            None => NextFrame::Shown(self.show_last(frame, number)),
        }
    }

    /// The view of the frame.
    pub(crate) fn show_found<'c>(&mut self, found: FoundWord<'c>) -> ShownFrame<'c> {
        self.show_last(found.frame, found.number)
    }

    /// A frame whose document was matched last.
    fn show_last<'c>(&mut self, frame: Frame<'c>, number: u64) -> ShownFrame<'c> {
        let payload = frame.payload_bytes();
        let repeats = self.repeats.as_mut();
        let found = repeats.and_then(|own| own.show(&payload, &mut self.doc, &mut self.items));
        drop(payload);
        let Some(found) = found else {
            let content = FrameContent::Unread(Unchecked::Dialect);
            return ShownFrame { frame, content, number, repeat: None };
        };
        let repeat = found.repeat;
        (self.doc_of, self.like) = (number, Some(repeat.like));
        ShownFrame { frame, content: FrameContent::Json, number, repeat: Some(repeat) }
    }

    /// The next frame, if it equals one that was read before except for its text: its document and its items are known.
    pub(super) fn repeated<'c>(&mut self, rest: &mut &'c [u8]) -> Option<ShownFrame<'c>> {
        if !self.knows_events() {
            return None;
        }
        let length = self.repeats.as_mut()?.fits(rest)?;
        self.show_repeat(length, rest)
    }

    /// The event that was matched, which has this length: takes it from the front of `rest`.
    fn show_repeat<'c>(&mut self, length: usize, rest: &mut &'c [u8]) -> Option<ShownFrame<'c>> {
        let (raw, after) = rest.split_at_checked(length)?;
        let found = self.repeats.as_mut()?.show(raw, &mut self.doc, &mut self.items)?;
        *rest = after;
        self.count_repeat(raw);
        self.doc_of = self.frames;
        self.like = Some(found.repeat.like);
        let frame = Frame {
            raw: raw.into(),
            payload: std::iter::once(found.payload).collect(),
            event: found.event,
            ..Frame::default()
        };
        let repeat = Some(found.repeat);
        Some(ShownFrame { frame, content: FrameContent::Json, number: self.frames, repeat })
    }

    /// A matched event is taken.
    #[inline(always)]
    pub(in crate::answer) fn count_repeat(&mut self, raw: &[u8]) {
        self.framer.passed(raw);
        self.repeats.iter_mut().for_each(Repeats::take);
        self.frames += 1;
    }

    /// The next event, if it equals one that was read before except for its text, and only continues one text: its
    /// bytes, and that text. Nothing is taken yet: that is done by [`FrameLoop::pass_word`] or
    /// [`FrameLoop::show_word`].
    pub(in crate::answer) fn word<'c>(
        &mut self,
        rest: &'c [u8],
    ) -> Option<(&'c [u8], LearnedWord)> {
        if !self.knows_events() {
            return None;
        }
        let repeats = self.repeats.as_mut()?;
        let Some(length) = repeats.fits(rest) else {
            self.unlike = rest.len();
            return None;
        };
        Some((rest.get(..length)?, repeats.word()?))
    }

    /// The range of the text in the event `raw`, and whether it is written with escapes.
    pub(in crate::answer) fn written(&self, word: LearnedWord) -> Option<(Range<usize>, bool)> {
        self.repeats.as_ref()?.written(word)
    }

    /// The event as [`FrameLoop::next`] returns it, taken from the front of `rest`.
    pub(in crate::answer) fn show_word<'c>(
        &mut self,
        length: usize,
        rest: &mut &'c [u8],
    ) -> Option<ShownFrame<'c>> {
        self.show_repeat(length, rest)
    }

    /// The matched event leaves unchanged, `sent`, or passes unjudged; its view is not needed. `learned`: the bytes
    /// that are written as learned; `text`: its text.
    pub(in crate::answer) fn pass_word(
        &mut self,
        learned: &[u8],
        word: LearnedWord,
        text: &str,
        sent: bool,
    ) {
        // The document is still that of an earlier event.
        (self.doc_of, self.like) = (0, None);
        if !sent {
            return;
        }
        let Some(repeats) = &mut self.repeats else { return };
        let before = std::mem::replace(&mut self.sent_like, repeats.like());
        let Some(reader) = &mut self.reader else { return };
        let again = self.sent_like == before;
        if again
            && (!reader.keeps_words()
                || reader.sent_word(word.key, text, repeats.number(word, learned)))
        {
            return;
        }
        let Some(found) = repeats.show(learned, &mut self.doc, &mut self.items) else { return };
        let payload = learned.get(found.payload).unwrap_or_default();
        match again {
            true => reader.sent_again(&self.doc, payload, &self.items),
            false => reader.sent(&self.doc, payload),
        }
    }
}
