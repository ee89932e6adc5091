//! Reading an answer and bringing it to an end: what each dialect's reader provides.

use super::item::{Item, TextKey};
use super::reply::Ending;
use crate::wire::edit::Edit;
use crate::wire::json::{Doc, NodeId, Value};
use crate::wire::own::OwnEvents;

/// The state of reading one answer, and of what the caller has been sent of it.
pub trait Answer: std::fmt::Debug {
    /// Called before a frame is read, with the type that its framing carries beside the payload (`event:`,
    /// `:event-type`); "" if there is none.
    fn named(&mut self, _event: &[u8]) {}

    /// Looks at a frame as it arrives; `doc` is its payload parsed. Pushes what it finds in the order of the bytes.
    /// Every string that could carry text to the caller is pushed; fields that never do (ids, types, models,
    /// signatures, padding, base64 data, the echo of the request) are not.
    fn read(&mut self, doc: &Doc, payload: &[u8], items: &mut Vec<Item>);

    /// A frame without JSON (`[DONE]`): pushes [`Item::AnswerEnd`] if it ends the answer.
    fn read_other(&mut self, payload: &[u8], items: &mut Vec<Item>);

    /// True if an event like this one only continues texts. It begins and ends nothing, so an event with other words in
    /// the same places is read the same way, and reading it changes no state that reading this one has not. (Called
    /// only for events in which nothing but pieces of running texts was found, after they were read.)
    fn goes_on(&self, _root: &Value<'_>) -> bool {
        false
    }

    /// A frame is about to leave that has pieces of calls, or before which calls were stopped. Returns how it leaves,
    /// so that no part of a stopped call does and the rest stays true (indexes, numbers, stop reasons, repeats). Frames
    /// are passed in the order they leave; `doc` and `payload` are the frame as [`Answer::read`] saw it. `pieces` are
    /// in the order of their nodes.
    fn leave(&mut self, doc: &Doc, payload: &[u8], pieces: &[CallPiece<'_>]) -> Leaves;

    /// A frame has been sent to the caller as `payload` (rewritten or not; `doc` is its parsed form). Frames are passed
    /// in the order they are sent, later than [`Answer::read`] saw them if they were held.
    fn sent(&mut self, doc: &Doc, payload: &[u8]);

    /// False if nothing is remembered of the words that were sent. Then there is nothing to record for an event that
    /// [`Answer::goes_on`] if it differs from the event sent just before in nothing but words and counts.
    fn keeps_words(&self) -> bool {
        true
    }

    /// [`Answer::sent`] for an event that differs from the last only in words and counts. `items` is what was found in
    /// it.
    fn sent_again(&mut self, doc: &Doc, payload: &[u8], _items: &[Item]) {
        self.sent(doc, payload);
    }

    /// [`Answer::sent_again`] for such an event if it was not parsed: `text` is its piece of the running text `key`,
    /// the only one, and `number` its `sequence_number`. False if nothing was recorded, and the event must be parsed
    /// first.
    fn sent_word(&mut self, _key: TextKey, _text: &str, _number: Option<u64>) -> bool {
        false
    }

    /// A frame without JSON has been sent: its payload (`[DONE]`) or, if it has none (the brackets of an array), its
    /// bytes.
    fn sent_other(&mut self, _bytes: &[u8]) {}

    /// The rest of the answer, well-formed for a caller that has been sent what [`Answer::sent`] saw.
    fn ending(&mut self, ending: &Ending) -> OwnEvents;

    /// The model that answered, once known.
    fn model(&self) -> Option<&str>;
}

/// A call that is not forwarded to the caller, and the text that replaces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoppedCall {
    /// The call.
    pub call: TextKey,
    /// The text.
    pub text: String,
    /// Makes the replacement unique: part of the ids that a dialect gives it.
    pub id: String,
}

/// A piece of a call in a frame that is about to leave.
#[derive(Debug, Clone, Copy)]
pub struct CallPiece<'a> {
    /// The call.
    pub call: TextKey,
    /// The value that contains the whole piece.
    pub node: NodeId,
    /// Set if the call was stopped.
    pub stopped: Option<&'a StoppedCall>,
}

/// How a frame leaves in whose answer calls were stopped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Leaves {
    /// Changes of its payload.
    pub edits: Vec<Edit>,
    /// The frame itself does not leave; the events in `after` do.
    pub dropped: bool,
    /// Events that are sent after the frame.
    pub after: OwnEvents,
}
