//! The classes that have names, all of them ASCII.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

/// Their ranges: first and last characters, in turns.
const CLASSES: [(&str, &[u8]); 14] = [
    ("alnum", b"09AZaz"),
    ("alpha", b"AZaz"),
    ("ascii", b"\0\x7F"),
    ("blank", b"\t\t  "),
    ("cntrl", b"\0\x1F\x7F\x7F"),
    ("digit", b"09"),
    ("graph", b"!~"),
    ("lower", b"az"),
    ("print", b" ~"),
    ("punct", b"!/:@[`{~"),
    ("space", b"\t\r  "),
    ("upper", b"AZ"),
    ("word", b"09AZ__az"),
    ("xdigit", b"09AFaf"),
];

/// The class of a name.
pub(super) fn class(name: &str) -> Option<ClassUnicode> {
    let (_, ends) = CLASSES.iter().find(|(own, _)| *own == name)?;
    let (pairs, _) = ends.as_chunks::<2>();
    let range = |&[first, last]: &[u8; 2]| ClassUnicodeRange::new(first.into(), last.into());
    Some(ClassUnicode::new(pairs.iter().map(range)))
}
