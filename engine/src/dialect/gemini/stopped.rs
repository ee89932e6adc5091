//! How events leave once calls were stopped: a text part takes the part of a stopped call.

use super::super::splice::{extend, remove, replace};
use super::super::texts::number;
use super::super::write::Json;
use super::super::{Leaves, Piece, TextKey};
use super::ending::{Sent, says};
use crate::dialect::anthropic::RESULT;
use crate::limits;
use crate::wire::json::{Kind, Value};

/// What has become of the calls.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    /// Stopped calls that something was said for.
    said: Vec<TextKey>,
    /// Ids of stopped calls that the provider ran, whose results are withheld.
    ids: Vec<String>,
    /// Candidates in which something was said for a call.
    candidates: Vec<Candidate>,
}

#[derive(Debug, Default)]
struct Candidate {
    index: u32,
    /// What was said last was said for a call: what follows begins a new paragraph.
    gap: bool,
    /// The last code was stopped, and its result is withheld.
    code: bool,
}

impl Leaving {
    pub(super) fn frame(&mut self, root: &Value<'_>, pieces: &[Piece<'_>], sent: &Sent) -> Leaves {
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
        pieces: &[Piece<'_>],
        sent: &Sent,
        leaves: &mut Leaves,
    ) {
        let mut spoke = sent.spoke(index);
        let mut gone = Vec::new();
        for part in parts.children() {
            let piece = pieces.iter().find(|piece| piece.node == part.id());
            let stopped = piece.and_then(|piece| piece.stopped);
            let is_code = part.get("executableCode").is_some();
            let result = self.is_result(&part, index);
            if is_code && stopped.is_none() {
                self.candidate(index, |candidate| candidate.code = false);
            }
            let text = match stopped {
                Some(stopped) => {
                    self.remember(&part);
                    self.candidate(index, |candidate| candidate.code |= is_code);
                    let first = !self.said.contains(&stopped.call);
                    if first && self.said.len() < limits::OPEN_TEXTS {
                        self.said.push(stopped.call);
                    }
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
        remove(parts, |part| gone.contains(&part.id()), &mut leaves.edits);
    }

    /// Clients join the texts of parts: what follows what was said for a call stands apart from it.
    fn paragraph(&mut self, part: &Value<'_>, index: u32, leaves: &mut Leaves) {
        let known = self.candidates.iter_mut().find(|c| c.index == index && c.gap);
        if let (Some(candidate), Some(text)) = (known, part.get("text")) {
            candidate.gap = false;
            extend(&text, "\n\n", false, &mut leaves.edits);
        }
    }

    fn candidate(&mut self, index: u32, change: impl FnOnce(&mut Candidate)) {
        let at = match self.candidates.iter().position(|candidate| candidate.index == index) {
            Some(at) => at,
            None if self.candidates.len() >= limits::OPEN_TEXTS => return,
            None => {
                self.candidates.push(Candidate { index, ..Candidate::default() });
                self.candidates.len() - 1
            }
        };
        if let Some(candidate) = self.candidates.get_mut(at) {
            change(candidate);
        }
    }

    fn remember(&mut self, part: &Value<'_>) {
        let id = part.get("toolCall").and_then(|call| call.get("id"));
        let id = id.and_then(|id| id.as_str());
        if let Some(id) = id.filter(|id| id.len() <= limits::ANSWER_ID_BYTES)
            && self.ids.len() < limits::OPEN_TEXTS
        {
            self.ids.push(id.into_owned());
        }
    }

    /// What a stopped call brought.
    fn is_result(&self, part: &Value<'_>, index: u32) -> bool {
        let code = self.candidates.iter().any(|c| c.index == index && c.code);
        let response = part.get("toolResponse").and_then(|response| response.get("id"));
        (code && part.get("codeExecutionResult").is_some())
            || response.is_some_and(|id| self.ids.iter().any(|own| id.is_str(own)))
    }
}
