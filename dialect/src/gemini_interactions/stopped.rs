//! How events leave once calls were stopped: a step that says something takes the step of a stopped call, so that indexes
//! stay, and the status stays true.

use super::super::fields::string;
use super::super::number::number;
use super::super::splice::replace;
use super::super::write::Json;
use super::super::{CallPiece, Leaves, Stopped, TextKey};
use super::ending::delta;
use super::event::{Event, Names};
use super::kind;
use super::model_output;
use crate::anthropic::RESULT;
use crate::limits;
use crate::wire::frame::Framing;
use crate::wire::json::Value;

/// What has become of the calls.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    /// A call that the caller carries out has left.
    through: bool,
    /// A call was stopped.
    stopped: bool,
    /// Stopped calls that something was said for.
    said: Vec<TextKey>,
    /// Ids of stopped calls, whose results are withheld.
    ids: Vec<String>,
    /// Steps of withheld results that have begun and not stopped.
    withheld: Vec<u32>,
}

impl Leaving {
    pub(super) fn frame(
        &mut self,
        root: &Value<'_>,
        framing: Framing,
        pieces: &[CallPiece<'_>],
    ) -> Leaves {
        let mut leaves = Leaves::default();
        if framing == Framing::Json {
            self.interaction(root, pieces, &mut leaves);
            return leaves;
        }
        let names = Names::of(root).unwrap_or_default();
        let index = number(root.get("index"));
        match Event::of(root) {
            Event::Start => {
                let steps = root.children().filter(|f| f.key_is("step") || f.key_is("content"));
                for step in steps {
                    let Some(text) = self.instead(&step, find(root, pieces)) else { continue };
                    if text == RESULT && self.withheld.len() < limits::OPEN_TEXTS {
                        self.withheld.push(index);
                    }
                    replace(&step, names.said_step().1, &mut leaves.edits);
                    if leaves.after.is_empty() {
                        delta(&mut leaves.after, names, index, kind::TEXT, text);
                    }
                }
            }
            Event::Delta => {
                let stopped = find(root, pieces);
                leaves.dropped = stopped.is_some() || self.withheld.contains(&index);
                // A call may begin without an event that says so.
                let unsaid = stopped.filter(|stopped| !self.said.contains(&stopped.call));
                if let Some(delta) = root.get("delta") {
                    let text = self.instead(&delta, stopped);
                    if let Some(text) = text.filter(|_| unsaid.is_some()) {
                        super::ending::delta(&mut leaves.after, names, index, kind::TEXT, text);
                    }
                }
            }
            Event::Stop => self.withheld.retain(|step| *step != index),
            _ => {
                for interaction in root.children().filter(|field| field.key_is("interaction")) {
                    self.interaction(&interaction, pieces, &mut leaves);
                }
                self.status(root, &mut leaves);
            }
        }
        leaves
    }

    /// An interaction whose steps are whole.
    fn interaction(
        &mut self,
        interaction: &Value<'_>,
        pieces: &[CallPiece<'_>],
        leaves: &mut Leaves,
    ) {
        for list in interaction.children() {
            let before = list.key_is("outputs");
            if !before && !list.key_is("steps") {
                continue;
            }
            for step in list.children() {
                let Some(text) = self.instead(&step, find(&step, pieces)) else { continue };
                let mut json = Json::default();
                if before {
                    json.raw(r#"{"type":"text","text":"#).text(text).raw("}");
                } else {
                    model_output(&mut json, text);
                }
                replace(&step, json.as_str(), &mut leaves.edits);
            }
        }
        self.status(interaction, leaves);
    }

    /// What is said in a step's place, if it does not leave.
    fn instead<'a>(&mut self, step: &Value<'_>, stopped: Option<&'a Stopped>) -> Option<&'a str> {
        let kind = string(step.get("type"));
        let Some(stopped) = stopped else {
            self.through |= &*kind == b"function_call";
            return (kind.ends_with(b"_result") && self.is_withheld(step)).then_some(RESULT);
        };
        self.stopped = true;
        let id = step.get("id").and_then(|id| id.as_str());
        if let Some(id) = id.filter(|id| id.len() <= limits::ANSWER_ID_BYTES)
            && self.ids.len() < limits::OPEN_TEXTS
            && !self.ids.iter().any(|own| *own == id)
        {
            self.ids.push(id.into_owned());
        }
        if !self.said.contains(&stopped.call) && self.said.len() < limits::OPEN_TEXTS {
            self.said.push(stopped.call);
        }
        Some(&stopped.text)
    }

    /// What a stopped call brought.
    fn is_withheld(&self, step: &Value<'_>) -> bool {
        step.get("call_id").is_some_and(|id| self.ids.iter().any(|own| id.is_str(own)))
    }

    fn status(&self, holder: &Value<'_>, leaves: &mut Leaves) {
        if !self.stopped || self.through {
            return;
        }
        for field in holder.children().filter(|field| field.key_is("status")) {
            if field.is_str("requires_action") {
                replace(&field, "\"completed\"", &mut leaves.edits);
            }
        }
    }
}

fn find<'a>(value: &Value<'_>, pieces: &[CallPiece<'a>]) -> Option<&'a Stopped> {
    pieces.iter().find(|piece| piece.node == value.id()).and_then(|piece| piece.stopped)
}
