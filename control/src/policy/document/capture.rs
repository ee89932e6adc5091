//! `capture`, as written.

use super::rule::RuleDocument;

/// What is captured of prompts and answers.
#[derive(Debug, Clone, Default)]
pub struct CaptureDocument {
    /// Arguments of calls that wait for approval, for the person who decides.
    pub approvals: bool,
    /// Exchanges that are sent to a backend for traces.
    pub rules: Vec<CaptureRule>,
}

impl CaptureDocument {
    /// True if nothing is captured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.approvals && self.rules.is_empty()
    }
}

/// Which exchanges are sent where, and which of their texts.
#[derive(Debug, Clone)]
pub struct CaptureRule {
    /// Its place, and its selector; `share` is the selector's `percent`.
    pub rule: RuleDocument,
    /// Which texts.
    pub what: Vec<CapturedTexts>,
    /// The most text of one exchange, in bytes; `None`: the default.
    pub max_bytes: Option<u64>,
    /// Where they are sent.
    pub to: CaptureTo,
}

/// Texts of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapturedTexts {
    /// `input`
    Input,
    /// `output`
    Output,
    /// `tool_args`
    ToolArgs,
}

/// A receiver of OTLP/HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CaptureTo {
    /// The proxy's cluster.
    pub cluster: String,
    /// The path.
    pub path: String,
    /// The authority.
    pub authority: String,
    /// Further headers (lower case), and their values.
    pub headers: Vec<(String, String)>,
}
