//! Entries with increasing numbers, which are looked up by number and removed one by one.

/// In the order of the numbers. A removed entry leaves a gap, and gaps are closed once they are the majority: removing
/// one takes no walk over the others.
#[derive(Debug)]
pub(super) struct Numbered<T> {
    all: Vec<(u64, Option<T>)>,
    gaps: usize,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { all: Vec::new(), gaps: 0 }
    }
}

impl<T> Numbered<T> {
    /// Adds an entry with a number higher than all before it.
    pub(super) fn push(&mut self, number: u64, new: T) {
        self.all.push((number, Some(new)));
    }

    /// Removes all entries.
    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.gaps = 0;
    }

    fn at(&self, number: u64) -> Option<usize> {
        // Most look-ups are for the latest entry.
        if self.all.last().is_some_and(|(own, _)| *own == number) {
            return self.all.len().checked_sub(1);
        }
        self.all.binary_search_by_key(&number, |(own, _)| *own).ok()
    }

    pub(super) fn get(&self, number: u64) -> Option<&T> {
        self.all.get(self.at(number)?)?.1.as_ref()
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let at = self.at(number)?;
        self.all.get_mut(at)?.1.as_mut()
    }

    /// Removes the entry with this number.
    pub(super) fn remove(&mut self, number: u64) {
        let Some(at) = self.at(number) else { return };
        let Some((_, gone)) = self.all.get_mut(at) else { return };
        self.gaps += usize::from(gone.take().is_some());
        if self.gaps > self.all.len() / 2 {
            self.all.retain(|(_, own)| own.is_some());
            self.gaps = 0;
        }
    }

    /// All entries with their numbers.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u64, &mut T)> {
        self.all.iter_mut().filter_map(|(number, own)| Some((*number, own.as_mut()?)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_holds_what_a_map_would(ops in proptest::collection::vec((any::<bool>(), 0_u64..20), 0..60)) {
            let (mut own, mut map, mut next) = (Numbered::default(), BTreeMap::new(), 0);
            for (add, number) in ops {
                if add {
                    next += 1;
                    own.push(next, next);
                    map.insert(next, next);
                } else {
                    own.remove(number);
                    map.remove(&number);
                }
                prop_assert!(own.all.len() <= 2 * map.len());
                for number in 0..20 {
                    prop_assert_eq!(own.get(number), map.get(&number));
                    prop_assert_eq!(own.get_mut(number), map.get_mut(&number));
                }
                let all: Vec<u64> = own.iter_mut().map(|(number, _)| number).collect();
                prop_assert_eq!(all, map.keys().copied().collect::<Vec<_>>());
            }
        }
    }
}
