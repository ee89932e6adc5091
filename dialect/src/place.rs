//! Where in a stream's events a value stands, so that the strings at one place in successive events form one text.
//!
//! A place is the path from the root to the value: the keys, and for a list item the number that it gives itself
//! (`index`) or, if it has none, its position. The event's own numbers (`output_index`) and its type count as well:
//! texts of two items have two places.

use super::names::NameSet;
use super::number::{name_number, number};
use crate::wire::json::{Doc, Kind, NodeId, Value};

/// Members by which objects number themselves.
static OWN_INDEX: NameSet<7> = NameSet::new([
    "index",
    "output_index",
    "content_index",
    "summary_index",
    "command_index",
    "annotation_index",
    "contentBlockIndex",
]);

/// The places of one document's values. They are requested in the order of the document's bytes: the container of the
/// last one is remembered with its place, and usually contains the next one too. Any other order gives the same places,
/// but costs more.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// From the root inwards.
    way: Vec<Holder>,
    /// Reused buffer.
    inner: Vec<NodeId>,
}

/// An object or a list.
#[derive(Debug)]
struct Holder {
    id: NodeId,
    /// The first value after it.
    after: NodeId,
    place: u32,
    /// The item that was counted last, and its position.
    counted: (NodeId, u32),
}

impl Places {
    /// The place of a value; never 0.
    pub(super) fn of(&mut self, doc: &Doc, bytes: &[u8], value: &Value<'_>) -> u32 {
        let holds = |holder: &Holder| holder.id < value.id() && value.id() < holder.after;
        while self.way.pop_if(|holder| !holds(holder)).is_some() {}
        let (known, mut place) = self.way.last().map_or((None, 1), |own| (Some(own.id), own.place));
        // The value and its containers below that holder, innermost first.
        let mut inner = std::mem::take(&mut self.inner);
        let mut at = Some(*value);
        while let Some(here) = at.filter(|here| Some(here.id()) != known) {
            inner.push(here.id());
            at = here.parent();
        }
        for id in inner.drain(..).rev() {
            let Some(here) = doc.value(bytes, id) else { continue };
            place = mix(place, self.step(&here));
            if id != value.id() {
                let counted = (id.saturating_add(1), 0);
                self.way.push(Holder { id, after: here.after(), place, counted });
            }
        }
        self.inner = inner;
        place.max(1)
    }

    /// The step from a value's holder to the value.
    fn step(&mut self, value: &Value<'_>) -> u32 {
        let own = own_index(value);
        match value.parent() {
            Some(list) if list.kind() == Kind::Array => match own {
                Some(index) => mix(2, index),
                None => mix(3, self.position(&list, value)),
            },
            Some(_) => mix(name_number(value.key()), own.unwrap_or(4)),
            None => {
                let kind = value.get("type").or_else(|| value.get("event_type"));
                let kind = kind.map_or(5, |kind| name_number(&kind.as_bytes()));
                mix(kind, own.unwrap_or(6))
            }
        }
    }

    /// An item's position in its list, the innermost holder. Items are requested in order, so counting continues where
    /// it stopped.
    fn position(&mut self, list: &Value<'_>, item: &Value<'_>) -> u32 {
        let last = self.way.last().map(|own| own.counted).filter(|(last, _)| *last <= item.id());
        let (mut at, mut position) = last.unwrap_or((list.id() + 1, 0));
        while at < item.id() {
            let Some(next) = list.sibling_after(at) else { break };
            at = next;
            position += 1;
        }
        if let Some(own) = self.way.last_mut() {
            own.counted = (at, position);
        }
        position
    }
}

/// The numbers that an object gives itself, combined into one.
fn own_index(value: &Value<'_>) -> Option<u32> {
    if !OWN_INDEX.may_be_in(value) {
        return None;
    }
    let mut own = None;
    for member in value.children() {
        if matches!(member.kind(), Kind::Number | Kind::String) && OWN_INDEX.has(&member) {
            own = Some(mix(own.unwrap_or(7), mix(name_number(member.key()), number(Some(member)))));
        }
    }
    own
}

fn mix(a: u32, b: u32) -> u32 {
    let mixed = (a ^ 0x9E37_79B9).wrapping_mul(0x85EB_CA6B) ^ b.wrapping_mul(0xC2B2_AE35);
    (mixed ^ (mixed >> 15)).wrapping_mul(0x2C1B_3C6D).rotate_left(11)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Places are the same in any order of requests, and no two values share one.
    #[test]
    fn a_place_does_not_depend_on_what_was_asked_before() {
        let text = br#"{"a":[1,{"b":["x","y",{"index":3,"c":1},{"index":4,"c":1}]},[[2],[3,4]]],"d":{"a":[5]},"e":6}"#;
        let mut doc = Doc::default();
        doc.parse(text).unwrap();
        let root = doc.root(text);
        let leaves: Vec<Value<'_>> =
            root.descendants().filter(|v| v.children().next().is_none()).collect();
        let alone = |value: &Value<'_>| Places::default().of(&doc, text, value);
        let expected: Vec<u32> = leaves.iter().map(alone).collect();
        let unique: std::collections::BTreeSet<u32> = expected.iter().copied().collect();
        assert_eq!(unique.len(), leaves.len());
        let mut forwards = Places::default();
        let mut backwards = Places::default();
        for (at, value) in leaves.iter().enumerate() {
            assert_eq!(forwards.of(&doc, text, value), expected[at], "{at}");
            let from_end = leaves.len() - 1 - at;
            assert_eq!(
                backwards.of(&doc, text, &leaves[from_end]),
                expected[from_end],
                "{from_end}"
            );
        }
        for first in &leaves {
            for (second, place) in leaves.iter().zip(&expected) {
                let mut places = Places::default();
                places.of(&doc, text, first);
                assert_eq!(places.of(&doc, text, second), *place);
            }
        }
    }
}
