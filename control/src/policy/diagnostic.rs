//! What is wrong with a policy, where, and what would be accepted.

use std::fmt;

use super::shape::is_id;
use super::source::tree::{Position, SourceNode};
use crate::limits;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The policy is not used.
    Error,
    /// The policy is used, but deserves a look.
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
    /// Its severity.
    pub severity: Severity,
    /// Its kind: stable, kebab-case; docs/policy-language.md lists all.
    pub code: &'static str,
    /// Its place in the document: `guardrails[2].find[0]`; empty for the document itself.
    pub path: String,
    /// The id of the rule it is in, if the rule has an id of its own.
    pub rule: Option<String>,
    /// Line, from 1; 0 if there is no text.
    pub line: u32,
    /// Column in characters, from 1; 0 if there is no text.
    pub column: u32,
    /// What is wrong: lower case, no final period, the writer's words in backticks.
    pub message: String,
    /// What would be accepted.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A finding that keeps the policy from being used.
    #[must_use]
    pub fn error(
        code: &'static str,
        path: String,
        at: Position,
        message: impl Into<String>,
    ) -> Self {
        Self::new(code, path, at, message.into())
    }

    /// Kept out of line, since it is called from many places.
    #[cold]
    #[inline(never)]
    fn new(code: &'static str, path: String, at: Position, message: String) -> Self {
        Self {
            severity: Severity::Error,
            code,
            path,
            rule: None,
            line: at.line,
            column: at.column,
            message,
            help: None,
        }
    }

    /// A finding that deserves a look.
    #[must_use]
    pub fn warning(
        code: &'static str,
        path: String,
        at: Position,
        message: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, path, at, message) }
    }

    /// Adds what would be accepted.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// True if the policy is not used because of it.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Its place in a readable form: ``guardrails[0].find[0] (rule `secrets`)``. Empty for the document itself.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.rule {
            Some(rule) => format!("{} (rule `{rule}`)", self.path),
            None => self.path.clone(),
        }
    }

    /// The finding in a readable form, with the name of its file: `file:line:column: error: place: message`.
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
            write!(f, "{}: ", self.place())?;
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

/// The findings in the order of the text, without repetitions at the same place, at most
/// [`limits::POLICY_DIAGNOSTICS`], each with the id of its rule. `tree` is the text they are about, outermost.
#[must_use]
pub(super) fn in_order(mut found: Vec<Diagnostic>, tree: &SourceNode) -> Vec<Diagnostic> {
    let kept = |finding: &Diagnostic| finding.is_error();
    if found.len() > limits::POLICY_DIAGNOSTICS && found.iter().any(kept) {
        // A flood of warnings must not hide an error.
        found.retain(kept);
    }
    let mut found = first(found);
    found.dedup_by(|next, first| {
        next.path == first.path && next.code == first.code && next.message == first.message
    });
    for finding in &mut found {
        finding.rule = rule(&finding.path, tree).map(str::to_owned);
    }
    found
}

/// The first [`limits::POLICY_DIAGNOSTICS`] by place. They are nearly in order, and a general sort adds 7 KB to the
/// module.
fn first(found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let place = |finding: &Diagnostic| (finding.line, finding.column);
    let mut sorted: Vec<Diagnostic> = Vec::new();
    for finding in found {
        let at = sorted.partition_point(|before| place(before) <= place(&finding));
        if at < limits::POLICY_DIAGNOSTICS {
            sorted.truncate(limits::POLICY_DIAGNOSTICS - 1);
            sorted.insert(at, finding);
        }
    }
    sorted
}

/// The id of the rule that a path leads into: `guardrails[2].find[0]` → the `id` in `guardrails[2]`.
fn rule<'a>(path: &str, tree: &'a SourceNode) -> Option<&'a str> {
    let (policy, path) = match path.strip_prefix("policy.") {
        Some(path) => (tree.get("policy")?, path),
        None => (tree, path),
    };
    let (section, rest) = path.split_once('[')?;
    let (index, _) = rest.split_once(']')?;
    let rule = policy.get(section)?.items().get(index.parse::<usize>().ok()?)?;
    rule.get("id")?.text().filter(|id| is_id(id))
}

/// Adds later findings to earlier ones. If something could not be read, the rest may look odd: warnings wait until
/// everything has the right shape.
pub(super) fn add(found: &mut Vec<Diagnostic>, later: Vec<Diagnostic>) {
    let readable = found.is_empty();
    found.extend(later.into_iter().filter(|diagnostic| readable || diagnostic.is_error()));
}
