//! Requests that the host sends to another server while a request waits, and their answers. A lever that cannot decide
//! by itself returns callouts in place of a decision; today only limits do, whose counts a rate-limit service keeps.

/// A gRPC call, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callout {
    /// The target in the host's form: a serialized `GrpcService`.
    pub target: String,
    /// The service.
    pub service: &'static str,
    /// The method.
    pub method: &'static str,
    /// The request.
    pub message: Vec<u8>,
    /// How long to wait for the answer, in milliseconds.
    pub timeout_ms: u64,
}

/// The outcome of a callout.
#[derive(Debug, Clone, Copy)]
pub enum CalloutReply<'a> {
    /// It was answered with this message.
    Message(&'a [u8]),
    /// It ended with this gRPC status.
    Status(u32),
    /// The host did not send it.
    NotSent,
}
