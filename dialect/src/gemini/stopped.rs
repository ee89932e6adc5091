//! How events leave once calls were stopped: a text part replaces the part of a stopped call.

use super::super::bounded_set::{BoundedSet, CallIds, pieces_at};
use super::super::number::number;
use super::super::splice::{extend, remove, replace};
use super::super::write::Json;
use super::super::{CallPiece, Leaves, TextKey};
use super::ending::{Sent, says};
use super::spelling::either;
use crate::limits;
use crate::stopped_calls::RESULT;
use crate::wire::json::{Kind, Value};

/// What happened to the calls.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    /// Stopped calls whose replacement was sent.
    said: BoundedSet<TextKey>,
    /// Ids of stopped calls that the provider ran, whose results are withheld.
    ids: CallIds,
    /// Candidates in which a call was replaced, in the order of their indexes.
    candidates: Vec<Candidate>,
}

#[derive(Debug, Default)]
struct Candidate {
    index: u32,
    /// The last text sent was a replacement: the next one begins a new paragraph.
    gap: bool,
    /// The last code was stopped, and its result is withheld.
    code: bool,
}

impl Leaving {
    pub(super) fn frame(
        &mut self,
        root: &Value<'_>,
        pieces: &[CallPiece<'_>],
        sent: &Sent,
    ) -> Leaves {
        let mut leaves = Leaves::default();
        let events: Vec<Value<'_>> = match root.kind() {
            Kind::Array => root.children().collect(),
            _ => vec![*root],
        };
        let lists = events.iter().flat_map(|event| event.children());
        for candidate in lists.filter(|f| f.key_is("candidates")).flat_map(|list| list.children()) {
            let index = number(candidate.get("index"));
            let contents = candidate.children().filter(|field| field.key_is("content"));
            for parts in contents.flat_map(|c| c.children()).filter(|f| f.key_is("parts")) {
                self.parts(&parts, index, pieces, sent, &mut leaves);
            }
        }
        leaves
    }

    fn parts(
        &mut self,
        parts: &Value<'_>,
        index: u32,
        pieces: &[CallPiece<'_>],
        sent: &Sent,
        leaves: &mut Leaves,
    ) {
        let mut spoke = sent.spoke(index);
        let mut gone = Vec::new();
        for part in parts.children() {
            let piece = pieces_at(pieces, part.id()).first();
            let stopped = piece.and_then(|piece| piece.stopped);
            let is_code = either(&part, "executableCode").is_some();
            let result = self.is_result(&part, index);
            if is_code && stopped.is_none() {
                self.candidate(index, |candidate| candidate.code = false);
            }
            let text = match stopped {
                Some(stopped) => {
                    self.remember(&part);
                    self.candidate(index, |candidate| candidate.code |= is_code);
                    let first = !self.said.has(&stopped.call);
                    self.said.add(stopped.call);
                    first.then_some(stopped.text.as_str())
                }
                None if result => Some(RESULT),
                None => {
                    if says(&part) {
                        self.paragraph(&part, index, leaves);
                        spoke = true;
                    }
                    continue;
                }
            };
            let Some(text) = text else {
                gone.push(part.id());
                continue;
            };
            let mut json = Json::default();
            json.raw(r#"{"text":""#).raw(if spoke { "\\n\\n" } else { "" });
            json.piece(text).raw("\"}");
            replace(&part, json.as_str(), &mut leaves.edits);
            self.candidate(index, |candidate| candidate.gap = true);
            spoke = true;
        }
        // (They are in the order of their nodes.)
        remove(parts, |part| gone.binary_search(&part.id()).is_ok(), &mut leaves.edits);
    }

    /// Clients join the texts of parts, so a text after a replacement begins a new paragraph.
    fn paragraph(&mut self, part: &Value<'_>, index: u32, leaves: &mut Leaves) {
        let known = self.known(index).ok().and_then(|at| self.candidates.get_mut(at));
        if let (Some(candidate), Some(text)) = (known.filter(|own| own.gap), part.get("text")) {
            candidate.gap = false;
            extend(&text, "\n\n", false, &mut leaves.edits);
        }
    }

    fn candidate(&mut self, index: u32, change: impl FnOnce(&mut Candidate)) {
        let at = match self.known(index) {
            Ok(at) => at,
            Err(_) if self.candidates.len() >= limits::OPEN_TEXTS => return,
            Err(at) => {
                self.candidates.insert(at, Candidate { index, ..Candidate::default() });
                at
            }
        };
        if let Some(candidate) = self.candidates.get_mut(at) {
            change(candidate);
        }
    }

    fn remember(&mut self, part: &Value<'_>) {
        self.ids.add(part.get("toolCall").and_then(|call| call.get("id")));
    }

    /// The position of a candidate, or where it would be inserted.
    fn known(&self, index: u32) -> Result<usize, usize> {
        self.candidates.binary_search_by_key(&index, |candidate| candidate.index)
    }

    /// True for the result of a stopped call.
    fn is_result(&self, part: &Value<'_>, index: u32) -> bool {
        let known = self.known(index).ok().and_then(|at| self.candidates.get(at));
        let code = known.is_some_and(|candidate| candidate.code);
        let response = part.get("toolResponse").and_then(|response| response.get("id"));
        let result = || either(part, "codeExecutionResult");
        (code && result().is_some()) || self.ids.has(response)
    }
}
