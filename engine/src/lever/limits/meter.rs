//! What an answer used: the usage that it reports, and the text that was seen.
//!
//! The meter sees each frame as upstream sent it, independent of guardrails, and continues after a cut: what upstream
//! still sends is billed too.

use super::estimate::CharacterCounts;
use crate::answer::TemplateId;
use crate::answer::frame_loop::{FrameContent, FrameView};
use crate::dialect::spend::Usage;
use crate::dialect::{Dialect, Item, ValueShape};
use crate::limits::USAGE_TOKENS;

/// Counts one answer.
#[derive(Debug)]
pub(super) struct Meter {
    dialect: &'static Dialect,
    streamed: bool,
    usage: Usage,
    text: CharacterCounts,
    /// The last event that may be repeated with another word and whose repetitions report no new usage.
    silent: Option<TemplateId>,
    /// Part of the answer could not be read.
    blind: bool,
    /// The answer has ended regularly.
    over: bool,
    /// A limit has no more for it: no limit is asked again.
    spent: bool,
}

/// What an answer used, as it is charged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MeteredUse {
    /// The tokens.
    pub usage: Usage,
    /// The usage that the answer reported was implausible, and was not used.
    pub implausible: bool,
}

impl Meter {
    pub(super) fn new(dialect: &'static Dialect, streamed: bool) -> Self {
        Self {
            dialect,
            streamed,
            usage: Usage::default(),
            text: CharacterCounts::default(),
            silent: None,
            blind: false,
            over: false,
            spent: false,
        }
    }

    /// Looks at a frame. True if more text of an unfinished answer has arrived: the caller must then decide whether the
    /// usage so far, this frame included, can be afforded. If it cannot, the answer must end before this frame.
    pub(super) fn look(&mut self, view: &FrameView<'_>) -> bool {
        let before = self.text;
        match view.content {
            FrameContent::Nothing | FrameContent::Other => self.over |= !view.payload.is_empty(),
            FrameContent::Unread(_) => self.blind = true,
            FrameContent::Json => self.read(view),
        }
        self.text != before && !self.spent && !self.over
    }

    fn read(&mut self, view: &FrameView<'_>) {
        let root = view.doc.root(view.payload);
        self.dialect.usage(&root, &mut self.usage);
        // Only if no other event's counts intervene between this event and its repetitions, and its own report nothing
        // twice.
        self.silent = view.like.filter(|_| {
            let before = self.usage.clone();
            self.dialect.usage(&root, &mut self.usage);
            before == self.usage
        });
        for item in view.items {
            let Item::Text { node, text, shape, .. } = item else {
                self.over |= *item == Item::AnswerEnd;
                self.blind |= *item == Item::Unreadable;
                continue;
            };
            // In a stream, a text that is not a running one repeats one.
            if *shape == ValueShape::Seal || (text.is_none() && view.streamed) {
                continue;
            }
            if let Some(value) = view.doc.value(view.payload, *node) {
                self.text.add(&value.as_str().unwrap_or_default());
            }
        }
    }

    /// Upstream has ended the answer. Some dialects have no event that says so.
    pub(super) fn end(&mut self) {
        self.over = true;
    }

    /// The usage cannot be afforded.
    pub(super) fn spend(&mut self) {
        self.spent = true;
    }

    /// The answer is a stream.
    pub(super) fn is_stream(&self) -> bool {
        self.streamed
    }

    /// Output tokens estimated from the text that was seen.
    pub(super) fn counted(&self) -> u64 {
        self.text.tokens()
    }

    /// What was used. `input`: the estimate for the request, where the answer reports none.
    pub(super) fn used(&self, input: u64) -> MeteredUse {
        let mut usage = self.usage.clone();
        let counted = self.counted();
        let mut implausible = false;
        if usage.fresh.is_none() {
            usage.fresh = Some(input);
        }
        match usage.output {
            None => usage.output = Some(counted),
            // A count reported by an answer that broke off is not final.
            Some(said) if !self.over => usage.output = Some(said.max(counted)),
            Some(said) if said < counted / 4 => {
                usage.output = Some(counted);
                implausible = true;
            }
            Some(_) => {}
        }
        implausible |= clamp(&mut usage);
        MeteredUse { usage, implausible }
    }

    /// True if the answer reported its usage.
    pub(super) fn has_usage(&self) -> bool {
        self.usage.output.is_some()
    }

    /// True if part of the answer could not be read.
    pub(super) fn is_blind(&self) -> bool {
        self.blind
    }
}

impl crate::answer::Listener for Meter {
    fn is_silent(&self, like: TemplateId) -> bool {
        self.silent == Some(like)
    }

    fn word(&mut self, text: &str) {
        self.text.add(text);
    }
}

/// Caps the tokens of a request; true if they were above the bound.
fn clamp(usage: &mut Usage) -> bool {
    let mut left = USAGE_TOKENS;
    let mut over = false;
    let mut take = |count: &mut u64| {
        over |= *count > left;
        *count = (*count).min(left);
        left -= *count;
    };
    // Output first, since it is the most expensive.
    if let Some(output) = &mut usage.output {
        take(output);
    }
    if let Some(fresh) = &mut usage.fresh {
        take(fresh);
    }
    take(&mut usage.written);
    take(&mut usage.cached);
    if over {
        // These are parts of a report that is not believed.
        usage.rounds.clear();
    }
    over
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_without_bound_is_clamped() {
        let mut usage =
            Usage { output: Some(u64::MAX), fresh: Some(u64::MAX), cached: 5, ..Usage::default() };
        assert!(clamp(&mut usage));
        assert_eq!(usage.output, Some(USAGE_TOKENS));
        assert_eq!(usage.input(), Some(0));
        assert!(!clamp(&mut usage));
    }
}
