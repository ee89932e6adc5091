//! Envoy's filter manager with one filter in it: what a callback's answer does to a message.
//!
//! The names in comments are those of Envoy's `filter_manager.cc` and `wasm/context.cc`.

use crate::abi::Direction;
use crate::error::Trapped;
use crate::headers::Headers;
use crate::outcome::LocalReply;
use crate::stream::{Iteration, Stream};
use crate::vm::{Vm, size};

pub(crate) const CONTINUE: i32 = 0;
const PAUSE: i32 = 1;
/// `StopIterationAndWatermark` of a body callback: waits without a limit.
const PAUSE_AND_WATERMARK: i32 = 2;

/// `ResponseFlag::UpstreamConnectionTermination`
pub(crate) const FLAG_UPSTREAM_TERMINATED: i64 = 0x40;
/// `ResponseFlag::DownstreamConnectionTermination`
pub(crate) const FLAG_DOWNSTREAM_TERMINATED: i64 = 0x4000;

struct Names {
    headers: &'static str,
    body: &'static str,
    trailers: &'static str,
}

fn names(direction: Direction) -> Names {
    match direction {
        Direction::Request => Names {
            headers: "proxy_on_request_headers",
            body: "proxy_on_request_body",
            trailers: "proxy_on_request_trailers",
        },
        Direction::Response => Names {
            headers: "proxy_on_response_headers",
            body: "proxy_on_response_body",
            trailers: "proxy_on_response_trailers",
        },
    }
}

impl Vm {
    /// The exchange, unless this direction of it is over.
    pub(crate) fn open(&mut self, id: u32, direction: Direction) -> Option<&mut Stream> {
        let stream = self.state_mut().streams.get_mut(&id)?;
        (!stream.closed(direction)).then_some(stream)
    }

    /// Calls the guest about an exchange. `None` when the direction is over afterwards.
    pub(crate) fn ask(
        &mut self,
        id: u32,
        direction: Direction,
        name: &str,
        args: &[i32],
    ) -> Option<i32> {
        let bypass = self.open(id, direction)?.bypass;
        let answer = if bypass { Some(CONTINUE) } else { self.run(name, id, args).ok()? };
        self.open(id, direction)?;
        Some(answer.unwrap_or(CONTINUE))
    }

    /// `decodeHeaders` / `encodeHeaders`
    pub(crate) fn headers(&mut self, id: u32, direction: Direction, headers: Headers, end: bool) {
        let quirks = self.host.quirks();
        let Some(stream) = self.open(id, direction) else { return };
        let count = size(headers.len());
        if direction == Direction::Response {
            stream.code = headers.status();
        }
        let stop_iteration = stream.stop_iteration;
        let half = stream.half_mut(direction);
        half.declared = headers.content_length();
        half.headers = headers;
        half.headers_visible = true;
        half.started = true;
        half.ended = end;
        let told_end = end && quirks.end_of_stream_on_headers;
        let args = [count, i32::from(told_end)];
        let Some(action) = self.ask(id, direction, names(direction).headers, &args) else { return };
        if direction == Direction::Request && !quirks.streams_requests {
            return self.request_headers_seen(id, action, end);
        }
        let Some(stream) = self.open(id, direction) else { return };
        let may_pause = direction == Direction::Request || quirks.pause_in_response_headers;
        let half = stream.half_mut(direction);
        if action == CONTINUE || !may_pause {
            half.headers_visible = false;
            stream.send_headers(direction, told_end);
        } else if action == PAUSE && stop_iteration {
            half.iteration = Iteration::StopOne;
        } else {
            half.iteration = Iteration::StopAll;
        }
        if end && !told_end {
            self.data(id, direction, Vec::new(), true);
        }
    }

    /// `decodeData` / `encodeData`
    pub(crate) fn data(&mut self, id: u32, direction: Direction, bytes: Vec<u8>, end: bool) {
        let quirks = self.host.quirks();
        if end
            && !bytes.is_empty()
            && direction == Direction::Response
            && !quirks.empty_end_is_an_end
        {
            self.data(id, direction, bytes, false);
            return self.data(id, direction, Vec::new(), true);
        }
        let Some(stream) = self.open(id, direction) else { return };
        let half = stream.half_mut(direction);
        half.received = half.received.saturating_add(bytes.len());
        half.ended |= end;
        if half.iteration == Iteration::StopAll {
            half.buffer(bytes);
        } else if direction == Direction::Request && !quirks.streams_requests {
            self.request_body_gathered(id, bytes, end);
        } else if half.buffering && !quirks.asks_while_held {
            self.response_body_gathered(id, bytes, end);
        } else {
            self.data_to_guest(id, direction, bytes, end);
        }
    }

    pub(crate) fn data_to_guest(
        &mut self,
        id: u32,
        direction: Direction,
        bytes: Vec<u8>,
        end: bool,
    ) {
        let Some(stream) = self.open(id, direction) else { return };
        stream.end_of_stream = end;
        let half = stream.half_mut(direction);
        if half.buffering {
            half.buffer(bytes);
            half.chunk = Some(Vec::new());
            if self.overflows(id, direction) {
                return;
            }
        } else {
            half.chunk = Some(bytes);
        }
        let Some(stream) = self.open(id, direction) else { return };
        let len = stream.half(direction).body().map_or(0, Vec::len);
        let args = [size(len), i32::from(end)];
        stream.half_mut(direction).emptied = false;
        let action = self.ask(id, direction, names(direction).body, &args);
        let (Some(action), Some(stream)) = (action, self.open(id, direction)) else { return };
        let half = stream.half_mut(direction);
        half.buffering = false;
        match action {
            _ if half.gave_up => self.data_passes(id, direction, end),
            CONTINUE => self.data_passes(id, direction, end),
            PAUSE => {
                let chunk = half.chunk.replace(Vec::new()).unwrap_or_default();
                half.buffer(chunk);
                half.buffering = true;
                half.iteration = Iteration::StopOne;
                self.overflows(id, direction);
            }
            PAUSE_AND_WATERMARK => {
                let chunk = half.chunk.replace(Vec::new()).unwrap_or_default();
                half.buffer(chunk);
                half.iteration = Iteration::StopOne;
            }
            // `StopIterationNoBuffer`, also for numbers that mean nothing: the bytes are dropped.
            _ => half.iteration = Iteration::StopOne,
        }
    }

    /// The guest let the body pass: everything that waited leaves with it.
    pub(crate) fn data_passes(&mut self, id: u32, direction: Direction, end: bool) {
        let empty_end = self.host.quirks().empty_end_is_an_end;
        let Some(stream) = self.open(id, direction) else { return };
        let half = stream.half_mut(direction);
        let chunk = half.chunk.take().unwrap_or_default();
        let lost = half.emptied && direction == Direction::Response && !empty_end;
        let end = end && !lost;
        let added_trailers = end && half.trailers.is_some();
        half.buffer(chunk);
        flush(stream, direction, end && !added_trailers);
        if added_trailers {
            stream.send_trailers(direction);
        }
    }

    /// `decodeTrailers` / `encodeTrailers`
    pub(crate) fn trailers(&mut self, id: u32, direction: Direction, trailers: Headers) {
        let Some(stream) = self.open(id, direction) else { return };
        let half = stream.half_mut(direction);
        half.ended = true;
        half.trailers = Some(trailers);
        if half.iteration != Iteration::StopAll {
            self.trailers_to_guest(id, direction);
        }
    }

    fn trailers_to_guest(&mut self, id: u32, direction: Direction) {
        let Some(stream) = self.open(id, direction) else { return };
        let half = stream.half_mut(direction);
        half.trailers_visible = true;
        let count = size(half.trailers.as_ref().map_or(0, Headers::len));
        let action = self.ask(id, direction, names(direction).trailers, &[count]);
        let (Some(action), Some(stream)) = (action, self.open(id, direction)) else { return };
        if action == CONTINUE {
            stream.half_mut(direction).trailers_visible = false;
            flush(stream, direction, false);
            stream.send_trailers(direction);
        } else {
            stream.half_mut(direction).iteration = Iteration::StopOne;
        }
    }

    /// `continueDecoding` / `continueEncoding`, from a host call. Does nothing where nothing waits.
    pub(crate) fn resume(&mut self, id: u32, direction: Direction) {
        let Some(stream) = self.open(id, direction) else { return };
        let half = stream.half_mut(direction);
        match half.iteration {
            Iteration::Running => {}
            Iteration::StopOne => {
                let has_trailers = half.trailers.is_some();
                let end = half.ended && !has_trailers;
                half.buffering = false;
                flush(stream, direction, end);
                if has_trailers {
                    stream.send_trailers(direction);
                }
            }
            Iteration::StopAll => {
                half.iteration = Iteration::Running;
                let waiting = half.buffered.take();
                let (ended, has_trailers) = (half.ended, half.trailers.is_some());
                let end = ended && !has_trailers;
                stream.send_headers(direction, end && waiting.is_none());
                if let Some(bytes) = waiting {
                    self.data_to_guest(id, direction, bytes, end);
                }
                if has_trailers {
                    self.trailers_to_guest(id, direction);
                }
            }
        }
    }

    /// Ends the exchange when a pausing guest made the host buffer too much.
    fn overflows(&mut self, id: u32, direction: Direction) -> bool {
        let fails = self.host.quirks().response_overflow_is_an_error;
        let Some(stream) = self.open(id, direction) else { return true };
        let half = stream.half(direction);
        if half.buffered.as_ref().map_or(0, Vec::len) <= stream.buffer_limit {
            return false;
        }
        let reply = |status, text: &str, details: &str| LocalReply {
            status,
            details: details.to_owned(),
            headers: Headers::new(),
            body: text.as_bytes().to_vec(),
            grpc_status: None,
        };
        match direction {
            Direction::Request => {
                let mut reply = reply(413, "Payload Too Large", "request_payload_too_large");
                reply.headers.add("connection", "close");
                self.local_reply(id, reply);
            }
            Direction::Response if !fails => self.no_more_room(id),
            Direction::Response => {
                let reply = reply(500, "Internal Server Error", "response_payload_too_large");
                self.local_reply(id, reply);
            }
        }
        true
    }

    /// A guest's local reply. It can take the place of one of the host's own that passes through its callbacks: Envoy
    /// sends it directly then.
    pub(crate) fn guest_reply(&mut self, id: u32, reply: LocalReply) {
        let Some(stream) = self.open(id, Direction::Response) else { return };
        if !std::mem::replace(&mut stream.guest_replied, true) {
            stream.local_reply = None;
            self.local_reply(id, reply);
        }
    }

    /// `sendLocalReply`: through the filter, straight to the client, or not at all, by how far the
    /// response is. The first one of an exchange wins.
    pub(crate) fn local_reply(&mut self, id: u32, reply: LocalReply) {
        let Some(stream) = self.open(id, Direction::Response) else { return };
        if stream.local_reply.is_some() {
            return;
        }
        stream.details = Some(reply.details.clone());
        stream.local_reply = Some(reply.clone());
        stream.cancel_upstream();
        if stream.response.headers_sent {
            stream.reset();
            return;
        }
        stream.answered = true;
        let (headers, body) = reply_message(stream, reply);
        if stream.response.started {
            answer_directly(stream, headers, body);
        } else {
            let end = body.is_empty();
            self.headers(id, Direction::Response, headers, end);
            if !end {
                self.data(id, Direction::Response, body, true);
            }
        }
    }

    /// `proxy_close_stream`
    pub(crate) fn close(&mut self, id: u32) {
        if let Some(stream) = self.open(id, Direction::Response) {
            stream.reset();
        }
    }

    /// Called when the VM trapped: the exchange that caused it gets an error if possible, the others are reset.
    pub(crate) fn die(&mut self, culprit: u32, trapped: &Trapped) {
        self.dead = Some(trapped.clone());
        let status = if self.host.quirks().new_vm_after_trap { 500 } else { 503 };
        for (id, stream) in &mut self.state_mut().streams {
            if *id == culprit {
                stream.trapped = Some(trapped.clone());
            }
            let complete = stream.downstream.ended && stream.upstream.ended;
            if stream.over || stream.bypass || complete {
                continue;
            }
            stream.trapped = Some(trapped.clone());
            if *id == culprit && !stream.response.headers_sent {
                fail_closed(stream, status);
            } else {
                stream.reset();
            }
        }
    }
}

/// `failStream`: the plugin cannot run, and the client is told so.
pub(crate) fn fail_closed(stream: &mut Stream, status: u16) {
    stream.cancel_upstream();
    stream.details = Some("wasm_fail_stream".to_owned());
    let headers = [(":status", status.to_string())].into_iter().collect();
    answer_directly(stream, headers, Vec::new());
}

/// `sendDirectLocalReply`
fn answer_directly(stream: &mut Stream, headers: Headers, body: Vec<u8>) {
    stream.answered = true;
    stream.response.started = true;
    stream.response.headers = headers;
    let end = body.is_empty();
    stream.send_headers(Direction::Response, end);
    stream.send_data(Direction::Response, body, true);
    stream.over = true;
}

/// `commonContinue` for what the filter has seen: headers that were held, then the body.
pub(crate) fn flush(stream: &mut Stream, direction: Direction, end: bool) {
    let half = stream.half_mut(direction);
    half.iteration = Iteration::Running;
    half.buffering = false;
    let waiting = half.buffered.take();
    if !half.headers_sent {
        stream.send_headers(direction, end && waiting.is_none());
    }
    if let Some(bytes) = waiting {
        stream.send_data(direction, bytes, end);
    }
}

/// `Utility::prepareLocalReply`
fn reply_message(stream: &Stream, reply: LocalReply) -> (Headers, Vec<u8>) {
    let request = &stream.request.headers;
    let is_grpc =
        request.text("content-type").is_some_and(|value| value.starts_with("application/grpc"));
    let mut headers = Headers::new();
    if is_grpc {
        headers.add(":status", "200");
        headers.add("content-type", "application/grpc");
        let status = reply.grpc_status.unwrap_or_else(|| grpc_status(reply.status));
        for (name, value) in reply.headers.iter() {
            headers.add(name, value);
        }
        headers.add("grpc-status", status.to_string());
        if !reply.body.is_empty() {
            headers.add("grpc-message", &reply.body);
        }
        return (headers, Vec::new());
    }
    headers.add(":status", reply.status.to_string());
    for (name, value) in reply.headers.iter().filter(|(name, _)| *name != b":status") {
        headers.add(name, value);
    }
    if reply.body.is_empty() {
        headers.remove("content-length");
        headers.remove("content-type");
    } else {
        headers.replace("content-length", reply.body.len().to_string());
        if headers.get("content-type").is_none() {
            headers.add("content-type", "text/plain");
        }
    }
    let is_head = request.get(":method") == Some(b"HEAD");
    (headers, if is_head { Vec::new() } else { reply.body })
}

/// Envoy's `httpToGrpcStatus`.
fn grpc_status(http: u16) -> i32 {
    match http {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => 2,
    }
}
