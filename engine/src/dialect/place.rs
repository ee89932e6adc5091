//! Where in a stream's events a value stands, so that the strings at one place of successive events are one text.
//!
//! A place is the way from the root to the value: the keys, and for an item of a list the number that the item gives
//! itself (`index`) or, where it gives none, its position. The event's own numbers (`output_index`) and its type count
//! as well: what two items say lies at two places.

use std::collections::HashMap;

use super::texts::{name_number, number};
use crate::wire::json::{Doc, Kind, NodeId, Value};

/// Members with which objects number themselves.
const OWN_INDEX: [&[u8]; 7] = [
    b"index",
    b"output_index",
    b"content_index",
    b"summary_index",
    b"command_index",
    b"annotation_index",
    b"contentBlockIndex",
];

/// The places of one document's containers, each found once.
#[derive(Debug, Default)]
pub(super) struct Places {
    containers: HashMap<NodeId, u32>,
    /// The item of each list that was counted last, and its position.
    counted: HashMap<NodeId, (NodeId, u32)>,
}

impl Places {
    /// The place of a value; never 0.
    pub(super) fn of(&mut self, doc: &Doc, bytes: &[u8], value: &Value<'_>) -> u32 {
        // Containers whose place is not known yet, innermost first.
        let mut way = Vec::new();
        let mut at = *value;
        let mut place = loop {
            if at.id() != value.id()
                && let Some(known) = self.containers.get(&at.id())
            {
                break *known;
            }
            way.push(at.id());
            match at.parent() {
                Some(parent) => at = parent,
                None => break 1,
            }
        };
        for id in way.into_iter().rev() {
            let Some(here) = doc.value(bytes, id) else { continue };
            place = mix(place, self.step(&here));
            if id != value.id() {
                self.containers.insert(id, place);
            }
        }
        place.max(1)
    }

    /// What leads from a value's holder to it.
    fn step(&mut self, value: &Value<'_>) -> u32 {
        let own = own_index(value);
        match value.parent() {
            Some(list) if list.kind() == Kind::Array => match own {
                Some(index) => mix(2, index),
                None => mix(3, self.position(&list, value)),
            },
            Some(_) => mix(name_number(&value.key()), own.unwrap_or(4)),
            None => {
                let kind = value.get("type").map_or(5, |kind| name_number(&kind.as_bytes()));
                mix(kind, own.unwrap_or(6))
            }
        }
    }

    /// An item's position in its list. Items are asked for in their order, so counting goes on where it was.
    fn position(&mut self, list: &Value<'_>, item: &Value<'_>) -> u32 {
        let last = self.counted.get(&list.id()).copied().filter(|(last, _)| *last <= item.id());
        let (mut at, mut position) = last.unwrap_or((list.id() + 1, 0));
        while at < item.id() {
            let Some(next) = list.sibling_after(at) else { break };
            at = next;
            position += 1;
        }
        self.counted.insert(list.id(), (at, position));
        position
    }
}

/// The numbers that an object gives itself, as one.
fn own_index(value: &Value<'_>) -> Option<u32> {
    if value.kind() != Kind::Object {
        return None;
    }
    let mut own = None;
    for member in value.children() {
        if matches!(member.kind(), Kind::Number | Kind::String)
            && OWN_INDEX.contains(&&*member.key())
        {
            own =
                Some(mix(own.unwrap_or(7), mix(name_number(&member.key()), number(Some(member)))));
        }
    }
    own
}

fn mix(a: u32, b: u32) -> u32 {
    let mixed = (a ^ 0x9E37_79B9).wrapping_mul(0x85EB_CA6B) ^ b.wrapping_mul(0xC2B2_AE35);
    (mixed ^ (mixed >> 15)).wrapping_mul(0x2C1B_3C6D).rotate_left(11)
}
