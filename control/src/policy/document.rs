//! What an operator writes, typed: POLICY.md as Rust. Nothing here runs; `check` judges it and `program` compiles it.

mod capture;
mod change;
mod levers;
mod rule;

use crate::base::sorted_map::SortedMap;
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
    /// Why it was written; goes to the change log.
    pub reason: Option<String>,
    /// How bad the incident is.
    pub severity: Option<RuleSeverity>,
    /// What all rules do that do not say otherwise.
    pub mode: Mode,
    /// Where labels are read from, by label; the first source that has a value wins.
    pub labels: SortedMap<String, Vec<LabelSource>>,
    /// Headers that the proxy vouches for (lower case).
    pub trusted_headers: Vec<String>,
    /// Lanes that are no generating calls, in order; first match wins.
    pub other_traffic: Vec<OtherTrafficDocument>,
    /// Rules switched off for a while.
    pub disable: Vec<Disable>,
    /// What callers are shown.
    pub show: Show,
    /// What happens when partial matches hold too much.
    pub on_hold_limit: OnHoldLimit,
    /// How an answer that was cut goes on.
    pub on_cut: OnCut,
    /// What happens to bodies that cannot be read; `None`: block where an enforced rule needed them, else pass.
    pub on_unreadable: Option<OnUnreadable>,
    /// What happens to calls of a model in a shape that nobody reads.
    pub unknown_lanes: UnknownLanes,
    /// Prices by glob on the model's name, in the order written.
    pub prices: Vec<(String, Price)>,
    /// The most output that a request is taken to make which names no maximum, in tokens.
    pub default_max_output_tokens: Option<u64>,
    /// Write that maximum into such requests.
    pub cap_output: bool,
    /// What has no price under a `usd` limit.
    pub unpriced: Unpriced,
    /// Keep prompts and answers.
    pub capture: CaptureDocument,
    /// Who is told of events.
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
    /// The word of the language.
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
    /// A part of the value that another source gives.
    Part {
        /// The other source.
        of: Box<LabelSource>,
        /// Which part.
        part: ValuePart,
    },
}

/// What of a source's value is the label's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ValuePart {
    /// The value, or a text on the way to it, is JSON text.
    pub json_text: bool,
    /// Where in the JSON text of a header or a property.
    pub pointer: Vec<String>,
    /// The first group of this pattern.
    pub pattern: Option<String>,
}

impl LabelSource {
    /// The source that gives the whole value.
    #[must_use]
    pub fn whole(&self) -> &LabelSource {
        match self {
            Self::Part { of, .. } => of.whole(),
            whole => whole,
        }
    }
}

/// A guardrail: patterns, where they are looked for, and what is done.
#[derive(Debug, Clone)]
pub struct Guardrail {
    /// Id, selector, mode.
    pub rule: RuleDocument,
    /// Where to look.
    pub scan: Vec<Scan>,
    /// Patterns and packs as written.
    pub find: Vec<String>,
    /// What to do.
    pub action: GuardAction,
    /// Match through look-alike characters.
    pub fold: bool,
}

/// A place that a guardrail looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scan {
    /// The answer, reasoning included.
    Output,
    /// Arguments of tool calls in answers.
    ToolArgs,
    /// All the model would be shown.
    Input,
    /// Part of input: system prompts.
    System,
    /// Part of input: user turns.
    User,
    /// Part of input: everything before the last turn.
    History,
    /// Part of input: results of tools.
    ToolResults,
    /// Part of input: what follows the last assistant turn.
    Last,
    /// Definitions of tools, in requests and in MCP's lists. Not part of input.
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

/// A fail-safe rule.
#[derive(Debug, Clone)]
pub struct FailsafeDocument {
    /// Id, selector, mode.
    pub rule: RuleDocument,
    /// Judged after the model was asked; `None`: before, and the model is never called.
    pub upstream: Option<Upstream>,
    /// What to do.
    pub action: FailsafeAction,
    /// `running: cut`: streams under way that it would have stopped end too.
    pub cuts_running: bool,
}

/// `upstream` of a fail-safe rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Upstream {
    /// Statuses that fire the rule.
    pub status: Vec<u16>,
    /// The proxy's own time-outs fire it.
    pub timeout: bool,
}

/// `do` of a fail-safe rule.
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
    /// What it says.
    pub text: String,
    /// What a caller gets that asked for structured output: a JSON text.
    pub json: Option<String>,
    /// A human takes over.
    pub handoff: bool,
    /// Ends as a refusal instead of an ordinary answer.
    pub ends_as_refusal: bool,
}

/// `other_traffic`: a lane that is no generating call.
#[derive(Debug, Clone)]
pub struct OtherTrafficDocument {
    /// Only host, path and method.
    pub when: When,
    /// True: 403. False: pass.
    pub block: bool,
}

/// `disable`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disable {
    /// The rule's id.
    pub rule: String,
    /// Unix time in seconds after which it is back.
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
    /// Let it go, counted.
    Release,
}

/// `on_cut`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnCut {
    /// Swallow what still comes.
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
    /// Let it through unchecked, counted.
    Pass,
    /// Refuse.
    Block,
}
