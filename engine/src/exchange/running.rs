//! Streams under way when another policy comes into force.
//!
//! A stream sees exactly one policy (invariant 3), with one exception: a `failsafe` rule that says `running: cut` ends
//! the streams that it would have stopped. What a caller asked ([`Running`]) outlives the request, so that the rule can
//! be asked of it later; its body is gone, so a label that the old policy did not read from it cannot be known any more.
//!
//! An answer that rules look at is held frame by frame and can be ended between any two. One that only passes has been
//! parsed by nobody, and its bytes have left as they came, half frames too. What has passed of it is kept
//! ([`Passed`]), and read only if the stream must be ended:
//!
//! ```text
//! passed so far                          next bytes
//! data: {…}\n\n data: {…}\n\n data: {"ch │ oices":…}\n\n data: …
//! └────── read now, for the ending ────────────────────┘└ ending
//! ```

use std::rc::Rc;

use super::Exchange;
use super::answering::{Answering, Judge};
use crate::answer::frame_loop::Content;
use crate::answer::{Around, Chosen, Cut, FrameLoop, Left, Output};
use crate::context::facts::{Now, RequestFacts, seconds};
use crate::context::labels::{self, Line};
use crate::context::record::Unchecked;
use crate::dialect::{self, Ending, EndingHow};
use crate::limits;
use crate::mcp;
use crate::mcp::Messages;
use crate::policy::Program;
use crate::policy::document::{Fallback, Mode, OnCut, OnUnreadable};
use crate::policy::program::Failsafe;
use crate::policy::program::label::{BUILT_IN, LabelId};
use crate::policy::program::selector::{Holds, Labels};
use crate::wire::frame::Framing;

/// What the caller of a stream asked, as rules see it.
#[derive(Debug, Clone)]
pub struct Running {
    program: Rc<Program>,
    facts: Rc<RequestFacts>,
    labels: Labels,
}

/// A rule that ends a stream.
#[derive(Debug, Clone)]
pub struct Stop {
    rule: Rc<str>,
    fallback: Option<Rc<Fallback>>,
    shadow: bool,
    /// A label that the rule needs is not known of the stream.
    unreadable: bool,
    /// `on_cut: cancel` of the rule's policy.
    cancel: bool,
}

impl Stop {
    /// True if the rule only counts.
    #[must_use]
    pub fn is_shadow(&self) -> bool {
        self.shadow
    }

    fn cut(&self) -> Cut {
        self.fallback.as_ref().map_or(Cut::Blocked, |fallback| Cut::Fallback(Rc::clone(fallback)))
    }

    fn how(&self) -> EndingHow {
        match &self.fallback {
            None => EndingHow::Blocked,
            Some(fallback) => EndingHow::Canned {
                text: fallback.text.clone(),
                json: fallback.json.clone(),
                refusal: fallback.ends_as_refusal,
            },
        }
    }
}

/// The rules of a policy that end streams under way.
pub fn cutting(program: &Program) -> impl Iterator<Item = &Failsafe> {
    program.failsafe.iter().filter(|rule| rule.cuts_running && rule.upstream.is_none())
}

impl Running {
    /// The rule of a policy that ends this stream: the first enforced one that would have stopped it, else one that
    /// only counts. `now`: Unix seconds.
    #[must_use]
    pub fn stopped_by(&self, program: &Program, now: u64) -> Option<Stop> {
        cutting(program).next()?;
        let labels = self.labels_under(program);
        let mut shadow = None;
        for rule in cutting(program) {
            let mode = rule.rule.mode_at(now);
            let unreadable = match rule.rule.selector.holds(&labels) {
                _ if mode == Mode::Disabled => continue,
                Holds::No => continue,
                Holds::Yes => false,
                Holds::Unknown | Holds::Unreadable => true,
            };
            if unreadable && program.on_unreadable == Some(OnUnreadable::Pass) {
                continue;
            }
            let stop = Stop {
                rule: Rc::clone(&rule.rule.id),
                fallback: rule.fallback.clone(),
                shadow: mode == Mode::Shadow,
                unreadable,
                cancel: program.on_cut == OnCut::Cancel,
            };
            if mode == Mode::Enforce {
                return Some(stop);
            }
            shadow.get_or_insert(stop);
        }
        shadow
    }

    /// The labels as this policy reads them, as far as that can still be done.
    fn labels_under(&self, program: &Program) -> Labels {
        let property = |path: &Vec<String>| {
            let at = self.program.properties().iter().position(|own| own == path)?;
            self.facts.properties.get(at)?.clone()
        };
        let facts = RequestFacts {
            properties: program.properties().iter().map(property).collect(),
            ..self.facts.as_ref().clone()
        };
        let line = Line { method: "", authority: "", path: "" };
        let mut labels = labels::from_headers(&program.labels, &facts, line);
        for id in (0..BUILT_IN.len()).map(LabelId) {
            labels.set(id, self.labels.get(id).clone());
            self.labels.all(id).skip(1).for_each(|label| labels.add(id, label.clone()));
        }
        for (id, name) in program.labels.named().filter(|(id, _)| !id.is_built_in()) {
            let own = self.program.labels.id(name);
            let same =
                |own: &LabelId| self.program.labels.written(*own) == program.labels.written(id);
            if let Some(own) = own.filter(same) {
                labels.set(id, self.labels.get(own).clone());
            }
        }
        labels
    }
}

/// What has passed of an answer that nobody holds.
#[derive(Debug)]
pub(super) struct Passed {
    framing: Framing,
    /// What nobody has read yet.
    bytes: Vec<u8>,
    /// What was read of the rest.
    read: Option<Box<Read>>,
}

/// What was read of what has passed.
#[derive(Debug)]
struct Read {
    frames: FrameLoop,
    /// Of MCP: who still waits for an answer.
    messages: Option<Messages>,
    /// Something in it could not be read: nobody knows what its caller has got.
    lost: bool,
}

impl Passed {
    pub(super) fn new(framing: Framing) -> Self {
        Self { framing, bytes: Vec::new(), read: None }
    }

    /// Memory that is kept, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity() + self.read.as_ref().map_or(0, |read| read.frames.memory())
    }
}

impl Read {
    /// Reads what has passed.
    fn read(&mut self, mut bytes: &[u8]) {
        while self.one(&mut bytes) {}
    }

    /// Reads one frame from the front of what has passed; false: no whole one is left.
    fn one(&mut self, bytes: &mut &[u8]) -> bool {
        let Some(shown) = self.frames.next(bytes) else { return false };
        if matches!(shown.content, Content::Unread(_)) {
            self.lost = true;
        }
        match &mut self.messages {
            Some(messages) => {
                let (mut out, mut record) = (Output::new(b""), Default::default());
                let frames = &mut self.frames;
                messages.frame(&shown, &mut Around { frames, out: &mut out, record: &mut record });
            }
            None => {
                let payload = shown.frame.payload_bytes();
                self.frames.sent(shown.number, &shown.frame.raw, &payload);
            }
        }
        true
    }
}

impl Exchange {
    /// What the caller of this answer asked, if the answer passes as a stream.
    #[must_use]
    pub fn running(&self) -> Option<Running> {
        let (facts, labels) = self.cx.asked.as_ref().filter(|_| self.streams)?;
        let (facts, labels) = (Rc::clone(facts), labels.clone());
        Some(Running { program: Rc::clone(&self.cx.program), facts, labels })
    }

    /// A rule of another policy ends this stream: at its next byte, if it comes before the host has reset it.
    pub fn stop(&mut self, stop: Stop) {
        let word = if stop.fallback.is_some() { "fallback" } else { "block" };
        self.cx.record.action(&stop.rule, word, stop.shadow);
        if stop.unreadable {
            self.cx.record.unchecked(Unchecked::Label, !stop.shadow);
        }
        if !stop.shadow && self.stop.is_none() && self.cut_ns.is_none() {
            self.cx.record.count("hemostat_streams_ended_total".to_owned());
            self.stop = Some(stop);
        }
    }

    /// True if the policy that ended the answer says `on_cut: cancel`.
    pub(super) fn stop_cancels(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.cancel)
    }

    /// Ends an answer that is held frame by frame: what waits is judged as if upstream had ended it.
    pub(super) fn end_held(&mut self, answer: &mut Answering, out: &mut Output<'_>) {
        let Some(stop) = self.stop.clone().filter(|_| self.passed.is_none()) else { return };
        let Answering { frames, judge } = answer;
        let mut around = Around { frames, out, record: &mut self.cx.record };
        match judge {
            Judge::Nobody => {}
            Judge::Model(pipe) => pipe.end_here(stop.cut(), &mut around),
            Judge::Messages(messages) => messages.end_here(stop.fallback.as_deref(), &mut around),
        }
    }

    /// Keeps bytes that pass.
    fn keep_passed(&mut self, chunk: &[u8]) {
        let Some(mut passed) = self.passed.take() else { return };
        let others = self.answer.as_ref().map_or(0, |answer| answer.memory().1);
        let wanted = passed.bytes.len().saturating_add(chunk.len());
        let capacity = match passed.bytes.capacity() {
            enough if enough >= wanted => enough,
            less => wanted.max(less.saturating_mul(2)),
        };
        let kept = passed.read.as_ref().map_or(0, |read| read.frames.memory());
        let fits = wanted <= limits::PASSED_BYTES
            && self.cx.memory.kept.ask(others.saturating_add(capacity).saturating_add(kept));
        if fits {
            passed.bytes.reserve_exact(capacity.saturating_sub(passed.bytes.len()));
            passed.bytes.extend_from_slice(chunk);
        } else {
            // There is no room for more bytes, but for what they say.
            let read = self.read_passed(&mut passed);
            read.frames.set_room(self.cx.memory.kept.room());
            read.read(chunk);
            self.cx.memory.kept.set(others.saturating_add(passed.memory()));
        }
        self.passed = Some(passed);
    }

    /// Reads all that was kept.
    fn read_passed<'p>(&mut self, passed: &'p mut Passed) -> &'p mut Read {
        let bytes = std::mem::take(&mut passed.bytes);
        let framing = passed.framing;
        let read = passed.read.get_or_insert_with(|| {
            let messages =
                mcp::open_messages(&mut self.cx, &self.tools.rules, framing, &Chosen::default());
            let reader = match (&messages, &self.cx.call) {
                (None, Some(call)) => {
                    Some(dialect::dialect(call.recognised.dialect).answer(call, framing))
                }
                _ => None,
            };
            Box::new(Read { frames: FrameLoop::new(framing, reader), messages, lost: false })
        });
        read.read(&bytes);
        read
    }

    /// Some bytes of an answer have come that nobody holds. One that is to end does so where its next frame begins: gives
    /// what leaves in place of this chunk then.
    pub(super) fn some_passed(&mut self, chunk: &[u8], now: Now) -> Option<Ended> {
        if self.cut_ns.is_some() {
            return None;
        }
        let Some(stop) = self.stop.clone() else {
            self.keep_passed(chunk);
            return None;
        };
        let mut passed = self.passed.take()?;
        let read = self.read_passed(&mut passed);
        let mut rest = chunk;
        if read.frames.held() > 0 && !read.lost && !read.one(&mut rest) {
            self.passed = Some(passed);
            return None;
        }
        self.cut_ns = Some(now.ns());
        self.cx.memory.kept.set(0);
        if let Some(answer) = self.answer.as_mut().filter(|_| !self.guardrails.chosen.is_empty()) {
            // Rules that only count do not count what is not sent.
            answer.judge = Judge::Nobody;
        }
        if read.lost {
            return Some(Ended::Lost);
        }
        let taken = chunk.len() - rest.len();
        let mut leaves = chunk.get(..taken).unwrap_or_default().to_vec();
        match &mut read.messages {
            Some(messages) => {
                let mut out = Output::new(b"");
                let frames = &mut read.frames;
                let mut around = Around { frames, out: &mut out, record: &mut self.cx.record };
                messages.end_here(stop.fallback.as_deref(), &mut around);
                if let Left::Bytes(bytes) = out.left() {
                    leaves.extend(bytes);
                }
            }
            None => {
                let decision = self.cx.record.decision().to_owned();
                let now = seconds(now.ns());
                let ending = Ending { before: Vec::new(), how: stop.how(), decision, now };
                leaves.extend(read.frames.ending(&ending));
            }
        }
        if stop.fallback.as_ref().is_some_and(|fallback| fallback.handoff) {
            self.cx.record.handoff();
        }
        Some(Ended::With(leaves))
    }
}

/// How an answer that only passed has ended.
pub(super) enum Ended {
    /// With these bytes.
    With(Vec<u8>),
    /// Nobody knows how to end it.
    Lost,
}
