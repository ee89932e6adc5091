//! Events that add one word and contain nothing else new: most of every stream.
//!
//! Such an event is recognised by its bytes ([`super::super::repeats`]), so it is neither parsed nor read, and while
//! nothing waits it need not be queued either:
//!
//! ```text
//! data: {"i":0,"delta":{"text":" brown"}}⏎⏎
//!       as learned             └ word ┘        the word is added to its text; if all of that is decided, the event leaves
//! ```
//! If something is found or still live in the text, it becomes a frame like any other from there on.

use std::ops::Range;

use super::{FrameContext, Pipe};
use crate::answer::frame_loop::{FoundWord, ShownFrame};
use crate::answer::held::HeldPiece;
use crate::answer::place::Location;
use crate::answer::repeats::{LearnedWord, TemplateId};
use crate::answer::texts::FedPiece;
use crate::dialect::Role;
use crate::wire::json::has_half;

/// Observes what an answer says, besides the code that judges it.
pub trait Listener {
    /// True if nothing in events like this one is new except their word.
    fn is_silent(&self, like: TemplateId) -> bool;

    /// A word has arrived.
    fn word(&mut self, text: &str);
}

/// What happened to a word.
enum WordFate {
    /// It must be handled like any frame.
    Unheard,
    /// It has left.
    Left,
    /// Something in it, or before it, is still live. The range is its place in the learned bytes.
    Lives(FedPiece, Range<usize>),
}

impl Pipe {
    /// True if an event with one word may take the short way: nothing is cut, stopped or queued.
    fn takes_words(&self) -> bool {
        // (An event with a word is not there for its usage alone.)
        self.cut.is_none() && !self.calls.any_stopped() && self.queue.is_empty()
    }

    /// Takes events from the front of `rest` as long as they add one word and leave at once. True if nothing is left.
    pub fn words(
        &mut self,
        rest: &mut &[u8],
        around: &mut FrameContext<'_, '_>,
        mut listener: Option<&mut dyn Listener>,
    ) -> bool {
        let any = !rest.is_empty();
        while !rest.is_empty() {
            if !self.takes_words() {
                return false;
            }
            let Some((event, word)) = around.frames.word(rest) else { return false };
            match self.word(event, event, word, around, &mut listener) {
                WordFate::Unheard => return false,
                WordFate::Left => {
                    around.frames.count_repeat(event);
                    *rest = rest.get(event.len()..).unwrap_or_default();
                }
                WordFate::Lives(fed, at) => {
                    let Some(shown) = around.frames.show_word(event.len(), rest) else {
                        return false;
                    };
                    let start = shown.frame.payload.first().map_or(0, |payload| payload.start);
                    self.waits_with(word, &fed, at.start - start..at.end - start, shown, around);
                }
            }
        }
        any
    }

    /// Takes a frame that adds one word. Returns its view if it must be handled like any frame.
    pub(crate) fn word_frame<'c>(
        &mut self,
        found: FoundWord<'c>,
        around: &mut FrameContext<'_, '_>,
        mut listener: Option<&mut dyn Listener>,
    ) -> Option<ShownFrame<'c>> {
        if !self.takes_words() {
            return Some(around.frames.show_found(found));
        }
        let (word, payload) = (found.word, found.frame.payload_bytes());
        let fate = self.word(&found.frame.raw, &payload, word, around, &mut listener);
        drop(payload);
        match fate {
            WordFate::Unheard => return Some(around.frames.show_found(found)),
            WordFate::Left => {}
            WordFate::Lives(fed, at) => {
                let shown = around.frames.show_found(found);
                self.waits_with(word, &fed, at, shown, around);
            }
        }
        None
    }

    /// Reads the word of an event, and lets the event leave if it can. `raw`: all of its bytes; `learned`: those that
    /// are written as learned.
    fn word(
        &mut self,
        raw: &[u8],
        learned: &[u8],
        word: LearnedWord,
        around: &mut FrameContext<'_, '_>,
        listener: &mut Option<&mut dyn Listener>,
    ) -> WordFate {
        let silent = |own: &&mut dyn Listener| !word.counts && own.is_silent(word.like);
        if !listener.as_ref().is_none_or(silent) {
            return WordFate::Unheard;
        }
        let Some((at, escaped)) = around.frames.written(word) else { return WordFate::Unheard };
        let written = learned.get(at.clone()).and_then(|text| std::str::from_utf8(text).ok());
        let Some(text) = written else { return WordFate::Unheard };
        let looks = self.rules.look_at(word.role);
        // Tools rules read arguments from the document, and rules in the JSON that they are.
        if word.role != Role::Output && (looks || self.calls.look()) {
            return WordFate::Unheard;
        }
        // Not every client can read such an event.
        if escaped && has_half(text.as_bytes()) {
            return WordFate::Unheard;
        }
        let text = if escaped {
            self.decoded.read(text.as_bytes());
            self.decoded.text()
        } else {
            text
        };
        let mut live = None;
        if looks {
            let Some(fed) = self.texts.go_on(word.key, text, &self.rules, around.record) else {
                return WordFate::Unheard;
            };
            let acts = self.rules.acting(word.role).is_some();
            live = Some(fed).filter(|fed| acts && !fed.decided);
        } else {
            self.texts.next_frame(&self.rules, around.record);
        }
        if let Some(listener) = listener {
            listener.word(text);
        }
        if let Some(fed) = live {
            return WordFate::Lives(fed, at);
        }
        let acts = self.acts();
        if acts {
            around.out.push(raw);
        }
        around.frames.pass_word(learned, word, text, acts);
        WordFate::Left
    }

    /// The frame waits, with the piece that its word became, which is at this range of its payload.
    fn waits_with(
        &mut self,
        word: LearnedWord,
        fed: &FedPiece,
        at: Range<usize>,
        shown: ShownFrame<'_>,
        around: &mut FrameContext<'_, '_>,
    ) {
        let piece = HeldPiece::new(Some(word.key), Location::Content(at));
        let piece = HeldPiece { text: fed.id, start: fed.start, end: fed.end, ..piece };
        let mut held = self.fresh();
        (held.number, held.repeat) = (shown.number, shown.repeat);
        held.pieces.push(piece);
        held.frame = shown.frame;
        self.push(held, around);
    }
}
