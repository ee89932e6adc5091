//! What lever 1 needs of a request.

use super::{Document, LabelSource, RollbackSet};

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
