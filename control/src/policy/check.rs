//! Checks how the fields of a policy relate to each other: names that must exist, rules that can never act. Shapes have
//! been checked before ([`super::shape`]).

mod capture;
mod change;
mod checker;
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

use super::diagnostic::Diagnostic;
use super::document::AnyRule;
use super::document::{Document, Mode};
use super::path::Path;
use super::source::{SourceNode, SourceValue};
use crate::base::time;
use checker::Checker;

/// Checks a document. `tree` is the text it came from, outermost; `root` is the place of the policy in it; `now` is
/// Unix time in seconds, if there is a clock.
#[must_use]
pub fn check(
    document: &Document,
    tree: &SourceNode,
    root: &Path<'_>,
    now: Option<u64>,
) -> Vec<Diagnostic> {
    let mut judge = Checker { document, tree, root, now, found: Vec::new() };
    language_version(&mut judge);
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
    times(&mut judge);
    modes(&mut judge);
    judge.found
}

fn language_version(judge: &mut Checker<'_>) {
    let root = *judge.root;
    let Some(SourceNode { value: SourceValue::Map(entries), .. }) = judge.node(&root) else {
        return;
    };
    if !entries.is_empty() && entries.iter().all(|entry| entry.key != "hemostat") {
        let message = format_args!("the policy does not name the version of its language");
        judge.warn("no-language-version", &root, message, "write `hemostat: 1` at its top");
    }
}

fn times(judge: &mut Checker<'_>) {
    let Some(now) = judge.now else { return };
    let root = *judge.root;
    for any in judge.document.rules() {
        let Some(until) = any.rule.when.until.filter(|until| *until <= now) else { continue };
        let message = format_args!("the rule is over since {}", time::format(until));
        let path = root.key(any.section);
        let path = path.index(any.index);
        let path = path.key("when");
        judge.warn("past", &path.key("until"), message, "remove the rule, or set a later time");
    }
    for (index, disable) in judge.document.disable.iter().enumerate() {
        if disable.until <= now {
            let message = format_args!(
                "`{}` is back since {}: this entry does nothing",
                disable.rule,
                time::format(disable.until)
            );
            let path = root.key("disable");
            let path = path.index(index);
            judge.warn("past", &path.key("until"), message, "remove it, or set a later time");
        }
    }
}

fn modes(judge: &mut Checker<'_>) {
    let root = *judge.root;
    let policy = judge.document.mode;
    let rules = judge.document.rules();
    let enforced = |any: &&AnyRule<'_>| any.rule.mode_under(policy) == Mode::Enforce;
    if policy != Mode::Enforce {
        for any in rules.iter().filter(enforced) {
            let path = root.key(any.section);
            let path = path.index(any.index);
            let message =
                format_args!("`{}` acts although the policy's mode is not `enforce`", any.rule.id);
            let help = "a rule's own `mode` wins over the policy's; remove it if that is not meant";
            judge.warn("still-enforced", &path.key("mode"), message, help);
        }
    } else if !rules.is_empty() && !rules.iter().any(|any| enforced(&any)) {
        let message = format_args!("no rule is enforced: this policy changes nothing");
        let help = "to say that it is meant, write `mode: shadow` at the policy's top";
        judge.warn("nothing-enforced", &root, message, help);
    }
}
