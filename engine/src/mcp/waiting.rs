//! Requests that have no answer yet. A batch may have a hundred thousand, and each answer looks for its own.

use crate::context::mcp::Asked;

/// In the order of their ids. What has its answer stays where it is: lists of that length are not closed up each time.
#[derive(Debug, Default)]
pub(super) struct WaitingRequests {
    all: Vec<Slot>,
    left: usize,
}

#[derive(Debug)]
struct Slot {
    asked: Asked,
    /// Its place among all that were asked.
    place: usize,
    answered: bool,
}

impl WaitingRequests {
    pub(super) fn new(asked: &[Asked]) -> Self {
        let slot =
            |(place, asked): (usize, &Asked)| Slot { asked: asked.clone(), place, answered: false };
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

    /// The request with this id that came first, if it has no answer.
    pub(super) fn find(&self, id: &[u8]) -> Option<&Asked> {
        let slot = self.all.get(self.first(id)).filter(|slot| slot.asked.id == id)?;
        (!slot.answered).then_some(&slot.asked)
    }

    /// All requests with this id have their answer.
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

    /// Those without an answer, in the order in which they were asked: none waits any more.
    pub(super) fn take(&mut self) -> Vec<Asked> {
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
            let mut list: Vec<Asked> =
                asked.into_iter().map(|(id, call)| Asked { id: vec![id], call }).collect();
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
