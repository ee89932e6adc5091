//! Which event is sent when, in one worker: at once if it is new, counted with others if it repeats.
//!
//! Nothing here waits for a receiver: an event that cannot be sent is retried a few times and then given up, and a full
//! queue accepts no more. All of this is counted.

use std::rc::Rc;

use sha2::{Digest, Sha256};

use super::{Event, Occurrences};
use crate::base::base32::base32;
use crate::limits::{
    NOTIFY_EVENTS, NOTIFY_EVENTS_OF_KIND, NOTIFY_IN_FLIGHT, NOTIFY_PER_SECOND, NOTIFY_QUIET_NS,
    NOTIFY_RETRY_NS, NOTIFY_TIMEOUT_MS, NOTIFY_TRIES,
};
use crate::policy::document::Notify;

/// What happened to an event that was raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raised {
    /// It will be sent.
    New,
    /// It is counted with one like it.
    Counted,
    /// There is no room.
    Dropped,
}

/// The outcome of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The receiver has accepted it.
    Sent,
    /// It will be retried.
    Retry,
    /// It was given up.
    Failed,
}

/// A delivery to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPost {
    /// Identifies the delivery when its outcome is reported.
    pub ticket: u64,
    /// The receiver.
    pub to: Rc<Notify>,
    /// The body.
    pub body: String,
    /// The event's kind, for counters.
    pub kind: &'static str,
}

/// How a delivery ended, as far as that decides whether it is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryEnd {
    /// 2xx
    Taken,
    /// The receiver rejects it: a retry is pointless.
    Refused,
    /// No response, 429 or 5xx.
    Unanswered,
}

impl DeliveryEnd {
    /// The meaning of this status; 0 for no response.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        match status {
            200..300 => Self::Taken,
            0 | 408 | 425 | 429 | 500.. => Self::Unanswered,
            _ => Self::Refused,
        }
    }
}

#[derive(Debug)]
struct QueuedEvent {
    event: Event,
    /// The occurrences that have not been reported yet.
    untold: Option<Occurrences>,
    /// The earliest time to send it (Unix nanoseconds).
    due_ns: u64,
    flight: Option<BatchInFlight>,
}

/// A batch that is in flight, or waits for a retry.
#[derive(Debug)]
struct BatchInFlight {
    /// The body, the same at each try: a receiver recognises duplicates by its `id`.
    body: String,
    tries: u32,
    /// The delivery in flight, and its deadline.
    call: Option<(u64, u64)>,
}

/// The events of one worker.
#[derive(Debug, Default)]
pub struct EventQueue {
    entries: Vec<QueuedEvent>,
    /// Makes the ids of events unique among workers.
    seed: u64,
    made: u64,
    /// The second in which deliveries are counted, and how many were made in it.
    second: (u64, u32),
}

impl EventQueue {
    /// An empty queue. `seed`: a number that the process never passes twice.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// An event was raised.
    pub fn push(&mut self, event: Event, now_ns: u64) -> Raised {
        let once = Occurrences { count: 1, first_ns: now_ns, last_ns: now_ns };
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.event.equals(&event)) {
            match &mut entry.untold {
                Some(times) => {
                    times.count = times.count.saturating_add(1);
                    times.last_ns = now_ns;
                }
                None => {
                    entry.untold = Some(once);
                    entry.event = event;
                }
            }
            return Raised::Counted;
        }
        self.forget(now_ns);
        let of_kind = self.entries.iter().filter(|own| own.event.kind == event.kind).count();
        if self.entries.len() >= NOTIFY_EVENTS || of_kind >= NOTIFY_EVENTS_OF_KIND {
            return Raised::Dropped;
        }
        self.entries.push(QueuedEvent { event, untold: Some(once), due_ns: now_ns, flight: None });
        Raised::New
    }

    /// True if there is nothing to send and nothing in flight.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.entries.iter().all(|entry| entry.untold.is_none() && entry.flight.is_none())
    }

    /// The next delivery, if one is due and may be made.
    pub fn next(&mut self, now_ns: u64) -> Option<EventPost> {
        let second = now_ns / 1_000_000_000;
        if self.second.0 != second {
            self.second = (second, 0);
        }
        let flying = self.entries.iter().filter_map(|entry| entry.flight.as_ref());
        let flying = flying.filter(|flight| flight.call.is_some()).count();
        if flying >= NOTIFY_IN_FLIGHT || self.second.1 >= NOTIFY_PER_SECOND {
            return None;
        }
        let ticket = self.made.wrapping_add(1);
        let id = self.id(ticket);
        let due = self.entries.iter_mut().filter(|entry| entry.is_due(now_ns));
        let entry = due.min_by_key(|entry| entry.due_ns)?;
        let post = entry.start(ticket, &id, now_ns)?;
        self.made = ticket;
        self.second.1 += 1;
        Some(post)
    }

    fn id(&self, number: u64) -> String {
        let hash = Sha256::new()
            .chain_update(self.seed.to_be_bytes())
            .chain_update(number.to_be_bytes())
            .finalize();
        format!("ev_{}", base32(hash.get(..10).unwrap_or_default()))
    }

    /// A delivery has ended. Returns the outcome of the event and its kind; `None` if there is no such delivery any
    /// more.
    pub fn ended(
        &mut self,
        ticket: u64,
        how: DeliveryEnd,
        now_ns: u64,
    ) -> Option<(DeliveryOutcome, &'static str)> {
        let has = |entry: &&mut QueuedEvent| entry.ticket() == Some(ticket);
        let entry = self.entries.iter_mut().find(has)?;
        Some((entry.ended(how, now_ns), entry.event.kind.word()))
    }

    /// True if this delivery is still in flight.
    #[must_use]
    pub fn waits_for(&self, ticket: u64) -> bool {
        self.entries.iter().any(|entry| entry.ticket() == Some(ticket))
    }

    /// Gives up deliveries that never end, and forgets events that have stopped occurring. Returns the outcome of each
    /// such delivery.
    pub fn sweep(&mut self, now_ns: u64) -> Vec<(DeliveryOutcome, &'static str)> {
        let mut outcomes = Vec::new();
        for entry in &mut self.entries {
            let until = entry.flight.as_ref().and_then(|flight| flight.call).map(|call| call.1);
            if until.is_some_and(|until| until <= now_ns) {
                let outcome = entry.ended(DeliveryEnd::Unanswered, now_ns);
                outcomes.push((outcome, entry.event.kind.word()));
            }
        }
        self.forget(now_ns);
        outcomes
    }

    fn forget(&mut self, now_ns: u64) {
        self.entries.retain(|entry| {
            entry.untold.is_some() || entry.flight.is_some() || entry.rests(now_ns)
        });
    }
}

impl QueuedEvent {
    fn ticket(&self) -> Option<u64> {
        self.flight.as_ref()?.call.map(|call| call.0)
    }

    /// True until its next delivery is due. No pause is longer than the quiet one: a due time further ahead was written
    /// before the clock was set back.
    fn rests(&self, now_ns: u64) -> bool {
        self.due_ns > now_ns && self.due_ns - now_ns <= NOTIFY_QUIET_NS
    }

    fn is_due(&self, now_ns: u64) -> bool {
        let waits = match &self.flight {
            Some(flight) => flight.call.is_none(),
            None => self.untold.is_some(),
        };
        waits && !self.rests(now_ns)
    }

    fn start(&mut self, ticket: u64, id: &str, now_ns: u64) -> Option<EventPost> {
        let to = self.event.origin.notify.clone()?;
        let kind = self.event.kind.word();
        if self.flight.is_none() {
            let times = self.untold.take()?;
            let body = self.event.to_json(id, times);
            self.flight = Some(BatchInFlight { body, tries: 0, call: None });
        }
        let flight = self.flight.as_mut()?;
        // A host that forgets a delivery must not keep the event forever.
        let until = now_ns.saturating_add(2 * NOTIFY_TIMEOUT_MS * 1_000_000);
        flight.call = Some((ticket, until));
        flight.tries += 1;
        Some(EventPost { ticket, to, body: flight.body.clone(), kind })
    }

    fn ended(&mut self, how: DeliveryEnd, now_ns: u64) -> DeliveryOutcome {
        let Some(flight) = &mut self.flight else { return DeliveryOutcome::Failed };
        flight.call = None;
        if how == DeliveryEnd::Unanswered && flight.tries < NOTIFY_TRIES {
            let pause = NOTIFY_RETRY_NS.saturating_mul(1 << (2 * flight.tries.saturating_sub(1)));
            self.due_ns = now_ns.saturating_add(pause);
            return DeliveryOutcome::Retry;
        }
        self.flight = None;
        self.due_ns = now_ns.saturating_add(NOTIFY_QUIET_NS);
        if how == DeliveryEnd::Taken { DeliveryOutcome::Sent } else { DeliveryOutcome::Failed }
    }
}

#[cfg(test)]
mod tests;
