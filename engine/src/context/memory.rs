//! One account for the memory that traffic makes a VM hold, so that no caller and no model can exhaust it (invariant
//! 8).
//!
//! ```text
//! |<------------------------------ total ------------------------------->|
//! |  what streams hold beyond their floor      |  kept for small holders  |
//! ```
//! Memory that is kept from one callback to the next is reserved before it is used, at its real size. A stream that
//! holds little ([`limits::HELD_FLOOR_BYTES`]) may use everything that is free; one that holds more must leave a part
//! for the small ones. So a few streams in the middle of large events do not make the others fail.

use std::cell::Cell;
use std::rc::Rc;

use crate::limits;

/// What all streams of a VM may hold together.
#[derive(Debug)]
pub struct Budget {
    total: usize,
    taken: Cell<usize>,
}

impl Budget {
    /// A budget of `total` bytes, none of them taken.
    #[must_use]
    pub fn new(total: usize) -> Rc<Self> {
        Rc::new(Self { total, taken: Cell::new(0) })
    }

    /// Bytes that are taken now.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.taken.get()
    }

    /// Bytes reserved for streams that hold little.
    fn kept(&self) -> usize {
        self.total / 4
    }
}

/// What one stream has taken of a [`Budget`]; given back when the stream goes, however it ends.
#[derive(Debug)]
pub struct BudgetShare {
    budget: Rc<Budget>,
    taken: usize,
}

impl BudgetShare {
    /// A stream that holds nothing yet.
    #[must_use]
    pub fn of(budget: &Rc<Budget>) -> Self {
        Self { budget: Rc::clone(budget), taken: 0 }
    }

    /// How many bytes the stream holds.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// How many bytes the stream may hold in all at the moment.
    #[must_use]
    pub fn room(&self) -> usize {
        let others = self.budget.taken().saturating_sub(self.taken);
        let free = self.budget.total.saturating_sub(others);
        free.saturating_sub(self.budget.kept()).max(free.min(limits::HELD_FLOOR_BYTES))
    }

    /// Takes or gives back, so that the stream holds `bytes` in all. Returns false, and changes nothing, if there is no
    /// room for them.
    #[must_use]
    pub fn ask(&mut self, bytes: usize) -> bool {
        let fits = bytes <= self.taken || bytes <= self.room();
        if fits {
            self.set(bytes);
        }
        fits
    }

    /// The stream holds this many bytes, which were within [`BudgetShare::room`] when they were taken.
    pub fn set(&mut self, bytes: usize) {
        // Most chunks change nothing.
        if bytes == self.taken {
            return;
        }
        let others = self.budget.taken().saturating_sub(self.taken);
        self.budget.taken.set(others.saturating_add(bytes));
        self.taken = bytes;
    }
}

impl Drop for BudgetShare {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// What one exchange has taken.
#[derive(Debug)]
pub struct ExchangeMemory {
    /// Of [`VmMemory::kept`].
    pub kept: BudgetShare,
    /// Of [`VmMemory::held`].
    pub held: BudgetShare,
    /// Of [`VmMemory::kept`] again: what is captured.
    pub captured: BudgetShare,
}

impl ExchangeMemory {
    /// An exchange that keeps nothing yet.
    #[must_use]
    pub fn of(vm: &VmMemory) -> Self {
        Self {
            kept: BudgetShare::of(&vm.kept),
            held: BudgetShare::of(&vm.held),
            captured: BudgetShare::of(&vm.kept),
        }
    }
}

/// The budgets of one VM.
#[derive(Debug, Clone)]
pub struct VmMemory {
    /// Everything that is kept from one callback to the next: incomplete frames, bodies that are watched, what waits.
    pub kept: Rc<Budget>,
    /// The part of that which rules hold back: text in the middle of a match, incomplete tool calls.
    pub held: Rc<Budget>,
}

impl Default for VmMemory {
    fn default() -> Self {
        Self { kept: Budget::new(limits::KEPT_VM_BYTES), held: Budget::new(limits::HELD_VM_BYTES) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FLOOR: usize = limits::HELD_FLOOR_BYTES;

    #[test]
    fn large_holders_leave_room_for_small_ones() {
        let budget = Budget::new(64 * FLOOR);
        let mut large: Vec<BudgetShare> = (0..8).map(|_| BudgetShare::of(&budget)).collect();
        let served =
            large.iter_mut().filter_map(|share| share.ask(8 * FLOOR).then_some(())).count();
        assert_eq!(served, 6);
        let mut small: Vec<BudgetShare> = (0..16).map(|_| BudgetShare::of(&budget)).collect();
        assert!(small.iter_mut().all(|share| share.ask(FLOOR)), "a quarter is kept for them");
        assert!(!BudgetShare::of(&budget).ask(1), "nothing is free");
        assert!(large.first_mut().is_some_and(|share| share.ask(FLOOR)), "less is always granted");
        drop((large, small));
        assert_eq!(budget.taken(), 0);
    }

    proptest! {
        #[test]
        fn never_more_than_the_total_is_taken_and_all_of_it_comes_back(
            asked in proptest::collection::vec((0_usize..12, 0_usize..40 * FLOOR), 0..200),
        ) {
            let budget = Budget::new(64 * FLOOR);
            let mut shares: Vec<Option<BudgetShare>> = (0..12).map(|_| None).collect();
            for (who, bytes) in asked {
                if bytes % 7 == 0 {
                    shares[who] = None;
                    continue;
                }
                let share = shares[who].get_or_insert_with(|| BudgetShare::of(&budget));
                let room = share.room();
                prop_assert_eq!(share.ask(bytes), bytes <= room || bytes <= share.taken);
                prop_assert!(budget.taken() <= 64 * FLOOR);
                let sum: usize = shares.iter().flatten().map(|share| share.taken).sum();
                prop_assert_eq!(sum, budget.taken());
            }
            drop(shares);
            prop_assert_eq!(budget.taken(), 0);
        }
    }
}
