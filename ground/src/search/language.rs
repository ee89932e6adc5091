//! The pattern language of POLICY "Patterns": the syntax of Rust's `regex`, read to what regex-syntax's own parser and
//! translator would make of it if classes, boundaries and cases were ASCII.
//!
//! `\w \d \s` are ASCII classes, `(?i)` makes classes of both ASCII cases, `\b` asks for ASCII words: no Unicode tables
//! are needed, and patterns still consume whole characters. With `fold`, letters and classes become what
//! [`normalize`](super::normalize) makes of them, like the text.
//!
//! A pattern is read twice by the same code: once to see that it is well formed and how deep it nests, then to build.
//! Neither recurses.

mod class;
mod count;
mod cursor;
mod escape;
mod flags;
mod letters;
mod level;
mod named;
mod nest;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

use super::pattern_error::PatternError;
use crate::limits::PATTERN_NEST;
use cursor::{Cursor, refused};
use escape::Escape;
use flags::Flags;
use level::{Item, Level};
use nest::Nest;
use regex_syntax::hir::{Capture, Hir, Repetition};
use std::mem::{replace, take};

/// Reads one regular expression.
///
/// # Errors
/// Bad syntax, or something outside the language.
pub(super) fn read(source: &str, fold: bool) -> Result<Hir, PatternError> {
    let mut first = Reader::new(Cursor::new(source, Some(Nest::default())), fold);
    first.pattern()?;
    if let Some(at) = first.cursor.nest.and_then(|nest| nest.too_deep()) {
        let message = format!("groups nest deeper than {PATTERN_NEST}");
        return Err(refused(at, &message, "flatten the pattern"));
    }
    Reader::new(Cursor::new(source, None), fold).pattern()
}

struct Reader<'s> {
    cursor: Cursor<'s>,
    flags: Flags,
    level: Level,
    around: Vec<Group>,
    /// How many groups that capture have begun.
    captures: u32,
    names: Vec<&'s str>,
}

/// A group whose `)` has not been read.
struct Group {
    /// Where its `(` stands.
    start: usize,
    /// Its number and its name, if it captures.
    capture: Option<(u32, Option<Box<str>>)>,
    /// What it stands in, and the flags there.
    level: Level,
    flags: Flags,
}

impl<'s> Reader<'s> {
    fn new(cursor: Cursor<'s>, fold: bool) -> Self {
        Self {
            cursor,
            flags: Flags::new(fold),
            level: Level::default(),
            around: Vec::new(),
            captures: 0,
            names: Vec::new(),
        }
    }

    fn pattern(&mut self) -> Result<Hir, PatternError> {
        loop {
            self.cursor.skip_blanks();
            let start = self.cursor.at;
            match self.cursor.peek() {
                None => break,
                Some('(') => self.open(start)?,
                Some(')') => self.close()?,
                Some('|') => self.level.next_branch(&mut self.cursor),
                Some(sign @ ('*' | '+' | '?' | '{')) => self.repetition(sign)?,
                Some(c) => {
                    let item = self.item(c)?;
                    self.level.push(&self.cursor, start, item);
                }
            }
        }
        if let Some(group) = self.around.last() {
            let help = "close it with `)`; the character itself is `\\(`";
            return Err(refused(group.start, "unclosed group", help));
        }
        Ok(take(&mut self.level).end(&mut self.cursor))
    }

    /// Reads what is no group, and begins with `c`.
    fn item(&mut self, c: char) -> Result<Item, PatternError> {
        let start = self.cursor.at;
        match c {
            '[' => return Ok(Item::class(class::read(&mut self.cursor, self.flags.letters)?)),
            '\\' => {
                return match escape::read(&mut self.cursor)? {
                    Escape::Character(c) => Ok(Item::character(c, self.flags.letters)),
                    Escape::Class(set) => Ok(Item::class(set)),
                    Escape::Look(look) => Ok(Item::Tree(Hir::look(look))),
                    Escape::Property if self.cursor.builds() => Err(escape::no_property(start)),
                    Escape::Property => Ok(Item::Tree(Hir::empty())),
                };
            }
            _ => self.cursor.advance(),
        }
        Ok(match c {
            '.' => Item::Tree(Hir::dot(self.flags.dot())),
            '^' => Item::Tree(Hir::look(self.flags.line_start())),
            '$' => Item::Tree(Hir::look(self.flags.line_end())),
            _ => Item::character(c, self.flags.letters),
        })
    }

    fn set_flags(&mut self, flags: Flags) -> Flags {
        self.cursor.spaced = flags.spaced;
        replace(&mut self.flags, flags)
    }

    /// Reads the beginning of a group, or flags for the rest of the one that is open.
    fn open(&mut self, start: usize) -> Result<(), PatternError> {
        self.cursor.next();
        let inside = self.cursor.at;
        let (mut flags, mut capture) = (self.flags, None);
        if ["?=", "?!", "?<=", "?<!"].iter().any(|sign| self.cursor.take(sign)) {
            let message =
                "look-around (`(?=`, `(?!`, `(?<=`, `(?<!`) is not part of the pattern language";
            let help = "patterns run in linear time: match the context too, or use `\\b`, `^`, `$`";
            return Err(refused(start, message, help));
        }
        if self.cursor.take("?P<") || self.cursor.take("?<") {
            capture = Some(Some(self.name()?.into()));
        } else if self.cursor.take("?") {
            flags = flags.read(&mut self.cursor, start)?;
            if self.cursor.take(")") {
                if self.cursor.since(inside) == "?)" {
                    return Err(nothing_to_repeat(inside));
                }
                self.set_flags(flags);
                self.level.push_flags();
                return Ok(());
            }
            self.cursor.advance();
        } else {
            capture = Some(None);
        }
        self.captures += u32::from(capture.is_some());
        let capture = capture.map(|name| (self.captures, name));
        let level = replace(&mut self.level, Level::new(self.cursor.at));
        let flags = self.set_flags(flags);
        self.around.push(Group { start, capture, level, flags });
        Ok(())
    }

    /// Reads a group's name, to the `>` after it.
    fn name(&mut self) -> Result<&'s str, PatternError> {
        const NAMES: &str =
            "a name is letters, digits and `_`, not beginning with a digit, and a `>` ends it";
        let start = self.cursor.at;
        loop {
            let at = self.cursor.at;
            match self.cursor.peek() {
                None => return Err(refused(at, "unclosed name of a group", NAMES)),
                Some('>') => break,
                Some(c) if c == '_' || c.is_alphabetic() => {}
                Some(c) if at > start && (matches!(c, '.' | '[' | ']') || c.is_numeric()) => {}
                Some(c) => {
                    return Err(refused(at, &format!("`{c}` in the name of a group"), NAMES));
                }
            }
            self.cursor.advance();
        }
        let name = self.cursor.since(start);
        self.cursor.advance();
        if name.is_empty() {
            return Err(refused(start, "a group with an empty name", NAMES));
        }
        if self.names.contains(&name) {
            let help = "give each group a name of its own, or none";
            return Err(refused(start, &format!("a second group `{name}`"), help));
        }
        self.names.push(name);
        Ok(name)
    }

    /// Reads the end of a group.
    fn close(&mut self) -> Result<(), PatternError> {
        let Some(group) = self.around.pop() else {
            let help = "open it with `(`; the character itself is `\\)`";
            return Err(refused(self.cursor.at, "unopened group", help));
        };
        let sub = replace(&mut self.level, group.level).end(&mut self.cursor);
        self.cursor.advance();
        self.cursor.node(group.start);
        self.set_flags(group.flags);
        let hir = match group.capture {
            Some((index, name)) => Hir::capture(Capture { index, name, sub: Box::new(sub) }),
            None => sub,
        };
        self.level.push(&self.cursor, group.start, Item::Tree(hir));
        Ok(())
    }

    /// Reads a sign of repetition or a count, and the `?` that makes it lazy.
    fn repetition(&mut self, sign: char) -> Result<(), PatternError> {
        let at = self.cursor.at;
        let (start, sub) = self.level.pop().ok_or_else(|| nothing_to_repeat(at))?;
        let (min, max) = match sign {
            '{' => count::read(&mut self.cursor)?,
            _ => {
                self.cursor.advance();
                (u32::from(sign == '+'), (sign == '?').then_some(1))
            }
        };
        let lazy = self.cursor.take("?");
        let greedy = lazy == self.flags.swap_greed;
        self.cursor.node(start);
        let repetition = Hir::repetition(Repetition { min, max, greedy, sub: Box::new(sub) });
        self.level.push(&self.cursor, start, Item::Tree(repetition));
        Ok(())
    }
}

fn nothing_to_repeat(at: usize) -> PatternError {
    let help =
        "put what is repeated before it; the characters themselves are `\\*`, `\\+`, `\\?`, `\\{`";
    refused(at, "nothing to repeat", help)
}
