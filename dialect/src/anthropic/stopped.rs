//! How events leave once calls were stopped: a text block replaces the block of a stopped call, so that indexes stay
//! the same, and the stop reason stays true.

use super::super::fields::string;
use super::super::number::number;
use super::super::splice::replace;
use super::super::stopped_calls::{RESULT, StoppedCalls, stopped_at};
use super::super::write::Json;
use super::super::{CallPiece, Leaves, StoppedCall};
use crate::wire::frame::Framing;
use crate::wire::json::Value;
use crate::word::{self, Word};

/// What happened to the calls.
#[derive(Debug, Default)]
pub(super) struct Leaving(StoppedCalls);

/// The member, the stop reason that asks the caller to run tools, and the one of a message without calls.
const STOP_REASON: (&str, &str, &str) = ("stop_reason", "tool_use", "\"end_turn\"");

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
        match Word::value(root.get("type")) {
            word::message_start => {
                if let Some(message) = root.get("message") {
                    self.message(&message, pieces, &mut leaves);
                }
            }
            word::content_block_start => {
                let index = number(root.get("index"));
                if let Some(block) = root.get("content_block") {
                    self.block_start(&block, index, stopped_at(root, pieces), &mut leaves);
                }
            }
            word::content_block_delta => {
                let withheld = self.0.withheld.has(&number(root.get("index")));
                leaves.dropped = withheld || stopped_at(root, pieces).is_some();
            }
            word::content_block_stop => {
                let index = number(root.get("index"));
                self.0.withheld.remove(&index);
            }
            word::message_delta => {
                if let Some(delta) = root.get("delta") {
                    self.0.keep_true(&delta, STOP_REASON, &mut leaves);
                }
            }
            _ => {}
        }
        leaves
    }

    /// A message with whole blocks.
    fn message(&mut self, message: &Value<'_>, pieces: &[CallPiece<'_>], leaves: &mut Leaves) {
        let lists = message.children().filter(|field| field.key_is("content"));
        for block in lists.flat_map(|list| list.children()) {
            let text = match stopped_at(&block, pieces) {
                Some(stopped) => {
                    self.0.stop(block.get("id"));
                    &stopped.text
                }
                None if self.is_result(&block) => RESULT,
                None => {
                    self.0.through |= Word::value(block.get("type")) == word::tool_use;
                    continue;
                }
            };
            let mut json = Json::default();
            json.raw(r#"{"type":"text","text":"#).text(text).raw("}");
            replace(&block, json.as_str(), &mut leaves.edits);
        }
        self.0.keep_true(message, STOP_REASON, leaves);
    }

    fn block_start(
        &mut self,
        block: &Value<'_>,
        index: u32,
        stopped: Option<&StoppedCall>,
        leaves: &mut Leaves,
    ) {
        let text = match stopped {
            Some(stopped) => {
                self.0.stop(block.get("id"));
                &stopped.text
            }
            None if self.is_result(block) => {
                self.0.withheld.add(index);
                RESULT
            }
            None => {
                self.0.through |= Word::value(block.get("type")) == word::tool_use;
                return;
            }
        };
        replace(block, r#"{"type":"text","text":""}"#, &mut leaves.edits);
        let mut json = Json::default();
        json.raw(r#"{"type":"content_block_delta","index":"#).number(index.into());
        json.raw(r#","delta":{"type":"text_delta","text":"#).text(text).raw("}}");
        leaves.after.push("content_block_delta", json.as_str());
    }

    /// True for the result of a stopped call (`web_search_tool_result` …).
    fn is_result(&self, block: &Value<'_>) -> bool {
        string(block.get("type")).ends_with(b"_result") && self.0.has(block.get("tool_use_id"))
    }
}
