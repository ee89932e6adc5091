//! Captured exchanges on their way to their receivers. Streams leave them here, and the plugin of the VM that is next told of
//! time sends them: no stream waits, and none must live until an answer comes.

use std::cell::RefCell;

use hemostat_engine::capture::Captured;
use hemostat_engine::capture::outbox::{Outbox, SpanPost};
use hemostat_engine::limits::CAPTURE_TIMEOUT_MS;

use crate::clock;
use crate::host::{self, HostError};
use crate::telemetry::{self, Trouble};

thread_local! {
    static SPANS: RefCell<Option<Spans>> = const { RefCell::new(None) };
}

/// The spans of this VM.
#[derive(Debug)]
struct Spans {
    outbox: Outbox,
    /// The host's number of each call under way, and the outbox's.
    calls: Vec<(u32, u64)>,
}

/// An exchange is over.
pub fn push(captured: Captured) {
    if with(|spans| spans.outbox.push(captured, clock::now_ns())) != Some(true) {
        count("dropped", 1);
    }
}

/// Sends what waits, as much as may be under way.
pub fn send() {
    let idle = SPANS.with_borrow(|spans| spans.as_ref().is_none_or(|own| own.outbox.is_idle()));
    if idle {
        return;
    }
    let now = clock::now_ns();
    let given_up = with(|spans| {
        let given_up = spans.outbox.sweep(now);
        let Spans { outbox, calls } = spans;
        calls.retain(|call| outbox.waits_for(call.1));
        given_up
    });
    let (dropped, failed) = given_up.unwrap_or_default();
    count("dropped", dropped);
    count("failed", failed);
    while let Some(post) = with(|spans| spans.outbox.next(now)).flatten() {
        if let Err(error) = call(&post) {
            Trouble { call: "http_call", error }.report();
            ended(post.ticket, 0);
        }
    }
}

fn call(post: &SpanPost) -> Result<(), HostError> {
    let token = host::call::post_protobuf(&post.to, &post.body, CAPTURE_TIMEOUT_MS)?;
    with(|spans| spans.calls.push((token, post.ticket)));
    Ok(())
}

/// A call has been answered with this status (0: it was not answered). False: the call is not one of these.
pub fn answered(token: u32, status: u16) -> bool {
    let ticket = with(|spans| {
        let at = spans.calls.iter().position(|call| call.0 == token)?;
        Some(spans.calls.swap_remove(at).1)
    });
    let Some(ticket) = ticket.flatten() else { return false };
    ended(ticket, status);
    true
}

fn ended(ticket: u64, status: u16) {
    if let Some((spans, taken)) = with(|own| own.outbox.ended(ticket, status)).flatten() {
        count(if taken { "sent" } else { "failed" }, spans);
    }
}

fn count(outcome: &str, spans: u64) {
    if spans > 0 {
        telemetry::count_by(format!("hemostat_capture_total;outcome={outcome}").into(), spans);
    }
}

fn with<T>(act: impl FnOnce(&mut Spans) -> T) -> Option<T> {
    SPANS.with(|spans| {
        let mut spans = spans.try_borrow_mut().ok()?;
        let new = || Spans { outbox: Outbox::new(&telemetry::memory()), calls: Vec::new() };
        Some(act(spans.get_or_insert_with(new)))
    })
}
