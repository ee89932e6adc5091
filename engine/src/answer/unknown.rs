//! Strings at places that no dialect knows: pieces of one text, or the same text repeated.
//!
//! By default they are pieces, so that a match is found even if it was cut at such a place. Two habits of servers would
//! make that costly or wrong, and both are recognised by the first events:
//!
//! ```text
//! label   "OpenAI" "OpenAI" "OpenAI" …              the same from the first event on: each is whole
//! growth  "Go to" "Go to zan" "Go to zanzibar" …    each begins with the one before: one text, and copies of its beginning
//! pieces  "Go to" " zan" "zibar" …                  everything else
//! ```

use sha2::{Digest, Sha256};

use super::running::TextId;
use crate::limits;

/// What the next string at a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NextString {
    /// The next piece of the place's text.
    Piece,
    /// All of the text so far, of which this many bytes came before.
    Grown(usize),
    /// The same as always: it is whole.
    Label,
    /// The first piece of another text.
    New,
}

/// What the strings at a place have been so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Habit {
    /// There was one.
    First,
    /// All equal, this many of them.
    Same(u32),
    /// Each began with the previous one, which was too short to be sure.
    MayGrow,
    /// Each began with the previous one.
    Grows,
    /// Neither.
    Pieces,
}

/// What is known of a place.
#[derive(Debug)]
pub(super) struct UnknownPlace {
    /// Its running text; `None` for a label.
    pub(super) text: Option<TextId>,
    /// Where the last string that was not a copy begins in the running text.
    pub(super) base: u64,
    /// The frame in which it occurred last.
    pub(super) seen_in: u64,
    habit: Habit,
    last: LastString,
}

/// The last string: itself if there is room for it, else its digest. (Digesting a text costs more than everything else
/// that is done with it. A cheaper sum would do only if nobody could find two texts with the same one, since a copy of
/// a text is not searched again.)
#[derive(Debug)]
enum LastString {
    Kept(Box<str>),
    Digest(usize, [u8; 32]),
}

impl LastString {
    /// `room`: bytes that may be kept of long strings.
    fn of(text: &str, room: usize) -> Self {
        if text.len() <= limits::UNKNOWN_TEXT_BYTES.max(room) {
            Self::Kept(text.into())
        } else {
            Self::Digest(text.len(), Sha256::digest(text).into())
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Kept(text) => text.len(),
            Self::Digest(len, _) => *len,
        }
    }

    /// True if `text` begins with it.
    fn begins(&self, text: &str) -> bool {
        match self {
            Self::Kept(own) => text.starts_with(&**own),
            Self::Digest(len, digest) => {
                text.get(..*len).is_some_and(|head| Sha256::digest(head).as_slice() == digest)
            }
        }
    }
}

impl UnknownPlace {
    /// A place after its first string.
    pub(super) fn new(text: TextId, first: &str, frame: u64, room: usize) -> Self {
        let (habit, last) = (Habit::First, LastString::of(first, room));
        Self { text: Some(text), base: 0, seen_in: frame, habit, last }
    }

    /// Bytes of a long string that are kept.
    pub(super) fn kept(&self) -> usize {
        match &self.last {
            LastString::Kept(text) if text.len() > limits::UNKNOWN_TEXT_BYTES => text.len(),
            _ => 0,
        }
    }

    /// True for copies of a growing text: what was found in it is needed for each.
    pub(super) fn grows(&self) -> bool {
        self.habit == Habit::Grows
    }

    /// Reads the next string. `room`: bytes of long strings that may be kept in addition.
    pub(super) fn next(&mut self, text: &str, frame: u64, room: usize) -> NextString {
        let again = std::mem::replace(&mut self.seen_in, frame) != frame;
        let before = self.last.len();
        let begins = again && self.habit != Habit::Pieces && self.last.begins(text);
        let same = begins && before == text.len();
        let (habit, next) = match self.habit {
            Habit::First if same => (Habit::Same(2), NextString::Piece),
            // Two equal strings may be two equal pieces ("ha", "ha").
            Habit::Same(n) if same && before >= limits::REPEATED_LABEL_BYTES => {
                let n = n.saturating_add(1);
                let label = n >= limits::LABEL_REPEATS;
                (Habit::Same(n), if label { NextString::Label } else { NextString::Piece })
            }
            Habit::Grows if begins => (Habit::Grows, NextString::Grown(before)),
            Habit::First | Habit::Same(_) | Habit::MayGrow if begins && !same => {
                let grows = before >= limits::GROWN_BYTES;
                if grows {
                    (Habit::Grows, NextString::Grown(before))
                } else {
                    (Habit::MayGrow, NextString::Piece)
                }
            }
            Habit::Same(n) if n >= limits::LABEL_REPEATS => (Habit::First, NextString::New),
            _ => (Habit::Pieces, NextString::Piece),
        };
        self.habit = habit;
        if habit != Habit::Pieces && !same {
            self.last = LastString::of(text, room + self.kept());
        } else if habit == Habit::Pieces {
            // It is not needed again.
            self.last = LastString::Kept("".into());
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The results are the same whether long strings are kept or digested.
    fn told(strings: &[&str]) -> Vec<NextString> {
        let told = |room: usize| -> Vec<NextString> {
            let mut place = UnknownPlace::new(1, strings[0], 1, room);
            (2..).zip(&strings[1..]).map(|(frame, text)| place.next(text, frame, room)).collect()
        };
        let kept = told(limits::UNKNOWN_KEPT_BYTES);
        assert_eq!(kept, told(0));
        kept
    }

    #[test]
    fn pieces_unless_the_first_events_say_otherwise() {
        use NextString::{Grown, Label, New, Piece};
        assert_eq!(told(&["go ", "zan", "zibar"]), [Piece, Piece]);
        assert_eq!(told(&["ha", "ha", "ha", "ha"]), [Piece, Piece, Piece], "too short for a label");
        assert_eq!(told(&["4111", " 1111", " 1111", " 1111"]), [Piece, Piece, Piece]);
        assert_eq!(told(&["OpenAI", "OpenAI", "OpenAI", "Groq", "x"]), [Piece, Label, New, Piece]);
        assert_eq!(told(&["Go to", "Go to zan", "Go to zan", "no"]), [Grown(5), Grown(9), Piece]);
        assert_eq!(told(&["a", "ab", "x"]), [Piece, Piece], "too short to say that it grows");
        assert_eq!(told(&["go ", "go zan", "go zanzi"]), [Piece, Grown(6)]);
        let long = "x".repeat(limits::UNKNOWN_TEXT_BYTES + 1);
        let longer = format!("{long}y");
        assert_eq!(told(&[&long, &longer, &long]), [Grown(long.len()), Piece]);
    }

    #[test]
    fn strings_of_one_event_are_pieces() {
        let mut place = UnknownPlace::new(1, "same", 1, 0);
        assert_eq!([place.next("same", 1, 0), place.next("same", 1, 0)], [NextString::Piece; 2]);
    }
}
