//! What all checks need: the document, its text, and what was found.

use std::fmt;

use super::super::diagnostic::{Diagnostic, Severity};
use super::super::document::Document;
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
