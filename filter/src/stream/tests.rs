//! Streams on a host that fails every call: no panic, and nothing passes that should have been looked at.
//! (What a working host makes of the glue is tested on the built module, in host-tests.)

use super::*;
use crate::load;
use hemostat_engine::base::headers::Headers;
use proptest::prelude::*;

/// A policy that acts, so that what cannot be read matters.
const ACTS: &[u8] = br#"{"hold_headers": true, "policy": {"hemostat": 1,
    "guardrails": [{"id": "r", "scan": ["output", "input"], "find": ["x"], "do": "block"}]}}"#;

/// One that only counts.
const WATCHES: &[u8] = br#"{"hold_headers": true, "policy": {"hemostat": 1, "mode": "shadow",
    "guardrails": [{"id": "r", "scan": ["output", "input"], "find": ["x"], "do": "block"}]}}"#;

fn stream(envoy: bool) -> Stream {
    stream_under(ACTS, envoy)
}

fn stream_under(configuration: &[u8], envoy: bool) -> Stream {
    let mut active = load::load(configuration).unwrap().active;
    active.envoy = envoy;
    Stream::new(Rc::new(active), 1)
}

#[test]
fn a_request_whose_headers_cannot_be_read_goes_nowhere() {
    let mut stream = stream(true);
    assert_eq!(stream.on_http_request_headers(3, false), Action::Pause);
    assert_eq!(stream.on_http_request_body(10, true), Action::Pause);
    assert_eq!(stream.on_http_request_trailers(1), Action::Pause);
    stream.on_log();
}

#[test]
fn an_answer_that_cannot_be_read_does_not_leave() {
    for envoy in [true, false] {
        let mut stream = stream(envoy);
        stream.request = RequestState::Passing;
        stream.response = ResponseState::Streaming;
        assert_eq!(stream.on_http_response_body(10, false), Action::Pause);
        assert_eq!(stream.on_http_response_body(10, true), Action::Pause);
        assert_eq!(stream.on_http_response_trailers(1), Action::Pause);
        stream.on_log();
    }
}

/// The reply that should take its place fails too: no later callback lets the answer go.
#[test]
fn an_answer_whose_headers_cannot_be_read_does_not_leave() {
    let mut stream = stream(true);
    stream.request = RequestState::Passing;
    assert_eq!(stream.on_http_response_headers(3, false), Action::Pause);
    assert_eq!(stream.on_http_response_body(10, true), Action::Pause);
}

#[test]
fn a_request_answered_late_does_not_let_an_early_answer_go() {
    let mut stream = stream(true);
    stream.response = ResponseState::Streaming;
    stream.answered();
    assert_eq!(stream.on_http_response_body(10, false), Action::Pause);
}

#[test]
fn what_only_counts_costs_nobody_an_answer() {
    let mut stream = stream_under(WATCHES, true);
    assert_eq!(stream.on_http_request_headers(3, false), Action::Continue);
    assert_eq!(stream.on_http_request_body(10, true), Action::Continue);
    assert_eq!(stream.on_http_response_headers(3, false), Action::Continue);
    assert_eq!(stream.on_http_response_body(10, true), Action::Continue);
    stream.on_log();
}

#[test]
fn an_answer_of_the_filter_passes_itself() {
    let mut stream = stream(true);
    stream.response = ResponseState::Ours;
    assert_eq!(stream.on_http_response_headers(3, false), Action::Continue);
    assert_eq!(stream.on_http_response_body(10, true), Action::Continue);
}

#[test]
fn without_a_policy_nothing_passes() {
    assert_eq!(NoPolicy.on_http_request_headers(3, true), Action::Pause);
}

#[test]
fn header_names_are_found_in_any_case() {
    let headers: Headers = [("X-Request-Id", "a"), ("x-request-id", "b")].into_iter().collect();
    assert_eq!(headers.value("x-request-id"), Some(&b"a"[..]));
    assert_eq!(headers.value("x-request"), None);
}

proptest! {
    /// Hosts may call in any order (early answers, aborts): no order panics.
    #[test]
    fn callbacks_in_any_order_never_panic(calls: Vec<(u8, u16, bool)>, envoy: bool) {
        let mut stream = stream(envoy);
        for (call, size, end) in calls {
            let size = usize::from(size);
            match call % 7 {
                0 => { stream.on_http_request_headers(size, end); }
                1 => { stream.on_http_request_body(size, end); }
                2 => { stream.on_http_request_trailers(size); }
                3 => { stream.on_http_response_headers(size, end); }
                4 => { stream.on_http_response_body(size, end); }
                5 => { stream.on_http_response_trailers(size); }
                _ => stream.on_log(),
            }
        }
    }
}
