//! What an answer used: its own word, and the text that was seen.
//!
//! The meter sees each frame as upstream sent it, apart from what guardrails make of it, and goes on after a cut: what
//! upstream still sends is billed too.

use super::estimate::Weigh;
use crate::answer::Like;
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
    text: Weigh,
    /// The last event that may come again with another word, where its counts were told once and for all.
    silent: Option<Like>,
    /// Something of it could not be read.
    blind: bool,
    /// It has come to its own end.
    over: bool,
    /// A limit has no more for it: nobody is asked any more.
    spent: bool,
}

/// What an answer used, as it is charged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Used {
    /// The tokens.
    pub usage: Usage,
    /// The answer's word was not believed.
    pub implausible: bool,
}

impl Meter {
    pub(super) fn new(dialect: &'static Dialect, streamed: bool) -> Self {
        Self {
            dialect,
            streamed,
            usage: Usage::default(),
            text: Weigh::default(),
            silent: None,
            blind: false,
            over: false,
            spent: false,
        }
    }

    /// Looks at a frame. True if more text has come of an answer that goes on: then somebody must say whether what was
    /// used so far, the frame included, can be afforded; if not, the answer must end before that frame.
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
        // Nobody else's counts may come between this event and those like it, and its own must tell nothing twice.
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
            // In a stream, what is no running text repeats one.
            if *shape == ValueShape::Seal || (text.is_none() && view.streamed) {
                continue;
            }
            if let Some(value) = view.doc.value(view.payload, *node) {
                value.each_part(&mut |part| self.text.add(part));
            }
        }
    }

    /// Upstream has ended the answer. Not every dialect says so itself.
    pub(super) fn end(&mut self) {
        self.over = true;
    }

    /// What was used cannot be afforded.
    pub(super) fn spend(&mut self) {
        self.spent = true;
    }

    /// The answer is a stream.
    pub(super) fn is_stream(&self) -> bool {
        self.streamed
    }

    /// Output tokens by the text that was seen.
    pub(super) fn counted(&self) -> u64 {
        self.text.tokens()
    }

    /// What was used. `input`: the estimate of the request, where the answer does not say.
    pub(super) fn used(&self, input: u64) -> Used {
        let mut usage = self.usage.clone();
        let counted = self.counted();
        let mut implausible = false;
        if usage.fresh.is_none() {
            usage.fresh = Some(input);
        }
        match usage.output {
            None => usage.output = Some(counted),
            // What an answer that broke off has said is not its last word.
            Some(said) if !self.over => usage.output = Some(said.max(counted)),
            Some(said) if said < counted / 4 => {
                usage.output = Some(counted);
                implausible = true;
            }
            Some(_) => {}
        }
        implausible |= clamp(&mut usage);
        Used { usage, implausible }
    }

    /// The answer said what it used.
    pub(super) fn has_usage(&self) -> bool {
        self.usage.output.is_some()
    }

    /// A part of the answer could not be read.
    pub(super) fn is_blind(&self) -> bool {
        self.blind
    }
}

impl crate::answer::Listener for Meter {
    fn is_silent(&self, like: Like) -> bool {
        self.silent == Some(like)
    }

    fn word(&mut self, text: &str) {
        self.text.add(text);
    }
}

/// Keeps a request's tokens under the bound; true if they were above.
fn clamp(usage: &mut Usage) -> bool {
    let mut left = USAGE_TOKENS;
    let mut over = false;
    let mut take = |count: &mut u64| {
        over |= *count > left;
        *count = (*count).min(left);
        left -= *count;
    };
    // Output first: it is the dearest.
    if let Some(output) = &mut usage.output {
        take(output);
    }
    if let Some(fresh) = &mut usage.fresh {
        take(fresh);
    }
    take(&mut usage.written);
    take(&mut usage.cached);
    if over {
        // Parts of what is not believed.
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
