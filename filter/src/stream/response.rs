//! The answer's callbacks.

use hemostat_engine::exchange::{Now, ResponseVerdict, StreamVerdict};

use super::Stream;
use super::details::is_local;
use super::said::{CONTENT_LENGTH, send, set_length};
use super::state::{Gathering, ResponseState};
use crate::clock;
use crate::context::Action;
use crate::host::{self, Buffer, HostError, Map};
use crate::running;
use crate::telemetry::Trouble;

impl Stream {
    pub(super) fn response_headers(&mut self, end: bool) -> Result<Action, Trouble> {
        if matches!(self.response, ResponseState::Ours) {
            return Ok(Action::Continue);
        }
        let headers = host::headers(Map::Response).map_err(Trouble::with("response_headers"))?;
        if headers.is_empty() {
            return Err(Trouble { call: "response_headers", error: HostError::EMPTY });
        }
        let has_length = headers.value(CONTENT_LENGTH).is_some();
        let local = self.active.envoy && self.exchange.asks_who_answered(&headers) && is_local();
        let verdict = self.exchange.response_headers(&headers, local, end, clock::now_ns());
        if let Some(asked) = self.exchange.running() {
            let (name, envoy) = (&self.active.name, self.active.envoy);
            self.running = Some(running::begin(self.context_id, name, self.began, asked, envoy));
        }
        match verdict {
            ResponseVerdict::Untouched { edits } => {
                self.response = ResponseState::Passing;
                // The body is the upstream's, whatever its headers say: a refused change is no reason to refuse the answer.
                self.edit(Map::Response, &edits).unwrap_or_else(Trouble::report);
                Ok(Action::Continue)
            }
            ResponseVerdict::Stream { edits } => {
                self.edit(Map::Response, &edits)?;
                self.response = ResponseState::Streaming;
                Ok(Action::Continue)
            }
            ResponseVerdict::Whole { hold, edits } => {
                self.edit(Map::Response, &edits)?;
                let gathering = Gathering { held: hold, has_length, size: 0 };
                self.response = ResponseState::Gathering(gathering);
                match (end, hold) {
                    // There is no body to wait for: pausing would last for ever.
                    (true, _) => self.whole_response(gathering),
                    (false, true) => Ok(Action::Pause),
                    (false, false) => Ok(Action::Continue),
                }
            }
            ResponseVerdict::Reply(reply) if !self.active.envoy => {
                let headers = reply.headers.iter().map(|(name, value)| (*name, value.as_bytes()));
                self.answer_instead(reply.status, headers, &reply.body)
            }
            ResponseVerdict::Reply(reply) => {
                send(&reply)?;
                self.answered();
                Ok(Action::Pause)
            }
        }
    }

    pub(super) fn response_body(&mut self, size: usize, end: bool) -> Result<Action, Trouble> {
        match &mut self.response {
            ResponseState::Start | ResponseState::Passing | ResponseState::Ours => {
                Ok(Action::Continue)
            }
            ResponseState::Streaming => self.chunk(size, end),
            ResponseState::Gathering(gathering) => {
                let again = std::mem::replace(&mut gathering.size, size) > 0;
                let gathering = *gathering;
                match end {
                    true => self.whole_response(gathering),
                    // A host that buffers calls again at the end, or when its buffer is full.
                    false if again && !self.active.envoy => self.gave_up(size),
                    false => Ok(Action::Pause),
                }
            }
            ResponseState::Instead => self.in_place(size, end),
            ResponseState::Cut => Ok(self.swallow(size, end)),
        }
    }

    /// Trailers arrive instead of the end of the body.
    pub(super) fn response_trailers(&mut self) -> Result<Action, Trouble> {
        match self.response {
            ResponseState::Start | ResponseState::Passing | ResponseState::Ours => {
                Ok(Action::Continue)
            }
            ResponseState::Streaming => Ok(self.last_words()),
            ResponseState::Gathering(gathering) => self.whole_response(gathering),
            ResponseState::Instead => self.in_place(0, true),
            ResponseState::Cut => Ok(self.swallow(0, true)),
        }
    }

    /// One chunk of a streamed answer. The host has only this chunk: what came before has left.
    fn chunk(&mut self, size: usize, end: bool) -> Result<Action, Trouble> {
        let chunk = host::chunk(Buffer::Response, size).map_err(Trouble::with("response_body"))?;
        if let Some(stop) = self.running.as_ref().and_then(|entry| entry.take()) {
            self.exchange.stop(stop);
        }
        match self.exchange.response_chunk(&chunk, end, Now::Ask(clock::now_ns)) {
            StreamVerdict::Unchanged => {}
            StreamVerdict::Replace(bytes) => self.put(&bytes, size, end)?,
            StreamVerdict::Reset => return Ok(self.cut(size, end)),
        }
        Ok(Action::Continue)
    }

    /// A streamed answer ended with trailers. Hosts accept no more body then, so what the engine held back until the end is
    /// lost and counted: the caller misses text, rather than getting text that nobody has judged.
    fn last_words(&mut self) -> Action {
        let last = match self.exchange.response_chunk(b"", true, Now::Ask(clock::now_ns)) {
            StreamVerdict::Unchanged => Vec::new(),
            StreamVerdict::Replace(bytes) => bytes,
            StreamVerdict::Reset => return self.cut(0, true),
        };
        if !last.is_empty() && host::replace_bytes(Buffer::Response, &last).is_err() {
            Trouble { call: "set_response_body_at_trailers", error: HostError::NOT_FOUND }.report();
        }
        Action::Continue
    }

    fn whole_response(&mut self, gathering: Gathering) -> Result<Action, Trouble> {
        let body = host::bytes(Buffer::Response, gathering.size)
            .map_err(Trouble::with("response_body"))?;
        let verdict = self.exchange.response_body(Some(&body), clock::now_ns());
        self.edit(Map::Response, &verdict.edits)?;
        if let Some(body) = verdict.body {
            if gathering.held && gathering.has_length {
                set_length(Map::Response, body.len())?;
            }
            self.put(&body, gathering.size, true)?;
        }
        self.response = ResponseState::Passing;
        Ok(Action::Continue)
    }

    /// A host call failed on the answer's body: while its headers wait the caller is told, else it is cut.
    pub(super) fn fail_response(&mut self, trouble: Trouble, size: usize, end: bool) -> Action {
        if matches!(self.response, ResponseState::Gathering(Gathering { held: true, .. })) {
            return self.fail(trouble);
        }
        trouble.report();
        if self.exchange.host_failed() { self.cut(size, end) } else { self.let_go() }
    }

    /// Nothing more of this answer leaves.
    fn cut(&mut self, size: usize, end: bool) -> Action {
        self.response = ResponseState::Cut;
        if self.active.envoy
            && let Err(error) = host::reset_response()
        {
            Trouble { call: "close_stream", error }.report();
        }
        self.swallow(size, end)
    }

    /// Handles what still arrives of an answer that was cut. A host that can reset has done so, and pausing is harmless. Others
    /// would buffer only so much of a paused body and then send it: there the bytes are removed, and the response ends
    /// when the upstream's does.
    fn swallow(&self, size: usize, end: bool) -> Action {
        let emptied = || match size {
            // Ask the host whether anything is there: the end may be that of trailers, with bytes before it.
            0 => host::bytes(Buffer::Response, 0).is_ok_and(|bytes| bytes.is_empty()),
            _ => self.put(b"", size, end).is_ok(),
        };
        if !self.active.envoy && emptied() { Action::Continue } else { Action::Pause }
    }
}
