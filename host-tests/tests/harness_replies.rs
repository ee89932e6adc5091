//! Local replies, closing, and answers that come from a callout.

mod guests;

use guests::{GET, POST, no_driver_mistakes, run, run_generic, run_holding, run_with};
use host_tests::{CallAnswer, Direction, HostKind, Settings, TrapCause, Violation};

const REPLY: &str = r#"(drop (call $reply (i32.const 403) @blocked@ @no entry@
  (i32.const 0) (i32.const 0) (i32.const -1)))"#;

const COUNT_RESPONSE_CALLBACKS: &str = r#"
(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
  (call $say (i32.const 1))
  (drop (call $add_header (i32.const 2) @x-seen@ @1@)) (i32.const 0))
(func (export "proxy_on_response_body") (param i32) (param $n i32) (param $end i32) (result i32)
  (call $say (i32.const 2)) (i32.const 0))"#;

#[test]
fn a_reply_from_the_request_path_runs_through_the_response_callbacks() {
    let r = run(&format!(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
             {REPLY} (i32.const 0)) {COUNT_RESPONSE_CALLBACKS}"#
    ));
    let mut exchange = r.worker.exchange(&r.plugin);
    exchange.request_headers(POST, false).request_data("ignored", true);
    let outcome = exchange.finish();
    assert_eq!(r.said(), ["1", "2"]);
    assert_eq!(outcome.upstream.headers, None, "Continue does not undo a local reply");
    assert_eq!(outcome.downstream.status(), Some(403));
    assert_eq!(outcome.downstream.text(), "no entry");
    assert_eq!(outcome.downstream.header("content-length"), Some("8"));
    assert_eq!(outcome.downstream.header("content-type"), Some("text/plain"));
    assert_eq!(outcome.downstream.header("x-seen"), Some("1"));
    assert!(outcome.downstream.ended);
    assert_eq!(outcome.details.as_deref(), Some("blocked"));
    assert_eq!(outcome.violations, []);
}

#[test]
fn a_reply_from_the_request_body_cancels_the_upstream() {
    let r = run(&format!(
        r#"(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) {REPLY} (i32.const 0))"#
    ));
    let mut exchange = r.worker.exchange(&r.plugin);
    exchange.request_headers(POST, false).request_data("x", true);
    let outcome = exchange.finish();
    assert!(outcome.upstream.reset);
    assert_eq!(outcome.upstream.text(), "");
    assert_eq!(outcome.downstream.status(), Some(403));
}

#[test]
fn a_reply_from_the_response_path_goes_straight_to_the_client() {
    let r = run(&format!(
        r#"(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
             (call $say (i32.const 1)) {REPLY} (i32.const 0))
           (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32)
             (call $say (i32.const 2)) (i32.const 0))"#
    ));
    let outcome = r.get("never");
    assert_eq!(r.said(), ["1"]);
    assert_eq!(outcome.downstream.status(), Some(403));
    assert_eq!(outcome.downstream.text(), "no entry");
    assert!(outcome.upstream.reset);
    no_driver_mistakes(&outcome);
}

#[test]
fn a_reply_in_the_body_works_only_while_the_headers_are_held() {
    let guest = format!(
        r#"(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (i32.const 1))
           (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) {REPLY} (i32.const 0))"#
    );
    let held = run_holding(&guest).get("secret");
    assert_eq!((held.downstream.status(), held.downstream.text()), (Some(403), "no entry".into()));

    let gone = run(&guest.replace("(i32.const 1))", "(i32.const 0))")).get("secret");
    assert_eq!(gone.downstream.status(), Some(200));
    assert_eq!(gone.downstream.text(), "", "neither the chunk nor the reply's body");
    assert!(gone.downstream.reset && gone.upstream.reset);
    assert_eq!(gone.local_reply.unwrap().status, 403);

    let other = run_generic(&guest.replace("(i32.const 1))", "(i32.const 0))")).get("secret");
    assert_eq!(other.trapped.unwrap().cause, TrapCause::Host);
}

#[test]
fn the_first_reply_wins() {
    let second = REPLY.replace("403", "500").replace("blocked", "second");
    let r = run(&format!(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
             {REPLY} {second} (i32.const 1))"#
    ));
    let mut exchange = r.worker.exchange(&r.plugin);
    exchange.request_headers(GET, true);
    let outcome = exchange.finish();
    assert_eq!(outcome.downstream.status(), Some(403));
    assert_eq!(outcome.details.as_deref(), Some("blocked"));
}

#[test]
fn a_grpc_client_gets_the_reply_as_a_status() {
    let r = run(&format!(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
             {} (i32.const 1))"#,
        REPLY.replace("403", "429")
    ));
    let mut exchange = r.worker.exchange(&r.plugin);
    let mut headers = POST.to_vec();
    headers.push(("content-type", "application/grpc"));
    exchange.request_headers(&headers[..], false);
    let seen = exchange.finish().downstream;
    assert_eq!(seen.status(), Some(200));
    assert_eq!(seen.header("grpc-status"), Some("14"));
    assert_eq!(seen.header("grpc-message"), Some("no entry"));
    assert_eq!(seen.text(), "");
}

#[test]
fn close_in_a_body_loses_that_chunk_and_no_other() {
    let guest = r#"(func (export "proxy_on_response_body") (param i32) (param $n i32) (param i32) (result i32)
      (if (i32.eq (local.get $n) (i32.const 4)) (then (drop (call $close (i32.const 1)))))
      (i32.const 0))"#;
    let r = run(guest);
    let mut exchange = r.worker.exchange(&r.plugin);
    exchange
        .request_headers(GET, true)
        .response_headers([(":status", "200")], false)
        .response_data("first", false)
        .response_data("lost", false)
        .response_data("later", false);
    let outcome = exchange.finish();
    assert_eq!(outcome.downstream.text(), "first");
    assert!(outcome.downstream.reset && outcome.upstream.reset && !outcome.downstream.ended);
    assert_eq!(outcome.details.as_deref(), Some("via_upstream"));

    let other = run_generic(guest).get("lost");
    assert_eq!(other.trapped.unwrap().cause, TrapCause::Host);
}

/// Asks `auth` in the request headers and waits; adds what it said as a header and goes on.
const ASK: &str = r#"
(global $stream (mut i32) (i32.const 0))
(func (export "proxy_on_request_headers") (param $c i32) (param i32 i32) (result i32)
  (global.set $stream (local.get $c))
  (call $say (call $http_call @auth@ (i32.const 512) (i32.const 65) @ask@
     (i32.const 0) (i32.const 0) (i32.const 1000) (i32.const 0)))
  (i32.const 1))
(data (i32.const 512) "\03\00\00\00\05\00\00\00\01\00\00\00\07\00\00\00\03\00\00\00\0a\00\00\00\04\00\00\00:path\00/\00:method\00GET\00:authority\00auth\00")
(func (export "proxy_on_http_call_response") (param $c i32) (param $token i32) (param $h i32) (param $b i32) (param i32)
  (call $say (local.get $h))
  (call $say (call $effective (global.get $stream)))
  (call $say (call $get_buffer (i32.const 4) (i32.const 0) (local.get $b) (i32.const 0) (i32.const 4)))
  (drop (call $add_header (i32.const 0) @x-auth@ (i32.load (i32.const 0)) (i32.load (i32.const 4))))
  (drop (call $continue (i32.const 0))))"#;

#[test]
fn a_callout_is_recorded_and_its_answer_lets_the_request_go() {
    let r = run(ASK);
    r.host.add_cluster("auth");
    let mut exchange = r.worker.exchange(&r.plugin);
    exchange.request_headers(POST, false).request_data("body", true);
    assert_eq!(exchange.so_far().upstream.headers, None);
    let calls = r.worker.http_calls();
    let [call] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!((call.cluster.as_slice(), call.body.as_slice()), (&b"auth"[..], &b"ask"[..]));
    assert_eq!(call.context, exchange.context());
    assert_eq!(call.headers.text(":path"), Some("/"));
    assert!(r.worker.answer_http(call.token, CallAnswer::new(200, "alice")));
    assert!(!r.worker.answer_http(call.token, CallAnswer::reset()), "answered once");
    let outcome = exchange.finish();
    assert_eq!(outcome.upstream.header("x-auth"), Some("alice"));
    assert_eq!(outcome.upstream.text(), "body");
    assert!(outcome.upstream.ended);
    assert_eq!(outcome.violations, []);
    assert_eq!(r.said(), ["0", "1", "0", "0"]);
}

#[test]
fn a_callout_to_an_unknown_cluster_is_a_bad_argument() {
    let r = run(ASK);
    let mut exchange = r.worker.exchange(&r.plugin);
    exchange.request_headers(GET, true);
    assert_eq!(r.said(), ["2"]);
    assert_eq!(
        exchange.finish().violations,
        [Violation::Stalled { direction: Direction::Request }]
    );
}

fn grpc(upstream: &str) -> String {
    format!(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (call $say (call $grpc_call @{upstream}@ @svc@ @Check@ (i32.const 0) (i32.const 0) @msg@
        (i32.const 500) (i32.const 0)))
      (i32.const 0))
    (func (export "proxy_on_grpc_receive") (param i32 i32) (param $n i32)
      (drop (call $get_buffer (i32.const 5) (i32.const 0) (local.get $n) (i32.const 0) (i32.const 4)))
      (call $say_value))
    (func (export "proxy_on_grpc_close") (param i32 i32) (param $status i32)
      (call $say (local.get $status))
      (drop (call $get_status (i32.const 8) (i32.const 0) (i32.const 4)))
      (call $say_value))"#
    )
}

#[test]
fn grpc_calls_are_recorded_and_answered() {
    let r = run(&grpc("\u{a}\u{5}\u{a}\u{3}rls"));
    r.host.add_cluster("rls");
    for answer in [true, false] {
        let mut exchange = r.worker.exchange(&r.plugin);
        exchange.request_headers(GET, true);
        let call = r.worker.grpc_calls().remove(0);
        assert_eq!(
            (call.cluster.as_slice(), call.sent.concat().as_slice()),
            (&b"rls"[..], &b"msg"[..])
        );
        if answer {
            assert!(r.worker.answer_grpc(call.token, "yes"));
        } else {
            assert!(r.worker.close_grpc(call.token, 7, "denied"));
        }
        assert_eq!(r.worker.grpc_calls(), []);
        exchange.finish();
    }
    assert_eq!(r.said(), ["0", "yes", "0", "7", "denied"]);
}

#[test]
fn grpc_to_an_unknown_cluster_is_a_parse_failure() {
    let r = run(&grpc("ratelimit"));
    r.worker.exchange(&r.plugin).request_headers(GET, true);
    assert_eq!(r.said(), ["4"]);
}

#[test]
fn a_name_that_aborts_envoy_is_a_violation() {
    let r = run(&grpc("inference"));
    r.host.add_cluster("inference");
    let mut exchange = r.worker.exchange(&r.plugin);
    exchange.request_headers(GET, true);
    let outcome = exchange.finish();
    assert_eq!(outcome.violations, [Violation::HostAborts { upstream: "inference".into() }]);
    assert!(outcome.trapped.is_some());
}

#[test]
fn grpc_on_another_host_is_a_trap() {
    let r = run_with(&grpc("rls"), Settings::of(HostKind::Generic));
    r.host.add_cluster("rls");
    let mut exchange = r.worker.exchange(&r.plugin);
    exchange.request_headers(GET, true);
    let outcome = exchange.finish();
    assert_eq!(outcome.trapped.unwrap().cause, TrapCause::Host);
    assert_eq!(outcome.downstream.status(), Some(500));
}

#[test]
fn grpc_streams_collect_messages_until_they_are_closed_or_cancelled() {
    let r = run(r#"
(func (export "proxy_on_request_headers") (param i32 i32) (param $end i32) (result i32)
  (call $say (call $grpc_stream @rls@ @svc@ @Watch@ (i32.const 0) (i32.const 0) (i32.const 64)))
  (call $say (call $grpc_send (i32.load (i32.const 64)) @one@ (i32.const 0)))
  (if (local.get $end)
    (then (call $say (call $grpc_cancel (i32.load (i32.const 64)))))
    (else (call $say (call $grpc_close (i32.load (i32.const 64))))))
  (call $say (call $grpc_send (i32.const 99) @one@ (i32.const 0)))
  (i32.const 0))
(func (export "proxy_on_grpc_receive") (param i32 i32) (param $n i32) (call $say (local.get $n)))
(func (export "proxy_on_grpc_close") (param i32 i32) (param $status i32) (call $say (local.get $status)))"#);
    r.host.add_cluster("rls");
    r.worker.exchange(&r.plugin).request_headers(GET, true);
    assert_eq!(r.worker.grpc_calls(), [], "cancelled");
    r.worker.exchange(&r.plugin).request_headers(POST, false);
    let call = r.worker.grpc_calls().remove(0);
    assert!(call.stream && call.half_closed);
    assert_eq!(call.sent, [b"one"]);
    assert!(r.worker.answer_grpc(call.token, "ab"));
    assert!(r.worker.answer_grpc(call.token, "abc"), "a stream goes on");
    assert!(r.worker.close_grpc(call.token, 0, ""));
    assert!(!r.worker.answer_grpc(call.token, "late"));
    assert_eq!(r.said().join(" "), "0 0 0 1 0 0 0 1 2 3 0");
}

#[test]
fn an_upstream_that_said_all_is_not_cancelled() {
    let r = run_holding(&format!(
        r#"(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (i32.const 1))
           (func (export "proxy_on_response_body") (param i32 i32) (param $end i32) (result i32)
             (if (local.get $end) (then {REPLY})) (i32.const 1))"#
    ));
    let outcome = r.get("secret");
    assert_eq!(outcome.downstream.status(), Some(403));
    assert_eq!(outcome.downstream.text(), "no entry");
    assert!(!outcome.upstream.reset, "its answer was complete before it was refused");
}
