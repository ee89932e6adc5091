//! Requests that are not answered yet. A batch may have a hundred thousand of them, and each answer looks up its own.

use crate::context::mcp::RpcRequest;

/// Sorted by id. Answered requests keep their place: closing the gap in such a long list each time would be too slow.
#[derive(Debug, Default)]
pub(super) struct WaitingRequests {
    all: Vec<Slot>,
    left: usize,
}

#[derive(Debug)]
struct Slot {
    asked: RpcRequest,
    /// Its position among all requests of the batch.
    place: usize,
    answered: bool,
}

impl WaitingRequests {
    pub(super) fn new(asked: &[RpcRequest]) -> Self {
        let slot = |(place, asked): (usize, &RpcRequest)| Slot {
            asked: asked.clone(),
            place,
            answered: false,
        };
        let mut all: Vec<Slot> = asked.iter().enumerate().map(slot).collect();
        all.sort_by(|one, other| one.asked.id.cmp(&other.asked.id));
        Self { left: all.len(), all }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.left == 0
    }

    fn first(&self, id: &[u8]) -> usize {
        self.all.partition_point(|slot| slot.asked.id.as_slice() < id)
    }

    /// The first request with this id, if it is not answered yet.
    pub(super) fn find(&self, id: &[u8]) -> Option<&RpcRequest> {
        let slot = self.all.get(self.first(id)).filter(|slot| slot.asked.id == id)?;
        (!slot.answered).then_some(&slot.asked)
    }

    /// Marks all requests with this id as answered.
    pub(super) fn answered(&mut self, id: &[u8]) {
        let from = self.first(id);
        for slot in self.all.iter_mut().skip(from) {
            if slot.answered || slot.asked.id != id {
                return;
            }
            slot.answered = true;
            self.left -= 1;
        }
    }

    /// Takes the unanswered requests, in the order in which they were sent: none waits any more.
    pub(super) fn take(&mut self) -> Vec<RpcRequest> {
        self.left = 0;
        let mut left = std::mem::take(&mut self.all);
        left.retain(|slot| !slot.answered);
        left.sort_unstable_by_key(|slot| slot.place);
        left.into_iter().map(|slot| slot.asked).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_list_of_those_without_an_answer(
            asked in proptest::collection::vec((0_u8..6, any::<bool>()), 0..12),
            answers in proptest::collection::vec(0_u8..8, 0..8),
        ) {
            let mut list: Vec<RpcRequest> =
                asked.into_iter().map(|(id, call)| RpcRequest { id: vec![id], call }).collect();
            let mut waiting = WaitingRequests::new(&list);
            for id in answers {
                prop_assert_eq!(waiting.find(&[id]), list.iter().find(|asked| asked.id == [id]));
                waiting.answered(&[id]);
                list.retain(|asked| asked.id != [id]);
                prop_assert_eq!(waiting.is_empty(), list.is_empty());
            }
            prop_assert_eq!(waiting.take(), list);
            prop_assert!(waiting.is_empty());
        }
    }
}
