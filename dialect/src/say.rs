//! What an ending or a canned answer says, given the options of the call.

use super::{Call, CannedAnswer, Ending, EndingHow};

/// What is said at the end of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Say<'a> {
    /// The text; `None` for a stop without text.
    pub(super) text: Option<&'a str>,
    /// It is sent as a refusal.
    pub(super) refusal: bool,
    /// The answer ends with the content-filter or refusal stop.
    pub(super) blocked: bool,
    /// The answer ends as one that has reached its maximum of tokens.
    pub(super) spent: bool,
}

impl<'a> Say<'a> {
    const NOTHING: Self = Self { text: None, refusal: false, blocked: false, spent: false };

    fn text(text: &'a str, refusal: bool) -> Self {
        Self { text: Some(text), refusal, ..Self::NOTHING }
    }

    /// For an ending. `begun`: text has left, so structured output can no longer be made valid.
    pub(super) fn ending(how: &'a EndingHow, call: &Call, begun: bool) -> Self {
        match how {
            EndingHow::Blocked => Self { blocked: true, ..Self::NOTHING },
            EndingHow::Spent => Self { spent: true, ..Self::NOTHING },
            EndingHow::Canned { text, json, refusal } => {
                if !call.structured || begun {
                    return Self::text(text, *refusal);
                }
                match json {
                    Some(json) if !refusal => Self::text(json, false),
                    _ => Self::text(text, true),
                }
            }
        }
    }
}

impl CannedAnswer {
    /// The same as an ending's instruction.
    pub(super) fn how(&self) -> EndingHow {
        EndingHow::Canned {
            text: self.text.clone(),
            json: self.json.clone(),
            refusal: self.refusal,
        }
    }

    /// The whole answer, as the ending of one of which nothing has left.
    pub(super) fn ending(&self) -> Ending {
        Ending {
            before: Vec::new(),
            how: self.how(),
            decision: self.decision.clone(),
            now: self.now,
        }
    }
}
