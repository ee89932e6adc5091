//! How Converse events leave once calls were stopped: text takes the block of a stopped call, so that indexes stay, and
//! the stop reason stays true.

use super::super::anthropic::RESULT;
use super::super::fields::string;
use super::super::known::{Ids, Known, pieces_at};
use super::super::number::number;
use super::super::splice::replace;
use super::super::write::quoted;
use super::super::{CallPiece, Leaves, Stopped};
use super::ending::block;
use crate::wire::frame::Framing;
use crate::wire::json::Value;

/// What has become of the calls.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    /// A call that the caller carries out has left.
    through: bool,
    /// A call was stopped.
    stopped: bool,
    /// Ids of stopped calls, whose results are withheld.
    ids: Ids,
    /// Blocks of withheld results that have begun and not stopped.
    withheld: Known<u32>,
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
            for output in root.children().filter(|field| field.key_is("output")) {
                let messages = output.children().filter(|field| field.key_is("message"));
                messages.for_each(|message| self.message(&message, pieces, &mut leaves));
            }
        } else {
            self.event(root, pieces, &mut leaves);
        }
        if self.stopped && !self.through {
            for field in root.children().filter(|field| field.key_is("stopReason")) {
                if field.is_str("tool_use") {
                    replace(&field, "\"end_turn\"", &mut leaves.edits);
                }
            }
        }
        leaves
    }

    fn event(&mut self, root: &Value<'_>, pieces: &[CallPiece<'_>], leaves: &mut Leaves) {
        let Some(index) = root.get("contentBlockIndex").map(|index| number(Some(index))) else {
            return;
        };
        let stopped = pieces_at(pieces, root.id()).first().and_then(|piece| piece.stopped);
        let withheld = self.withheld.has(&index);
        if root.get("delta").is_some() {
            leaves.dropped = stopped.is_some() || withheld;
        } else if let Some(start) = root.get("start") {
            if let Some(text) = self.said(&start, stopped) {
                if stopped.is_none() {
                    self.withheld.add(index);
                }
                let delta = format!(r#"{{"text":{}}}"#, quoted(&text));
                leaves.dropped = true;
                leaves.after.push("contentBlockDelta", &block(index, Some(&delta)));
            }
        } else {
            self.withheld.remove(&index);
        }
    }

    /// A message whose blocks are whole.
    fn message(&mut self, message: &Value<'_>, pieces: &[CallPiece<'_>], leaves: &mut Leaves) {
        let lists = message.children().filter(|field| field.key_is("content"));
        for block in lists.flat_map(|list| list.children()) {
            let stopped = pieces_at(pieces, block.id()).first();
            if let Some(text) = self.said(&block, stopped.and_then(|piece| piece.stopped)) {
                replace(&block, &format!(r#"{{"text":{}}}"#, quoted(&text)), &mut leaves.edits);
            }
        }
    }

    /// What is said in place of a call, or of a result; `None`: it leaves.
    fn said(&mut self, holder: &Value<'_>, stopped: Option<&Stopped>) -> Option<String> {
        if let Some(stopped) = stopped {
            self.stopped = true;
            self.ids.add(holder.get("toolUse").and_then(|call| call.get("toolUseId")));
            return Some(stopped.text.clone());
        }
        if let Some(call) = holder.get("toolUse") {
            self.through |= &*string(call.get("type")) != b"server_tool_use";
        }
        let result = holder.get("toolResult").and_then(|result| result.get("toolUseId"));
        self.ids.has(result).then(|| RESULT.to_owned())
    }
}
