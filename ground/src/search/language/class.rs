//! Classes in brackets: sets of characters, and operations on them.

use super::cursor::{Cursor, refused};
use super::escape::{self, Escape};
use super::letters::Letters;
use super::named;
use crate::search::pattern_error::PatternError;
use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};
use std::mem::{replace, take};

/// Operations on sets, as they are written. Each takes everything before it in its class as its left side.
const OPERATIONS: [(&str, Operation); 3] = [
    ("&&", ClassUnicode::intersect),
    ("--", ClassUnicode::difference),
    ("~~", ClassUnicode::symmetric_difference),
];

type Operation = fn(&mut ClassUnicode, &ClassUnicode);

/// A class whose `]` has not been read.
#[derive(Default)]
struct Open {
    /// Where its `[` stands.
    start: usize,
    negated: bool,
    /// What stands before the last operator: where it begins, the set, and the operation.
    left: Option<(usize, ClassUnicode, Operation)>,
    /// Where the first member after it begins, or may begin.
    from: usize,
    /// Members after it, and how many of them there are.
    members: Vec<ClassUnicodeRange>,
    count: usize,
}

/// Reads a class. The first reading leaves its sets empty.
pub(super) fn read(
    cursor: &mut Cursor<'_>,
    letters: Letters,
) -> Result<ClassUnicode, PatternError> {
    let mut around = Vec::new();
    let mut class = Open::read(cursor);
    loop {
        cursor.skip_blanks();
        let start = cursor.at;
        let c = cursor.peek().ok_or_else(|| unclosed(class.start))?;
        if let Some((_, operation)) = OPERATIONS.iter().find(|(sign, _)| cursor.take(sign)) {
            let (left, set) = class.operand(cursor);
            class.left = Some((left, set, *operation));
            class.from = cursor.at;
        } else if c == '[' {
            match posix(cursor, letters) {
                Some(set) => class.add(cursor, start, set.ranges()),
                None => around.push(replace(&mut class, Open::read(cursor))),
            }
        } else if c == ']' {
            let (_, mut set) = class.operand(cursor);
            if class.negated {
                set.negate();
            }
            cursor.advance();
            cursor.node(class.start);
            let Some(outer) = around.pop() else { return Ok(set) };
            let inner = replace(&mut class, outer);
            class.add(cursor, inner.start, set.ranges());
        } else {
            let ranges = class.member(cursor, letters)?;
            class.add(cursor, start, &ranges);
        }
    }
}

impl Open {
    /// Reads the beginning of a class. Hyphens are characters there, and so is a `]` that comes first.
    fn read(cursor: &mut Cursor<'_>) -> Self {
        let mut class = Self { start: cursor.at, ..Self::default() };
        let mut next = cursor.next();
        class.negated = next == Some('^');
        if class.negated {
            next = cursor.next();
        }
        class.from = cursor.at;
        while next == Some('-') {
            class.add(cursor, cursor.at, &[ClassUnicodeRange::new('-', '-')]);
            next = cursor.next();
        }
        if class.count == 0 && next == Some(']') {
            class.add(cursor, cursor.at, &[ClassUnicodeRange::new(']', ']')]);
            cursor.next();
        }
        class
    }

    fn add(&mut self, cursor: &Cursor<'_>, start: usize, ranges: &[ClassUnicodeRange]) {
        if self.count == 0 {
            self.from = start;
        }
        self.count += 1;
        if cursor.builds() {
            self.members.extend(ranges);
        }
    }

    /// Ends what stands between two operators: where the operation that it completes begins, and its result.
    fn operand(&mut self, cursor: &mut Cursor<'_>) -> (usize, ClassUnicode) {
        if take(&mut self.count) > 1 {
            cursor.node(self.from);
        }
        let right = ClassUnicode::new(take(&mut self.members));
        match self.left.take() {
            None => (self.from, right),
            Some((start, mut set, operation)) => {
                operation(&mut set, &right);
                cursor.node(start);
                (start, set)
            }
        }
    }

    /// Reads a character, a range or an escape.
    fn member(
        &self,
        cursor: &mut Cursor<'_>,
        letters: Letters,
    ) -> Result<Vec<ClassUnicodeRange>, PatternError> {
        let builds = cursor.builds();
        let range = |first, last| if builds { letters.range(first, last) } else { Vec::new() };
        let (start, first) = (cursor.at, one(cursor)?);
        cursor.skip_blanks();
        let c = cursor.peek().ok_or_else(|| unclosed(self.start))?;
        if c != '-' || matches!(after_hyphen(cursor), Some(']' | '-')) {
            return match first {
                Escape::Character(c) => Ok(range(c, c)),
                Escape::Class(set) => Ok(set.ranges().to_vec()),
                Escape::Property if builds => Err(escape::no_property(start)),
                Escape::Property => Ok(Vec::new()),
                Escape::Look(_) => {
                    let help =
                        "a class holds characters, ranges and classes; a backspace is `\\x08`";
                    Err(refused(start, "a boundary in a class", help))
                }
            };
        }
        cursor.next().ok_or_else(|| unclosed(self.start))?;
        let (end, last) = (cursor.at, one(cursor)?);
        let character = |at, escape| match escape {
            Escape::Character(c) => Ok(c),
            _ => Err(refused(at, "a range from or to something that is no character", HYPHEN)),
        };
        let (first, last) = (character(start, first)?, character(end, last)?);
        if first > last {
            return Err(refused(start, &format!("the range `{first}-{last}` is empty"), HYPHEN));
        }
        Ok(range(first, last))
    }
}

const HYPHEN: &str =
    "a range has the smaller character first, as in `a-z`; the hyphen itself is `\\-`";

/// Reads a character or an escape.
fn one(cursor: &mut Cursor<'_>) -> Result<Escape, PatternError> {
    match cursor.peek() {
        Some(c) if c != '\\' => {
            cursor.advance();
            Ok(Escape::Character(c))
        }
        _ => escape::read(cursor),
    }
}

/// The character after a hyphen. Regex-syntax looks for it in comments, too, and so patterns mean the same as there.
fn after_hyphen(cursor: &Cursor<'_>) -> Option<char> {
    let mut rest = cursor.rest().strip_prefix('-')?;
    if cursor.spaced {
        rest = rest.trim_start();
        rest = rest.strip_prefix('#').map_or(rest, str::trim_start);
    }
    rest.chars().next()
}

/// Reads a class such as `[:alpha:]` or `[:^alpha:]`, if one stands here.
fn posix(cursor: &mut Cursor<'_>, letters: Letters) -> Option<ClassUnicode> {
    let inside = cursor.rest().strip_prefix("[:")?;
    let positive = inside.strip_prefix('^');
    let (name, rest) = positive.unwrap_or(inside).split_once(':')?;
    let rest = rest.strip_prefix(']')?;
    let mut set = named::class(match name {
        "lower" | "upper" if letters.any_case => "alpha",
        _ => name,
    })?;
    if positive.is_some() {
        set.negate();
    }
    cursor.at += cursor.rest().len() - rest.len();
    Some(set)
}

fn unclosed(start: usize) -> PatternError {
    refused(start, "unclosed class", "close it with `]`; the character itself is `\\[`")
}
