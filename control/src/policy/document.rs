//! What an operator writes, typed: POLICY.md as Rust. Nothing here runs; `check` checks it and `program` compiles it.

mod any_rule;
mod capture;
mod change;
mod levers;
mod rule;

use crate::base::sorted_map::SortedMap;
pub use any_rule::AnyRule;
pub use capture::{CaptureDocument, CaptureRule, CaptureTo, CapturedTexts};
pub use levers::{
    Above, Amount, Argument, GlobalApi, GlobalDocument, LimitAllowance, LimitDocument, Notify,
    OnSilence, OverDocument, Price, Rollback, RollbackSet, Scalar, Switch, ToolAction,
    ToolRuleDocument, Unpriced, Window,
};
pub use rule::{Globs, Mode, Percent, RuleDocument, RulePosition, When};

/// A whole policy.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// Free label shown in headers, metrics and logs.
    pub version: Option<String>,
    /// Why it was written, for the change log.
    pub reason: Option<String>,
    /// The severity of the incident.
    pub severity: Option<RuleSeverity>,
    /// The mode of rules that do not state one.
    pub mode: Mode,
    /// Where labels are read from, by label; the first source that has a value wins.
    pub labels: SortedMap<String, Vec<LabelSource>>,
    /// Headers that the proxy vouches for (lower case).
    pub trusted_headers: Vec<String>,
    /// Lanes of traffic that is not generating calls, in order; the first match wins.
    pub other_traffic: Vec<OtherTrafficDocument>,
    /// Rules that are switched off for a while.
    pub disable: Vec<Disable>,
    /// What callers are shown.
    pub show: Show,
    /// What happens when partial matches hold too much.
    pub on_hold_limit: OnHoldLimit,
    /// How an answer continues after a cut.
    pub on_cut: OnCut,
    /// What happens to bodies that cannot be read; `None`: block if an enforced rule needed them, else pass.
    pub on_unreadable: Option<OnUnreadable>,
    /// What happens to model calls in a format that is not read.
    pub unknown_lanes: UnknownLanes,
    /// Prices by glob on the model's name, in the order written.
    pub prices: Vec<(String, Price)>,
    /// The output that is assumed for a request that names no maximum, in tokens.
    pub default_max_output_tokens: Option<u64>,
    /// Write that maximum into such requests.
    pub cap_output: bool,
    /// What happens to calls without a price under a `usd` limit.
    pub unpriced: Unpriced,
    /// What is captured of prompts and answers.
    pub capture: CaptureDocument,
    /// Where events are sent.
    pub notify: Option<Notify>,
    /// Lever 1.
    pub rollback: Vec<Rollback>,
    /// Lever 2.
    pub switch: Vec<Switch>,
    /// Lever 4.
    pub tools: Vec<ToolRuleDocument>,
    /// Lever 5.
    pub limits: Vec<LimitDocument>,
    /// Lever 3.
    pub guardrails: Vec<Guardrail>,
    /// Lever 6.
    pub failsafe: Vec<FailsafeDocument>,
    /// Canned answers by id.
    pub fallbacks: SortedMap<String, Fallback>,
}

/// `severity`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleSeverity {
    /// `sev1`
    Sev1,
    /// `sev2`
    Sev2,
    /// `sev3`
    Sev3,
}

impl RuleSeverity {
    /// The policy language's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Sev1 => "sev1",
            Self::Sev2 => "sev2",
            Self::Sev3 => "sev3",
        }
    }
}

/// Where a label is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelSource {
    /// A request header (lower case).
    Header {
        /// Its name.
        name: String,
        /// Only a digest of the value is kept.
        digest: bool,
    },
    /// A JSON pointer (RFC 6901) into the request body, as its decoded segments.
    Json {
        /// `/metadata/user_id` is `["metadata", "user_id"]`.
        pointer: Vec<String>,
        /// Only a digest of the value is kept.
        digest: bool,
    },
    /// A property of the host.
    Property {
        /// Its path.
        path: Vec<String>,
        /// Only a digest of the value is kept.
        digest: bool,
    },
    /// A part of the value from another source.
    Part {
        /// The other source.
        of: Box<LabelSource>,
        /// Which part.
        part: ValuePart,
    },
}

/// The part of a source's value that becomes the label's value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ValuePart {
    /// The value, or a text on the path to it, is JSON text.
    pub json_text: bool,
    /// The pointer into the JSON text of a header or a property.
    pub pointer: Vec<String>,
    /// The first group of this pattern.
    pub pattern: Option<String>,
}

impl LabelSource {
    /// The source of the whole value.
    #[must_use]
    pub fn whole(&self) -> &LabelSource {
        match self {
            Self::Part { of, .. } => of.whole(),
            whole => whole,
        }
    }
}

/// A guardrail: patterns, where they are searched for, and what is done.
#[derive(Debug, Clone)]
pub struct Guardrail {
    /// Id, selector, mode.
    pub rule: RuleDocument,
    /// Where it looks.
    pub scan: Vec<Scan>,
    /// Patterns and packs, as written.
    pub find: Vec<String>,
    /// What it does.
    pub action: GuardAction,
    /// Match through look-alike characters.
    pub fold: bool,
}

/// A kind of text that a guardrail looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scan {
    /// The answer, including reasoning.
    Output,
    /// Arguments of tool calls in answers.
    ToolArgs,
    /// Everything that the model would be shown.
    Input,
    /// Part of input: system prompts.
    System,
    /// Part of input: user turns.
    User,
    /// Part of input: everything before the last turn.
    History,
    /// Part of input: tool results.
    ToolResults,
    /// Part of input: what follows the last assistant turn.
    Last,
    /// Tool definitions, in requests and in MCP's lists. Not part of input.
    ToolDefinitions,
}

/// `do` of a guardrail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuardAction {
    /// Replace the match by this text.
    Redact(String),
    /// Refuse.
    Block,
    /// The canned answer with this id.
    Fallback(String),
    /// Count only.
    Tag,
}

/// A failsafe rule.
#[derive(Debug, Clone)]
pub struct FailsafeDocument {
    /// Id, selector, mode.
    pub rule: RuleDocument,
    /// Evaluated after the model was asked; `None`: before, and the model is never called.
    pub upstream: Option<Upstream>,
    /// What it does.
    pub action: FailsafeAction,
    /// `running: cut`: running streams that it would have stopped are ended too.
    pub cuts_running: bool,
}

/// `upstream` of a failsafe rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Upstream {
    /// Statuses that fire the rule.
    pub status: Vec<u16>,
    /// The proxy's own time-outs fire it.
    pub timeout: bool,
}

/// `do` of a failsafe rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailsafeAction {
    /// The canned answer with this id.
    Fallback(String),
    /// Refuse (403).
    Block,
}

/// A canned answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fallback {
    /// Its text.
    pub text: String,
    /// The answer for a caller that asked for structured output: JSON text.
    pub json: Option<String>,
    /// A human takes over.
    pub handoff: bool,
    /// Ends as a refusal instead of an ordinary answer.
    pub ends_as_refusal: bool,
}

/// `other_traffic`: a lane of traffic that is not generating calls.
#[derive(Debug, Clone)]
pub struct OtherTrafficDocument {
    /// Selects by host, path and method only.
    pub when: When,
    /// True: 403. False: pass.
    pub block: bool,
}

/// `disable`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disable {
    /// The rule's id.
    pub rule: String,
    /// When the rule is switched on again (Unix seconds).
    pub until: u64,
}

/// `show`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Show {
    /// Version, actions and decision id.
    #[default]
    Full,
    /// Only the decision id.
    Decision,
    /// Nothing.
    None,
}

/// `on_hold_limit`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnHoldLimit {
    /// End the answer.
    #[default]
    Block,
    /// Release the text, and count it.
    Release,
}

/// `on_cut`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnCut {
    /// Discard what still arrives.
    #[default]
    Drain,
    /// Reset the connection one chunk later.
    Cancel,
}

/// `unknown_lanes`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownLanes {
    /// They pass, counted wherever an enforced rule would hold.
    #[default]
    Pass,
    /// They are refused there.
    Block,
}

impl UnknownLanes {
    /// The word in policies and in status.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Block => "block",
        }
    }
}

/// `on_unreadable`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnreadable {
    /// Let it pass unchecked, and count it.
    Pass,
    /// Refuse.
    Block,
}
