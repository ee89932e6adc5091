//! What begins with a backslash.

use super::cursor::{Cursor, refused};
use super::named;
use crate::search::pattern_error::PatternError;
use regex_syntax::hir::{ClassUnicode, Look};

/// What an escape stands for.
#[derive(Debug)]
pub(super) enum Escape {
    Character(char),
    Class(ClassUnicode),
    Look(Look),
    /// `\p{…}`: well formed, and not part of the language.
    Property,
}

const UNFINISHED: &str = "unfinished escape";
const HEXADECIMAL: &str = "write a character's number as in `\\x41`, `\\u0041` or `\\x{41}`";

/// Reads what begins at a backslash.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Escape, PatternError> {
    let start = cursor.at;
    cursor.advance();
    let c =
        cursor.peek().ok_or_else(|| refused(start, UNFINISHED, "write `\\\\` for a backslash"))?;
    match c {
        'x' => return number(cursor, 2),
        'u' => return number(cursor, 4),
        'U' => return number(cursor, 8),
        'p' | 'P' => return property(cursor),
        _ => cursor.advance(),
    }
    let class = |name| {
        let mut class = named::class(name).unwrap_or_else(ClassUnicode::empty);
        if c.is_ascii_uppercase() {
            class.negate();
        }
        Escape::Class(class)
    };
    Ok(match c {
        '0'..='9' => {
            let help = "patterns run in linear time: write the alternatives out";
            let message = "back-references (`\\1`) are not part of the pattern language";
            return Err(refused(start, message, help));
        }
        'd' | 'D' => class("digit"),
        's' | 'S' => class("space"),
        'w' | 'W' => class("word"),
        'a' => Escape::Character('\x07'),
        'f' => Escape::Character('\x0C'),
        't' => Escape::Character('\t'),
        'n' => Escape::Character('\n'),
        'r' => Escape::Character('\r'),
        'v' => Escape::Character('\x0B'),
        'A' => Escape::Look(Look::Start),
        'z' => Escape::Look(Look::End),
        'b' => Escape::Look(boundary(cursor, start)?),
        'B' => Escape::Look(Look::WordAsciiNegate),
        '<' => Escape::Look(Look::WordStartAscii),
        '>' => Escape::Look(Look::WordEndAscii),
        _ if c.is_ascii() && !c.is_ascii_alphanumeric() => Escape::Character(c),
        _ => {
            let help = "leave out the `\\`; `\\d \\s \\w \\b \\n \\t \\x41` and others of Rust's `regex` have a meaning";
            return Err(refused(start, &format!("`\\{c}` has no meaning"), help));
        }
    })
}

/// What follows `\b`: nothing, or the kind of boundary in braces. Braces that hold a count are left to be read.
fn boundary(cursor: &mut Cursor<'_>, start: usize) -> Result<Look, PatternError> {
    const KINDS: &str =
        "write `\\b{start}`, `\\b{end}`, `\\b{start-half}` or `\\b{end-half}`, or `\\b` alone";
    let brace = cursor.at;
    if cursor.peek() != Some('{') {
        return Ok(Look::WordAscii);
    }
    let of_kind = |c: &char| c.is_ascii_alphabetic() || *c == '-';
    let mut next = cursor.next();
    let inside = cursor.at;
    match next {
        None => return Err(refused(start, "`\\b{` is not closed", KINDS)),
        Some(c) if !of_kind(&c) => {
            cursor.at = brace;
            return Ok(Look::WordAscii);
        }
        Some(_) => {}
    }
    let mut kind = String::new();
    while let Some(c) = next.filter(of_kind) {
        kind.push(c);
        next = cursor.next();
    }
    if next != Some('}') {
        return Err(refused(brace, "`\\b{` is not closed", KINDS));
    }
    cursor.advance();
    match kind.as_str() {
        "start" => Ok(Look::WordStartAscii),
        "end" => Ok(Look::WordEndAscii),
        "start-half" => Ok(Look::WordStartHalfAscii),
        "end-half" => Ok(Look::WordEndHalfAscii),
        _ => Err(refused(inside, &format!("there is no boundary `{kind}`"), KINDS)),
    }
}

/// Reads a character's number after `\x`, `\u` or `\U`: so many hexadecimal digits, or any in braces.
fn number(cursor: &mut Cursor<'_>, digits: usize) -> Result<Escape, PatternError> {
    let mut next = cursor.next();
    let mut start = cursor.at;
    let braces = next == Some('{');
    if braces {
        next = cursor.next();
    }
    let (mut code, mut count) = (Some(0_u32), 0_usize);
    while if braces { next != Some('}') } else { count < digits } {
        let Some(c) = next else {
            let at = if braces { start } else { cursor.at };
            return Err(refused(at, UNFINISHED, HEXADECIMAL));
        };
        let digit = c.to_digit(16).ok_or_else(|| {
            refused(cursor.at, &format!("`{c}` is no hexadecimal digit"), HEXADECIMAL)
        })?;
        code = code.and_then(|code| code.checked_mul(16)).map(|code| code | digit);
        count += 1;
        next = cursor.next();
    }
    if braces {
        if count == 0 {
            return Err(refused(start, "braces without a number", HEXADECIMAL));
        }
        start += 1;
        cursor.advance();
    }
    code.and_then(char::from_u32).map(Escape::Character).ok_or_else(|| {
        let help = "numbers go up to 10FFFF, without D800 to DFFF";
        refused(start, "no character has this number", help)
    })
}

/// Reads the rest of `\p{…}` or `\pN`.
fn property(cursor: &mut Cursor<'_>) -> Result<Escape, PatternError> {
    let mut next = cursor.next();
    if next == Some('{') {
        while next.is_some_and(|c| c != '}') {
            next = cursor.next();
        }
    }
    match next {
        None => Err(refused(cursor.at, UNFINISHED, NO_PROPERTIES.1)),
        Some('\\') => Err(no_property(cursor.at)),
        Some(_) => {
            cursor.advance();
            Ok(Escape::Property)
        }
    }
}

const NO_PROPERTIES: (&str, &str) = (
    "`\\p{…}` is not part of the pattern language",
    "write the characters or ranges out, such as `[à-ÿ]`, or use `fold: true` for look-alikes",
);

/// The error of `\p{…}`.
pub(super) fn no_property(at: usize) -> PatternError {
    refused(at, NO_PROPERTIES.0, NO_PROPERTIES.1)
}
