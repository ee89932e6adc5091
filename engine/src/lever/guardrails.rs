//! Guardrails on input: every text that the model would be shown is scanned in full before any of it leaves.

use std::rc::Rc;

use crate::answer::held::QueuedFrame;
use crate::answer::texts::{ActedRules, OpenTexts, TooMany};
use crate::answer::{ChosenRules, Rules};
use crate::context::record::Record;
use crate::context::{Context, Refusal};
use crate::counters::Unchecked;
use crate::dialect::{Item, RequestView, beside, definitions};
use crate::limits;
use crate::policy::document::{Fallback, Mode, OnUnreadable};
use crate::policy::program::guard::{Action, Guard};
use crate::wire::edit::{self, Edit};
use crate::wire::json::{Doc, Kind, Value};

/// What input guardrails do with a request.
pub(crate) enum InputOutcome {
    /// It is forwarded unchanged.
    Pass,
    /// It is forwarded with this body.
    Rewritten(Vec<u8>),
    /// It is answered with this canned answer.
    Canned(Rc<Fallback>),
    /// It is refused.
    Refused(Refusal),
}

/// What was found in whole texts.
pub(crate) struct Findings {
    /// The rule that stops the request, and where the text stands that it matched.
    pub stop: Option<(usize, Option<usize>)>,
    /// What redactions change, if nothing stops the request.
    pub edits: Vec<Edit>,
}

/// Scans texts, each of which is whole in its value. They are scanned one after another, and only the edits are kept of
/// what was found.
///
/// # Errors
/// More was found than can be remembered ([`limits::FOUND_BYTES`]).
pub(crate) fn look(
    rules: &Rules,
    items: &[Item],
    doc: &Doc,
    bytes: &[u8],
    record: &mut Record,
) -> Result<Findings, TooMany> {
    let mut texts = OpenTexts::default();
    let mut held = QueuedFrame::default();
    let mut acted = ActedRules::default();
    let mut looked = Findings { stop: None, edits: Vec::new() };
    let mut kept = 0;
    let mut items = items.iter();
    for item in items.by_ref() {
        held.pieces.clear();
        texts.forget();
        texts.read(item, doc, bytes, rules, &mut held.pieces, record)?;
        if held.pieces.is_empty() {
            continue;
        }
        if let Some((at, stop)) = texts.first_stop(&held) {
            let place = held.pieces.get(at).map(|piece| piece.place.start());
            looked = Findings { stop: Some((stop.rule, place)), edits: Vec::new() };
            break;
        }
        let known = looked.edits.len();
        for piece in &held.pieces {
            texts.rewrite(piece, bytes, rules, &mut looked.edits, &mut acted);
        }
        let new = looked.edits.get(known..).unwrap_or_default();
        kept += new.iter().map(|edit| limits::EDIT_BYTES + edit.with.len()).sum::<usize>();
        if kept > limits::FOUND_BYTES {
            return Err(TooMany);
        }
    }
    if looked.stop.is_none() {
        acted.record(rules, record);
        return Ok(looked);
    }
    // Nothing of the rest leaves: only rules that watch scan it.
    if let Some(watching) = rules.watching_alone() {
        for item in items {
            texts.forget();
            texts.read(item, doc, bytes, &watching, &mut held.pieces, record)?;
        }
    }
    Ok(looked)
}

/// Lever 3 in one exchange: the guardrails that hold.
#[derive(Debug, Default)]
pub(crate) struct Guardrails {
    pub chosen: ChosenRules,
}

impl Guardrails {
    /// A guardrail holds.
    pub(crate) fn choose(&mut self, at: usize, guard: &Guard, mode: Mode) {
        let tag = matches!(guard.action, Action::Tag);
        if mode == Mode::Shadow || tag {
            self.chosen.watching.push((at, mode == Mode::Shadow));
        } else {
            self.chosen.acting.push(at);
        }
    }

    /// The guardrails that hold and look at the answer.
    pub(crate) fn for_answer(&self, cx: &Context) -> ChosenRules {
        self.chosen.only(&cx.program, &|guard| cx.reads_answer(guard))
    }

    /// True if a guardrail that holds looks at requests.
    pub(crate) fn on_request(&self, cx: &Context) -> bool {
        !self.chosen.only(&cx.program, &Guard::on_request).is_empty()
    }

    /// Scans a request's texts with the input guardrails that hold.
    pub(crate) fn scan_input(
        &self,
        cx: &mut Context,
        view: &RequestView,
        doc: &Doc,
        body: &[u8],
    ) -> InputOutcome {
        let chosen: ChosenRules = self.chosen.only(&cx.program, &|guard| cx.reads_request(guard));
        if chosen.is_empty() && view.edits.is_empty() {
            return InputOutcome::Pass;
        }
        let rules = Rules::new(Rc::clone(&cx.program), chosen);
        let mut texts = view.texts.clone();
        beside::texts(view, doc, body, &mut texts);
        if !self.chosen.only(&cx.program, &Guard::on_definitions).is_empty() {
            definitions::texts(doc, body, &mut texts);
        }
        let mut edits = view.edits.clone();
        match look(&rules, &texts, doc, body, &mut cx.record) {
            Ok(Findings { stop: Some((rule, at)), .. }) => {
                return stopped(cx, &rules, rule, at, doc, body);
            }
            Ok(looked) => edits.extend(looked.edits),
            Err(TooMany) => {
                let passes = cx.program.on_unreadable == Some(OnUnreadable::Pass);
                let refuse = rules.act() && !passes;
                cx.record.unchecked(Unchecked::TooBig, refuse);
                if refuse {
                    let message = "too much in this request is found by rules (too_big)".to_owned();
                    return InputOutcome::Refused(Refusal { message, code: "unreadable" });
                }
            }
        }
        match edits.is_empty() {
            true => InputOutcome::Pass,
            false => InputOutcome::Rewritten(edit::apply_to(body, &edits)),
        }
    }
}

fn stopped(
    cx: &mut Context,
    rules: &Rules,
    rule: usize,
    at: Option<usize>,
    doc: &Doc,
    body: &[u8],
) -> InputOutcome {
    let Some(guard) = rules.guard(rule) else { return InputOutcome::Pass };
    if let Action::Fallback(fallback) = &guard.action {
        cx.record.action(&guard.rule.id, "fallback", false);
        return InputOutcome::Canned(Rc::clone(fallback));
    }
    // A redaction in a signed block blocks instead, since the block must not change.
    cx.record.action(&guard.rule.id, "block", false);
    let place = at.map(|at| pointer(doc, body, at)).unwrap_or_default();
    InputOutcome::Refused(Refusal {
        message: format!("blocked by rule `{}` at {place}", guard.rule.id),
        code: "content_blocked",
    })
}

/// The JSON pointer (RFC 6901) of the value that contains this byte. Keys are the caller's own text, so a long pointer
/// is cut.
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
