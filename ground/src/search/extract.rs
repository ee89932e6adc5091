//! The first group of a pattern in a short text, which becomes the value of a label.
//!
//! Depth first, in the pattern's order of priority. A `(state, position)` that led to no match for one start leads to
//! none for any, whatever the group was, so every pair is tried at most once: the work is at most the number of states
//! times the length.

use super::automaton;
use super::language;
use super::pattern::Pattern;
use super::pattern_error::PatternError;
use crate::limits::{EXTRACT_STATES, EXTRACT_TEXT_BYTES};
use regex_automata::nfa::thompson::{NFA, State};
use regex_automata::util::primitives::StateID;

/// A pattern whose first group is extracted.
#[derive(Debug, Clone)]
pub struct Extract {
    nfa: NFA,
}

/// The text is too long to be searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// What remains to be tried: a state, a position, and the group as far as it is known.
type PendingState = (StateID, usize, Option<usize>, Option<usize>);

impl Extract {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Those of [`Pattern::parse`]; the pattern has no group; it is too big for a label.
    pub fn parse(source: &str) -> Result<Self, PatternError> {
        let refused = |message: &str, help: &str| PatternError {
            offset: None,
            message: message.to_owned(),
            help: Some(help.to_owned()),
        };
        if source.starts_with("pack:") {
            return Err(refused("a pack has no group", "write a pattern with one group"));
        }
        Pattern::parse(source, false)?;
        let hir = language::read(source, false)?;
        if hir.properties().explicit_captures_len() == 0 {
            let help = "put what the label is into brackets: `_session_([0-9a-f-]+)`";
            return Err(refused("the pattern has no group: nothing would be read", help));
        }
        let nfa = automaton::with_groups(&hir)?;
        if nfa.states().len() > EXTRACT_STATES {
            let help = "make its counted repetitions smaller";
            return Err(refused("the pattern is too big for a label", help));
        }
        Ok(Self { nfa })
    }

    /// The first group of the leftmost-first match; `None` if there is no match, or the group is not part of it.
    ///
    /// # Errors
    /// The text is longer than [`EXTRACT_TEXT_BYTES`].
    pub fn first_group<'t>(&self, text: &'t str) -> Result<Option<&'t str>, TooLong> {
        if text.len() > EXTRACT_TEXT_BYTES {
            return Err(TooLong);
        }
        let width = self.nfa.states().len();
        let mut tried = vec![0_u64; width.saturating_mul(text.len() + 1).div_ceil(64)];
        let mut open: Vec<PendingState> = Vec::new();
        for start in 0..=text.len() {
            open.push((self.nfa.start_anchored(), start, None, None));
            while let Some((id, at, from, to)) = open.pop() {
                let bit = at.saturating_mul(width).saturating_add(id.as_usize());
                let Some(word) = tried.get_mut(bit / 64) else { continue };
                let mask = 1_u64 << (bit % 64);
                if *word & mask != 0 {
                    continue;
                }
                *word |= mask;
                match self.nfa.state(id) {
                    State::Match { .. } => {
                        return Ok(from.zip(to).and_then(|(from, to)| text.get(from..to)));
                    }
                    State::Fail => {}
                    State::Capture { next, group_index, slot, .. } => {
                        let (from, to) = match (group_index.as_usize(), slot.as_usize() % 2) {
                            (1, 0) => (Some(at), None),
                            (1, _) => (from, Some(at)),
                            _ => (from, to),
                        };
                        open.push((*next, at, from, to));
                    }
                    State::Look { look, next } => {
                        if self.nfa.look_matcher().matches(*look, text.as_bytes(), at) {
                            open.push((*next, at, from, to));
                        }
                    }
                    State::Union { alternates } => {
                        open.extend(alternates.iter().rev().map(|way| (*way, at, from, to)));
                    }
                    State::BinaryUnion { alt1, alt2 } => {
                        open.extend([(*alt2, at, from, to), (*alt1, at, from, to)]);
                    }
                    reads => {
                        let next = text.as_bytes().get(at).and_then(|&byte| match reads {
                            State::ByteRange { trans } => {
                                trans.matches_byte(byte).then_some(trans.next)
                            }
                            State::Sparse(sparse) => sparse.matches_byte(byte),
                            State::Dense(dense) => dense.matches_byte(byte),
                            _ => None,
                        });
                        open.extend(next.map(|next| (next, at + 1, from, to)));
                    }
                }
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group<'t>(pattern: &str, text: &'t str) -> Option<&'t str> {
        Extract::parse(pattern).unwrap().first_group(text).unwrap()
    }

    #[test]
    fn the_first_group_of_the_first_match_is_the_value() {
        let user = "user_0a1b_account__session_a7f3-11";
        assert_eq!(group("_session_([0-9a-f-]+)", user), Some("a7f3-11"));
        assert_eq!(group("^user_([0-9a-f]+)_", user), Some("0a1b"));
        assert_eq!(group("(?:x|user)_([^_]+)", user), Some("0a1b"));
        assert_eq!(group("team=([a-z]+)|t=([a-z]+)", "t=a"), None, "it is the other group");
        assert_eq!(group("session=([0-9]+)", user), None);
        assert_eq!(group("(a+?)a*$", "xaaa"), Some("a"), "lazy");
        assert_eq!(group("(a|ab)(c|bcd)", "abcd"), Some("a"), "the first way wins");
        assert_eq!(group("(?i)tenant: *(\\w+)", "x Tenant:  ACME y"), Some("ACME"));
        assert_eq!(group("(?:(é+)|b)+", "éb"), Some("é"));
    }

    #[test]
    fn work_is_bounded_by_the_text() {
        let pattern = Extract::parse("(a|a)+(a|a)+(a|a)+b").unwrap();
        let text = "a".repeat(EXTRACT_TEXT_BYTES);
        assert_eq!(pattern.first_group(&text), Ok(None));
        assert_eq!(pattern.first_group(&format!("{text}a")), Err(TooLong));
    }

    #[test]
    fn what_is_no_pattern_of_a_label_is_refused() {
        for bad in ["abc", "(a*)", "(?:a)", "pack:pii", "(?=a)", "(", "([a-z]{900}){900}"] {
            assert!(Extract::parse(bad).is_err(), "{bad}");
        }
    }
}
