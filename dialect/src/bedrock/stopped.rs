//! How Converse events leave once calls were stopped: text replaces the block of a stopped call, so that indexes stay
//! the same, and the stop reason stays true.

use super::super::number::number;
use super::super::splice::replace;
use super::super::stopped_calls::{RESULT, StoppedCalls, stopped_at};
use super::super::write::quoted;
use super::super::{CallPiece, Leaves, StoppedCall};
use super::ending::block;
use crate::wire::frame::Framing;
use crate::wire::json::Value;
use crate::word::{self, Word};

/// What happened to the calls.
#[derive(Debug, Default)]
pub(super) struct Leaving(StoppedCalls);

/// The member, the stop reason that asks the caller to run tools, and the one of a message without calls.
const STOP_REASON: (&str, &str, &str) = ("stopReason", "tool_use", "\"end_turn\"");

impl Leaving {
    pub(super) fn frame(
        &mut self,
        root: &Value<'_>,
        framing: Framing,
        pieces: &[CallPiece<'_>],
    ) -> Leaves {
        let mut leaves = Leaves::default();
        if framing == Framing::Json {
            for output in root.children().filter(|field| field.key_is("output")) {
                let messages = output.children().filter(|field| field.key_is("message"));
                messages.for_each(|message| self.message(&message, pieces, &mut leaves));
            }
        } else {
            self.event(root, pieces, &mut leaves);
        }
        self.0.keep_true(root, STOP_REASON, &mut leaves);
        leaves
    }

    fn event(&mut self, root: &Value<'_>, pieces: &[CallPiece<'_>], leaves: &mut Leaves) {
        let Some(index) = root.get("contentBlockIndex").map(|index| number(Some(index))) else {
            return;
        };
        let stopped = stopped_at(root, pieces);
        let withheld = self.0.withheld.has(&index);
        if root.get("delta").is_some() {
            leaves.dropped = stopped.is_some() || withheld;
        } else if let Some(start) = root.get("start") {
            if let Some(text) = self.said(&start, stopped) {
                if stopped.is_none() {
                    self.0.withheld.add(index);
                }
                let delta = format!(r#"{{"text":{}}}"#, quoted(text));
                leaves.dropped = true;
                leaves.after.push("contentBlockDelta", &block(index, Some(&delta)));
            }
        } else {
            self.0.withheld.remove(&index);
        }
    }

    /// A message with whole blocks.
    fn message(&mut self, message: &Value<'_>, pieces: &[CallPiece<'_>], leaves: &mut Leaves) {
        let lists = message.children().filter(|field| field.key_is("content"));
        for block in lists.flat_map(|list| list.children()) {
            if let Some(text) = self.said(&block, stopped_at(&block, pieces)) {
                replace(&block, &format!(r#"{{"text":{}}}"#, quoted(text)), &mut leaves.edits);
            }
        }
    }

    /// The text that replaces a call or a result; `None` if it leaves.
    fn said<'a>(
        &mut self,
        holder: &Value<'_>,
        stopped: Option<&'a StoppedCall>,
    ) -> Option<&'a str> {
        if let Some(stopped) = stopped {
            self.0.stop(holder.get("toolUse").and_then(|call| call.get("toolUseId")));
            return Some(&stopped.text);
        }
        if let Some(call) = holder.get("toolUse") {
            self.0.through |= Word::value(call.get("type")) != word::server_tool_use;
        }
        let result = holder.get("toolResult").and_then(|result| result.get("toolUseId"));
        self.0.has(result).then_some(RESULT)
    }
}
