//! Spans on their way to their receivers, in one worker: batched for a moment, sent together, and dropped if a receiver
//! is slow or unavailable. Nothing waits for delivery, and nothing is sent twice: a trace is a help, not an account.

use std::collections::VecDeque;
use std::rc::Rc;

use super::{Captured, otlp};
use crate::context::memory::{BudgetShare, VmMemory};
use crate::limits::{
    CAPTURE_IN_FLIGHT, CAPTURE_POST_BYTES, CAPTURE_POST_SPANS, CAPTURE_QUEUE_BYTES,
    CAPTURE_QUEUE_SPANS, CAPTURE_TIMEOUT_MS, CAPTURE_WAIT_NS,
};
use crate::policy::document::CaptureTo;

/// A delivery to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanPost {
    /// Identifies the delivery when its outcome is reported.
    pub ticket: u64,
    /// The receiver.
    pub to: Rc<CaptureTo>,
    /// An `ExportTraceServiceRequest`.
    pub body: Vec<u8>,
}

/// A delivery in flight.
#[derive(Debug)]
struct SpanDelivery {
    ticket: u64,
    spans: u64,
    /// When it is given up (Unix nanoseconds).
    until_ns: u64,
}

/// The spans of one worker that wait to be sent.
#[derive(Debug)]
pub struct Outbox {
    waiting: VecDeque<(Captured, u64)>,
    bytes: usize,
    memory: BudgetShare,
    flights: Vec<SpanDelivery>,
    made: u64,
}

impl Outbox {
    /// An empty outbox that takes its memory from this budget.
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

    /// Adds a span. False if there is no room, and the span is dropped.
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

    /// True if nothing waits and nothing is in flight.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.flights.is_empty()
    }

    /// Gives up spans that have waited too long, and deliveries that never end. Returns how many spans were dropped,
    /// and how many failed.
    pub fn sweep(&mut self, now_ns: u64) -> (u64, u64) {
        let before = self.waiting.len();
        // A clock that was set back must not keep a span forever.
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

    /// The next delivery: the oldest span, with the others for the same receiver.
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
        // A host that forgets a delivery must not stop all others.
        let until_ns = now_ns.saturating_add(2 * CAPTURE_TIMEOUT_MS * 1_000_000);
        self.flights.push(SpanDelivery { ticket: self.made, spans: spans.len() as u64, until_ns });
        let body = otlp::export(&scope, spans.iter().map(Vec::as_slice));
        Some(SpanPost { ticket: self.made, to, body })
    }

    /// A delivery has ended with this status (0: no response). Returns how many spans it had, and whether the receiver
    /// accepted them; `None` if there is no such delivery any more.
    pub fn ended(&mut self, ticket: u64, status: u16) -> Option<(u64, bool)> {
        let at = self.flights.iter().position(|flight| flight.ticket == ticket)?;
        let flight = self.flights.swap_remove(at);
        Some((flight.spans, (200..300).contains(&status)))
    }

    /// True if this delivery is still in flight.
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
