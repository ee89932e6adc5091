//! What a request may use, estimated from what was read of it.

use super::estimate::CharacterCounts;
use crate::dialect::spend::Spending;
use crate::dialect::{self, Item, RequestView, ValueShape};
use crate::wire::json::Doc;

/// What was read of a request's body: what it asks for, its values, and its bytes.
pub(crate) type Read<'a> = (&'a RequestView, &'a Doc, &'a [u8]);

/// What a request may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EstimatedUse {
    /// Estimated input tokens.
    pub input: u64,
    /// The most output tokens, over all answers that it asks for.
    pub output: u64,
}

impl EstimatedUse {
    /// Reads a request. `default_output`: the most output of a request that names no maximum.
    pub(super) fn read(
        (view, doc, bytes): Read<'_>,
        spending: &Spending,
        default_output: u64,
    ) -> Self {
        let mut weigh = CharacterCounts::default();
        for item in &view.texts {
            if let Item::Text { node, shape, .. } = item
                && let Some(value) = doc.value(bytes, *node)
            {
                match shape {
                    ValueShape::File => weigh.add(&dialect::file_text(&value.as_bytes())),
                    _ => weigh.add(&value.as_str().unwrap_or_default()),
                }
            }
        }
        let input = weigh.request(view.call.recognised.dialect, spending);
        let each = spending.max_output.unwrap_or(default_output);
        let output = each.saturating_mul(u64::from(view.call.choices.max(1)));
        Self { input, output }
    }
}
