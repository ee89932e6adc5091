//! What the rules of all levers share.

/// `mode` of a policy or a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Decide, count and act.
    #[default]
    Enforce,
    /// Decide and count; change nothing.
    Shadow,
    /// Switched off.
    Disabled,
}

impl Mode {
    /// The policy language's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Shadow => "shadow",
            Self::Disabled => "disabled",
        }
    }
}

/// What every rule may carry.
#[derive(Debug, Clone, Default)]
pub struct RuleDocument {
    /// Its id, or a name derived from its place (`guardrails[0]`).
    pub id: String,
    /// When it holds.
    pub when: When,
    /// Its own mode, which takes precedence over the policy's.
    pub mode: Option<Mode>,
    /// Its position in the text.
    pub place: RulePosition,
}

/// The position of a rule in a policy's text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RulePosition {
    /// `guardrails[0]`
    pub path: String,
    /// Line, from 1; 0 if there is no text.
    pub line: u32,
    /// Column in characters, from 1; 0 if there is no text.
    pub column: u32,
}

impl RuleDocument {
    /// Its own mode, or else the policy's.
    #[must_use]
    pub fn mode_under(&self, policy: Mode) -> Mode {
        self.mode.unwrap_or(policy)
    }
}

/// `when`: all entries must hold.
#[derive(Debug, Clone, Default)]
pub struct When {
    /// Globs by label.
    pub labels: Vec<(String, Globs)>,
    /// A fraction of the traffic.
    pub percent: Option<Percent>,
    /// When the rule expires (Unix seconds).
    pub until: Option<u64>,
}

/// A list of globs for one label.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Globs {
    /// One of these must match, if there are any.
    pub plain: Vec<String>,
    /// None of these may match (written with a leading `!`).
    pub negated: Vec<String>,
}

/// `percent: 5` or `percent: {share: 5, by: tenant}`
#[derive(Debug, Clone, PartialEq)]
pub struct Percent {
    /// 0 to 100.
    pub share: f64,
    /// The label whose value decides.
    pub by: Option<String>,
}
