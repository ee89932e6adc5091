//! What a character of a pattern stands for: itself, its other case, or everything that reads like it.

use crate::limits::FOLDED_RANGE_CHARS;
use crate::search::normalize::{also, normalize};
use regex_syntax::hir::ClassUnicodeRange;

/// How letters are taken where a pattern is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Letters {
    /// `fold` of the rule: the text is normalized.
    pub(super) fold: bool,
    /// ASCII letters match both cases.
    pub(super) any_case: bool,
}

impl Letters {
    /// What a character outside of classes matches; nothing if texts never show it.
    pub(super) fn alone(self, c: char) -> Vec<ClassUnicodeRange> {
        if !self.fold {
            return self.range(c, c);
        }
        let read = normalize(c);
        read.into_iter().chain(read.map(also).unwrap_or_default().chars()).map(one).collect()
    }

    /// What a range of a class matches. Cases are added to each range, before any negation around it.
    pub(super) fn range(self, first: char, last: char) -> Vec<ClassUnicodeRange> {
        let mut ranges = vec![ClassUnicodeRange::new(first, last)];
        if !self.any_case {
            return ranges;
        }
        for (from, to) in [('a', 'z'), ('A', 'Z')] {
            let (low, high) = (first.max(from), last.min(to));
            if low <= high {
                ranges.push(ClassUnicodeRange::new(other_case(low), other_case(high)));
            }
        }
        if self.fold {
            // The normal forms of its characters, besides themselves. Ranges beyond the bound name whole scripts.
            for c in (first..=last).take(FOLDED_RANGE_CHARS) {
                let read = normalize(c);
                let others = read.map(also).unwrap_or_default().chars();
                ranges.extend(read.filter(|&read| read != c).into_iter().chain(others).map(one));
            }
        }
        ranges
    }
}

fn one(c: char) -> ClassUnicodeRange {
    ClassUnicodeRange::new(c, c)
}

fn other_case(c: char) -> char {
    if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
}
