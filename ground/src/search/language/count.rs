//! Counted repetitions: `{3}`, `{3,}`, `{3,8}`.

use super::cursor::{Cursor, refused};
use crate::search::pattern_error::PatternError;

const COUNTS: &str = "counts are `{3}`, `{3,}` and `{0,3}`; the character itself is `\\{`";

/// Reads a count, from its `{`: how often at least, and at most.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<(u32, Option<u32>), PatternError> {
    let start = cursor.at;
    let unclosed = || refused(start, "unclosed count", COUNTS);
    cursor.next();
    let min = number(cursor);
    let (min, max) = match cursor.peek() {
        None => return Err(unclosed()),
        Some(',') => match cursor.next() {
            None => return Err(unclosed()),
            Some('}') => (min?, None),
            Some(_) => (min?, Some(number(cursor)?)),
        },
        Some(_) => min.map(|count| (count, Some(count)))?,
    };
    if cursor.peek() != Some('}') {
        return Err(unclosed());
    }
    cursor.next();
    if max.is_some_and(|max| max < min) {
        return Err(refused(start, "the first count is above the second", COUNTS));
    }
    Ok((min, max))
}

/// Reads a number. Blanks may stand around it without the flag `x`, too.
fn number(cursor: &mut Cursor<'_>) -> Result<u32, PatternError> {
    while cursor.peek().is_some_and(char::is_whitespace) {
        cursor.advance();
    }
    let start = cursor.at;
    let mut number = Some(0_u32);
    let mut next = cursor.peek();
    while let Some(digit) = next.and_then(|c| c.to_digit(10)) {
        number = number.and_then(|number| number.checked_mul(10)?.checked_add(digit));
        next = cursor.next();
    }
    let end = cursor.at;
    while next.is_some_and(char::is_whitespace) {
        next = cursor.next();
    }
    if start == end {
        return Err(refused(start, "a count without a number", COUNTS));
    }
    number.ok_or_else(|| refused(start, "a count that is too large", COUNTS))
}
