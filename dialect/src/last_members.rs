//! Which of several members with one key clients read.

use crate::wire::json::{NodeId, Value};

/// The last member under each of a few keys, found once per object: clients use the last of duplicates, so only that
/// one continues a running text; the others are walked as whole texts.
#[derive(Debug, Default)]
pub(super) struct LastMembers {
    /// By the number of the key within the object; nearly every object has each key once, and needs none of this.
    found: Vec<(u8, Option<NodeId>)>,
}

impl LastMembers {
    /// True if `child` is the object's last member with the key `name`; `slot` identifies the key within this object.
    pub(super) fn is(
        &mut self,
        object: &Value<'_>,
        child: &Value<'_>,
        slot: u8,
        name: &str,
    ) -> bool {
        if object.has_plain_keys() {
            return true;
        }
        let known = self.found.iter().find(|(own, _)| *own == slot).map(|(_, last)| *last);
        let last = known.unwrap_or_else(|| {
            let last = object.get(name).map(|value| value.id());
            self.found.push((slot, last));
            last
        });
        last == Some(child.id())
    }
}
