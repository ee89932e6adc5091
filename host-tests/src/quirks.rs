//! Where proxy-wasm hosts differ.

/// A family of hosts, each a set of [`Quirks`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HostKind {
    /// Envoy 1.40 with V8.
    #[default]
    Envoy,
    /// A host that is not Envoy and offers less, modelled on nginx with ngx_wasm_module.
    Generic,
}

/// The behaviour of a host, point by point. Start from [`Quirks::of`] and change what a test needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quirks {
    /// gRPC calls work; where not, the host stops the guest.
    pub grpc: bool,
    /// An unknown foreign function is `NotFound`; where not, the host stops the guest.
    pub unknown_foreign_function_is_a_status: bool,
    /// `proxy_close_stream` resets; where not, the host stops the guest.
    pub close_stream: bool,
    /// A local reply takes the place of an answer whose headers came, and is a reset once they left; where not, the host
    /// stops the guest. (nginx sends it before the upstream's body, and behind half of its status line.)
    pub late_local_reply_is_a_reset: bool,
    /// A request leaves as it comes and as the guest lets it go; where not, its body is whole first. The guest is shown it
    /// in one piece, or not at all where there is none or where it paused on the headers.
    pub streams_requests: bool,
    /// A guest that holds a response body is asked at each of its pieces; where not, at its end, and when there is no room
    /// for more: what is there leaves then, whatever the guest says.
    pub asks_while_held: bool,
    /// A request header that is removed is gone; where not, it leaves with the value that it last had.
    pub removes_request_headers: bool,
    /// The end of a response is an end when the guest has emptied it; where not, the client waits for ever. It comes alone
    /// there, without bytes.
    pub empty_end_is_an_end: bool,
    /// Pause in `proxy_on_response_headers` holds the response; where not, it means Continue.
    pub pause_in_response_headers: bool,
    /// `end_of_stream` of a headers callback can be true; where not, the end always comes with a body callback.
    pub end_of_stream_on_headers: bool,
    /// `proxy_set_property` takes any path; where not, only `wasmx.*` and `ngx.*`.
    pub set_any_property: bool,
    /// Properties are typed (numbers as 8 bytes); where not, they are all text.
    pub typed_properties: bool,
    /// `xds.*`, `plugin_*` and filter state exist; where not, a guest that asks for `plugin_*` outside of an exchange is
    /// stopped. (nginx ends with its worker process.)
    pub envoy_properties: bool,
    /// `request.path` and others that are read from the headers are there only while the headers are.
    pub request_properties_need_headers: bool,
    /// A shared-data write with a compare-and-swap number creates a missing key; where not, it is a mismatch.
    pub cas_creates_missing_key: bool,
    /// Adding 0 to a counter is `BadArgument`.
    pub counter_refuses_zero: bool,
    /// `proxy_set_buffer_bytes` in the middle is `BadArgument`; where not, it cuts off what follows.
    pub middle_of_buffer_is_refused: bool,
    /// `:authority` can be changed.
    pub authority_is_writable: bool,
    /// A response that is held beyond the buffer limit is an error; where not, it then passes.
    pub response_overflow_is_an_error: bool,
    /// A VM that trapped is replaced for the next exchange, whatever the failure policy.
    pub new_vm_after_trap: bool,
    /// A new configuration runs in a throw-away instance first.
    pub canary: bool,
    /// A guest without `proxy_on_vm_start` starts; where not, it does not. (nginx reads a result that nobody wrote.)
    pub starts_by_itself: bool,
}

impl Quirks {
    /// The behaviour of this kind of host.
    #[must_use]
    pub fn of(kind: HostKind) -> Quirks {
        let envoy = kind == HostKind::Envoy;
        Quirks {
            grpc: envoy,
            unknown_foreign_function_is_a_status: envoy,
            close_stream: envoy,
            late_local_reply_is_a_reset: envoy,
            streams_requests: envoy,
            asks_while_held: envoy,
            removes_request_headers: envoy,
            empty_end_is_an_end: envoy,
            pause_in_response_headers: envoy,
            end_of_stream_on_headers: envoy,
            set_any_property: envoy,
            typed_properties: envoy,
            envoy_properties: envoy,
            request_properties_need_headers: envoy,
            cas_creates_missing_key: envoy,
            counter_refuses_zero: envoy,
            middle_of_buffer_is_refused: envoy,
            authority_is_writable: envoy,
            response_overflow_is_an_error: envoy,
            new_vm_after_trap: !envoy,
            canary: envoy,
            starts_by_itself: envoy,
        }
    }
}

impl Default for Quirks {
    fn default() -> Quirks {
        Quirks::of(HostKind::Envoy)
    }
}
