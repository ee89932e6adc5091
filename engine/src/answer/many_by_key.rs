//! A map by key for entries that one frame may contain in any number.

use crate::base::sorted_map::SortedMap;
use crate::dialect::TextKey;

/// As many entries a part has, at most: moving those behind one that is added or removed is then one short copy.
const PART: usize = 64;

/// Numbers by key, in parts that are sorted and stand in order, none of them empty: no order of keys makes it slow. A tree
/// of the standard library does the same with 7 KB of the module.
#[derive(Debug, Default)]
pub(super) struct ManyByKey {
    parts: Vec<SortedMap<TextKey, u64>>,
    len: usize,
}

impl ManyByKey {
    /// Where the part stands that has this key, if one has it: the last that does not begin after it.
    fn place(&self, key: &TextKey) -> usize {
        let before = self.parts.partition_point(|part| part.keys().next() <= Some(key));
        before.saturating_sub(1)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, key: &TextKey) -> Option<&u64> {
        self.parts.get(self.place(key))?.get(key)
    }

    pub(super) fn contains_key(&self, key: &TextKey) -> bool {
        self.get(key).is_some()
    }

    /// Sets the number of this key; returns the previous one.
    pub(super) fn insert(&mut self, key: TextKey, number: u64) -> Option<u64> {
        let at = self.place(&key);
        if self.parts.is_empty() {
            self.parts.push(SortedMap::new());
        }
        let part = self.parts.get_mut(at)?;
        let before = part.insert(key, number);
        self.len += usize::from(before.is_none());
        if part.len() > PART {
            let upper = part.split_off(PART / 2);
            self.parts.insert(at + 1, upper);
        }
        before
    }

    /// Removes this key; returns its number.
    pub(super) fn remove(&mut self, key: &TextKey) -> Option<u64> {
        let at = self.place(key);
        let part = self.parts.get_mut(at)?;
        let number = part.remove(key)?;
        self.len -= 1;
        if part.is_empty() {
            self.parts.remove(at);
        }
        Some(number)
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// All entries, in the order of their keys.
    pub(super) fn into_entries(self) -> impl Iterator<Item = (TextKey, u64)> {
        self.parts.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn key(number: u32) -> TextKey {
        TextKey { kind: (number % 3) as u8, a: number / 7, b: number }
    }

    proptest! {
        #[test]
        fn it_is_the_map_of_the_standard_library(
            steps in prop::collection::vec((0_u32..400, 0_u8..4), 0..2_000),
        ) {
            let (mut own, mut tree) = (ManyByKey::default(), BTreeMap::new());
            for (at, (number, step)) in steps.into_iter().enumerate() {
                let key = key(number);
                match step {
                    0 => prop_assert_eq!(own.remove(&key), tree.remove(&key)),
                    1 => prop_assert_eq!(own.get(&key), tree.get(&key)),
                    _ => prop_assert_eq!(own.insert(key, at as u64), tree.insert(key, at as u64)),
                }
                prop_assert_eq!((own.len(), own.is_empty()), (tree.len(), tree.is_empty()));
                prop_assert!(own.parts.iter().all(|part| (1..=PART).contains(&part.len())));
            }
            prop_assert!(own.into_entries().eq(tree));
        }
    }

    /// Keys that come backwards, each before all others.
    #[test]
    fn no_order_of_keys_makes_parts_small() {
        let mut own = ManyByKey::default();
        for number in (0..20_000).rev() {
            own.insert(TextKey { kind: 0, a: number, b: 0 }, u64::from(number));
        }
        assert!(own.parts.len() <= 20_000 / (PART / 2) + 1);
    }
}
