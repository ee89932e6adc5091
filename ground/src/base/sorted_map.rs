//! A map stored as one sorted list.

use std::borrow::Borrow;
use std::ops::{Range, RangeInclusive};

/// A map in the order of its keys: a list of pairs with binary search.
///
/// It replaces the standard library's `BTreeMap` where a bound keeps the entries to a few thousand. A tree splits and
/// joins nodes with code that is compiled for each pair of types, 3 to 6 KB of the module every time; a list takes a
/// few hundred bytes. Adding or removing an entry moves those after it, which is one short copy at this size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortedMap<K, V> {
    entries: Vec<(K, V)>,
}

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> SortedMap<K, V> {
    /// A map without entries.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Removes all entries.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// The entries, in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    /// The same, with values that can be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.entries.iter_mut().map(|(key, value)| (&*key, value))
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.entries.iter().map(|(key, _)| key)
    }

    /// The values, in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.iter().map(|(_, value)| value)
    }

    /// The values, in the order of their keys.
    pub fn into_values(self) -> impl Iterator<Item = V> {
        self.entries.into_iter().map(|(_, value)| value)
    }

    /// Removes the entries for which `keep` returns false.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.entries.retain_mut(|(key, value)| keep(key, value));
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    /// The position of the entry with this key, or as an error where it would be inserted.
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        self.entries.binary_search_by(|(own, _)| own.borrow().cmp(key))
    }

    /// The value of this key.
    #[must_use]
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.entries.get(self.find(key).ok()?).map(|(_, value)| value)
    }

    /// The same, to be changed.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let at = self.find(key).ok()?;
        self.entries.get_mut(at).map(|(_, value)| value)
    }

    /// True if there is an entry with this key.
    #[must_use]
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.find(key).is_ok()
    }

    /// Sets the value of this key; returns the previous one.
    // One copy for each kind of map: the search and the moving of entries are long.
    #[inline(never)]
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok(at) => self.entries.get_mut(at).map(|(_, own)| std::mem::replace(own, value)),
            Err(at) => {
                self.entries.insert(at, (key, value));
                None
            }
        }
    }

    /// The positions of the entries whose keys are in this range.
    fn places(&self, keys: &RangeInclusive<K>) -> Range<usize> {
        let start = self.entries.partition_point(|(own, _)| own < keys.start());
        let end = self.entries.partition_point(|(own, _)| own <= keys.end());
        start..end.max(start)
    }

    /// The entries whose keys are in this range, in order.
    pub fn range(&self, keys: RangeInclusive<K>) -> impl Iterator<Item = (&K, &V)> {
        let places = self.places(&keys);
        self.entries.get(places).unwrap_or_default().iter().map(|(key, value)| (key, value))
    }

    /// Removes and returns these entries, in the order of their keys.
    pub fn take_range(&mut self, keys: RangeInclusive<K>) -> Vec<(K, V)> {
        let places = self.places(&keys);
        self.entries.drain(places).collect()
    }

    /// Removes and returns the entries from this position on.
    pub fn split_off(&mut self, at: usize) -> Self {
        Self { entries: self.entries.split_off(at.min(self.entries.len())) }
    }

    /// Removes and returns the entry with this key.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.find(key).ok().map(|at| self.entries.remove(at).1)
    }
}

impl<K, V> IntoIterator for SortedMap<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for SortedMap<K, V> {
    /// Of several values for one key the last one counts.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut map = Self::new();
        for (key, value) in pairs {
            map.insert(key, value);
        }
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_does_what_a_tree_does(steps in prop::collection::vec((0u8..6, 0u8..20, any::<u16>()), 0..60)) {
            let mut tree = BTreeMap::new();
            let mut map = SortedMap::new();
            for (step, key, value) in steps {
                match step {
                    0 | 1 => prop_assert_eq!(map.insert(key, value), tree.insert(key, value)),
                    2 => prop_assert_eq!(map.remove(&key), tree.remove(&key)),
                    3 => {
                        map.retain(|own, _| own % 3 != key % 3);
                        tree.retain(|own, _| own % 3 != key % 3);
                    }
                    4 => {
                        let keys = key..=(value % 20) as u8;
                        let among = |own: &u8| keys.contains(own);
                        let expected: Vec<_> =
                            tree.iter().filter(|(own, _)| among(own)).map(|(k, v)| (*k, *v)).collect();
                        let found: Vec<_> = map.range(keys.clone()).map(|(k, v)| (*k, *v)).collect();
                        prop_assert_eq!(&found, &expected);
                        if value % 2 == 0 {
                            prop_assert_eq!(map.take_range(keys.clone()), expected);
                            tree.retain(|own, _| !among(own));
                        }
                    }
                    _ => prop_assert_eq!(
                        map.get_mut(&key).map(std::mem::take),
                        tree.get_mut(&key).map(std::mem::take)
                    ),
                }
                prop_assert!(map.iter().eq(tree.iter()));
                prop_assert_eq!(map.get(&key), tree.get(&key));
            }
            prop_assert!(map.keys().eq(tree.keys()));
            let of_pairs: SortedMap<_, _> = tree.clone().into_iter().rev().collect();
            prop_assert!(of_pairs == map);
            prop_assert!(map.into_values().eq(tree.into_values()));
        }
    }
}
