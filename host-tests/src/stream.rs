//! One HTTP exchange as the host keeps it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::abi::Direction;
use crate::error::Trapped;
use crate::headers::Headers;
use crate::outcome::{Increment, LocalReply, Outcome, Seen, Violation, check_length};
use crate::property::Property;

/// Whether the filter chain runs on, in Envoy's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Iteration {
    /// `Continue`
    #[default]
    Running,
    /// `StopIteration`: what comes next goes to the guest, and what it let pass waits.
    StopOne,
    /// `StopAllIterationAndWatermark`: what comes next waits before the guest.
    StopAll,
}

/// One message, request or response.
#[derive(Debug, Default)]
pub(crate) struct Half {
    pub(crate) headers: Headers,
    /// The guest can read and change the headers.
    pub(crate) headers_visible: bool,
    /// Headers came in.
    pub(crate) started: bool,
    pub(crate) headers_sent: bool,
    pub(crate) trailers: Option<Headers>,
    pub(crate) trailers_visible: bool,
    /// The bytes of the current body callback.
    pub(crate) chunk: Option<Vec<u8>>,
    /// What waits for the guest to go on; `Some` also when an empty piece waits.
    pub(crate) buffered: Option<Vec<u8>>,
    /// The guest sees `buffered`, not `chunk`.
    pub(crate) buffering: bool,
    pub(crate) iteration: Iteration,
    /// All of the message came in.
    pub(crate) ended: bool,
    /// There was no room for what the guest held: its pauses no longer have an effect.
    pub(crate) gave_up: bool,
    /// The guest removed all of what it was last shown.
    pub(crate) emptied: bool,
    pub(crate) received: usize,
    /// `content-length` as it came in.
    pub(crate) declared: Option<u64>,
}

impl Half {
    /// The body that the guest can read and change.
    pub(crate) fn body(&self) -> Option<&Vec<u8>> {
        if self.buffering { self.buffered.as_ref() } else { self.chunk.as_ref() }
    }

    pub(crate) fn body_mut(&mut self) -> Option<&mut Vec<u8>> {
        if self.buffering { self.buffered.as_mut() } else { self.chunk.as_mut() }
    }

    pub(crate) fn buffer(&mut self, bytes: Vec<u8>) {
        self.buffered.get_or_insert_default().extend(bytes);
    }
}

/// The state of one exchange.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) root: u32,
    pub(crate) request: Half,
    pub(crate) response: Half,
    /// No plugin runs: the VM is dead, and the policy lets exchanges pass.
    pub(crate) bypass: bool,
    /// The plugin's VM is dead, and the policy refuses exchanges.
    pub(crate) refused: bool,
    /// The request path is closed: there was a local reply.
    pub(crate) answered: bool,
    /// The exchange is over: a complete local reply, a reset or a trap.
    pub(crate) over: bool,
    /// `proxy_on_log` and what follows.
    pub(crate) logging: bool,
    /// `end_of_stream` of the last body callback.
    pub(crate) end_of_stream: bool,
    pub(crate) began: Duration,
    pub(crate) buffer_limit: usize,
    pub(crate) stop_iteration: bool,
    pub(crate) local_reply: Option<LocalReply>,
    /// The guest has sent a local reply: further ones are ignored.
    pub(crate) guest_replied: bool,
    pub(crate) code: Option<u16>,
    pub(crate) details: Option<String>,
    pub(crate) flags: i64,
    pub(crate) filter_state: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) properties: BTreeMap<Vec<u8>, Property>,
    pub(crate) upstream: Seen,
    pub(crate) downstream: Seen,
    pub(crate) violations: Vec<Violation>,
    pub(crate) trapped: Option<Trapped>,
    pub(crate) fuel: u64,
    pub(crate) step: usize,
}

impl Stream {
    pub(crate) fn half(&self, direction: Direction) -> &Half {
        match direction {
            Direction::Request => &self.request,
            Direction::Response => &self.response,
        }
    }

    pub(crate) fn half_mut(&mut self, direction: Direction) -> &mut Half {
        match direction {
            Direction::Request => &mut self.request,
            Direction::Response => &mut self.response,
        }
    }

    fn receiver(&mut self, direction: Direction) -> &mut Seen {
        match direction {
            Direction::Request => &mut self.upstream,
            Direction::Response => &mut self.downstream,
        }
    }

    /// Whether nothing of this direction is to be handled any more.
    pub(crate) fn closed(&self, direction: Direction) -> bool {
        self.over || (direction == Direction::Request && self.answered)
    }

    pub(crate) fn send_headers(&mut self, direction: Direction, end: bool) {
        let headers = self.half(direction).headers.clone();
        self.half_mut(direction).headers_sent = true;
        if direction == Direction::Response {
            self.code = headers.status();
        }
        let seen = self.receiver(direction);
        seen.headers = Some(headers);
        seen.ended = end;
    }

    pub(crate) fn send_data(&mut self, direction: Direction, bytes: Vec<u8>, end: bool) {
        let step = self.step;
        let seen = self.receiver(direction);
        if !bytes.is_empty() {
            seen.increments.push(Increment { step, bytes });
        }
        seen.ended |= end;
    }

    pub(crate) fn send_trailers(&mut self, direction: Direction) {
        let trailers = self.half(direction).trailers.clone().unwrap_or_default();
        let seen = self.receiver(direction);
        seen.trailers = Some(trailers);
        seen.ended = true;
    }

    /// Resets both sides, unless they are complete.
    pub(crate) fn reset(&mut self) {
        self.over = true;
        self.downstream.reset |= !self.downstream.ended;
        self.cancel_upstream();
    }

    pub(crate) fn cancel_upstream(&mut self) {
        self.upstream.reset |= self.upstream.headers.is_some() && !self.response.ended;
    }

    /// What there is to see now. With `last`, what is still missing is a violation.
    pub(crate) fn outcome(&self, last: bool) -> Outcome {
        let mut violations = self.violations.clone();
        for direction in [Direction::Request, Direction::Response] {
            let half = self.half(direction);
            let (seen, given_up) = match direction {
                Direction::Request => (&self.upstream, self.answered || self.response.started),
                Direction::Response => (&self.downstream, false),
            };
            let came = (half.declared, half.received as u64);
            violations.extend(check_length(direction, seen, came));
            if last && half.ended && !seen.ended && !self.over && !given_up {
                violations.push(Violation::Stalled { direction });
            }
        }
        Outcome {
            upstream: self.upstream.clone(),
            downstream: self.downstream.clone(),
            local_reply: self.local_reply.clone(),
            details: self.details.clone(),
            flags: self.flags,
            properties: self
                .filter_state
                .iter()
                .map(|(k, v)| (String::from_utf8_lossy(k).replace('\0', "."), v.clone()))
                .collect(),
            violations,
            trapped: self.trapped.clone(),
            fuel: self.fuel,
        }
    }
}
