//! One request and its answer: each callback collects, calls the engine, applies the verdict and returns.
//!
//! Both directions end every callback in the same way: an `Ok` is what the engine wanted, an `Err` is a call that the
//! host failed, and becomes the outcome that README.md's table names. Nothing is held without the host's knowledge: a
//! body that is not whole is the host's to buffer, so what the glue keeps of a stream is a few flags.

mod details;
mod generic;
mod request;
mod response;
mod said;
mod state;
mod waiting;

use std::rc::Rc;

use hemostat_engine::exchange::Exchange;

use crate::clock;
use crate::context::{Action, HttpContext};
use crate::grants::SharedSlots;
use crate::load::Active;
use crate::running::{self, Entry};
use crate::telemetry::{self, Trouble};
use crate::{accounts, effects};

use details::details;
use said::{HOST_FAILED, NO_POLICY};
use state::{RequestState, ResponseState};

/// One stream under one policy (invariant 3).
#[derive(Debug)]
pub struct Stream {
    active: Rc<Active>,
    exchange: Exchange,
    nonce: u64,
    context_id: u32,
    request: RequestState,
    response: ResponseState,
    /// Callouts that the request waits for, until they are answered.
    asked: Vec<Option<u32>>,
    /// Policies that had come into force when it began.
    began: u64,
    /// Its place among the streams under way, once its answer passes.
    running: Option<Rc<Entry>>,
    /// What leaves in place of an answer's body ([`ResponseState::Instead`]).
    instead: Vec<u8>,
}

impl Stream {
    /// Begins a stream under this policy.
    pub fn new(active: Rc<Active>, context_id: u32) -> Self {
        let (program, book) = (Rc::clone(&active.program), Rc::clone(&active.book));
        // Put in its place before anything is set, so that it is not moved.
        let mut this = Self {
            exchange: Exchange::in_vm(program, book, &telemetry::memory()),
            active,
            nonce: clock::nonce(context_id),
            context_id,
            request: RequestState::Start,
            response: ResponseState::Start,
            asked: Vec::new(),
            began: running::turn(),
            running: None,
            instead: Vec::new(),
        };
        this.exchange.set_grant_slots(Rc::new(SharedSlots));
        this.exchange.set_fleet(accounts::fleet());
        this
    }

    /// Called after every call of the engine: carries out its effects.
    fn settle(&mut self) {
        effects::apply(self.exchange.effects());
        effects::apply_for(&self.active.program, accounts::fleet().effects());
    }

    /// A host call failed and nothing of the answer has left. The engine says whether that matters: if it does, the
    /// caller is told so instead.
    fn fail(&mut self, trouble: Trouble) -> Action {
        trouble.report();
        if self.exchange.host_failed() { self.refuse() } else { self.let_go() }
    }

    /// No rule needed what the host would not do: the rest of the exchange passes unseen.
    fn let_go(&mut self) -> Action {
        self.request = RequestState::Passing;
        self.response = ResponseState::Passing;
        Action::Continue
    }

    fn refuse(&mut self) -> Action {
        match HOST_FAILED.send() {
            Ok(()) => self.answered(),
            Err(trouble) => {
                trouble.report();
                self.request = RequestState::Answered;
                self.response = ResponseState::Cut;
            }
        }
        Action::Pause
    }

    /// The filter has answered. Hosts show it its own answer, if no other had begun; what else comes is cut.
    fn answered(&mut self) {
        self.request = RequestState::Answered;
        self.response = match self.response {
            ResponseState::Start => ResponseState::Ours,
            _ => ResponseState::Cut,
        };
    }
}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _count: usize, end: bool) -> Action {
        let done = self.request_headers(end);
        self.settle();
        done.unwrap_or_else(|trouble| self.fail(trouble))
    }

    fn on_http_request_body(&mut self, size: usize, end: bool) -> Action {
        let done = self.request_body(size, end);
        self.settle();
        done.unwrap_or_else(|trouble| self.fail(trouble))
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        let done = self.request_trailers();
        self.settle();
        done.unwrap_or_else(|trouble| self.fail(trouble))
    }

    fn on_http_response_headers(&mut self, _count: usize, end: bool) -> Action {
        let done = self.response_headers(end);
        self.settle();
        done.unwrap_or_else(|trouble| self.fail_headers(trouble))
    }

    fn on_http_response_body(&mut self, size: usize, end: bool) -> Action {
        let done = self.response_body(size, end);
        self.settle();
        done.unwrap_or_else(|trouble| self.fail_response(trouble, size, end))
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        let done = self.response_trailers();
        self.settle();
        done.unwrap_or_else(|trouble| self.fail_response(trouble, 0, true))
    }

    fn on_grpc_call_response(&mut self, token: u32, status: u32, size: usize) {
        self.service_answered(token, status, size);
    }

    /// Called for every stream, aborted ones too, before the access log is written.
    fn on_log(&mut self) {
        self.active.bodies.ended(self.context_id);
        if let Some(entry) = self.running.take() {
            running::end(self.context_id);
            // One that was reset, or that passed where nobody could read it.
            entry.take().into_iter().for_each(|stop| self.exchange.stop(stop));
        }
        // Hosts other than Envoy have none, and some log a line every time they are asked.
        let asks = self.active.envoy && self.exchange.asks_how_it_ended();
        let details = asks.then(self::details).flatten();
        self.exchange.finish(&details.unwrap_or_default());
        self.settle();
    }
}

/// A stream on a host that lets traffic in although the configuration was refused.
#[derive(Debug)]
pub struct NoPolicy;

impl HttpContext for NoPolicy {
    fn on_http_request_headers(&mut self, _count: usize, _end: bool) -> Action {
        if let Err(trouble) = NO_POLICY.send() {
            trouble.report();
        }
        Action::Pause
    }
}

#[cfg(test)]
mod tests;
