//! What levers 1 and 2 need of a request.

use super::{Document, LabelSource, RollbackSet, RuleDocument};

impl Document {
    /// The rules of `rollback` and `switch`.
    pub fn rules_that_change(&self) -> impl Iterator<Item = &RuleDocument> {
        let rollback = self.rollback.iter().map(|lever| &lever.rule);
        rollback.chain(self.switch.iter().map(|lever| &lever.rule))
    }

    /// Those of them that must hold the request's headers until its body has arrived.
    pub fn rules_that_change_headers(&self) -> impl Iterator<Item = &RuleDocument> {
        let rollback = self.rollback.iter().filter(|lever| lever.set.changes_headers(self));
        let switch = self.switch.iter().filter(|lever| lever.upstream.is_some());
        rollback.map(|lever| &lever.rule).chain(switch.map(|lever| &lever.rule))
    }
}

impl RollbackSet {
    /// True if it may change the request's headers: by name, or through a label that is read from one.
    #[must_use]
    pub fn changes_headers(&self, document: &Document) -> bool {
        let from_header = |label: &String| {
            let sources = document.labels.get(label).map(Vec::as_slice).unwrap_or_default();
            sources.iter().any(|source| matches!(source.whole(), LabelSource::Header { .. }))
        };
        !self.headers.is_empty() || self.labels.iter().any(|(label, _)| from_header(label))
    }

    /// True if it sets nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.model.is_none()
            && self.body.is_empty()
            && self.headers.is_empty()
            && self.labels.is_empty()
    }
}
