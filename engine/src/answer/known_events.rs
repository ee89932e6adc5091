//! What the loop over an answer's frames knows about the events in one chunk, for code that reads the same bytes.

/// The events of one chunk, as far as they are known without another search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownEvents {
    /// Nothing is known.
    Nothing,
    /// They are complete, and each only adds a word: none reports anything about the answer.
    Words,
    /// They are complete, if one begins with the chunk. The positions of the last two; events that only add a word are
    /// left out.
    Whole {
        /// `None` if there is only one.
        before: Option<usize>,
        /// The last one.
        last: usize,
    },
}

impl KnownEvents {
    /// An event was found that contains more than a word. It begins at `start` of `chunk`, or before the chunk.
    pub(crate) fn add(&mut self, chunk: &[u8], start: usize) {
        *self = match (*self, chunk.get(start)) {
            // A blank line belongs to no event, or to the line end before it.
            (_, None | Some(b'\n' | b'\r')) | (Self::Nothing, _) => Self::Nothing,
            (Self::Words, _) => Self::Whole { before: None, last: start },
            (Self::Whole { last, .. }, _) => Self::Whole { before: Some(last), last: start },
        };
    }

    /// All of `chunk` was read. `between`: its last event is complete.
    pub(crate) fn end(self, chunk: &[u8], between: bool) -> Self {
        // A lone CR may be half a line end.
        if between && chunk.last() == Some(&b'\n') { self } else { Self::Nothing }
    }
}
