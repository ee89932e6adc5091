//! What the rules of all levers share.

use std::rc::Rc;

use super::compile_error::CompileError;
use super::label::LabelTable;
use super::selector::Selector;
use crate::base::sorted_map::SortedMap;
use crate::policy::document::{self, Fallback, Mode};

/// Name and activity of a rule, common to all levers.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its id, or its place.
    pub id: Rc<str>,
    /// When it holds.
    pub selector: Selector,
    /// Its own mode, else the policy's.
    pub mode: Mode,
    /// Unix time in seconds until which an overlay switched it off.
    pub disabled_until: Option<u64>,
}

impl Rule {
    pub(super) fn compile(
        rule: &document::RuleDocument,
        document: &document::Document,
        labels: &LabelTable,
    ) -> Self {
        Self {
            id: rule.id.as_str().into(),
            selector: Selector::compile(&rule.when, &rule.id, labels),
            mode: rule.mode.unwrap_or(document.mode),
            disabled_until: document
                .disable
                .iter()
                .filter(|disable| disable.rule == rule.id)
                .map(|disable| disable.until)
                .max(),
        }
    }

    /// The mode of the rule at this time (Unix seconds), regardless of its selector.
    #[must_use]
    pub fn mode_at(&self, now: u64) -> Mode {
        let switched_off = self.disabled_until.is_some_and(|until| now < until);
        if switched_off || self.selector.is_over(now) { Mode::Disabled } else { self.mode }
    }
}

/// The canned answer that a rule names.
pub(super) fn find(
    fallbacks: &SortedMap<String, Rc<Fallback>>,
    id: &str,
    rule: &document::RuleDocument,
) -> Result<Rc<Fallback>, CompileError> {
    fallbacks.get(id).cloned().ok_or_else(|| CompileError {
        rule: rule.id.clone(),
        message: format!("no fallback `{id}`"),
    })
}
