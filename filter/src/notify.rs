//! Events on their way to their receiver. Streams leave them here; whichever plugin of the VM is next told of time sends
//! them, so that no stream waits and none must live until the answer comes.

use std::cell::RefCell;
use std::rc::Rc;

use hemostat_engine::event::queue::{DeliveryEnd, DeliveryOutcome, EventPost, EventQueue, Raised};
use hemostat_engine::event::{Event, Origin};
use hemostat_engine::limits::NOTIFY_TIMEOUT_MS;
use hemostat_engine::policy::Program;

use crate::host::{self, HostError, Level};
use crate::telemetry::{self, Trouble};
use crate::{clock, pending, recent};

thread_local! {
    static EVENTS: RefCell<Option<Events>> = const { RefCell::new(None) };
}

/// The events of this VM.
#[derive(Debug)]
struct Events {
    queue: EventQueue,
    /// The host's number of each call under way, and the queue's.
    calls: Vec<(u32, u64)>,
}

/// Where events go that come of no one exchange: where this policy sends them.
pub fn origin(program: &Program) -> Rc<Origin> {
    let (notify, scope) = (program.notify.clone(), program.tools.scope.clone());
    Rc::new(Origin { notify, scope, ..Origin::default() })
}

/// Something has happened.
pub fn raise(event: Event) {
    if let Some(call) = &event.call {
        pending::note(event.kind, call, &event.origin.scope);
    }
    if event.kind.is_of_the_scope() {
        recent::note(&event);
    }
    if event.origin.notify.is_none() {
        return;
    }
    let kind = event.kind.word();
    let taken = with(|events| events.queue.push(event, clock::now_ns()));
    match taken {
        Some(Raised::New) => {}
        Some(Raised::Counted) => count(kind, "counted"),
        Some(Raised::Dropped) | None => count(kind, "dropped"),
    }
}

/// Sends what is due, and gives up what takes too long.
pub fn send() {
    let now = clock::now_ns();
    let idle = EVENTS.with_borrow(|events| events.as_ref().is_none_or(|e| e.queue.is_idle()));
    if idle {
        return;
    }
    let given_up = with(|events| {
        let given_up = events.queue.sweep(now);
        let Events { queue, calls } = events;
        calls.retain(|call| queue.waits_for(call.1));
        given_up
    });
    for (outcome, kind) in given_up.unwrap_or_default() {
        tell(outcome, kind);
    }
    while let Some(post) = with(|events| events.queue.next(now)).flatten() {
        if let Err(error) = call(&post) {
            Trouble { call: "http_call", error }.report();
            end(post.ticket, DeliveryEnd::Unanswered);
        }
    }
}

fn call(post: &EventPost) -> Result<(), HostError> {
    let (to, body) = (&post.to, &post.body);
    let token =
        host::call::post_json(&to.cluster, &to.authority, &to.path, body, NOTIFY_TIMEOUT_MS)?;
    with(|events| events.calls.push((token, post.ticket)));
    Ok(())
}

/// A call has been answered with this status (0: it was not answered). False: the call is not one of these.
pub fn answered(token: u32, status: u16) -> bool {
    let ticket = with(|events| {
        let at = events.calls.iter().position(|call| call.0 == token)?;
        Some(events.calls.swap_remove(at).1)
    });
    let Some(ticket) = ticket.flatten() else { return false };
    end(ticket, DeliveryEnd::of_status(status));
    true
}

fn end(ticket: u64, how: DeliveryEnd) {
    let now = clock::now_ns();
    if let Some((outcome, kind)) = with(|events| events.queue.ended(ticket, how, now)).flatten() {
        tell(outcome, kind);
    }
}

fn tell(outcome: DeliveryOutcome, kind: &'static str) {
    match outcome {
        DeliveryOutcome::Sent => count(kind, "sent"),
        DeliveryOutcome::Retry => count(kind, "retry"),
        DeliveryOutcome::Failed => {
            count(kind, "failed");
            let line = format!("an event of kind `{kind}` was not taken by its receiver: given up");
            telemetry::line(Level::Warn, &line);
        }
    }
}

fn count(kind: &str, outcome: &str) {
    telemetry::count(&format!("hemostat_events_total;kind={kind};outcome={outcome}"));
}

fn with<T>(act: impl FnOnce(&mut Events) -> T) -> Option<T> {
    EVENTS.with(|events| {
        let mut events = events.try_borrow_mut().ok()?;
        let new = || Events { queue: EventQueue::new(clock::nonce(0)), calls: Vec::new() };
        Some(act(events.get_or_insert_with(new)))
    })
}
