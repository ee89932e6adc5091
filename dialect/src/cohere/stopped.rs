//! How events leave once calls were stopped: without those of the calls, with a content of its own in their place, and
//! a finish reason that is still true.

use super::super::fields::string;
use super::super::number::number;
use super::super::openai_chat::stopped::take_out;
use super::super::splice::{insert, push, replace};
use super::super::stopped_calls::StoppedCalls;
use super::super::write::Json;
use super::super::{CallPiece, Leaves};
use super::ending::content;
use crate::wire::frame::Framing;
use crate::wire::json::{Kind, Value};
use crate::word::{self, Word};

/// What happened to the calls.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    calls: StoppedCalls,
    /// The index of the next content.
    next: u32,
}

/// The member, the finish reason that asks the caller to run tools, and the one of an answer without calls.
const FINISH_REASON: (&str, &str, &str) = ("finish_reason", "TOOL_CALL", "\"COMPLETE\"");

impl Leaving {
    pub(super) fn frame(
        &mut self,
        root: &Value<'_>,
        framing: Framing,
        pieces: &[CallPiece<'_>],
    ) -> Leaves {
        let mut leaves = Leaves::default();
        if framing == Framing::Json {
            self.whole(root, pieces, &mut leaves);
            return leaves;
        }
        let event = string(root.get("type"));
        let stopped = pieces.iter().find_map(|piece| piece.stopped);
        match (Word::of(&event), stopped) {
            (word::content__start, _) => {
                let index = number(root.get("index"));
                self.next = self.next.max(index.saturating_add(1));
            }
            (word::tool__call__start, Some(stopped)) => {
                self.calls.stop(None);
                content(&mut leaves.after, self.next, &stopped.text);
                self.next = self.next.saturating_add(1);
            }
            (word::tool__call__start, None) => self.calls.through = true,
            (word::message__end, _) => {
                if let Some(delta) = root.get("delta") {
                    self.calls.keep_true(&delta, FINISH_REASON, &mut leaves);
                }
            }
            _ => {}
        }
        // Whole calls at a place where none should be.
        let message = root.get("delta").and_then(|delta| delta.get("message"));
        if let Some(message) = message.filter(|_| !event.starts_with(b"tool-call")) {
            take_out(&message, pieces, &mut leaves.edits);
        }
        leaves.dropped = event.starts_with(b"tool-call") && stopped.is_some();
        leaves
    }

    fn whole(&mut self, root: &Value<'_>, pieces: &[CallPiece<'_>], leaves: &mut Leaves) {
        let Some(message) = root.get("message") else { return };
        let said: Vec<&str> =
            pieces.iter().filter_map(|piece| Some(piece.stopped?.text.as_str())).collect();
        self.calls.through = pieces.iter().any(|piece| piece.stopped.is_none());
        if said.is_empty() {
            return;
        }
        self.calls.stop(None);
        let left = take_out(&message, pieces, &mut leaves.edits);
        let mut part = Json::default();
        part.raw(r#"{"type":"text","text":"#).text(&said.join("\n\n")).raw("}");
        match message.get("content") {
            Some(list) if list.kind() == Kind::Array => {
                let any = list.children().next().is_some();
                push(&list, part.as_str(), any, &mut leaves.edits);
            }
            Some(other) => replace(&other, &format!("[{}]", part.as_str()), &mut leaves.edits),
            None => {
                let list = format!("[{}]", part.as_str());
                insert(&message, "content", &list, left, &mut leaves.edits);
            }
        }
        self.calls.keep_true(root, FINISH_REASON, leaves);
    }
}
