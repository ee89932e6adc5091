//! How events leave once calls were stopped: a message replaces the item of a stopped call, so that output indexes stay
//! the same. Its events become the message's, repetitions of the item repeat the message, and events are renumbered.

use super::super::bounded_set::{BoundedSet, CallIds};
use super::super::fields::string;
use super::super::splice::replace;
use super::super::stopped_calls::{RESULT, stopped_at};
use super::super::write::Json;
use super::super::{CallPiece, Leaves, StoppedCall};
use super::ending::Events;
use super::names::EventType;
use super::own::{content_part, message};
use super::sent::Sent;
use crate::wire::frame::Framing;
use crate::wire::json::Value;
use crate::wire::own::OwnEvents;
use crate::word;

/// What happened to the calls.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    /// Something was changed: numbers continue from what was sent.
    changed: bool,
    /// Ids of stopped calls, whose outputs are withheld.
    ids: CallIds,
    /// Output indexes of items that were withheld with their call.
    withheld: BoundedSet<u64>,
}

/// What replaces an item.
struct Replacement<'a> {
    id: String,
    text: &'a str,
}

impl Leaving {
    pub(super) fn frame(
        &mut self,
        root: &Value<'_>,
        framing: Framing,
        pieces: &[CallPiece<'_>],
        sent: &Sent,
    ) -> Leaves {
        let mut leaves = Leaves::default();
        if framing == Framing::Json {
            self.output(root, pieces, &mut leaves);
            return leaves;
        }
        let event = string(root.get("type"));
        let event = EventType::of(&event);
        if event.state() == word::created {
            // Another response in the same body numbers its items anew.
            self.withheld.clear();
        }
        let item = root.get("item");
        match (event.name, item) {
            (word::output_item, Some(item)) => {
                let place = root.get("output_index").map_or(0, |index| index.as_u64().unwrap_or(0));
                if let Some(said) = self.said(&item, stopped_at(root, pieces)) {
                    self.withheld.add(place);
                    self.item(&item, &said, event.phase == word::done, place, sent, &mut leaves);
                }
            }
            _ if stopped_at(root, pieces).is_some() || self.is_withheld(root) => {
                self.changed = true;
                leaves.dropped = true;
            }
            _ => {
                for response in root.children().filter(|field| field.key_is("response")) {
                    self.output(&response, pieces, &mut leaves);
                }
            }
        }
        if let Some(number) = root.get("sequence_number").filter(|_| self.changed) {
            replace(&number, &sent.sequence.to_string(), &mut leaves.edits);
        }
        leaves
    }

    /// True for an event about an item that does not leave.
    fn is_withheld(&self, root: &Value<'_>) -> bool {
        let place = root.get("output_index").and_then(|index| index.as_u64());
        place.is_some_and(|place| self.withheld.has(&place))
    }

    /// The items of a response object, or of a list of them.
    fn output(&mut self, response: &Value<'_>, pieces: &[CallPiece<'_>], leaves: &mut Leaves) {
        let lists =
            response.children().filter(|field| field.key_is("output") || field.key_is("data"));
        for item in lists.flat_map(|list| list.children()) {
            if let Some(said) = self.said(&item, stopped_at(&item, pieces)) {
                self.changed = true;
                replace(&item, &whole(&said), &mut leaves.edits);
            }
        }
    }

    /// The text that replaces this item, if it does not leave.
    fn said<'a>(
        &mut self,
        item: &Value<'_>,
        stopped: Option<&'a StoppedCall>,
    ) -> Option<Replacement<'a>> {
        let call_id = || item.get("call_id").or_else(|| item.get("id"));
        match stopped {
            Some(stopped) => {
                self.ids.add(call_id());
                Some(Replacement {
                    id: format!("msg_hemostat_{}", stopped.id),
                    text: &stopped.text,
                })
            }
            None if string(item.get("type")).ends_with(b"_output") => {
                let id = call_id().filter(|id| self.ids.has(Some(*id)))?;
                let id = id.as_str()?;
                Some(Replacement { id: format!("msg_hemostat_{id}"), text: RESULT })
            }
            None => None,
        }
    }

    fn item(
        &mut self,
        item: &Value<'_>,
        said: &Replacement<'_>,
        done: bool,
        place: u64,
        sent: &Sent,
        leaves: &mut Leaves,
    ) {
        self.changed = true;
        if done {
            return replace(item, &whole(said), &mut leaves.edits);
        }
        let mut begun = Json::default();
        message(&mut begun, &said.id, "in_progress", None);
        replace(item, begun.as_str(), &mut leaves.edits);
        let mut events =
            Events { out: OwnEvents::default(), sequence: sent.sequence.saturating_add(1) };
        let mut say = |name: &str, field: &str, json: &str, end: &str| {
            let mut fields = Json::default();
            fields.raw(r#""item_id":"#).text(&said.id).raw(r#","output_index":"#).number(place);
            fields.raw(r#","content_index":0,"#).text(field).raw(":").raw(json).raw(end);
            events.event(name, fields.as_str());
        };
        let text = super::super::write::quoted(said.text);
        let part = |text: &str| {
            let mut part = Json::default();
            content_part(&mut part, text, "", false);
            part.take()
        };
        say("response.content_part.added", "part", &part(""), "");
        say("response.output_text.delta", "delta", &text, r#","logprobs":[]"#);
        say("response.output_text.done", "text", &text, r#","logprobs":[]"#);
        say("response.content_part.done", "part", &part(said.text), "");
        leaves.after = events.out;
    }
}

/// The message that replaces an item.
fn whole(said: &Replacement<'_>) -> String {
    let mut json = Json::default();
    message(&mut json, &said.id, "completed", Some((said.text, false)));
    json.take()
}
