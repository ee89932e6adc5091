//! What the fields of a policy say about one another: names that must exist, rules that can never
//! act. Shapes have been judged before ([`super::shape`]).

mod capture;
mod change;
mod global;
mod globs;
#[cfg(feature = "yaml")]
mod idle;
mod labels;
mod levers;
mod limits;
mod names;
mod notify;
mod patterns;
mod tools;

use std::fmt;

use super::diagnostic::{Diagnostic, Severity};
use super::document::{Document, Mode, RuleDocument};
use super::path::{Path, PathStep};
use super::source::{Position, SourceNode, SourceValue};
use crate::base::time;

/// Judges a document. `tree` is the text it came from, outermost; `root` is where in it the policy stands; `now` is
/// Unix time in seconds where there is a clock.
#[must_use]
pub fn check(
    document: &Document,
    tree: &SourceNode,
    root: &Path<'_>,
    now: Option<u64>,
) -> Vec<Diagnostic> {
    let mut judge = Checker { document, tree, root, now, found: Vec::new() };
    judge.language_version();
    names::check(&mut judge);
    labels::check(&mut judge);
    patterns::check(&mut judge);
    levers::check(&mut judge);
    tools::check(&mut judge);
    change::check(&mut judge);
    limits::check(&mut judge);
    notify::check(&mut judge);
    capture::check(&mut judge);
    global::check(&mut judge);
    #[cfg(feature = "yaml")]
    idle::sections(&mut judge);
    judge.times();
    judge.modes();
    judge.found
}

/// What all checks need.
struct Checker<'a> {
    document: &'a Document,
    tree: &'a SourceNode,
    root: &'a Path<'a>,
    now: Option<u64>,
    found: Vec<Diagnostic>,
}

/// A rule of any lever.
struct AnyRule<'a> {
    section: &'static str,
    index: usize,
    rule: &'a RuleDocument,
}

impl<'a> Checker<'a> {
    #[inline(never)]
    fn error(
        &mut self,
        code: &'static str,
        path: &Path<'_>,
        message: fmt::Arguments<'_>,
        help: &str,
    ) {
        self.push(Severity::Error, code, path, self.tree.locate(path), message, help);
    }

    #[inline(never)]
    fn warn(
        &mut self,
        code: &'static str,
        path: &Path<'_>,
        message: fmt::Arguments<'_>,
        help: &str,
    ) {
        self.push(Severity::Warning, code, path, self.tree.locate(path), message, help);
    }

    /// As [`Checker::error`], for an entry whose key is wrong: a scalar is pointed at by its key.
    fn error_at_key(
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
    fn push(
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
    fn rules(&self) -> Vec<AnyRule<'a>> {
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
    fn node(&self, path: &Path<'_>) -> Option<&'a SourceNode> {
        path.steps().iter().try_fold(self.tree, |node, step| match (step, &node.value) {
            (PathStep::Key(key), _) => node.get(key),
            (PathStep::Index(index), SourceValue::Seq(items)) => items.get(*index),
            (PathStep::Index(_), _) => Some(node),
        })
    }

    fn language_version(&mut self) {
        let root = *self.root;
        let Some(SourceNode { value: SourceValue::Map(entries), .. }) = self.node(&root) else {
            return;
        };
        if !entries.is_empty() && entries.iter().all(|entry| entry.key != "hemostat") {
            let message = format_args!("the policy does not name the version of its language");
            self.warn("no-language-version", &root, message, "write `hemostat: 1` at its top");
        }
    }

    fn times(&mut self) {
        let Some(now) = self.now else { return };
        let root = *self.root;
        for any in self.rules() {
            let Some(until) = any.rule.when.until.filter(|until| *until <= now) else { continue };
            let message = format_args!("the rule is over since {}", time::format(until));
            let path = root.key(any.section);
            let path = path.index(any.index);
            let path = path.key("when");
            self.warn("past", &path.key("until"), message, "remove the rule, or set a later time");
        }
        for (index, disable) in self.document.disable.iter().enumerate() {
            if disable.until <= now {
                let message = format_args!(
                    "`{}` is back since {}: this entry does nothing",
                    disable.rule,
                    time::format(disable.until)
                );
                let path = root.key("disable");
                let path = path.index(index);
                self.warn("past", &path.key("until"), message, "remove it, or set a later time");
            }
        }
    }

    fn modes(&mut self) {
        let root = *self.root;
        let policy = self.document.mode;
        let rules = self.rules();
        let enforced = |any: &&AnyRule<'_>| any.rule.mode_under(policy) == Mode::Enforce;
        if policy != Mode::Enforce {
            for any in rules.iter().filter(enforced) {
                let path = root.key(any.section);
                let path = path.index(any.index);
                let message = format_args!(
                    "`{}` acts although the policy's mode is not `enforce`",
                    any.rule.id
                );
                let help =
                    "a rule's own `mode` wins over the policy's; remove it if that is not meant";
                self.warn("still-enforced", &path.key("mode"), message, help);
            }
        } else if !rules.is_empty() && !rules.iter().any(|any| enforced(&any)) {
            let message = format_args!("no rule is enforced: this policy changes nothing");
            let help = "to say that it is meant, write `mode: shadow` at the policy's top";
            self.warn("nothing-enforced", &root, message, help);
        }
    }
}
