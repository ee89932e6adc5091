//! What Continue and Pause do to a message.

mod guests;

use guests::{GET, POST, run, run_generic, run_holding, run_with};
use host_tests::{Direction, Settings, Violation};

/// Pauses in a body callback until the end, then puts `new` in the place of all of it.
const REPLACE_AT_END: &str = r#"
(func (export "proxy_on_response_body") (param $c i32) (param $n i32) (param $end i32) (result i32)
  (if (i32.eqz (local.get $end)) (then (return (i32.const 1))))
  (call $say (call $set_buffer (i32.const 1) (i32.const 0) (local.get $n) @new@))
  (i32.const 0))"#;

#[test]
fn a_module_without_callbacks_lets_everything_pass() {
    let r = run("");
    let mut exchange = r.worker.exchange(&r.plugin);
    exchange
        .request_headers(POST, false)
        .request_data("ab", false)
        .request_data("c", true)
        .response_headers([(":status", "200")], false)
        .response_data("12", false)
        .response_trailers([("t", "v")]);
    let outcome = exchange.finish();
    assert_eq!(outcome.upstream.text(), "abc");
    assert!(outcome.upstream.ended);
    assert_eq!(outcome.downstream.text(), "12");
    assert_eq!(outcome.downstream.trailers, Some([("t", "v")].into()));
    assert_eq!(outcome.details.as_deref(), Some("via_upstream"));
    assert_eq!(outcome.violations, []);
}

#[test]
fn a_paused_body_grows_and_leaves_as_one() {
    let r = run(REPLACE_AT_END);
    let mut exchange = r.worker.exchange(&r.plugin);
    exchange
        .request_headers(GET, true)
        .response_headers([(":status", "200")], false)
        .response_data("one", false)
        .response_data("two", false);
    assert!(exchange.so_far().downstream.headers.is_some(), "headers do not wait for the body");
    assert_eq!(exchange.so_far().downstream.text(), "");
    exchange.response_data("", true);
    let outcome = exchange.finish();
    assert_eq!(outcome.downstream.text(), "new");
    assert!(outcome.downstream.ended);
}

#[test]
fn a_chunk_that_continues_leaves_in_its_step() {
    let outcome = run("").get("hello");
    let steps: Vec<usize> = outcome.downstream.increments.iter().map(|i| i.step).collect();
    assert_eq!(steps, [3]);
    assert_eq!(outcome.downstream.body_by(2), b"");
    assert_eq!(outcome.downstream.body_by(3), b"hello");
}

#[test]
fn content_length_that_no_longer_fits_is_a_violation() {
    let r = run(REPLACE_AT_END);
    let mut exchange = r.worker.exchange(&r.plugin);
    exchange
        .request_headers(GET, true)
        .response_headers([(":status", "200"), ("content-length", "6")], false)
        .response_data("onetwo", true);
    let direction = Direction::Response;
    assert_eq!(
        exchange.finish().violations,
        [Violation::ContentLength { direction, declared: 6, sent: 3 }]
    );
}

#[test]
fn an_upstream_that_lies_about_its_length_is_not_the_guests_fault() {
    let mut exchange = {
        let r = run("");
        r.worker.exchange(&r.plugin)
    };
    exchange
        .request_headers(GET, true)
        .response_headers([(":status", "200"), ("content-length", "9")], false)
        .response_data("short", true);
    assert_eq!(exchange.finish().violations, []);
}

const PAUSE_RESPONSE_HEADERS: &str = r#"
(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (i32.const 1))
(func (export "proxy_on_response_body") (param $c i32) (param $n i32) (param $end i32) (result i32)
  (call $say (local.get $n))
  (if (i32.eqz (local.get $end)) (then (return (i32.const 1))))
  (drop (call $replace_header (i32.const 2) @:status@ @299@))
  (i32.const 0))"#;

#[test]
fn pause_in_headers_stops_body_callbacks_and_hangs() {
    let r = run(PAUSE_RESPONSE_HEADERS);
    let outcome = r.get("body");
    assert_eq!(r.said(), [] as [&str; 0]);
    assert_eq!(outcome.downstream.headers, None);
    assert_eq!(outcome.violations, [Violation::Stalled { direction: Direction::Response }]);
}

#[test]
fn pause_in_headers_with_stop_iteration_holds_the_headers_only() {
    let r = run_holding(PAUSE_RESPONSE_HEADERS);
    let outcome = r.get("body");
    assert_eq!(r.said(), ["4", "4"]);
    assert_eq!(outcome.downstream.status(), Some(299));
    assert_eq!(outcome.downstream.text(), "body");
    assert_eq!(outcome.violations, []);
}

#[test]
fn a_get_that_pauses_at_its_end_hangs() {
    let r = run_holding(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 1))"#,
    );
    let mut exchange = r.worker.exchange(&r.plugin);
    exchange.request_headers(GET, true);
    let outcome = exchange.finish();
    assert_eq!(outcome.upstream.headers, None);
    assert_eq!(outcome.violations, [Violation::Stalled { direction: Direction::Request }]);
}

#[test]
fn a_request_held_by_its_headers_can_be_rewritten_in_the_body() {
    let r = run_holding(
        r#"
(func (export "proxy_on_request_headers") (param i32 i32) (param $end i32) (result i32)
  (i32.eqz (local.get $end)))
(func (export "proxy_on_request_body") (param $c i32) (param $n i32) (param $end i32) (result i32)
  (if (i32.eqz (local.get $end)) (then (return (i32.const 1))))
  (call $say (call $add_header (i32.const 0) @x-model@ @small@))
  (call $say (call $remove_header (i32.const 0) @content-length@))
  (call $say (call $set_buffer (i32.const 0) (local.get $n) (i32.const 0) @!@))
  (i32.const 0))"#,
    );
    let mut exchange = r.worker.exchange(&r.plugin);
    let mut headers = POST.to_vec();
    headers.push(("content-length", "4"));
    exchange
        .request_headers(&headers[..], false)
        .request_data("ab", false)
        .request_data("cd", true);
    let outcome = exchange.finish();
    assert_eq!(r.said(), ["0", "0", "0"]);
    assert_eq!(outcome.upstream.header("x-model"), Some("small"));
    assert_eq!(outcome.upstream.text(), "abcd!");
    assert_eq!(outcome.violations, []);
}

#[test]
fn request_headers_cannot_be_changed_once_they_left() {
    let r = run(r#"
(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
  (call $say (call $add_header (i32.const 0) @x@ @y@))
  (call $say (call $get_header (i32.const 0) @:path@ (i32.const 0) (i32.const 4)))
  (call $say (call $get_pairs (i32.const 0) (i32.const 0) (i32.const 4)))
  (call $say (i32.load (i32.load (i32.const 0))))
  (i32.const 0))
(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
  (call $say (call $get_header (i32.const 0) @:path@ (i32.const 0) (i32.const 4)))
  (i32.const 0))
(func (export "proxy_on_log") (param i32)
  (call $say (call $get_header (i32.const 0) @:path@ (i32.const 0) (i32.const 4)))
  (call $say (call $get_header (i32.const 3) @grpc-status@ (i32.const 0) (i32.const 4))))"#);
    let mut exchange = r.worker.exchange(&r.plugin);
    exchange
        .request_headers(POST, false)
        .request_data("x", true)
        .response_headers([(":status", "200")], true);
    exchange.finish();
    // set: BadArgument; value: BadArgument; pairs: Ok with no pair; in the log: there again, and the
    // trailers, which are not, are NotFound.
    assert_eq!(r.said(), ["2", "2", "0", "0", "2", "0", "1"]);
}

#[test]
fn a_change_of_headers_that_already_left_is_a_violation() {
    let r = run_holding(
        r#"
(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (i32.const 1))
(func (export "proxy_on_response_body") (param i32 i32 i32) (result i32)
  (call $say (call $add_header (i32.const 2) @x@ @y@))
  (i32.const 0))"#,
    );
    let outcome = r.get("body");
    assert_eq!(r.said(), ["0", "0"]);
    assert_eq!(outcome.downstream.header("x"), Some("y"), "the first one was in time");
    let late = Violation::LateHeaderChange { direction: Direction::Response, name: "x".into() };
    assert_eq!(outcome.violations, [late]);
}

#[test]
fn a_buffer_changes_at_its_ends_only() {
    let guest = r#"
(func (export "proxy_on_response_body") (param $c i32) (param $n i32) (param $end i32) (result i32)
  (if (local.get $end) (then (return (i32.const 0))))
  (call $say (call $set_buffer (i32.const 1) (i32.const 0) (i32.const 1) @<@))
  (call $say (call $set_buffer (i32.const 1) (i32.const 99) (i32.const 0) @>@))
  (call $say (call $set_buffer (i32.const 1) (i32.const 2) (i32.const 1) @|@))
  (i32.const 0))"#;
    let envoy = run(guest);
    assert_eq!(envoy.get("abcd").downstream.text(), "<bcd>");
    assert_eq!(envoy.said(), ["0", "0", "2"]);
    let generic = run_generic(guest);
    assert_eq!(generic.get("abcd").downstream.text(), "<b|", "the rest is cut off");
    assert_eq!(generic.said(), ["0", "0", "0"]);
}

#[test]
fn a_body_is_read_within_its_bounds() {
    let r = run(r#"
(func (export "proxy_on_response_body") (param $c i32) (param $n i32) (param $end i32) (result i32)
  (if (local.get $end) (then (return (i32.const 0))))
  (call $say (call $get_buffer (i32.const 1) (i32.const 1) (i32.const 2) (i32.const 0) (i32.const 4)))
  (call $say_value)
  (call $say (call $get_buffer (i32.const 1) (i32.const 2) (i32.const 99) (i32.const 0) (i32.const 4)))
  (call $say_value)
  (call $say (call $get_buffer (i32.const 1) (i32.const 9) (i32.const 1) (i32.const 0) (i32.const 4)))
  (call $say (i32.load (i32.const 4)))
  (call $say (call $get_buffer (i32.const 1) (i32.const 2) (i32.const -1) (i32.const 0) (i32.const 4)))
  (call $say (call $get_buffer (i32.const 7) (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 4)))
  (call $say (call $get_buffer (i32.const 99) (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 4)))
  (i32.const 0))"#);
    r.get("abcd");
    assert_eq!(r.said(), ["0", "bc", "0", "cd", "0", "0", "2", "1", "2"]);
}

const PAUSE_BODIES: &str = r#"
(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) (i32.const 1))
(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
  (call $say (i32.const 9)) (i32.const 0))
(func (export "proxy_on_response_body") (param i32 i32) (param $end i32) (result i32)
  (i32.eqz (local.get $end)))"#;

fn small_buffer(hold_headers: bool) -> Settings {
    Settings {
        buffer_limit: 4,
        allow_on_headers_stop_iteration: hold_headers,
        ..Settings::default()
    }
}

#[test]
fn a_request_that_is_buffered_beyond_the_limit_gets_413() {
    let r = run_with(PAUSE_BODIES, small_buffer(false));
    let mut exchange = r.worker.exchange(&r.plugin);
    exchange.request_headers(POST, false).request_data("abcd", false);
    assert_eq!(exchange.so_far().downstream.status(), None, "the limit itself is allowed");
    exchange.request_data("e", false).request_data("ignored", true);
    let outcome = exchange.finish();
    assert_eq!(outcome.downstream.status(), Some(413));
    assert_eq!(outcome.downstream.header("connection"), Some("close"));
    assert_eq!(outcome.details.as_deref(), Some("request_payload_too_large"));
    assert!(outcome.upstream.reset);
    assert_eq!(r.said(), ["9"], "response callbacks run for the 413");
}

#[test]
fn a_response_that_is_buffered_beyond_the_limit_is_cut_off() {
    let outcome = run_with(PAUSE_BODIES, small_buffer(false)).get("abcde");
    assert_eq!(outcome.downstream.status(), Some(200));
    assert!(outcome.downstream.reset && !outcome.downstream.ended);
    assert!(outcome.upstream.reset);
    assert_eq!(outcome.details.as_deref(), Some("response_payload_too_large"));
}

#[test]
fn a_response_whose_headers_are_held_gets_500_beyond_the_limit() {
    let held = PAUSE_BODIES.replace("(call $say (i32.const 9)) (i32.const 0))", "(i32.const 1))");
    let outcome = run_with(&held, small_buffer(true)).get("abcde");
    assert_eq!(outcome.downstream.status(), Some(500));
    assert!(outcome.downstream.ended && !outcome.downstream.reset);
    assert!(outcome.upstream.reset);
    assert_eq!(outcome.details.as_deref(), Some("response_payload_too_large"));
}

#[test]
fn another_host_lets_a_response_pass_beyond_the_limit() {
    let mut settings = Settings::of(host_tests::HostKind::Generic);
    settings.buffer_limit = 4;
    let outcome = run_with(PAUSE_BODIES, settings).get("abcde");
    assert_eq!(outcome.downstream.text(), "abcde");
    assert!(outcome.downstream.ended);
}

#[test]
fn a_buffered_body_can_be_changed_in_the_trailers_callback() {
    let trailers = r#"
(func (export "proxy_on_response_trailers") (param i32 i32) (result i32)
  (call $say (call $set_buffer (i32.const 1) (i32.const 0) (i32.const 99) @new@))
  (call $say (call $add_header (i32.const 3) @more@ @1@))
  (i32.const 0))"#;
    let run_it = |body: &str| {
        let r = run(&format!("{body}{trailers}"));
        let mut exchange = r.worker.exchange(&r.plugin);
        exchange
            .request_headers(GET, true)
            .response_headers([(":status", "200")], false)
            .response_data("old", false)
            .response_trailers([("t", "v")]);
        (r.said(), exchange.finish())
    };
    let (said, outcome) =
        run_it(PAUSE_BODIES.split("(func").last().map(|f| format!("(func{f}")).unwrap().as_str());
    assert_eq!(said, ["0", "0"]);
    assert_eq!(outcome.downstream.text(), "new");
    assert_eq!(outcome.downstream.trailers, Some([("t", "v"), ("more", "1")].into()));
    let (said, outcome) = run_it("");
    assert_eq!(said, ["2", "0"], "a body that went already is BadArgument");
    assert_eq!(outcome.downstream.text(), "old");
}

#[test]
fn trailers_can_be_added_at_the_end_of_a_body() {
    let r = run(r#"
(func (export "proxy_on_response_body") (param i32 i32) (param $end i32) (result i32)
  (call $say (call $add_header (i32.const 3) @t@ @v@))
  (i32.const 0))"#);
    let outcome = r.get("x");
    assert_eq!(r.said(), ["2", "0"]);
    assert_eq!(outcome.downstream.trailers, Some([("t", "v")].into()));
    assert!(outcome.downstream.ended);
}

#[test]
fn another_host_has_no_pause_in_response_headers_and_no_end_on_headers() {
    let r = run_generic(
        r#"
(func (export "proxy_on_request_headers") (param i32 i32) (param $end i32) (result i32)
  (call $say (local.get $end)) (i32.const 0))
(func (export "proxy_on_request_body") (param i32) (param $n i32) (param $end i32) (result i32)
  (call $say (i32.add (local.get $n) (local.get $end))) (i32.const 0))
(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (i32.const 1))"#,
    );
    let outcome = r.get("body");
    assert_eq!(r.said(), ["0"], "and none of a body that is not there");
    assert!(outcome.upstream.ended);
    assert_eq!(outcome.downstream.text(), "body");
}

/// nginx with ngx_wasm_module.
#[test]
fn another_host_sends_a_request_when_its_body_is_whole() {
    let guest = r#"
(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const ACTION))
(func (export "proxy_on_request_body") (param i32) (param $n i32) (param $end i32) (result i32)
  (call $say (i32.add (local.get $n) (local.get $end)))
  (call $say (call $add_header (i32.const 0) @late@ @1@))
  (i32.const 0))"#;
    let ask = |action: &str| {
        let r = run_generic(&guest.replace("ACTION", action));
        let mut exchange = r.worker.exchange(&r.plugin);
        exchange.request_headers(POST, false).request_data("abc", false);
        assert_eq!(exchange.so_far().upstream.headers, None, "nothing leaves before");
        exchange.request_data("de", true);
        (exchange.finish(), r.said())
    };
    let (outcome, said) = ask("0");
    assert_eq!(said, ["6", "0"], "all of it at once, and headers can be changed");
    assert_eq!(
        (outcome.upstream.text().as_str(), outcome.upstream.header("late")),
        ("abcde", Some("1"))
    );
    let (outcome, said) = ask("1");
    assert!(said.is_empty() && outcome.upstream.headers.is_none());
    assert_eq!(outcome.violations, [Violation::Stalled { direction: Direction::Request }]);
}

#[test]
fn another_host_takes_an_end_without_bytes_for_none() {
    let r = run_generic(
        r#"
(func (export "proxy_on_response_body") (param i32) (param i32) (param $end i32) (result i32)
  (if (local.get $end) (then (call $say (call $set_buffer (i32.const 1) (i32.const 0) (i32.const 99) @@))))
  (i32.const 0))"#,
    );
    let outcome = r.get("body");
    assert_eq!(r.said(), ["0"]);
    assert!(!outcome.downstream.ended);
    assert_eq!(outcome.violations, [Violation::Stalled { direction: Direction::Response }]);
}

#[test]
fn a_driver_that_does_what_no_peer_can_do_is_told() {
    let r = run("");
    let mut exchange = r.worker.exchange(&r.plugin);
    exchange.response_headers([(":status", "200")], true);
    let mistakes = exchange.finish().violations;
    assert_eq!(mistakes, [Violation::Driver("the upstream answers a request that it did not get")]);
}

#[test]
fn both_ends_can_break_off() {
    let r = run("");
    let mut early = r.worker.exchange(&r.plugin);
    early.request_headers(GET, true).upstream_reset();
    let early = early.finish();
    assert_eq!((early.downstream.status(), early.flags), (Some(503), 0x40));

    let mut late = r.worker.exchange(&r.plugin);
    late.request_headers(GET, true).response_headers([(":status", "200")], false);
    late.response_data("a", false).upstream_reset().response_data("b", false);
    let late = late.finish();
    assert!(late.downstream.reset && !late.upstream.reset);
    assert_eq!(late.downstream.text(), "a");

    let mut gone = r.worker.exchange(&r.plugin);
    gone.request_headers(GET, true).response_headers([(":status", "200")], false);
    gone.downstream_reset();
    let gone = gone.finish();
    assert!(gone.upstream.reset && !gone.downstream.reset);
    assert_eq!(gone.flags, 0x4000);
}

#[test]
fn maps_and_buffers_tell_their_size_and_can_be_replaced_as_a_whole() {
    let r = run(r#"
(data (i32.const 512) "\01\00\00\00\07\00\00\00\03\00\00\00:status\00201\00")
(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
  (call $say (call $map_size (i32.const 2) (i32.const 64))) (call $say (i32.load (i32.const 64)))
  (call $say (call $map_size (i32.const 1) (i32.const 64)))
  (call $say (call $set_pairs (i32.const 2) (i32.const 512) (i32.const 24)))
  (call $say (call $set_pairs (i32.const 0) (i32.const 512) (i32.const 24)))
  (call $say (call $map_size (i32.const 42) (i32.const 64)))
  (i32.const 0))
(func (export "proxy_on_response_body") (param i32) (param i32) (param $end i32) (result i32)
  (call $say (call $buffer_status (i32.const 1) (i32.const 64) (i32.const 68))) (call $say (i32.load (i32.const 64)))
  (i32.const 0))"#);
    let outcome = r.get("abc");
    assert_eq!(outcome.downstream.status(), Some(201));
    assert_eq!(r.said().join(" "), "0 A 2 0 2 2 0 3 0 0");
}

#[test]
fn pause_in_trailers_waits_for_resume() {
    let r = run(r#"
(global $stream (mut i32) (i32.const 0))
(func (export "proxy_on_configure") (param i32 i32) (result i32) (drop (call $tick (i32.const 1))) (i32.const 1))
(func (export "proxy_on_response_trailers") (param $c i32) (param i32) (result i32)
  (global.set $stream (local.get $c)) (i32.const 1))
(func (export "proxy_on_tick") (param i32)
  (drop (call $effective (global.get $stream))) (call $say (call $continue (i32.const 1))))"#);
    let mut exchange = r.worker.exchange(&r.plugin);
    exchange
        .request_headers(GET, true)
        .response_headers([(":status", "200")], false)
        .response_data("abc", false)
        .response_trailers([("t", "v")]);
    assert!(!exchange.so_far().downstream.ended);
    r.host.advance(std::time::Duration::from_millis(1));
    r.worker.run_due_ticks();
    let outcome = exchange.finish();
    assert_eq!(outcome.downstream.trailers, Some([("t", "v")].into()));
    assert!(outcome.downstream.ended);
    assert_eq!(outcome.violations, []);
}
