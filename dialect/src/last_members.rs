//! Which of several members with one key clients read.

use crate::wire::json::{NodeId, Value};

/// The last member under each of a few keys, found once per object: clients use the last of duplicates, so only that
/// one continues a running text; the others are walked as whole texts.
#[derive(Debug, Default)]
pub(super) struct LastMembers {
    found: [Option<Option<NodeId>>; 12],
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
        let Some(entry) = self.found.get_mut(usize::from(slot)) else { return true };
        let last = *entry.get_or_insert_with(|| object.get(name).map(|v| v.id()));
        last == Some(child.id())
    }
}
