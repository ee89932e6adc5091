//! Tool arguments that are whole in one value, as they are in every request: in most of them nothing is found, which takes
//! no more than a look at each text in them.

use super::rules::Rules;
use crate::dialect::Role;
use crate::limits::SLICE_BYTES;
use crate::wire::inner::{Inner, InnerEvent, InnerJson};

/// Looks at whole arguments. Reuse one for many.
#[derive(Debug, Default)]
pub struct WholeArgs {
    /// Reused buffer.
    inner: Inner,
}

impl WholeArgs {
    /// False if no rule finds anything in these arguments, which are read as an [`ArgsReader`](super::args::ArgsReader)
    /// reads them.
    pub fn may_find(&mut self, arguments: &str, role: Role, rules: &Rules) -> bool {
        // A list of short numbers takes many times its length.
        if arguments.len() > SLICE_BYTES {
            return true;
        }
        let mut reader = InnerJson::new();
        reader.feed(arguments, &mut self.inner);
        // Where they end within a value, their end is a part of it.
        let found = reader.is_inside() || self.texts().any(|text| rules.may_find(role, text));
        if self.inner.memory() > SLICE_BYTES {
            self.inner = Inner::default();
        }
        found
    }

    /// The texts in them, each of which is whole: all of it came at once.
    fn texts(&self) -> impl Iterator<Item = &str> {
        self.inner.events().iter().filter_map(|event| match event {
            InnerEvent::Text { text, .. } => Some(self.inner.text(text.clone())),
            InnerEvent::Begin { .. } | InnerEvent::End { .. } => None,
        })
    }
}
