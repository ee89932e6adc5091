//! The arguments of a call, in all the forms in which an answer gives them.

use crate::dialect::ArgsForm;
use crate::limits;
use crate::policy::program::tools::Args;
use crate::wire::json::Value;

/// Memory of a parsed value per source byte, at most approximately: a list of digits has two bytes per value.
const PARSED_COST: usize = 14;

/// What has arrived of a call's arguments. Events repeat them, and clients differ in which repetition they use: so all
/// are kept, and all are judged.
#[derive(Debug, Default)]
pub(super) struct CallArguments {
    /// The pieces, joined.
    pieces: String,
    /// The pieces are plain text.
    text: bool,
    any_piece: bool,
    whole: Vec<Args>,
    /// They cannot be judged.
    spoilt: bool,
    bytes: usize,
    /// Approximate memory of all forms.
    taken: usize,
}

impl CallArguments {
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.whole.is_empty() && !self.spoilt
    }

    /// The arguments can no longer be judged.
    pub(super) fn spoil(&mut self) {
        self.spoilt = true;
        self.pieces = String::new();
        self.whole = Vec::new();
        self.taken = 0;
    }

    /// Approximate memory in bytes.
    pub(super) fn memory(&self) -> usize {
        self.taken
    }

    pub(super) fn take(&mut self, value: &Value<'_>, form: ArgsForm) {
        self.bytes = self.bytes.saturating_add(value.raw().len());
        if self.bytes > limits::HELD_CALL_BYTES || form == ArgsForm::Opaque {
            self.spoil();
        }
        if self.spoilt {
            return;
        }
        // Whole forms are parsed, and a value takes more than its bytes.
        let piece = matches!(form, ArgsForm::Piece | ArgsForm::TextPiece);
        self.taken += value.raw().len() * if piece { 1 } else { PARSED_COST };
        let text = || value.as_str().unwrap_or_default();
        match form {
            ArgsForm::Piece | ArgsForm::TextPiece => {
                let plain = form == ArgsForm::TextPiece;
                if self.any_piece && self.text != plain {
                    return self.spoil();
                }
                (self.text, self.any_piece) = (plain, true);
                self.pieces.push_str(&text());
            }
            ArgsForm::Whole => self.whole.push(Args::json(text().as_bytes())),
            ArgsForm::WholeText => self.whole.push(Args::text(&text())),
            ArgsForm::Value => self.whole.push(Args::json(value.raw())),
            ArgsForm::Opaque => {}
        }
    }

    /// Every form, at least one.
    pub(super) fn forms(&mut self) -> Vec<Args> {
        if self.spoilt {
            return vec![Args::opaque()];
        }
        self.taken = 0;
        let mut forms = std::mem::take(&mut self.whole);
        if self.any_piece || forms.is_empty() {
            let pieces = std::mem::take(&mut self.pieces);
            // Some providers stream nothing and send everything at the end.
            if !pieces.is_empty() || forms.is_empty() {
                forms.push(if self.text {
                    Args::text(&pieces)
                } else {
                    Args::json(pieces.as_bytes())
                });
            }
        }
        forms
    }
}
