//! What an answer used: its own word, and the text that was seen.
//!
//! The meter reads the answer as upstream sends it, apart from what guardrails make of it, and goes on after a cut: what
//! upstream still sends is billed too.

use super::estimate::Weigh;
use crate::dialect::spend::Usage;
use crate::dialect::{self, Answer, Call, Dialect, Item, Shape};
use crate::limits::USAGE_TOKENS;
use crate::wire::frame::{Frame, Framing, Piece};
use crate::wire::framer::Framer;
use crate::wire::json::Doc;

/// Reads one answer.
#[derive(Debug)]
pub(in crate::exchange) struct Meter {
    framer: Framer,
    framing: Framing,
    dialect: &'static dyn Dialect,
    reader: Box<dyn Answer>,
    usage: Usage,
    text: Weigh,
    doc: Doc,
    items: Vec<Item>,
    pieces: Vec<Piece>,
    /// Something of it could not be read.
    blind: bool,
    /// It has come to its own end.
    over: bool,
    /// Bytes of the frames that were read.
    passed: u64,
    /// The frame before which it must end, by the bytes before it.
    spent_at: Option<u64>,
}

/// What an answer used, as it is charged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::exchange) struct Used {
    /// The tokens.
    pub usage: Usage,
    /// The answer's word was not believed.
    pub implausible: bool,
}

impl Meter {
    pub(in crate::exchange) fn new(call: &Call, framing: Framing) -> Self {
        let dialect = dialect::dialect(call.recognised.dialect);
        Self {
            framer: Framer::new(framing),
            framing,
            dialect,
            reader: dialect.answer(call, framing),
            usage: Usage::default(),
            text: Weigh::default(),
            doc: Doc::default(),
            items: Vec::new(),
            pieces: Vec::new(),
            blind: false,
            over: false,
            passed: 0,
            spent_at: None,
        }
    }

    /// Takes the next bytes. `afford` is asked after every frame with text, with what was used so far, the frame
    /// included; once it says no, it is asked no more, and the answer must end before that frame.
    pub(in crate::exchange) fn feed(
        &mut self,
        chunk: &[u8],
        end: bool,
        mut afford: Option<&mut dyn FnMut(&Self) -> bool>,
    ) {
        let mut pieces = std::mem::take(&mut self.pieces);
        self.framer.feed(chunk, &mut pieces);
        if end {
            self.framer.finish(&mut pieces);
        }
        for piece in pieces.drain(..) {
            let before = self.text;
            match &piece {
                Piece::Frame(frame) => self.frame(frame),
                Piece::Oversized { .. } | Piece::Lost { .. } => self.blind = true,
            }
            let spoke = self.text != before && self.spent_at.is_none() && !self.over;
            if let (true, Some(afford)) = (spoke, &mut afford)
                && !afford(self)
            {
                self.spent_at = Some(self.passed);
            }
            self.passed = self.passed.saturating_add(piece.raw().len() as u64);
        }
        self.pieces = pieces;
        // Not every dialect says that it has ended.
        self.over |= end;
    }

    fn frame(&mut self, frame: &Frame) {
        let payload = frame.payload_bytes();
        if matches!(payload.trim_ascii(), b"" | b"[DONE]") {
            self.over |= !payload.is_empty();
            return;
        }
        if self.doc.parse(&payload).is_err() {
            self.blind = true;
            return;
        }
        self.dialect.usage(&self.doc.root(&payload), &mut self.usage);
        self.items.clear();
        self.reader.named(frame.event_name().unwrap_or_default());
        self.reader.read(&self.doc, &payload, &mut self.items);
        for item in &self.items {
            let Item::Text { node, text, shape, .. } = item else {
                self.over |= *item == Item::AnswerEnd;
                self.blind |= *item == Item::Unreadable;
                continue;
            };
            // In a stream, what is no running text repeats one.
            if *shape == Shape::Seal || (text.is_none() && self.framing != Framing::Json) {
                continue;
            }
            let value = self.doc.value(&payload, *node);
            if let Some(text) = value.and_then(|value| value.as_str()) {
                self.text.add(&text);
            }
        }
    }

    /// The answer is a stream.
    pub(in crate::exchange) fn is_stream(&self) -> bool {
        self.framing != Framing::Json
    }

    /// The bytes of the answer after which it must end, once it must.
    pub(in crate::exchange) fn spent_at(&self) -> Option<u64> {
        self.spent_at
    }

    /// Output tokens by the text that was seen.
    pub(in crate::exchange) fn counted(&self) -> u64 {
        self.text.tokens()
    }

    /// What was used. `input`: the estimate of the request, where the answer does not say.
    pub(in crate::exchange) fn used(&self, input: u64) -> Used {
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
    pub(in crate::exchange) fn has_usage(&self) -> bool {
        self.usage.output.is_some()
    }

    /// A part of the answer could not be read.
    pub(in crate::exchange) fn is_blind(&self) -> bool {
        self.blind
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
