//! A host that sends no request before its body is whole, and buffers answers without asking the guest: nginx with
//! ngx_wasm_module ([`crate::Quirks::streams_requests`], [`crate::Quirks::asks_while_held`]).

use crate::abi::Direction;
use crate::flow::{CONTINUE, flush};
use crate::stream::Iteration;
use crate::vm::{Vm, size};

impl Vm {
    /// Called when the guest has seen a request's headers: they wait for the body, and can be changed until then. If
    /// the guest paused, they wait for ever.
    pub(crate) fn request_headers_seen(&mut self, id: u32, action: i32, end: bool) {
        let Some(stream) = self.open(id, Direction::Request) else { return };
        if action != CONTINUE {
            stream.request.iteration = Iteration::StopAll;
        } else if end {
            stream.request.headers_visible = false;
            stream.send_headers(Direction::Request, true);
        }
    }

    /// Adds a piece of a request's body. The guest is shown the whole body, once.
    pub(crate) fn request_body_gathered(&mut self, id: u32, bytes: Vec<u8>, end: bool) {
        let Some(stream) = self.open(id, Direction::Request) else { return };
        stream.request.buffer(bytes);
        if !end {
            return;
        }
        let whole = stream.request.buffered.take().unwrap_or_default();
        if whole.is_empty() {
            stream.request.headers_visible = false;
            return stream.send_headers(Direction::Request, true);
        }
        self.data_to_guest(id, Direction::Request, whole, true);
        if let Some(stream) = self.open(id, Direction::Request) {
            stream.request.headers_visible &= !stream.request.headers_sent;
        }
    }

    /// Adds a piece of an answer that the guest holds. The guest is asked at the end, and when there is no more room;
    /// what is buffered then leaves, and the rest passes as it comes.
    pub(crate) fn response_body_gathered(&mut self, id: u32, bytes: Vec<u8>, end: bool) {
        let Some(stream) = self.open(id, Direction::Response) else { return };
        if end {
            return self.data_to_guest(id, Direction::Response, bytes, true);
        }
        stream.response.buffer(bytes);
        if stream.response.buffered.as_ref().map_or(0, Vec::len) > stream.buffer_limit {
            self.no_more_room(id);
        }
    }

    /// Ends the buffering of an answer for which there is no more room.
    pub(crate) fn no_more_room(&mut self, id: u32) {
        let Some(stream) = self.open(id, Direction::Response) else { return };
        let gathered = stream.response.buffered.as_ref().map_or(0, Vec::len);
        stream.response.gave_up = true;
        stream.response.buffering = true;
        stream.response.emptied = false;
        let _ = self.ask(id, Direction::Response, "proxy_on_response_body", &[size(gathered), 0]);
        if let Some(stream) = self.open(id, Direction::Response) {
            flush(stream, Direction::Response, false);
        }
    }
}
