//! Guardrails on input: every text the model would be shown, whole, before any of it leaves.

use std::rc::Rc;

use super::Exchange;
use super::request::Refusal;
use crate::answer::held::Held;
use crate::answer::texts::Texts;
use crate::answer::{Chosen, Rules};
use crate::context::record::Record;
use crate::dialect::{Item, RequestView, definitions};
use crate::policy::document::Fallback;
use crate::policy::program::guard::{Action, Guard};
use crate::wire::edit::{self, Edit};
use crate::wire::json::{Doc, Kind, Value};

/// What input guardrails make of a request.
pub(super) enum Outcome {
    /// It goes on as it is.
    Pass,
    /// It goes on with this body.
    Rewritten(Vec<u8>),
    /// This canned answer is given.
    Canned(Rc<Fallback>),
    /// It is refused.
    Refused(Refusal),
}

/// What was found in texts that are whole.
pub(super) struct Looked {
    /// The rule that stops, and where its text stands.
    pub stop: Option<(usize, Option<usize>)>,
    /// What redactions change, if nothing stops.
    pub edits: Vec<Edit>,
}

/// Looks at texts of which each is whole in its value.
pub(super) fn look(
    rules: &Rules,
    items: &[Item],
    doc: &Doc,
    bytes: &[u8],
    record: &mut Record,
) -> Looked {
    let mut texts = Texts::default();
    let mut held = Held::default();
    for item in items {
        // None of them stays open: there cannot be too many.
        let _ = texts.read(item, doc, bytes, rules, &mut held.pieces, record);
    }
    if let Some((at, stop)) = texts.first_stop(&held) {
        let place = held.pieces.get(at).map(|piece| piece.place.start());
        return Looked { stop: Some((stop.rule, place)), edits: Vec::new() };
    }
    let mut edits = Vec::new();
    for piece in &held.pieces {
        texts.rewrite(piece, bytes, rules, &mut edits, record);
    }
    Looked { stop: None, edits }
}

impl Exchange {
    /// Scans a request's texts with the input guardrails that hold.
    pub(super) fn scan_input(&mut self, view: &RequestView, doc: &Doc, body: &[u8]) -> Outcome {
        let chosen: Chosen = self.chosen_for(|guard| self.reads_request(guard));
        if chosen.is_empty() && view.edits.is_empty() {
            return Outcome::Pass;
        }
        let rules = Rules::new(Rc::clone(&self.program), chosen);
        let mut texts = std::borrow::Cow::Borrowed(&view.texts);
        if !self.chosen_for(Guard::on_definitions).is_empty() {
            definitions::texts(doc, body, texts.to_mut());
        }
        let looked = look(&rules, &texts, doc, body, &mut self.record);
        if let Some((rule, at)) = looked.stop {
            return self.stopped(&rules, rule, at, doc, body);
        }
        let edits: Vec<Edit> = [view.edits.clone(), looked.edits].concat();
        match edits.is_empty() {
            true => Outcome::Pass,
            false => Outcome::Rewritten(edit::apply_to(body, &edits)),
        }
    }

    fn stopped(
        &mut self,
        rules: &Rules,
        rule: usize,
        at: Option<usize>,
        doc: &Doc,
        body: &[u8],
    ) -> Outcome {
        let Some(guard) = rules.guard(rule) else { return Outcome::Pass };
        if let Action::Fallback(fallback) = &guard.action {
            self.record.action(&guard.rule.id, "fallback", false);
            return Outcome::Canned(Rc::clone(fallback));
        }
        // A redaction in a signed block, which must not be changed, blocks.
        self.record.action(&guard.rule.id, "block", false);
        let place = at.map(|at| pointer(doc, body, at)).unwrap_or_default();
        Outcome::Refused(Refusal {
            message: format!("blocked by rule `{}` at {place}", guard.rule.id),
            code: "content_blocked",
        })
    }
}

/// Where the value that holds this byte stands, as a JSON pointer (RFC 6901). Keys are the caller's own words: a long
/// pointer is cut.
fn pointer(doc: &Doc, body: &[u8], at: usize) -> String {
    const LONGEST: usize = 200;
    let root = doc.root(body);
    let innermost = root.descendants().filter(|value| value.span().contains(&at)).last();
    let mut segments: Vec<String> = Vec::new();
    let mut value: Value<'_> = innermost.unwrap_or(root);
    while let Some(parent) = value.parent() {
        segments.push(match parent.kind() {
            Kind::Array => {
                parent.children().take_while(|child| child.id() != value.id()).count().to_string()
            }
            _ => String::from_utf8_lossy(value.raw_key()).replace('~', "~0").replace('/', "~1"),
        });
        value = parent;
    }
    let mut pointer: String =
        segments.iter().rev().flat_map(|segment| ["/", segment.as_str()]).collect();
    if pointer.len() > LONGEST {
        pointer.truncate(pointer.floor_char_boundary(LONGEST));
        pointer.push('…');
    }
    pointer
}
