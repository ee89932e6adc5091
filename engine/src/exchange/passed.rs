//! An answer that passes without being held, as far as it has passed.
//!
//! An answer that rules look at is held frame by frame and can be ended between any two. One that only passes is not
//! parsed, and its bytes have left as they arrived, including half frames. What has passed of it is kept ([`Passed`]),
//! and read only if the stream must be ended:
//!
//! ```text
//! passed so far                          next bytes
//! data: {…}\n\n data: {…}\n\n data: {"ch │ oices":…}\n\n data: …
//! └────── read now, for the ending ────────────────────┘└ ending
//! ```

use crate::answer::frame_loop::FrameContent;
use crate::answer::{ChosenRules, ChunkOutput, FrameContext, FrameLoop, Output, ToolRules};
use crate::context::Context;
use crate::context::facts::{Now, seconds};
use crate::dialect::{self, Ending};
use crate::lever::running::StreamStop;
use crate::limits;
use crate::mcp::{self, Messages};
use crate::wire::frame::Framing;

/// What has passed of an answer that is not held.
#[derive(Debug)]
pub(super) struct Passed {
    framing: Framing,
    /// What has not been read yet.
    bytes: Vec<u8>,
    /// What was read of the rest.
    read: Option<Box<PassedRead>>,
}

/// What was read of what has passed.
#[derive(Debug)]
struct PassedRead {
    frames: FrameLoop,
    /// For MCP: which requests still wait for an answer.
    messages: Option<Messages>,
    /// Something in it could not be read, so what its caller has been sent is unknown.
    lost: bool,
}

/// The ending of an answer that only passed.
pub(super) enum PassedEnd {
    /// With these bytes.
    With(Vec<u8>),
    /// It cannot be ended: what its caller has been sent is unknown.
    Lost,
}

impl Passed {
    pub(super) fn new(framing: Framing) -> Self {
        Self { framing, bytes: Vec::new(), read: None }
    }

    /// Memory that is kept, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity() + self.read.as_ref().map_or(0, |read| read.frames.memory())
    }

    /// Keeps bytes that pass. `others`: memory that is kept of the answer elsewhere, in bytes.
    pub(super) fn keep(
        &mut self,
        cx: &mut Context,
        rules: &ToolRules,
        chunk: &[u8],
        others: usize,
    ) {
        let wanted = self.bytes.len().saturating_add(chunk.len());
        let capacity = match self.bytes.capacity() {
            enough if enough >= wanted => enough,
            less => wanted.max(less.saturating_mul(2)),
        };
        let kept = self.read.as_ref().map_or(0, |read| read.frames.memory());
        let fits = wanted <= limits::PASSED_BYTES
            && cx.memory.kept.ask(others.saturating_add(capacity).saturating_add(kept));
        if fits {
            self.bytes.reserve_exact(capacity.saturating_sub(self.bytes.len()));
            self.bytes.extend_from_slice(chunk);
        } else {
            // There is no room for more bytes, only for their contents.
            let read = self.read(cx, rules);
            read.frames.set_room(cx.memory.kept.room());
            read.read(chunk);
            cx.memory.kept.set(others.saturating_add(self.memory()));
        }
    }

    /// Reads all that was kept.
    fn read(&mut self, cx: &mut Context, rules: &ToolRules) -> &mut PassedRead {
        let bytes = std::mem::take(&mut self.bytes);
        let framing = self.framing;
        let read = self.read.get_or_insert_with(|| {
            let messages = mcp::open_messages(cx, rules, framing, &ChosenRules::default());
            let reader = match (&messages, &cx.call) {
                (None, Some(call)) => {
                    Some(dialect::dialect(call.recognised.dialect).answer(call, framing))
                }
                _ => None,
            };
            Box::new(PassedRead { frames: FrameLoop::new(framing, reader), messages, lost: false })
        });
        read.read(&bytes);
        read
    }

    /// Ends the answer where its next frame begins, and returns what leaves in place of this chunk. `None`: the current
    /// frame is incomplete.
    pub(super) fn end(
        &mut self,
        cx: &mut Context,
        rules: &ToolRules,
        stop: &StreamStop,
        chunk: &[u8],
        now: Now,
    ) -> Option<PassedEnd> {
        let read = self.read(cx, rules);
        let mut rest = chunk;
        if read.frames.held() > 0 && !read.lost && !read.one(&mut rest) {
            return None;
        }
        if read.lost {
            return Some(PassedEnd::Lost);
        }
        let taken = chunk.len() - rest.len();
        let mut leaves = chunk.get(..taken).unwrap_or_default().to_vec();
        match &mut read.messages {
            Some(messages) => {
                let mut out = Output::new(b"");
                let frames = &mut read.frames;
                let mut around = FrameContext { frames, out: &mut out, record: &mut cx.record };
                messages.end_here(stop.fallback.as_deref(), &mut around);
                if let ChunkOutput::Bytes(bytes) = out.left() {
                    leaves.extend(bytes);
                }
            }
            None => {
                let decision = cx.record.decision().to_owned();
                let now = seconds(now.ns());
                let ending = Ending { before: Vec::new(), how: stop.how(), decision, now };
                leaves.extend(read.frames.ending(&ending));
            }
        }
        if stop.fallback.as_ref().is_some_and(|fallback| fallback.handoff) {
            cx.record.handoff();
        }
        Some(PassedEnd::With(leaves))
    }
}

impl PassedRead {
    /// Reads what has passed.
    fn read(&mut self, mut bytes: &[u8]) {
        while self.one(&mut bytes) {}
    }

    /// Reads one frame off the front of what has passed; false if no complete one is left.
    fn one(&mut self, bytes: &mut &[u8]) -> bool {
        let Some(shown) = self.frames.next(bytes) else { return false };
        if matches!(shown.content, FrameContent::Unread(_)) {
            self.lost = true;
        }
        match &mut self.messages {
            Some(messages) => {
                let (mut out, mut record) = (Output::new(b""), Default::default());
                let frames = &mut self.frames;
                messages.frame(
                    &shown,
                    &mut FrameContext { frames, out: &mut out, record: &mut record },
                );
            }
            None => {
                let payload = shown.frame.payload_bytes();
                self.frames.sent(shown.number, &shown.frame.raw, &payload);
            }
        }
        true
    }
}
