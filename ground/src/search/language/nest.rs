//! How deep a pattern nests: everything that walks its tree recurses no deeper.

use crate::limits::PATTERN_NEST;

/// The nodes of a syntax tree that have parts, in the order in which they end.
#[derive(Debug, Default)]
pub(super) struct Nest(Vec<(usize, usize)>);

impl Nest {
    /// Adds a node: where it begins and ends, in bytes.
    pub(super) fn add(&mut self, start: usize, end: usize) {
        self.0.push((start, end));
    }

    /// Where the first node begins that stands in more than [`PATTERN_NEST`] others, or in so many and has parts.
    pub(super) fn too_deep(&self) -> Option<usize> {
        // Backwards a node comes before its parts, and of two parts the later one comes first.
        let (mut around, mut first) = (Vec::new(), None);
        for &(start, end) in self.0.iter().rev() {
            while around.last().is_some_and(|&outer| end <= outer) {
                around.pop();
            }
            around.push(start);
            if around.len() == PATTERN_NEST + 1 {
                first = Some(start);
            }
        }
        first
    }
}
