//! What a host tells of a stream (proxy-wasm ABI 0.2.1), and what it is answered.

/// What becomes of that which a callback was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Action {
    /// It goes on.
    Continue = 0,
    /// It stays with the host, which waits for more of it or for a call that lets it go.
    Pause = 1,
}

/// One stream, from its request's headers to its end. A callback that does nothing lets pass what it is shown.
pub trait HttpContext {
    /// The request's headers have come; `end`: nothing follows them.
    fn on_http_request_headers(&mut self, count: usize, end: bool) -> Action;

    /// Bytes of the request's body have come, or of what the host has kept of it.
    fn on_http_request_body(&mut self, _size: usize, _end: bool) -> Action {
        Action::Continue
    }

    /// The request ends with trailers.
    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        Action::Continue
    }

    /// The answer's headers have come.
    fn on_http_response_headers(&mut self, _count: usize, _end: bool) -> Action {
        Action::Continue
    }

    /// Bytes of the answer's body have come, or of what the host has kept of it.
    fn on_http_response_body(&mut self, _size: usize, _end: bool) -> Action {
        Action::Continue
    }

    /// The answer ends with trailers.
    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        Action::Continue
    }

    /// A gRPC call of this stream has ended: with this status, and where it is 0 with a message of `size` bytes.
    fn on_grpc_call_response(&mut self, _token: u32, _status: u32, _size: usize) {}

    /// The stream is over, however it ended.
    fn on_log(&mut self) {}
}
