//! Spans on their way to their receivers, in one worker: gathered for a moment, sent together, and dropped where a
//! receiver is slow or away. Nothing waits for it, and nothing is sent twice: a trace is a help, not an account.

use std::collections::VecDeque;
use std::rc::Rc;

use super::{Captured, otlp};
use crate::context::memory::{BudgetShare, VmMemory};
use crate::limits::{
    CAPTURE_IN_FLIGHT, CAPTURE_POST_BYTES, CAPTURE_POST_SPANS, CAPTURE_QUEUE_BYTES,
    CAPTURE_QUEUE_SPANS, CAPTURE_TIMEOUT_MS, CAPTURE_WAIT_NS,
};
use crate::policy::document::CaptureTo;

/// A call to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanPost {
    /// To be said of what becomes of it.
    pub ticket: u64,
    /// Where to.
    pub to: Rc<CaptureTo>,
    /// An `ExportTraceServiceRequest`.
    pub body: Vec<u8>,
}

/// A call under way.
#[derive(Debug)]
struct SpanDelivery {
    ticket: u64,
    spans: u64,
    /// It is given up then (Unix nanoseconds).
    until_ns: u64,
}

/// The spans of one worker that wait.
#[derive(Debug)]
pub struct Outbox {
    waiting: VecDeque<(Captured, u64)>,
    bytes: usize,
    memory: BudgetShare,
    flights: Vec<SpanDelivery>,
    made: u64,
}

impl Outbox {
    /// An empty one that asks this account for its memory.
    #[must_use]
    pub fn new(memory: &VmMemory) -> Self {
        Self {
            waiting: VecDeque::new(),
            bytes: 0,
            memory: BudgetShare::of(&memory.kept),
            flights: Vec::new(),
            made: 0,
        }
    }

    /// A span is ready. False: there is no room, and it is dropped.
    #[must_use]
    pub fn push(&mut self, captured: Captured, now_ns: u64) -> bool {
        let bytes = self.bytes.saturating_add(size(&captured));
        let fits = bytes <= CAPTURE_QUEUE_BYTES
            && self.waiting.len() < CAPTURE_QUEUE_SPANS
            && self.memory.ask(bytes);
        if fits {
            self.bytes = bytes;
            self.waiting.push_back((captured, now_ns));
        }
        fits
    }

    /// True if nothing waits and nothing is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.flights.is_empty()
    }

    /// Gives up what has waited too long, and calls that never end. Gives how many spans were dropped, and how many failed.
    pub fn sweep(&mut self, now_ns: u64) -> (u64, u64) {
        let before = self.waiting.len();
        // A clock that was set back must not keep a span for ever.
        self.waiting.retain(|(_, since)| now_ns.abs_diff(*since) <= CAPTURE_WAIT_NS);
        let dropped = before - self.waiting.len();
        let mut failed = 0;
        self.flights.retain(|flight| {
            let over = flight.until_ns <= now_ns;
            failed += if over { flight.spans } else { 0 };
            !over
        });
        self.settle();
        (dropped as u64, failed)
    }

    /// The next call to be made now: the oldest span, and what else goes to the same place.
    pub fn next(&mut self, now_ns: u64) -> Option<SpanPost> {
        if self.flights.len() >= CAPTURE_IN_FLIGHT {
            return None;
        }
        let (first, _) = self.waiting.front()?;
        let (to, scope) = (Rc::clone(&first.to), first.scope.clone());
        let (mut spans, mut bytes) = (Vec::new(), 0);
        let mut rest = VecDeque::new();
        for (captured, since) in self.waiting.drain(..) {
            let fits = spans.is_empty() || bytes + captured.span.len() <= CAPTURE_POST_BYTES;
            if captured.to == to
                && captured.scope == scope
                && fits
                && spans.len() < CAPTURE_POST_SPANS
            {
                bytes += captured.span.len();
                spans.push(captured.span);
            } else {
                rest.push_back((captured, since));
            }
        }
        self.waiting = rest;
        self.settle();
        self.made = self.made.wrapping_add(1);
        // A host that forgets a call must not stop all others.
        let until_ns = now_ns.saturating_add(2 * CAPTURE_TIMEOUT_MS * 1_000_000);
        self.flights.push(SpanDelivery { ticket: self.made, spans: spans.len() as u64, until_ns });
        let body = otlp::export(&scope, spans.iter().map(Vec::as_slice));
        Some(SpanPost { ticket: self.made, to, body })
    }

    /// A call has ended with this status (0: it was not answered). Gives how many spans it had, and whether the receiver
    /// took them; `None`: there is no such call any more.
    pub fn ended(&mut self, ticket: u64, status: u16) -> Option<(u64, bool)> {
        let at = self.flights.iter().position(|flight| flight.ticket == ticket)?;
        let flight = self.flights.swap_remove(at);
        Some((flight.spans, (200..300).contains(&status)))
    }

    /// True if this call is still waited for.
    #[must_use]
    pub fn waits_for(&self, ticket: u64) -> bool {
        self.flights.iter().any(|flight| flight.ticket == ticket)
    }

    fn settle(&mut self) {
        self.bytes = self.waiting.iter().map(|(captured, _)| size(captured)).sum();
        self.memory.set(self.bytes);
    }
}

fn size(captured: &Captured) -> usize {
    captured.span.capacity() + captured.scope.capacity() + size_of::<(Captured, u64)>()
}
