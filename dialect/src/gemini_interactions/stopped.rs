//! How events leave once calls were stopped: a step of model output replaces the step of a stopped call, so that
//! indexes stay the same, and the status stays true.

use super::super::bounded_set::BoundedSet;
use super::super::fields::string;
use super::super::number::number;
use super::super::splice::replace;
use super::super::stopped_calls::{RESULT, StoppedCalls, stopped_at};
use super::super::write::Json;
use super::super::{CallPiece, Leaves, StoppedCall, TextKey};
use super::ending::delta;
use super::event::{EventNames, StreamEventKind};
use super::kind;
use super::own::model_output;
use crate::wire::frame::Framing;
use crate::wire::json::Value;

/// What happened to the calls.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    calls: StoppedCalls,
    /// Stopped calls whose replacement was sent.
    said: BoundedSet<TextKey>,
}

/// The member, the status that asks the caller to run tools, and the one of an interaction without calls.
const STATUS: (&str, &str, &str) = ("status", "requires_action", "\"completed\"");

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
        let names = EventNames::of(root).unwrap_or_default();
        let index = number(root.get("index"));
        match StreamEventKind::of(root) {
            StreamEventKind::Start => {
                let steps = root.children().filter(|f| f.key_is("step") || f.key_is("content"));
                for step in steps {
                    let Some(text) = self.instead(&step, stopped_at(root, pieces)) else {
                        continue;
                    };
                    if text == RESULT {
                        self.calls.withheld.add(index);
                    }
                    replace(&step, names.said_step().1, &mut leaves.edits);
                    if leaves.after.is_empty() {
                        delta(&mut leaves.after, names, index, kind::TEXT, text);
                    }
                }
            }
            StreamEventKind::Delta => {
                let stopped = stopped_at(root, pieces);
                leaves.dropped = stopped.is_some() || self.calls.withheld.has(&index);
                // A call may begin without a start event.
                let unsaid = stopped.filter(|stopped| !self.said.has(&stopped.call));
                if let Some(delta) = root.get("delta") {
                    let text = self.instead(&delta, stopped);
                    if let Some(text) = text.filter(|_| unsaid.is_some()) {
                        super::ending::delta(&mut leaves.after, names, index, kind::TEXT, text);
                    }
                }
            }
            StreamEventKind::Stop => _ = self.calls.withheld.remove(&index),
            _ => {
                for interaction in root.children().filter(|field| field.key_is("interaction")) {
                    self.interaction(&interaction, pieces, &mut leaves);
                }
                self.calls.keep_true(root, STATUS, &mut leaves);
            }
        }
        leaves
    }

    /// An interaction with whole steps.
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
                let Some(text) = self.instead(&step, stopped_at(&step, pieces)) else { continue };
                let mut json = Json::default();
                if before {
                    json.raw(r#"{"type":"text","text":"#).text(text).raw("}");
                } else {
                    model_output(&mut json, text);
                }
                replace(&step, json.as_str(), &mut leaves.edits);
            }
        }
        self.calls.keep_true(interaction, STATUS, leaves);
    }

    /// The text that replaces a step, if it does not leave.
    fn instead<'a>(
        &mut self,
        step: &Value<'_>,
        stopped: Option<&'a StoppedCall>,
    ) -> Option<&'a str> {
        let kind = string(step.get("type"));
        let Some(stopped) = stopped else {
            self.calls.through |= *kind == *b"function_call";
            let withheld = kind.ends_with(b"_result") && self.calls.has(step.get("call_id"));
            return withheld.then_some(RESULT);
        };
        self.calls.stop(step.get("id"));
        self.said.add(stopped.call);
        Some(&stopped.text)
    }
}
