//! What is wrong with a policy, where, and what would be accepted.

use std::fmt;

use super::source::Position;
use crate::limits;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The policy is not used.
    Error,
    /// The policy is used; somebody should look.
    Warning,
}

impl Severity {
    /// `error` or `warning`
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Its kind: stable, kebab-case; docs/policy-language.md lists all.
    pub code: &'static str,
    /// Where in the document: `guardrails[2].find[0]`; empty for the document itself.
    pub path: String,
    /// Line, from 1; 0 where there is no text.
    pub line: u32,
    /// Column in characters, from 1; 0 where there is no text.
    pub column: u32,
    /// What is wrong: lower case, no final period, the writer's words in backticks.
    pub message: String,
    /// What would be accepted.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A reason not to use the policy.
    #[must_use]
    pub fn error(
        code: &'static str,
        path: String,
        at: Position,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Error,
            code,
            path,
            line: at.line,
            column: at.column,
            message: message.into(),
            help: None,
        }
    }

    /// Something to look at.
    #[must_use]
    pub fn warning(
        code: &'static str,
        path: String,
        at: Position,
        message: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, path, at, message) }
    }

    /// With what would be accepted.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// True if the policy is not used because of it.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// As a person reads it, with the file it is about: `file:line:column: error: path: message`.
    #[must_use]
    pub fn in_file<'a>(&'a self, file: &'a str) -> impl fmt::Display + 'a {
        InFile { file, diagnostic: self }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "{}:{}: ", self.line, self.column)?;
        }
        write!(f, "{}: ", self.severity.word())?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

struct InFile<'a> {
    file: &'a str,
    diagnostic: &'a Diagnostic,
}

impl fmt::Display for InFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, if self.diagnostic.line > 0 { "" } else { " " })?;
        self.diagnostic.fmt(f)
    }
}

/// In the order of the text, without what says the same place is wrong twice, and no more than
/// [`limits::POLICY_DIAGNOSTICS`].
#[must_use]
pub(super) fn in_order(mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let kept = |finding: &Diagnostic| finding.is_error();
    if found.len() > limits::POLICY_DIAGNOSTICS && found.iter().any(kept) {
        // A flood of warnings must not hide an error.
        found.retain(kept);
    }
    found.sort_by_key(|finding| (finding.line, finding.column));
    found.dedup_by(|next, first| {
        next.path == first.path && next.code == first.code && next.message == first.message
    });
    found.truncate(limits::POLICY_DIAGNOSTICS);
    found
}

/// Adds later findings to earlier ones. Where something could not be read, what is left may look odd: warnings wait
/// until all is of the right shape.
pub(super) fn add(found: &mut Vec<Diagnostic>, later: Vec<Diagnostic>) {
    let readable = found.is_empty();
    found.extend(later.into_iter().filter(|diagnostic| readable || diagnostic.is_error()));
}
