//! What a stream has named so far, in order. An answer may have a thousand entries of a kind and return to each, and no
//! event may cost a walk over all of them.

use super::CallPiece;
use crate::limits;
use crate::wire::json::{NodeId, Value};

/// Numbers or names of one kind, as many as may be open at once; sorted.
#[derive(Debug)]
pub(super) struct BoundedSet<T>(Vec<T>);

impl<T> Default for BoundedSet<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Ord> BoundedSet<T> {
    pub(super) fn has(&self, one: &T) -> bool {
        self.0.binary_search(one).is_ok()
    }

    /// Adds an entry, unless there are too many.
    pub(super) fn add(&mut self, one: T) {
        if let Err(at) = self.0.binary_search(&one)
            && self.0.len() < limits::OPEN_TEXTS
        {
            self.0.insert(at, one);
        }
    }

    /// Removes an entry; true if it was there.
    pub(super) fn remove(&mut self, one: &T) -> bool {
        let at = self.0.binary_search(one);
        at.map(|at| self.0.remove(at)).is_ok()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// Ids that answers give to calls.
#[derive(Debug, Default)]
pub(super) struct CallIds(BoundedSet<String>);

impl CallIds {
    /// Adds an id if the value is one.
    pub(super) fn add(&mut self, id: Option<Value<'_>>) {
        let id = id.as_ref().and_then(Value::as_str);
        if let Some(id) = id.filter(|id| id.len() <= limits::ANSWER_ID_BYTES) {
            self.0.add(id.into_owned());
        }
    }

    pub(super) fn has(&self, id: Option<Value<'_>>) -> bool {
        let id = id.as_ref().and_then(Value::as_str);
        id.is_some_and(|id| self.0.0.binary_search_by(|own| own.as_str().cmp(&id)).is_ok())
    }
}

/// The pieces at this node. `pieces` is in the order of the nodes.
pub(super) fn pieces_at<'p, 'a>(pieces: &'p [CallPiece<'a>], node: NodeId) -> &'p [CallPiece<'a>] {
    let from = pieces.partition_point(|piece| piece.node < node);
    let here = pieces.get(from..).unwrap_or_default();
    here.get(..here.partition_point(|piece| piece.node == node)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TextKey;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_knows_what_a_set_would(ops in proptest::collection::vec((any::<bool>(), 0_u32..9), 0..40)) {
            let (mut own, mut set) = (BoundedSet::default(), std::collections::BTreeSet::new());
            for (add, number) in ops {
                if add {
                    own.add(number);
                    set.insert(number);
                } else {
                    prop_assert_eq!(own.remove(&number), set.remove(&number));
                }
                prop_assert!((0..9).all(|number| own.has(&number) == set.contains(&number)));
            }
        }

        #[test]
        fn pieces_are_found_where_they_stand(mut nodes in proptest::collection::vec(0_u32..9, 0..20)) {
            nodes.sort_unstable();
            let piece = |(at, node): (usize, &NodeId)| CallPiece {
                call: TextKey { kind: 0, a: at as u32, b: 0 },
                node: *node,
                stopped: None,
            };
            let pieces: Vec<CallPiece<'_>> = nodes.iter().enumerate().map(piece).collect();
            for node in 0..9 {
                let found: Vec<u32> = pieces_at(&pieces, node).iter().map(|piece| piece.call.a).collect();
                let all = pieces.iter().filter(|piece| piece.node == node).map(|piece| piece.call.a);
                prop_assert_eq!(found, all.collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn no_more_are_remembered_than_may_be_open() {
        let mut known = BoundedSet::default();
        (0..2 * limits::OPEN_TEXTS).rev().for_each(|number| known.add(number));
        assert_eq!(known.0.len(), limits::OPEN_TEXTS);
        assert!(known.has(&(2 * limits::OPEN_TEXTS - 1)) && !known.has(&0));
    }
}
