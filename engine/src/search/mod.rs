//! Patterns over running text: hits, and how much of the text is decided.
//!
//! A [`Matcher`] is compiled once from the patterns of some rules; a [`TextScan`] is one text that grows. After every
//! [`TextScan::feed`] the text up to [`TextScan::clear`] is decided: every match that begins before it has been
//! reported, and no live partial match begins before it (invariant 6). Nothing depends on how the text was cut into
//! feeds (invariant 7): hits and `clear` are functions of the text alone.
//!
//! How it works, in the order of cost:
//!
//! 1. The *gate*, one lazy DFA over all patterns, takes every byte. Where its state is the one of a fresh start, nothing
//!    is alive: the text is *quiet*, and everything before is decided. On ordinary text that is all that happens.
//! 2. Where a feed ends and the text is not quiet, the *front runner* finds the earliest start that is still alive: the
//!    DFA runs from one start only, and moves on to the next start when it dies.
//! 3. Where the gate saw a match, the pattern's own engine gives the exact span, once no start before it is alive.
//!
//! A match is known one character after its end at the latest (`\b` or `$` may ask what follows), or at
//! [`TextScan::finish`].

mod automaton;
mod exact;
mod fold;
mod folded;
mod lane;
mod language;
mod look_alikes;
mod matcher;
mod packs;
mod pattern;
mod strand;
mod text;
mod view;
mod walk;

pub use matcher::Matcher;
pub use pattern::{Pattern, PatternError};
pub use text::TextScan;

/// One match of one rule's pattern in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// Where the match begins: bytes of decoded UTF-8 text since the text's beginning.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
    /// The number that came with the pattern (a rule's index).
    pub tag: u32,
}
