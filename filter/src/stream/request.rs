//! The request's callbacks.

use std::rc::Rc;

use hemostat_engine::exchange::{RequestFacts, RequestVerdict};

use super::Stream;
use super::said::{CONTENT_LENGTH, send, set_length};
use super::state::{Gathering, RequestState};
use crate::clock;
use crate::context::Action;
use crate::host::{self, Buffer, HostError, Map};
use crate::telemetry::Trouble;

impl Stream {
    pub(super) fn request_headers(&mut self, end: bool) -> Result<Action, Trouble> {
        let facts = self.facts()?;
        let has_length = facts.headers.value(CONTENT_LENGTH).is_some();
        let end = end || self.has_no_body(&facts.headers);
        match self.exchange.request_headers(facts, end) {
            RequestVerdict::NeedBody { hold, edits } => {
                self.edit(Map::Request, &edits)?;
                let gathering = Gathering { held: hold, has_length, size: 0 };
                if end {
                    // There is no body to wait for: pausing would last for ever.
                    return self.whole_request(gathering);
                }
                self.request = RequestState::Gathering(gathering);
                Ok(self.wait_for_body(hold))
            }
            RequestVerdict::Sniff { waits, hold, edits } => {
                self.edit(Map::Request, &edits)?;
                if end {
                    let verdict = self.exchange.request_sniff(b"", true);
                    return self.apply_request(verdict, None);
                }
                let gathering = Gathering { held: hold, has_length, size: 0 };
                self.request = RequestState::Sniffed { waits, gathering };
                Ok(self.wait_for_body(hold))
            }
            verdict => self.apply_request(verdict, None),
        }
    }

    /// Whether the headers wait for the body: Envoy alone delivers one then. What other hosts must not send before it is
    /// whole they do not send: they show a body before they connect.
    fn wait_for_body(&self, hold: bool) -> Action {
        if !hold || !self.active.envoy {
            return Action::Continue;
        }
        self.active.bodies.wait(self.context_id);
        Action::Pause
    }

    pub(super) fn request_body(&mut self, size: usize, end: bool) -> Result<Action, Trouble> {
        self.active.bodies.came(self.context_id);
        match &mut self.request {
            RequestState::Start | RequestState::Passing => Ok(Action::Continue),
            RequestState::Watched => {
                self.watch(size, end);
                Ok(Action::Continue)
            }
            RequestState::Sniffed { .. } => self.sniff(size, end),
            RequestState::Gathering(gathering) => {
                gathering.size = size;
                let gathering = *gathering;
                if end { self.whole_request(gathering) } else { Ok(Action::Pause) }
            }
            RequestState::Waiting(_) | RequestState::Answered => Ok(Action::Pause),
        }
    }

    /// Trailers arrive instead of the end of the body.
    pub(super) fn request_trailers(&mut self) -> Result<Action, Trouble> {
        match self.request {
            RequestState::Start | RequestState::Passing => Ok(Action::Continue),
            RequestState::Watched => {
                self.exchange.request_chunk(b"", true);
                Ok(Action::Continue)
            }
            RequestState::Sniffed { gathering, .. } => self.sniff(gathering.size, true),
            RequestState::Gathering(gathering) => self.whole_request(gathering),
            RequestState::Waiting(_) | RequestState::Answered => Ok(Action::Pause),
        }
    }

    /// Shows the engine what came of a body. Where it waits, the host has it whole, and only the rest is new.
    fn sniff(&mut self, size: usize, end: bool) -> Result<Action, Trouble> {
        let RequestState::Sniffed { waits, gathering } = self.request else {
            return Ok(Action::Continue);
        };
        let seen = if waits { gathering.size } else { 0 };
        let bytes = match size.checked_sub(seen) {
            None | Some(0) => Vec::new(),
            Some(new) => host::bytes_from(Buffer::Request, seen, new)
                .map_err(Trouble::with("request_body"))?,
        };
        let verdict = self.exchange.request_sniff(&bytes, end);
        match verdict {
            RequestVerdict::Sniff { waits, .. } => {
                let size = if waits { size } else { 0 };
                let gathering = Gathering { size, ..gathering };
                self.request = RequestState::Sniffed { waits, gathering };
                Ok(if waits { Action::Pause } else { Action::Continue })
            }
            RequestVerdict::NeedBody { hold, edits } => {
                self.edit(Map::Request, &edits)?;
                let gathering = Gathering { held: hold, size, ..gathering };
                self.request = RequestState::Gathering(gathering);
                if end { self.whole_request(gathering) } else { Ok(Action::Pause) }
            }
            verdict => self.apply_request(verdict, None),
        }
    }

    fn facts(&self) -> Result<RequestFacts, Trouble> {
        let headers = host::headers(Map::Request).map_err(Trouble::with("request_headers"))?;
        if headers.is_empty() {
            // This is how hosts say "not available": a request has at least a method.
            return Err(Trouble { call: "request_headers", error: HostError::EMPTY });
        }
        let properties = self.active.program.properties().iter().map(|p| property(p)).collect();
        let request_id = headers.value("x-request-id").map(Rc::from);
        let now_ns = clock::now_ns();
        Ok(RequestFacts { headers, properties, request_id, now_ns, nonce: self.nonce })
    }

    fn whole_request(&mut self, gathering: Gathering) -> Result<Action, Trouble> {
        let body =
            host::bytes(Buffer::Request, gathering.size).map_err(Trouble::with("request_body"))?;
        let verdict = self.exchange.request_body(Some(&body));
        self.apply_request(verdict, Some(gathering))
    }

    /// Applies a verdict that lets the request go or ends it. `gathered`: the body is whole.
    pub(super) fn apply_request(
        &mut self,
        verdict: RequestVerdict,
        gathered: Option<Gathering>,
    ) -> Result<Action, Trouble> {
        match verdict {
            RequestVerdict::Pass { edits, body } => {
                self.edit(Map::Request, &edits)?;
                if let Some(body) = body {
                    if gathered.is_some_and(|g| g.held && g.has_length) {
                        set_length(Map::Request, body.len())?;
                    }
                    host::replace_bytes(Buffer::Request, &body)
                        .map_err(Trouble::with("set_request_body"))?;
                }
                self.request = RequestState::Passing;
                Ok(Action::Continue)
            }
            RequestVerdict::Peek { edits } => {
                self.edit(Map::Request, &edits)?;
                self.request = RequestState::Watched;
                Ok(Action::Continue)
            }
            RequestVerdict::Reply(reply) => {
                send(&reply)?;
                self.answered();
                Ok(Action::Pause)
            }
            RequestVerdict::Ask(calls) => self.ask(&calls, gathered),
            // The body is whole already: an engine that asks for it again gets no request through.
            RequestVerdict::NeedBody { .. } | RequestVerdict::Sniff { .. } => {
                Err(Trouble { call: "request_body", error: HostError::EMPTY })
            }
        }
    }

    /// Shows the engine a chunk as it passes. Nothing waits for what the engine thinks of it, so a chunk that the host
    /// does not show ends the watching, not the request.
    fn watch(&mut self, size: usize, end: bool) {
        match host::chunk(Buffer::Request, size) {
            Ok(chunk) => self.exchange.request_chunk(&chunk, end),
            Err(error) => {
                Trouble { call: "request_body", error }.report();
                self.request = RequestState::Passing;
            }
        }
    }
}

/// A property for a label. One that the host cannot give is a missing label, and counted.
fn property(path: &[String]) -> Option<Vec<u8>> {
    host::property(path).unwrap_or_else(|error| {
        Trouble { call: "property", error }.report();
        None
    })
}
