//! A place in a pattern, and what may stand between its parts.

use super::nest::Nest;
use crate::search::pattern_error::PatternError;

/// A place in a pattern.
#[derive(Debug)]
pub(super) struct Cursor<'s> {
    source: &'s str,
    /// Where the next character begins, in bytes.
    pub(super) at: usize,
    /// The flag `x`: blanks and comments mean nothing.
    pub(super) spaced: bool,
    /// What was read so far, if this is the reading that only looks whether the pattern is well formed.
    pub(super) nest: Option<Nest>,
}

impl<'s> Cursor<'s> {
    pub(super) fn new(source: &'s str, nest: Option<Nest>) -> Self {
        Self { source, at: 0, spaced: false, nest }
    }

    /// True if what is read is built, too.
    pub(super) fn builds(&self) -> bool {
        self.nest.is_none()
    }

    /// A node of the syntax tree that begins at `start` has been read.
    pub(super) fn node(&mut self, start: usize) {
        if let Some(nest) = &mut self.nest {
            nest.add(start, self.at);
        }
    }

    /// What was read since `start`.
    pub(super) fn since(&self, start: usize) -> &'s str {
        self.source.get(start..self.at).unwrap_or_default()
    }

    // One copy of this and of the three below: every rule of the grammar asks, and a character has many spellings.
    #[inline(never)]
    pub(super) fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or_default()
    }

    #[inline(never)]
    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Moves past one character.
    #[inline(never)]
    pub(super) fn advance(&mut self) {
        self.at += self.peek().map_or(0, char::len_utf8);
    }

    /// Moves past one character and what means nothing after it; gives the next.
    #[inline(never)]
    pub(super) fn next(&mut self) -> Option<char> {
        self.advance();
        self.skip_blanks();
        self.peek()
    }

    /// Moves past `text`, if it stands here.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let stands = self.rest().starts_with(text);
        if stands {
            self.at += text.len();
        }
        stands
    }

    /// With the flag `x`, moves past blanks and comments.
    pub(super) fn skip_blanks(&mut self) {
        while self.spaced
            && let Some(c) = self.peek()
        {
            if c == '#' {
                self.at += self.rest().find('\n').unwrap_or(self.rest().len());
            } else if !c.is_whitespace() {
                break;
            }
            self.advance();
        }
    }
}

/// Why a pattern is refused, and where. One copy: there are many places that refuse.
#[cold]
#[inline(never)]
pub(super) fn refused(at: usize, message: &str, help: &str) -> PatternError {
    PatternError { offset: Some(at), message: message.to_owned(), help: Some(help.to_owned()) }
}
