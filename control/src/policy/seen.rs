//! Names that have occurred.

use crate::base::sorted_map::SortedMap;

/// Names, each with a number. One type for all searches for repeated names: otherwise each would be a map of its own in
/// the module that a proxy loads.
#[derive(Debug, Default)]
pub(super) struct Seen<'a>(SortedMap<&'a str, usize>);

impl<'a> Seen<'a> {
    /// Adds a name; returns the number it was added with before, if it was.
    #[inline(never)]
    pub(super) fn insert(&mut self, name: &'a str, number: usize) -> Option<usize> {
        self.0.insert(name, number)
    }

    /// True if the name was added.
    #[inline(never)]
    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(&name)
    }

    /// All names, sorted.
    #[inline(never)]
    pub(super) fn names(&self) -> Vec<&'a str> {
        self.0.keys().copied().collect()
    }
}
