//! Why an event waits.

use crate::dialect::TextKey;

/// Why the event at the front of an answer's queue waits (those behind it wait for it). It is told in a counter and, by
/// [`super::Pipe::waits_for`], to whoever debugs a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldReason {
    /// A pattern of an acting guardrail may go on to match: the text is live from this byte of it on.
    PartialMatch {
        /// The running text; `None`: it is whole in the event.
        text: Option<TextKey>,
        /// Where what is live begins, in bytes of the text.
        from: u64,
    },
    /// Arguments of a tool call end inside something (a number, an escape) that must be seen whole, or a pattern may go
    /// on to match in one of their texts.
    Arguments {
        /// The call.
        call: Option<TextKey>,
    },
    /// A guardrail that stops looks at the arguments of this call, which must be seen whole before any of it leaves.
    CallToScan(TextKey),
    /// A tools rule must see this call whole to judge it.
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
