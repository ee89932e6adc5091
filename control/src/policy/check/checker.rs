//! What all checks need: the document, its text, and what was found.

use std::fmt;

use super::super::diagnostic::{Diagnostic, Severity};
use super::super::document::{Document, RuleDocument};
use super::super::path::{Path, PathStep};
use super::super::source::{Position, SourceNode, SourceValue};

/// The input of all checks, and what they found.
pub(super) struct Checker<'a> {
    pub(super) document: &'a Document,
    pub(super) tree: &'a SourceNode,
    pub(super) root: &'a Path<'a>,
    pub(super) now: Option<u64>,
    pub(super) found: Vec<Diagnostic>,
}

/// A rule of any lever.
pub(super) struct AnyRule<'a> {
    pub(super) section: &'static str,
    pub(super) index: usize,
    pub(super) rule: &'a RuleDocument,
}

impl<'a> Checker<'a> {
    #[inline(never)]
    pub(super) fn error(
        &mut self,
        code: &'static str,
        path: &Path<'_>,
        message: fmt::Arguments<'_>,
        help: &str,
    ) {
        self.push(Severity::Error, code, path, self.tree.locate(path), message, help);
    }

    #[inline(never)]
    pub(super) fn warn(
        &mut self,
        code: &'static str,
        path: &Path<'_>,
        message: fmt::Arguments<'_>,
        help: &str,
    ) {
        self.push(Severity::Warning, code, path, self.tree.locate(path), message, help);
    }

    /// Like [`Checker::error`], for an entry whose key is wrong: a scalar is located by its key.
    pub(super) fn error_at_key(
        &mut self,
        code: &'static str,
        path: &Path<'_>,
        message: fmt::Arguments<'_>,
        help: &str,
    ) {
        self.push(Severity::Error, code, path, self.tree.locate_key(path), message, help);
    }

    /// Kept out of line: it is called from many places, and the module that a proxy loads must be small.
    #[cold]
    #[inline(never)]
    pub(super) fn push(
        &mut self,
        severity: Severity,
        code: &'static str,
        path: &Path<'_>,
        at: Position,
        message: fmt::Arguments<'_>,
        help: &str,
    ) {
        let finding = Diagnostic::error(code, path.to_string(), at, message.to_string()).help(help);
        self.found.push(Diagnostic { severity, ..finding });
    }

    /// The rules of all levers, in the order of POLICY.
    #[inline(never)]
    pub(super) fn rules(&self) -> Vec<AnyRule<'a>> {
        let document = self.document;
        let mut all = Vec::new();
        let mut add = |section: &'static str, rules: &mut dyn Iterator<Item = &'a RuleDocument>| {
            all.extend(rules.enumerate().map(|(index, rule)| AnyRule { section, index, rule }));
        };
        add("rollback", &mut document.rollback.iter().map(|lever| &lever.rule));
        add("switch", &mut document.switch.iter().map(|lever| &lever.rule));
        add("guardrails", &mut document.guardrails.iter().map(|lever| &lever.rule));
        add("tools", &mut document.tools.iter().map(|lever| &lever.rule));
        add("limits", &mut document.limits.iter().map(|lever| &lever.rule));
        add("failsafe", &mut document.failsafe.iter().map(|lever| &lever.rule));
        all
    }

    /// The value that a path names.
    #[inline(never)]
    pub(super) fn node(&self, path: &Path<'_>) -> Option<&'a SourceNode> {
        path.steps().iter().try_fold(self.tree, |node, step| match (step, &node.value) {
            (PathStep::Key(key), _) => node.get(key),
            (PathStep::Index(index), SourceValue::Seq(items)) => items.get(*index),
            (PathStep::Index(_), _) => Some(node),
        })
    }
}
