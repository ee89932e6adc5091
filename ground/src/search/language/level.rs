//! One level of a pattern: the whole, or what stands in one group.

use super::cursor::Cursor;
use super::letters::Letters;
use regex_syntax::hir::{Class, ClassUnicode, Hir};
use std::mem::take;

/// A part of a branch.
#[derive(Debug)]
pub(super) enum Item {
    /// Flags, which nothing can repeat.
    Flags,
    /// A character that stands for itself.
    Character(char),
    Tree(Hir),
}

impl Item {
    pub(super) fn character(c: char, letters: Letters) -> Self {
        let ranges = letters.alone(c);
        match ranges.as_slice() {
            [] => Self::Tree(Hir::empty()),
            [one] if one.start() == one.end() => Self::Character(one.start()),
            _ => Self::class(ClassUnicode::new(ranges)),
        }
    }

    pub(super) fn class(set: ClassUnicode) -> Self {
        Self::Tree(Hir::class(Class::Unicode(set)))
    }
}

/// Branches with `|` between them, of which the last one grows.
#[derive(Debug, Default)]
pub(super) struct Level {
    start: usize,
    branches: Vec<Hir>,
    /// Where the last branch begins, and the last item in it.
    branch: usize,
    last: usize,
    items: Vec<Item>,
}

impl Level {
    pub(super) fn new(start: usize) -> Self {
        Self { start, branch: start, ..Self::default() }
    }

    /// Adds an item that begins at `start`. The first reading only counts them.
    pub(super) fn push(&mut self, cursor: &Cursor<'_>, start: usize, item: Item) {
        self.last = start;
        self.items.push(if cursor.builds() { item } else { Item::Character('\0') });
    }

    pub(super) fn push_flags(&mut self) {
        self.items.push(Item::Flags);
    }

    /// Takes back the last item, for a repetition of it, and tells where it begins.
    pub(super) fn pop(&mut self) -> Option<(usize, Hir)> {
        match self.items.pop()? {
            Item::Flags => None,
            Item::Character(c) => Some((self.last, text(c.into()))),
            Item::Tree(hir) => Some((self.last, hir)),
        }
    }

    /// Reads a `|`.
    pub(super) fn next_branch(&mut self, cursor: &mut Cursor<'_>) {
        self.end_branch(cursor);
        cursor.advance();
        self.branch = cursor.at;
    }

    /// All of it, where it ends.
    pub(super) fn end(mut self, cursor: &mut Cursor<'_>) -> Hir {
        self.end_branch(cursor);
        if self.branches.len() > 1 {
            cursor.node(self.start);
        }
        Hir::alternation(self.branches)
    }

    fn end_branch(&mut self, cursor: &mut Cursor<'_>) {
        if self.items.len() > 1 {
            cursor.node(self.branch);
        }
        let (mut parts, mut word) = (Vec::new(), String::new());
        for item in take(&mut self.items) {
            match item {
                Item::Flags => {}
                Item::Character(c) => word.push(c),
                Item::Tree(hir) => parts.extend([text(take(&mut word)), hir]),
            }
        }
        parts.push(text(word));
        self.branches.push(Hir::concat(parts));
    }
}

fn text(text: String) -> Hir {
    Hir::literal(text.into_bytes())
}
