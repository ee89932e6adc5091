//! Whole texts in which nothing was found: one that is written identically need not be searched again.
//!
//! Some streams repeat a text when it is over, and again with what contained it (Responses: `output_text.done`,
//! `content_part.done`, `output_item.done`, `response.completed`). Its bytes are compared with those that were
//! searched; the search of a whole text depends on nothing else.

use crate::dialect::Role;
use crate::limits;
use crate::wire::find;

/// The searched texts, as they are written between their quotes.
#[derive(Debug, Default)]
pub(super) struct CleanTexts {
    /// The last ones, oldest first.
    texts: Vec<(Role, Vec<u8>)>,
    bytes: usize,
}

impl CleanTexts {
    /// True if this text was searched before.
    pub(super) fn has(&self, role: Role, raw: &[u8]) -> bool {
        self.texts.iter().any(|(own, text)| *own == role && find::same(text, raw))
    }

    /// Remembers it, if that is worthwhile, at the expense of the oldest.
    pub(super) fn keep(&mut self, role: Role, raw: &[u8]) {
        if !(limits::CLEAN_TEXT_BYTES..=limits::CLEAN_TEXTS_BYTES).contains(&raw.len()) {
            return;
        }
        self.bytes += raw.len();
        let mut gone = 0;
        for (number, (_, text)) in self.texts.iter().enumerate() {
            if self.bytes <= limits::CLEAN_TEXTS_BYTES
                && self.texts.len() - number < limits::CLEAN_TEXTS
            {
                break;
            }
            self.bytes -= text.len();
            gone = number + 1;
        }
        self.texts.drain(..gone);
        self.texts.push((role, raw.to_vec()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_give_way_and_memory_is_bounded() {
        let mut clean = CleanTexts::default();
        let text = |number: usize, length: usize| format!("{number:0length$}").into_bytes();
        for number in 0..limits::CLEAN_TEXTS + 3 {
            clean.keep(Role::Output, &text(number, 100));
        }
        assert_eq!(clean.texts.len(), limits::CLEAN_TEXTS);
        assert!(!clean.has(Role::Output, &text(2, 100)));
        assert!(clean.has(Role::Output, &text(3, 100)));
        assert!(!clean.has(Role::ToolArgs, &text(3, 100)), "other rules look at these");
        clean.keep(Role::Output, &text(0, limits::CLEAN_TEXTS_BYTES));
        assert_eq!(clean.bytes, limits::CLEAN_TEXTS_BYTES);
        assert_eq!(clean.texts.len(), 1);
        clean.keep(Role::Output, &text(0, limits::CLEAN_TEXTS_BYTES + 1));
        clean.keep(Role::Output, b"short");
        assert_eq!(clean.texts.len(), 1);
    }
}
