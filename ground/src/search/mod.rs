//! Patterns over running text: hits, and how much of the text is decided.
//!
//! A [`Matcher`] is compiled once from the patterns of some rules; a [`StreamSearch`] is one text that grows. After every
//! [`StreamSearch::feed`] the text up to [`StreamSearch::clear`] is decided: every match that begins before it has been
//! reported, and no live partial match begins before it (invariant 6). Nothing depends on how the text was cut into
//! feeds (invariant 7): hits and `clear` are functions of the text alone.
//!
//! # An example
//!
//! The pattern `ca[rt]+s?`, and a text that arrives in three pieces. A start is *live* while a match that begins there
//! may still occur or grow.
//!
//! ```text
//!   feed "a ca"          a   c a            after it: the start at 2 is live (`ca`), nothing before it is
//!                        0 1 2 3            clear = 2: "a " leaves, "ca" is held
//!
//!   feed "t, c"          a   c a t ,   c    at 4 the pattern matched, but `s` or more could follow;
//!                        0 1 2 3 4 5 6 7    the `,` kills that start: its match is now certain, and is 2..5
//!                            └───┘     ^    clear = 7: hit {2, 5}; "cat, " leaves, "c" is held
//!
//!   feed "ow."           … c o w .          the start at 7 dies at the `o`, and nothing else lives
//!                          7 8 9 10         clear = 11: all of it leaves; no hit
//! ```
//!
//! # How it works, in the order of cost
//!
//! 1. The *live* automaton, one lazy DFA over all patterns of a group, reads every byte. If its state is that of a
//!    fresh start, no start is live: the text is *quiet*, and everything before is decided. On ordinary text that is
//!    all that happens; and where the text is quiet, everything before the next place where a match may begin is
//!    skipped. Patterns that begin in most words (e-mail) form a group of their own, and text without the character
//!    that all of their matches contain is not read at all.
//! 2. Where a feed ends and the text is not quiet, the *decider* tells the earliest start that is still live: the same
//!    DFA, run from one start only, which moves on to the next start when it dies. While its start lives it runs in
//!    step with the live automaton, in the same rows, at no extra cost.
//! 3. If the live automaton saw a match, a backtracker finds the exact span, once no start before it is live. The
//!    pattern's next match may begin where this one ends (`resume_at`).
//!
//! Each of these is bounded in steps per byte. What the decider does not reach is held longer than necessary; if the
//! automaton reads the same text again too often, the text is held to its end; if spans cannot be found in time, the
//! rest of the stretch counts as found. None of this lets a match pass.
//!
//! In the example: after `a ` the text is quiet; at the end of the first feed it is not, and the decider runs from 2
//! and is live at 4. In the second feed the live automaton is quiet again after the `,` and, since it has seen a match,
//! the backtracker searches for spans from 2 to there.
//!
//! A match is known at the latest one character after its end (`\b` or `$` may depend on what follows), or at
//! [`StreamSearch::finish`].

mod automaton;
mod byte_set;
mod dead_starts;
mod exact;
mod extract;
mod grouped_pattern;
mod language;
mod lazy_dfa;
mod look_alikes;
mod lower_case;
mod matcher;
mod normalize;
mod normalized;
mod packs;
mod pattern;
mod pattern_error;
mod pattern_group;
mod progress;
mod rows;
mod sparse;
mod starts;
mod stream_search;
mod text_search;
mod view;

pub use extract::{Extract, TooLong};
pub use matcher::Matcher;
pub use pattern::Pattern;
pub use pattern_error::PatternError;
pub use stream_search::StreamSearch;

/// One match of one rule's pattern in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// Where the match begins: bytes of decoded UTF-8 text from the text's beginning.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
    /// The tag that came with the pattern (a rule's index).
    pub tag: u32,
}
