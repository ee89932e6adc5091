//! Flags, and what they make of `.`, `^` and `$`.

use super::cursor::{Cursor, refused};
use super::letters::Letters;
use crate::search::pattern_error::PatternError;
use regex_syntax::hir::{Dot, Look};

/// The flags that hold at a place of a pattern.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flags {
    /// `i`, and whether the rule says `fold`.
    pub(super) letters: Letters,
    /// `m`
    multi_line: bool,
    /// `s`
    dot_matches_all: bool,
    /// `R`
    crlf: bool,
    /// `U`
    pub(super) swap_greed: bool,
    /// `x`
    pub(super) spaced: bool,
}

const FLAGS: &str = "flags are `i m s x U R`, as in `(?i)`, `(?s-m:…)`";

impl Flags {
    pub(super) fn new(fold: bool) -> Self {
        Self {
            letters: Letters { fold, any_case: fold },
            multi_line: false,
            dot_matches_all: false,
            crlf: false,
            swap_greed: false,
            spaced: false,
        }
    }

    /// Reads flags up to the `:` or `)` that ends them; those that are not named stay. `group` is where their `(` stands.
    pub(super) fn read(
        mut self,
        cursor: &mut Cursor<'_>,
        group: usize,
    ) -> Result<Self, PatternError> {
        let (start, mut on) = (cursor.at, true);
        if cursor.peek().is_none() {
            return Err(refused(group, "unclosed group", FLAGS));
        }
        loop {
            let at = cursor.at;
            let so_far = cursor.since(start);
            let flag = match cursor.peek() {
                None => return Err(refused(at, "unclosed flags", FLAGS)),
                Some(':' | ')') if so_far.ends_with('-') => {
                    return Err(refused(at - 1, "no flag after `-`", FLAGS));
                }
                Some(':' | ')') => return Ok(self),
                Some(c) if so_far.contains(c) => {
                    return Err(refused(at, &format!("`{c}` stands twice in the flags"), FLAGS));
                }
                Some('u') if cursor.builds() => {
                    let message = "the flag `u` is not part of the pattern language";
                    let help = "leave it out: `\\w \\d \\s \\b` and `(?i)` are ASCII, `.` takes whole characters";
                    return Err(refused(at, message, help));
                }
                Some(c) => c,
            };
            match flag {
                '-' => on = false,
                'i' => self.letters.any_case = on || self.letters.fold,
                'm' => self.multi_line = on,
                's' => self.dot_matches_all = on,
                'R' => self.crlf = on,
                'U' => self.swap_greed = on,
                'x' => self.spaced = on,
                'u' => {}
                c => return Err(refused(at, &format!("there is no flag `{c}`"), FLAGS)),
            }
            cursor.advance();
        }
    }

    /// What `.` matches.
    pub(super) fn dot(self) -> Dot {
        match (self.dot_matches_all, self.crlf) {
            (true, _) => Dot::AnyChar,
            (false, true) => Dot::AnyCharExceptCRLF,
            (false, false) => Dot::AnyCharExceptLF,
        }
    }

    /// What `^` asks for.
    pub(super) fn line_start(self) -> Look {
        match (self.multi_line, self.crlf) {
            (false, _) => Look::Start,
            (true, true) => Look::StartCRLF,
            (true, false) => Look::StartLF,
        }
    }

    /// What `$` asks for.
    pub(super) fn line_end(self) -> Look {
        match (self.multi_line, self.crlf) {
            (false, _) => Look::End,
            (true, true) => Look::EndCRLF,
            (true, false) => Look::EndLF,
        }
    }
}
