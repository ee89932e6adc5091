//! How events leave once calls were stopped: a text block takes the block of a stopped call, so that indexes stay, and
//! the stop reason stays true.

use super::super::fields::string;
use super::super::known::{Ids, Known, pieces_at};
use super::super::number::number;
use super::super::splice::replace;
use super::super::write::Json;
use super::super::{CallPiece, Leaves, Stopped};
use crate::wire::frame::Framing;
use crate::wire::json::Value;

/// Said in place of what a stopped call that the provider ran brought.
pub(in super::super) const RESULT: &str = "The result of a stopped tool call was withheld";

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
            self.message(root, pieces, &mut leaves);
            return leaves;
        }
        match &*string(root.get("type")) {
            b"message_start" => {
                if let Some(message) = root.get("message") {
                    self.message(&message, pieces, &mut leaves);
                }
            }
            b"content_block_start" => {
                let index = number(root.get("index"));
                if let Some(block) = root.get("content_block") {
                    self.block_start(&block, index, stopped(root, pieces), &mut leaves);
                }
            }
            b"content_block_delta" => {
                let withheld = self.withheld.has(&number(root.get("index")));
                leaves.dropped = withheld || stopped(root, pieces).is_some();
            }
            b"content_block_stop" => {
                let index = number(root.get("index"));
                self.withheld.remove(&index);
            }
            b"message_delta" => {
                if let Some(delta) = root.get("delta") {
                    self.stop_reason(&delta, &mut leaves);
                }
            }
            _ => {}
        }
        leaves
    }

    /// A message whose blocks are whole.
    fn message(&mut self, message: &Value<'_>, pieces: &[CallPiece<'_>], leaves: &mut Leaves) {
        let lists = message.children().filter(|field| field.key_is("content"));
        for block in lists.flat_map(|list| list.children()) {
            let text = match stopped(&block, pieces) {
                Some(stopped) => {
                    self.remember(&block);
                    &stopped.text
                }
                None if self.is_result(&block) => RESULT,
                None => {
                    self.through |= &*string(block.get("type")) == b"tool_use";
                    continue;
                }
            };
            let mut json = Json::default();
            json.raw(r#"{"type":"text","text":"#).text(text).raw("}");
            replace(&block, json.as_str(), &mut leaves.edits);
        }
        self.stop_reason(message, leaves);
    }

    fn block_start(
        &mut self,
        block: &Value<'_>,
        index: u32,
        stopped: Option<&Stopped>,
        leaves: &mut Leaves,
    ) {
        let text = match stopped {
            Some(stopped) => {
                self.remember(block);
                &stopped.text
            }
            None if self.is_result(block) => {
                self.withheld.add(index);
                RESULT
            }
            None => {
                self.through |= &*string(block.get("type")) == b"tool_use";
                return;
            }
        };
        replace(block, r#"{"type":"text","text":""}"#, &mut leaves.edits);
        let mut json = Json::default();
        json.raw(r#"{"type":"content_block_delta","index":"#).number(index.into());
        json.raw(r#","delta":{"type":"text_delta","text":"#).text(text).raw("}}");
        leaves.after.push("content_block_delta", json.as_str());
    }

    fn stop_reason(&self, holder: &Value<'_>, leaves: &mut Leaves) {
        if !self.stopped || self.through {
            return;
        }
        for field in holder.children().filter(|field| field.key_is("stop_reason")) {
            if field.is_str("tool_use") {
                replace(&field, "\"end_turn\"", &mut leaves.edits);
            }
        }
    }

    fn remember(&mut self, block: &Value<'_>) {
        self.stopped = true;
        self.ids.add(block.get("id"));
    }

    /// What a stopped call brought (`web_search_tool_result` …).
    fn is_result(&self, block: &Value<'_>) -> bool {
        string(block.get("type")).ends_with(b"_result") && self.ids.has(block.get("tool_use_id"))
    }
}

fn stopped<'a>(value: &Value<'_>, pieces: &[CallPiece<'a>]) -> Option<&'a Stopped> {
    pieces_at(pieces, value.id()).first().and_then(|piece| piece.stopped)
}
