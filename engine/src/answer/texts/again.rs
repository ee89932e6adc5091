//! Texts that are repeated: at their end, in their item, in the answer that a stream repeats.
//!
//! Most such strings are copies, and are scanned separately. One that contains more than has arrived of its text ends
//! it differently from its pieces, and one that begins differently is a piece itself: a match that is cut across the
//! two is found.

use super::{GrowingText, OpenTexts, TooMany, Written};
use crate::answer::args::ArgsReader;
use crate::answer::held::HeldPiece;
use crate::answer::rules::Rules;
use crate::answer::running::TextId;
use crate::context::record::Record;
use crate::dialect::{Role, TextKey};
use crate::wire::json::NodeId;

impl OpenTexts {
    /// The string `node`, which is read next, says `said` for the text `key`.
    ///
    /// # Errors
    /// [`TooMany`]: more was found than can be remembered.
    pub fn again(
        &mut self,
        key: TextKey,
        node: NodeId,
        said: &str,
        rules: &Rules,
        record: &mut Record,
    ) -> Result<(), TooMany> {
        let (open, args) = (self.open.get(&key).copied(), self.open_args.get(&key).copied());
        let text = open.or_else(|| self.ended.get(&key).copied());
        let text = text.and_then(|id| self.running.get(id));
        let text = text.map(|text: &GrowingText| &text.head);
        let own = args.and_then(|id| self.args.get(id)).map(|args: &ArgsReader| &args.head);
        let Some(head) = text.or(own).filter(|head| !head.is_empty()) else { return Ok(()) };
        if !head.begins(said) {
            // A copy of something else is scanned separately, and the text may continue nevertheless.
            self.rest = Some((node, key)).filter(|_| !head.is_like(said));
            return Ok(());
        }
        let more = head.more(said).unwrap_or_default();
        match open {
            // All of the text and nothing more, or a copy that differs somewhere.
            _ if more.is_empty() => Ok(()),
            Some(id) => match self.grow(id, more, rules, record).fits {
                true => Ok(()),
                false => Err(TooMany),
            },
            None if args.is_some() => {
                let piece = HeldPiece::new(Some(key), Written::Seal(0..0));
                self.feed_args(more, Role::ToolArgs, piece, rules, record).map(|_| ())
            }
            // It has left: nothing of it waits for what follows.
            None => Ok(()),
        }
    }

    /// The next string is at the end of this text, and may not be part of it.
    pub(super) fn step_aside(&mut self, key: TextKey) -> Option<TextId> {
        let id = match key.is_unknown() {
            true => self.places.get(&key)?.text?,
            false => {
                let id = self.open.get(&key).copied().or_else(|| self.reopen(key))?;
                self.open.insert(key, id);
                id
            }
        };
        let text = self.running.get_mut(id)?;
        let before = text.weight();
        text.step_aside();
        let after = text.weight();
        self.account(before, after);
        Some(id)
    }
}
