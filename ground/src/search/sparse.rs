//! Text that can be skipped because no match can end in it, whatever words a pattern keeps alive.
//!
//! Some patterns begin at any word (an e-mail address), so that hardly any byte of prose is quiet for them. But each of
//! their matches contains a certain byte, the `@`, and none contains a blank. Where there is no `@`, everything before
//! the last blank is decided without reading it:
//!
//! ```text
//!   the quick brown fox jumps over bob@exa        needed: @     barriers: all bytes that occur in no match
//!   └──────── skipped ───────────┘ └ read ┘
//! ```

use regex_syntax::hir::{Class, Hir, HirKind};

use super::byte_set::ByteSet;
use super::pattern::takes;
use crate::wire::find;

/// A pattern whose first byte may be any of this many letters begins in most words of a text.
const MANY_LETTERS: usize = 13;

/// How text is skipped for some patterns.
#[derive(Debug)]
pub(super) struct Sparse {
    /// A byte that occurs in every match.
    needed: u8,
    /// Bytes that occur in no match: after one nothing is live.
    barriers: ByteSet,
}

/// The next part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SparsePart {
    /// This many bytes need not be read: nothing is found in them, and the text is quiet after them.
    pub(super) skip: usize,
    /// The bytes up to here are read; what follows may be skipped again.
    pub(super) read: usize,
}

impl Sparse {
    /// For patterns whose matches all contain some byte and all lack some other; `None` if these do not.
    pub(super) fn new<'h>(patterns: impl IntoIterator<Item = &'h Hir>) -> Option<Sparse> {
        let (mut needed, mut written) = (ByteSet::ALL, ByteSet::NONE);
        for hir in patterns {
            needed = needed.common(all_need(hir));
            written = written.with(spelled(hir));
        }
        // Punctuation before letters: the last characters of ASCII occur least in text.
        let rare = |byte: &u8| !byte.is_ascii_alphanumeric() && !matches!(byte, b' ' | b'.' | b',');
        let needed = (0..128).filter(|byte| needed.has(*byte)).find(rare)?;
        let barriers = written.others();
        barriers.has(b' ').then_some(Sparse { needed, barriers })
    }

    /// True if a text may contain a match.
    pub(super) fn may_match(&self, text: &[u8]) -> bool {
        find::byte(text, self.needed).is_some()
    }

    /// What to do with the text that follows. `held`: the earlier part of it that is still live.
    pub(super) fn part(&self, held: &[u8], text: &[u8]) -> SparsePart {
        let is_barrier = |byte: &u8| self.barriers.has(*byte);
        let at = match self.may_match(held) {
            true => 0,
            false => find::byte(text, self.needed).unwrap_or(text.len()),
        };
        let (before, behind) = text.split_at_checked(at).unwrap_or((text, &[]));
        let skip = before.iter().rposition(is_barrier).map_or(0, |last| last + 1);
        let read = behind.iter().position(is_barrier).map_or(text.len(), |first| at + first + 1);
        SparsePart { skip, read }
    }
}

/// True if a match may begin with any of most letters.
pub(super) fn begins_in_words(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Literal(_) => false,
        HirKind::Class(_) => ('a'..='z').filter(|c| takes(hir, *c)).count() >= MANY_LETTERS,
        HirKind::Repetition(repetition) => begins_in_words(&repetition.sub),
        HirKind::Capture(capture) => begins_in_words(&capture.sub),
        HirKind::Alternation(all) => all.iter().any(begins_in_words),
        HirKind::Concat(all) => {
            let skipped = all.iter().take_while(|part| may_be_empty(part)).count();
            all.iter().take(skipped + 1).any(begins_in_words)
        }
    }
}

fn may_be_empty(hir: &Hir) -> bool {
    hir.properties().minimum_len() == Some(0)
}

/// Bytes each of which occurs in every match.
fn all_need(hir: &Hir) -> ByteSet {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(_) => ByteSet::NONE,
        HirKind::Literal(_) => spelled(hir),
        HirKind::Repetition(repetition) if repetition.min == 0 => ByteSet::NONE,
        HirKind::Repetition(repetition) => all_need(&repetition.sub),
        HirKind::Capture(capture) => all_need(&capture.sub),
        HirKind::Concat(all) => all.iter().map(all_need).fold(ByteSet::NONE, ByteSet::with),
        HirKind::Alternation(all) => all.iter().map(all_need).fold(ByteSet::ALL, ByteSet::common),
    }
}

/// Bytes that occur in matches.
fn spelled(hir: &Hir) -> ByteSet {
    let mut bytes = ByteSet::NONE;
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => literal.0.iter().for_each(|byte| bytes.add(*byte)),
        HirKind::Class(Class::Unicode(class)) => {
            let (ascii, others) = ByteSet::ascii_of(class);
            bytes = if others { ascii.with(ByteSet::HIGH) } else { ascii };
        }
        HirKind::Class(Class::Bytes(class)) => {
            for range in class.ranges() {
                (range.start()..=range.end()).for_each(|byte| bytes.add(byte));
            }
        }
        HirKind::Repetition(repetition) => bytes = spelled(&repetition.sub),
        HirKind::Capture(capture) => bytes = spelled(&capture.sub),
        HirKind::Concat(all) | HirKind::Alternation(all) => {
            bytes = all.iter().map(spelled).fold(bytes, ByteSet::with);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::language::read;
    use super::*;

    fn sparse(source: &str) -> Option<Sparse> {
        Sparse::new([&read(source, false).unwrap()])
    }

    #[test]
    fn what_every_match_holds_is_needed() {
        let needed = |source| sparse(source).map(|own| char::from(own.needed));
        assert_eq!(needed(r"\b[a-z]+@[a-z]+"), Some('@'));
        assert_eq!(needed(r"(?:[a-z]+@|\w+@x)y"), Some('@'));
        assert_eq!(needed(r"\w+(?:@x){2}"), Some('@'));
        assert_eq!(needed(r"\w+(?:@|=)y"), None);
        assert_eq!(needed(r"\w+(?:@x)?"), None);
        assert_eq!(needed(r"\w+ ?@"), None, "a blank may stand in it");
        assert_eq!(needed(r"[^@]+@"), None, "a blank may stand in it");
    }

    #[test]
    fn what_begins_in_most_words_is_known() {
        let begins = |source| begins_in_words(&read(source, false).unwrap());
        for broad in [r"\w+@", r"\b[a-z]@", r"x?[a-z]@", r"(?:x|[^ ])y", r".x", r"(?:[a-z]x)+"] {
            assert!(begins(broad), "{broad}");
        }
        for narrow in [r"sk-\w+", r"[A-Z]{2}\d", r"\bx[a-z]", r"(?i)key\w", r"[a-f]+"] {
            assert!(!begins(narrow), "{narrow}");
        }
    }

    #[test]
    fn parts_end_at_barriers() {
        let own = sparse(r"\b[a-z]+@[a-z]+").unwrap();
        let part = |held: &str, text: &str| {
            let SparsePart { skip, read } = own.part(held.as_bytes(), text.as_bytes());
            (skip, read)
        };
        assert_eq!(part("", "the quick brown"), (10, 15));
        assert_eq!(part("bo", "b the quick"), (6, 11));
        assert_eq!(part("", "the bob@x fox jumps"), (4, 10));
        assert_eq!(part("bob@", "x fox jumps"), (0, 2));
        assert_eq!(part("", ""), (0, 0));
    }
}
