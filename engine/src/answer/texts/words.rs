//! The next piece of an open text, where it is known in advance which text it continues.

use super::{Grown, OpenTexts};
use crate::answer::rules::Rules;
use crate::answer::running::TextId;
use crate::context::record::Record;
use crate::dialect::TextKey;

/// A piece that was read.
#[derive(Debug, Clone, Copy)]
pub struct FedPiece {
    /// The text's number.
    pub id: TextId,
    /// Where the piece begins in the text.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
    /// Nothing was found in the text that is still to be changed, and nothing in it is live.
    pub decided: bool,
}

impl OpenTexts {
    /// Reads the next piece of a text from another frame; `None` if the text is not open, and nothing was read.
    pub fn go_on(
        &mut self,
        key: TextKey,
        piece: &str,
        rules: &Rules,
        record: &mut Record,
    ) -> Option<FedPiece> {
        let id = *self.open.get(&key)?;
        self.next_frame(rules, record);
        let Grown { start, end, decided, .. } = self.grow(id, piece, rules, record);
        Some(FedPiece { id, start, end, decided })
    }
}
