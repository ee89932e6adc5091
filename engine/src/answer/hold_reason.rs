//! Why an event waits.

use crate::dialect::TextKey;

/// Why the event at the front of an answer's queue waits (those after it wait for it). It is shown by a counter and,
/// through [`super::Pipe::waits_for`], to those who debug a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldReason {
    /// A pattern of an acting guardrail may still match: the text is live from this byte on.
    PartialMatch {
        /// The running text; `None` if it is whole in the event.
        text: Option<TextKey>,
        /// Where the live part begins, in bytes of the text.
        from: u64,
    },
    /// Arguments of a tool call end inside something (a number, an escape) that must be seen as a whole, or a pattern
    /// may still match in one of their texts.
    Arguments {
        /// The call.
        call: Option<TextKey>,
    },
    /// A guardrail that stops looks at the arguments of this call, which must be seen as a whole before any of it
    /// leaves.
    CallToScan(TextKey),
    /// A tools rule must see this call as a whole to judge it.
    CallToJudge(TextKey),
}

impl HoldReason {
    /// The word in counters and logs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::PartialMatch { .. } => "partial_match",
            Self::Arguments { .. } => "arguments",
            Self::CallToScan(_) => "call_to_scan",
            Self::CallToJudge(_) => "call_to_judge",
        }
    }
}
