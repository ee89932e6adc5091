//! How an answer is read and brought to an end: what each dialect's reader offers.

use super::item::{Item, TextKey};
use super::reply::Ending;
use crate::wire::edit::Edit;
use crate::wire::json::{Doc, NodeId, Value};
use crate::wire::own::OwnEvents;

/// The state of reading one answer, and of what the caller has been sent of it.
pub trait Answer: std::fmt::Debug {
    /// The frame that is read next has this type beside its payload (`event:`, `:event-type`); "": none.
    fn named(&mut self, _event: &[u8]) {}

    /// Looks at a frame as it arrives; `doc` is its payload parsed. Pushes what it finds in the order of the bytes.
    /// Every string that could carry text to the caller is pushed; fields that never do (ids, types, models,
    /// signatures, padding, base64 data, the echo of the request) are not.
    fn read(&mut self, doc: &Doc, payload: &[u8], items: &mut Vec<Item>);

    /// A frame without JSON (`[DONE]`): pushes [`Item::AnswerEnd`] if it ends the answer.
    fn read_other(&mut self, payload: &[u8], items: &mut Vec<Item>);

    /// True if an event like this one only goes on with texts: it begins and ends nothing, so that one with other words in
    /// the same places is read the same way, and reading it changes nothing that reading this one has not. (Asked only of
    /// events in which nothing but pieces of running texts was found, after they were read.)
    fn goes_on(&self, _root: &Value<'_>) -> bool {
        false
    }

    /// A frame is about to leave in which calls have pieces, or before which calls were stopped: how it leaves, so that
    /// nothing of the stopped ones does, and the rest stays true (indexes, numbers, stop reasons, repeats). Frames come
    /// here in the order they leave; `doc` and `payload` are the frame as [`Answer::read`] saw it. Pieces stand in the
    /// order of their nodes.
    fn leave(&mut self, doc: &Doc, payload: &[u8], pieces: &[CallPiece<'_>]) -> Leaves;

    /// A frame has left for the caller, as `payload` (rewritten or not; `doc` is it, parsed). Frames come here in
    /// the order they are sent, later than [`Answer::read`] saw them if they were held.
    fn sent(&mut self, doc: &Doc, payload: &[u8]);

    /// False if nothing is remembered of the words that were sent: of an event that [`Answer::goes_on`], where the one that
    /// was sent just before it differs from it in nothing but words and counts, there is nothing to note then.
    fn keeps_words(&self) -> bool {
        true
    }

    /// [`Answer::sent`] for such an event. `items` is what was found in it.
    fn sent_again(&mut self, doc: &Doc, payload: &[u8], _items: &[Item]) {
        self.sent(doc, payload);
    }

    /// [`Answer::sent_again`] for such an event that was not parsed: `text` is what it says of the running text `key`, its
    /// only one, and `number` its `sequence_number`. False: nothing was noted, and it must be parsed first.
    fn sent_word(&mut self, _key: TextKey, _text: &str, _number: Option<u64>) -> bool {
        false
    }

    /// A frame without JSON has left: its payload (`[DONE]`) or, where it has none (the brackets of an array), its
    /// bytes.
    fn sent_other(&mut self, _bytes: &[u8]) {}

    /// The well-formed rest of the answer for a caller that has been sent what [`Answer::sent`] saw.
    fn ending(&mut self, ending: &Ending) -> OwnEvents;

    /// The model that answered, once known.
    fn model(&self) -> Option<&str>;
}

/// A call that does not leave, and what is said in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// Which.
    pub call: TextKey,
    /// What is said.
    pub text: String,
    /// Distinguishes what is said: part of the ids that a dialect gives it.
    pub id: String,
}

/// A piece of a call in a frame that is about to leave.
#[derive(Debug, Clone, Copy)]
pub struct CallPiece<'a> {
    /// Which call.
    pub call: TextKey,
    /// All of it.
    pub node: NodeId,
    /// The call was stopped.
    pub stopped: Option<&'a Stopped>,
}

/// How a frame of an answer leaves of which calls were stopped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Leaves {
    /// Changes of its payload.
    pub edits: Vec<Edit>,
    /// It does not leave at all; what is `after` it does.
    pub dropped: bool,
    /// Events that leave behind it.
    pub after: OwnEvents,
}
