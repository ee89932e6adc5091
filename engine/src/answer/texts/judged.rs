//! What is done with pieces of texts once they are decided.

use super::{GrowingText, OpenTexts, Written};
use crate::answer::args::ArgsReader;
use crate::answer::held::{HeldPiece, QueuedFrame};
use crate::answer::hold_reason::HoldReason;
use crate::answer::place::{TextEdit, changed};
use crate::answer::rules::Rules;
use crate::answer::running::{AnswerStop, ChangedSpan};
use crate::context::record::Record;
use crate::dialect::TextKey;
use crate::limits;
use crate::wire::edit::Edit;
use crate::wire::text::Decoded;

/// The rules that acted, each once, in the order in which they did first.
#[derive(Debug, Default)]
pub struct ActedRules(Vec<usize>);

impl ActedRules {
    fn add(&mut self, rule: usize) {
        if self.0.last() != Some(&rule) && !self.0.contains(&rule) {
            self.0.push(rule);
        }
    }

    /// Counts them.
    pub fn record(&self, rules: &Rules, record: &mut Record) {
        self.0.iter().for_each(|rule| rules.acted(*rule, record));
    }
}

impl OpenTexts {
    /// What is still undecided in this frame, and so holds it (invariant 6); `None` if nothing is. Pieces in calls to
    /// `skip` never leave.
    #[must_use]
    pub fn waits_for(
        &self,
        held: &mut QueuedFrame<'_>,
        skip: impl Fn(&HeldPiece) -> bool,
    ) -> Option<HoldReason> {
        // What is decided stays so: it is evaluated once, however many frames follow this one.
        while let Some(piece) = held.pieces.get(held.ready) {
            let waits = match piece.place {
                _ if skip(piece) => None,
                Written::Args(_) => {
                    let ready = |args: &ArgsReader| args.ready(piece.start..piece.end);
                    let waits = self.args.get(piece.text).is_some_and(|args| !ready(args));
                    waits.then(|| HoldReason::Arguments { call: piece.call.or(piece.key) })
                }
                _ => self.running.get(piece.text).map(GrowingText::clear).and_then(|from| {
                    let waits = from < piece.end;
                    waits.then_some(HoldReason::PartialMatch { text: piece.key, from })
                }),
            };
            if waits.is_some() {
                return waits;
            }
            held.ready += 1;
        }
        None
    }

    /// The first stop in a frame that is ready: which piece, and where. Of two in one text the one that begins first;
    /// of two that begin together the first rule's. A redaction of something signed is a stop.
    #[must_use]
    pub fn first_stop(&self, held: &QueuedFrame<'_>) -> Option<(usize, AnswerStop)> {
        held.pieces.iter().enumerate().find_map(|(at, piece)| {
            let stop = match piece.place {
                Written::Args(_) => self.args.get(piece.text)?.stop(piece.start..piece.end),
                _ => self.running.get(piece.text)?.stop(piece.start, piece.end),
            };
            let sealed = || {
                let text = self.running.get(piece.text).filter(|_| piece.signed)?;
                let span = text.spans(piece.start, piece.end).next()?;
                Some(AnswerStop { start: span.start, rule: span.rule })
            };
            Some((at, stop.or_else(sealed)?))
        })
    }

    fn spans(&self, piece: &HeldPiece) -> Vec<ChangedSpan> {
        self.running
            .get(piece.text)
            .map(|text| text.spans(piece.start, piece.end).collect())
            .unwrap_or_default()
    }

    /// Adds the edits of the rules' redactions in a piece, and the rules.
    pub fn rewrite(
        &mut self,
        piece: &HeldPiece,
        payload: &[u8],
        rules: &Rules,
        edits: &mut Vec<Edit>,
        acted: &mut ActedRules,
    ) {
        let before = edits.len();
        match &piece.place {
            Written::Seal(_) => {
                if piece.key.is_some_and(|key| self.was_changed(key)) {
                    piece.place.empty(edits);
                }
                return;
            }
            // A rule that would change it stops (it counts as signed).
            Written::File(_) => return,
            Written::Args(_) => {
                let part = piece.start..piece.end;
                let Some(args) = self.args.get(piece.text) else { return };
                let changes = args.changes(part.clone(), rules);
                changes.iter().for_each(|change| acted.add(change.rule));
                piece.place.write_args(payload, part, changes, edits);
            }
            _ => {
                let Some(text) = self.running.get(piece.text) else { return };
                let spans = text.spans(piece.start, piece.end);
                let changes: Vec<TextEdit<'_>> = spans
                    .map(|span| {
                        acted.add(span.rule);
                        piece.change(span, rules, piece.end)
                    })
                    .collect();
                if !changes.is_empty() {
                    piece.place.write(payload, &changes, edits);
                }
            }
        }
        if edits.len() == before {
            return;
        }
        if let Some((span, with)) = &piece.erase {
            edits.push(Edit { at: span.clone(), with: with.as_bytes().to_vec() });
        }
        if let Some(key) = piece.key {
            self.mark_changed(key);
        }
    }

    fn mark_changed(&mut self, key: TextKey) {
        if self.changed.len() < limits::OPEN_TEXTS {
            self.changed.insert(key, ());
        }
    }

    /// True if a rule has changed this running text. If too many were changed to remember, every one counts as changed:
    /// a missing signature is repaired by asking again, a wrong one is a forgery.
    fn was_changed(&self, key: TextKey) -> bool {
        self.changed.contains_key(&key) || self.changed.len() >= limits::OPEN_TEXTS
    }

    /// The part of a frame being replaced that still leaves: its running texts up to piece `at`, and that piece up to
    /// `end`, redacted. Texts that are whole in the frame leave with it or not at all, and so do tool arguments.
    #[must_use]
    pub fn before(
        &self,
        held: &QueuedFrame<'_>,
        at: usize,
        end: u64,
        rules: &Rules,
    ) -> Vec<(TextKey, String)> {
        let payload = held.frame.payload_bytes();
        let mut decoded = Decoded::new();
        let mut before = Vec::new();
        for (number, piece) in held.pieces.iter().enumerate().take(at + 1) {
            let (Some(key), Written::Content(_)) = (piece.key, &piece.place) else { continue };
            let end = if number == at { end } else { piece.end };
            let text = piece.place.text(&payload, &mut decoded);
            let text = text.get(..piece.local(end)).unwrap_or_default();
            let changes: Vec<TextEdit<'_>> = self
                .spans(piece)
                .iter()
                .filter(|span| span.start < end)
                .map(|span| piece.change(*span, rules, end))
                .collect();
            let text = changed(text, &changes);
            if !text.is_empty() {
                before.push((key, text));
            }
        }
        before
    }
}
