//! What the loop over an answer's frames knows of the events in one chunk, for whoever looks at the bytes beside it.

/// The events of one chunk, as far as they are known without looking for them again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownEvents {
    /// Nothing is known.
    Nothing,
    /// They are whole, and each says a word more: none tells anything of the answer.
    Words,
    /// They are whole, if one begins with the chunk. Where the last one begins, and the one before it; those that say a
    /// word more are left out.
    Whole {
        /// `None`: there is one only.
        before: Option<usize>,
        /// The last one.
        last: usize,
    },
}

impl KnownEvents {
    /// An event was seen that says more than a word. It begins at `start` of `chunk`, or before the chunk does.
    pub(crate) fn add(&mut self, chunk: &[u8], start: usize) {
        *self = match (*self, chunk.get(start)) {
            // A blank line belongs to no event, or to the line end before it.
            (_, None | Some(b'\n' | b'\r')) | (Self::Nothing, _) => Self::Nothing,
            (Self::Words, _) => Self::Whole { before: None, last: start },
            (Self::Whole { last, .. }, _) => Self::Whole { before: Some(last), last: start },
        };
    }

    /// All of `chunk` was seen. `between`: its last event is over.
    pub(crate) fn end(self, chunk: &[u8], between: bool) -> Self {
        // A lone CR may be half a line end.
        if between && chunk.last() == Some(&b'\n') { self } else { Self::Nothing }
    }
}
