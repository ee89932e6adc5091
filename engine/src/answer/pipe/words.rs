//! Events that say one word more, and nothing else: most of every stream.
//!
//! Such an event is known by its bytes ([`super::super::repeats`]), so it is neither parsed nor read, and while nothing
//! waits it need not be queued either:
//!
//! ```text
//! data: {"i":0,"delta":{"text":" brown"}}⏎⏎
//!       as learned             └ word ┘        the word goes to its text; is all of that decided, the event leaves
//! ```
//! What is found or still live in the text makes it a frame like any other from there on: the rest of the way is the same.

use std::ops::Range;

use super::{Around, Pipe};
use crate::answer::held::HeldPiece;
use crate::answer::place::Location;
use crate::answer::repeats::{LearnedWord, Like};
use crate::dialect::Role;

/// Hears what an answer says, beside those who judge it.
pub trait Listener {
    /// True if events like this one say nothing but their word that would be new.
    fn is_silent(&self, like: Like) -> bool;

    /// A word is said.
    fn word(&mut self, text: &str);
}

impl Pipe {
    /// Takes events from the front of `rest` as long as they say one word more and leave at once. True: those were all.
    pub fn words(
        &mut self,
        rest: &mut &[u8],
        around: &mut Around<'_, '_>,
        mut listener: Option<&mut dyn Listener>,
    ) -> bool {
        // (An event that says a word does not stand there for its usage alone.)
        if self.cut.is_some() || self.calls.any_stopped() {
            return false;
        }
        let any = !rest.is_empty();
        while !rest.is_empty() {
            if !self.queue.is_empty() {
                return false;
            }
            let Some((raw, word)) = around.frames.word(rest) else { return false };
            let silent = |own: &&mut dyn Listener| !word.counts && own.is_silent(word.like);
            if !listener.as_ref().is_none_or(silent) {
                return false;
            }
            if !self.word(raw, word, rest, around, &mut listener) {
                return false;
            }
        }
        any
    }

    /// Takes one of them. False: it is to be looked at like any frame.
    fn word(
        &mut self,
        raw: &[u8],
        word: LearnedWord,
        rest: &mut &[u8],
        around: &mut Around<'_, '_>,
        listener: &mut Option<&mut dyn Listener>,
    ) -> bool {
        let Some((at, escaped)) = around.frames.written(word) else { return false };
        let Some(text) = raw.get(at.clone()).and_then(|raw| std::str::from_utf8(raw).ok()) else {
            return false;
        };
        let looks = self.rules.look_at(word.role);
        // What tools rules want to know of arguments they read in the document, and rules in the JSON that they are.
        if word.role != Role::Output && (looks || self.calls.look()) {
            return false;
        }
        let text = if escaped {
            self.decoded.read_str(text);
            self.decoded.text()
        } else {
            text
        };
        let mut live = None;
        if looks {
            let Some(fed) = self.texts.go_on(word.key, text, &self.rules, around.record) else {
                return false;
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
            let Some(shown) = around.frames.show_word(raw.len(), rest) else { return false };
            let mut held = self.fresh();
            (held.number, held.repeat) = (shown.number, shown.repeat);
            let start = shown.frame.payload.first().map_or(0, |payload| payload.start);
            let in_payload = |at: Range<usize>| at.start - start..at.end - start;
            held.pieces.push(HeldPiece {
                text: fed.id,
                start: fed.start,
                end: fed.end,
                ..HeldPiece::new(Some(word.key), Location::Content(in_payload(at)))
            });
            held.frame = shown.frame;
            self.push(held, around);
            return self.cut.is_none();
        }
        *rest = rest.get(raw.len()..).unwrap_or_default();
        let acts = self.acts();
        if acts {
            around.out.push(raw);
        }
        around.frames.pass_word(raw, word, text, acts);
        true
    }
}
