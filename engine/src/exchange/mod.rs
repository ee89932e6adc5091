//! One request and its answer: the two state machines that feed everything else and give verdicts.
//!
//! The glue drives an [`Exchange`] through its life and applies what comes back:
//!
//! ```text
//! request_headers ─┬─ Pass ──────────────────────────┐
//!                  ├─ Reply                          │
//!                  ├─ Sniff → request_sniff* ─┐      │
//!                  ├─ NeedBody → request_body(whole) ┤→ response_headers ─┬─ Untouched
//!                  └─ Peek → request_chunk* ─────────┘                    ├─ Reply
//!                                                                         ├─ Stream → response_chunk*
//!                                                                         └─ Whole → response_body(whole)
//! ```
//! A request may also have to wait for others (`Ask` → callout_answered, where a limit is `strict`) before it passes or is
//! answered. After every call the glue takes [`Exchange::effects`], and at the end, however it came, calls
//! [`Exchange::finish`].

mod answering;
mod frames;
mod memory;
mod passed;
mod request;
mod response;
mod sniff;
mod websocket;

use std::rc::Rc;

use crate::answer::HoldReason;
use crate::context::Context;
pub use crate::context::facts::{Now, RequestFacts};
use crate::context::memory::VmMemory;
use crate::context::request::Extent;
pub use crate::context::verdict::{
    HeaderEdit, RequestVerdict, ResponseVerdict, StreamVerdict, WholeVerdict,
};
pub use crate::counters::Unchecked;
pub use crate::effect::Effect;
use crate::event::Origin;
use crate::fleet::FleetTable;
use crate::grant::used::GrantSlots;
use crate::ledger::Book;
use crate::lever::capture::Capturing;
use crate::lever::describe::AnswerWatch;
use crate::lever::guardrails::Guardrails;
use crate::lever::limits::Charges;
use crate::lever::running::StreamStop;
use crate::lever::signed::Signed;
use crate::lever::tools::ToolsLever;
use crate::lever::unknown_lane::UnknownLane;
use crate::policy::Program;
use crate::policy::document::OnUnreadable;
use answering::Answering;

/// Envoy's details of an answer that upstream broke off after its headers had left: it cannot be repaired.
const UPSTREAM_BROKE_OFF: &[u8] = b"upstream_reset_after_response_started";

/// One request and its answer, under exactly one policy (invariant 3).
#[derive(Debug)]
pub struct Exchange {
    cx: Context,
    phase: Phase,
    /// The caller's signature over the request.
    signed: Option<Signed>,
    /// How much of the request's body is read.
    extent: Extent,
    /// What has passed of a body that is only watched.
    peeked: Vec<u8>,
    guardrails: Guardrails,
    tools: ToolsLever,
    /// The status of the answer.
    status: u16,
    /// The answer, while its body is read.
    answer: Option<Box<Answering>>,
    /// When the answer was cut (Unix nanoseconds).
    cut_ns: Option<u64>,
    /// What of it has passed, if it is not held.
    passed: Option<passed::Passed>,
    /// It passes as a stream.
    streams: bool,
    /// Its last byte has arrived.
    complete: bool,
    /// A policy that has come into force since ends it.
    stop: Option<StreamStop>,
    /// What limits have charged.
    charges: Charges,
    /// What is known of it if it may be a call in a format that is not read.
    lane: Option<Box<UnknownLane>>,
    /// What the call's record is made from.
    watch: AnswerWatch,
    capturing: Capturing,
    /// Every frame of the answer is parsed and read.
    reads_every_frame: bool,
}

/// The state of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing has arrived.
    New,
    /// It is not a call of a dialect: only internal headers are touched.
    Other,
    /// Its body is examined to find out whether it is a call.
    Sniffing,
    /// A call whose body is needed or watched.
    Body,
    /// A call that was let through.
    Asked,
    /// The proxy answered it.
    Answered,
    /// Its answer is passing.
    Answering,
    /// Its answer has ended.
    Over,
}

impl Exchange {
    /// Begins an exchange under this policy without accounts: a policy with limits refuses all calls.
    #[must_use]
    pub fn new(program: Rc<Program>) -> Self {
        Self::begin(program, None, &VmMemory::default())
    }

    /// Begins an exchange under this policy, with these accounts.
    #[must_use]
    pub fn with_book(program: Rc<Program>, book: Rc<Book>) -> Self {
        Self::in_vm(program, book, &VmMemory::default())
    }

    /// The same as one of many in a VM, whose memory they share. Without that, an exchange has the bounds of a whole VM to
    /// itself.
    #[must_use]
    pub fn in_vm(program: Rc<Program>, book: Rc<Book>, vm: &VmMemory) -> Self {
        Self::begin(program, Some(book), vm)
    }

    fn begin(program: Rc<Program>, book: Option<Rc<Book>>, vm: &VmMemory) -> Self {
        Self {
            cx: Context::new(program, vm),
            phase: Phase::New,
            signed: None,
            extent: Extent::Whole,
            peeked: Vec::new(),
            guardrails: Guardrails::default(),
            tools: ToolsLever::default(),
            status: 0,
            answer: None,
            cut_ns: None,
            passed: None,
            streams: false,
            complete: false,
            stop: None,
            charges: Charges::new(book),
            lane: None,
            watch: AnswerWatch::default(),
            capturing: Capturing::default(),
            reads_every_frame: false,
        }
    }

    /// From now on every frame of the answer is parsed and read, even those that would be recognised by their bytes. Tests
    /// compare the fast way with this one.
    pub fn read_every_frame(&mut self) {
        self.reads_every_frame = true;
    }

    /// The labels that have a value, by name.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.cx.program.labels.named();
        let read = all.filter_map(|(id, name)| Some((name, self.cx.labels.get(id).text()?)));
        read.filter(|(_, value)| !value.is_empty())
    }

    /// Bytes of the answer that are held back now.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.answer.as_ref().map_or(0, |answer| answer.held_bytes())
    }

    /// Why bytes of the answer are held back now; `None`: no whole event is.
    #[must_use]
    pub fn waits_for(&self) -> Option<HoldReason> {
        self.answer.as_ref().and_then(|answer| answer.waits_for())
    }

    /// The host failed to provide or accept bytes of this exchange. True if the exchange must be refused: a rule has
    /// acted, so that what the host still has must not leave; bytes are held here; or an enforced rule needed the
    /// bytes, and the policy does not say `on_unreadable: pass`.
    pub fn host_failed(&mut self) -> bool {
        let enforced = match self.phase {
            Phase::New | Phase::Sniffing | Phase::Body => self.cx.program.enforces(),
            // With an answer's last verdict the answer is over here, but not yet at the host.
            Phase::Asked | Phase::Answering | Phase::Over => {
                !self.guardrails.chosen.acting.is_empty() || !self.tools.rules.acting.is_empty()
            }
            Phase::Other | Phase::Answered => false,
        };
        let pass = self.cx.program.on_unreadable == Some(OnUnreadable::Pass);
        // What is held here would be missing from what passes from now on.
        let holds =
            self.answer.as_ref().is_some_and(|answer| answer.acts() && answer.held_bytes() > 0);
        let refuse = self.cx.record.acted() || holds || (enforced && !pass);
        self.cx.record.unchecked(Unchecked::Host, refuse);
        // The usage that the answer would have reported is no longer known.
        self.charges.answer_unreadable();
        self.capturing.host_failed(refuse);
        refuse
    }

    /// Takes the effects since the last call: what is to be counted, logged, stored and reported.
    pub fn effects(&mut self) -> Vec<Effect> {
        let mut effects = self.cx.record.take();
        let mut origin: Option<Rc<Origin>> = None;
        for effect in &mut effects {
            if let Effect::Event(event) = effect {
                let origin = origin.get_or_insert_with(|| Rc::new(self.cx.origin()));
                event.origin = Rc::clone(origin);
            }
        }
        effects
    }

    /// True if the proxy's reason for the end is of use to [`Exchange::finish`]: an answer whose last byte has arrived
    /// was not broken off.
    #[must_use]
    pub fn asks_how_it_ended(&self) -> bool {
        self.is_call() && !self.complete
    }

    /// Whether it is a call of a dialect, as far as is known.
    fn is_call(&self) -> bool {
        !matches!(self.phase, Phase::New | Phase::Sniffing | Phase::Other)
    }

    /// Gives the exchange the record of used grants. Without it no grant is accepted.
    pub fn set_grant_slots(&mut self, slots: Rc<dyn GrantSlots>) {
        self.tools.grant_slots = Some(slots);
    }

    /// Keeps the fleet's accounts here. Without them, limits with `global` count in this process alone.
    pub fn set_fleet(&mut self, table: Rc<FleetTable>) {
        self.charges.set_fleet(table);
    }

    /// Settles what was charged, unless that is done.
    fn settle(&mut self) {
        let served = self.answer.as_ref().and_then(|answer| answer.frames.model());
        if let Some(bill) = self.charges.settle(&mut self.cx, served) {
            self.watch.usage(&mut self.cx, bill.usage.as_ref(), bill.money);
        }
    }

    /// The exchange is over, however it ended (`on_log`): the last effects become ready. `details`: the proxy's reason for the
    /// end (Envoy's response code details), empty where it has none.
    pub fn finish(&mut self, details: &[u8]) {
        if !self.is_call() {
            return;
        }
        if details.starts_with(UPSTREAM_BROKE_OFF) {
            self.cx.record.count("hemostat_broken_upstream_total");
        } else if self.phase == Phase::Answering {
            self.cx.record.count("hemostat_unfinished_answers_total");
        }
        self.settle();
        let model =
            self.answer.as_ref().and_then(|answer| answer.frames.model()).map(str::to_owned);
        self.watch.answer(&mut self.cx, &self.charges, model);
        self.capturing.ended(&mut self.cx);
        self.phase = Phase::Over;
    }
}
