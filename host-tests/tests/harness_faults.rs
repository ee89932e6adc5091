//! Guests that misbehave, and hosts that fail.

mod guests;

use guests::{GET, load_error, run, run_with};
use host_tests::{
    FailurePolicy, HostKind, LoadError, Module, Rejected, Settings, Status, TrapCause,
};

/// Traps on a request whose `:method` is POST, in the way that is put in.
fn on_post(trap: &str) -> String {
    format!(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (drop (call $get_header (i32.const 0) @:method@ (i32.const 0) (i32.const 4)))
      (if (i32.eq (i32.load (i32.const 4)) (i32.const 4)) (then {trap}))
      (i32.const 0))"#
    )
}

const PANIC: &str = "(drop (call $log (i32.const 5) @panicked at lib.rs@)) unreachable";

fn policy(failure_policy: FailurePolicy) -> Settings {
    Settings { failure_policy, ..Settings::default() }
}

#[test]
fn a_trap_is_an_outcome_and_kills_the_vm() {
    let r = run(&on_post(PANIC));
    let mut bystander = r.worker.exchange(&r.plugin);
    bystander.request_headers(GET, true).response_headers([(":status", "200")], false);
    let mut culprit = r.worker.exchange(&r.plugin);
    culprit.request_headers(guests::POST, true);

    let outcome = culprit.finish();
    let trapped = outcome.trapped.unwrap();
    assert_eq!(trapped.cause, TrapCause::Guest);
    assert_eq!(trapped.callback, "proxy_on_request_headers");
    assert_eq!(trapped.critical.as_deref(), Some("panicked at lib.rs"));
    assert!(trapped.message.contains("unreachable"), "{}", trapped.message);
    assert_eq!(outcome.downstream.status(), Some(503));
    assert_eq!(outcome.details.as_deref(), Some("wasm_fail_stream"));

    let other = bystander.finish();
    assert!(other.downstream.reset, "all exchanges of the worker are cut off");
    assert!(other.trapped.is_some());
    assert!(r.worker.dead().is_some());

    let after = r.get("x");
    assert_eq!(after.downstream.status(), Some(503));
    assert_eq!(after.upstream.headers, None);
    assert_eq!(r.worker.configure("again").unwrap_err(), Rejected::DeadVm);
    let second = r.host.worker().unwrap();
    assert!(second.configure("").is_ok(), "other workers live on");
}

#[test]
fn fail_open_lets_later_exchanges_pass_without_the_plugin() {
    let r = run_with(&on_post(PANIC), policy(FailurePolicy::Open));
    r.worker.exchange(&r.plugin).request_headers(guests::POST, true);
    let calls = r.host.call_count();
    assert_eq!(r.get("body").downstream.text(), "body");
    assert_eq!(r.host.call_count(), calls);
}

#[test]
fn fail_reload_and_other_hosts_make_a_new_vm() {
    let generic = Settings::of(HostKind::Generic);
    for settings in [policy(FailurePolicy::Reload), generic] {
        let r = run_with(&on_post(PANIC), settings);
        r.worker.exchange(&r.plugin).request_headers(guests::POST, true);
        assert!(r.worker.dead().is_some());
        let calls = r.host.call_count();
        assert_eq!(r.get("body").downstream.text(), "body");
        assert!(r.host.call_count() > calls, "the plugin runs again");
        assert_eq!(r.worker.dead(), None);
    }
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    let settings = Settings { fuel_per_call: 1_000_000, ..Settings::default() };
    let r = run_with(&on_post("(loop $l (br $l))"), settings);
    let mut exchange = r.worker.exchange(&r.plugin);
    exchange.request_headers(guests::POST, true);
    let outcome = exchange.finish();
    assert_eq!(outcome.trapped.unwrap().cause, TrapCause::OutOfFuel);
    assert!(outcome.fuel >= 1_000_000);
}

#[test]
fn fuel_measures_work() {
    let guest = r#"(func (export "proxy_on_response_body") (param i32) (param $n i32) (param i32) (result i32)
      (loop $l (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br_if $l (i32.gt_s (local.get $n) (i32.const 0))))
      (i32.const 0))"#;
    let cost = |n: usize| run(guest).get(&"x".repeat(n)).fuel;
    assert_eq!(cost(100), cost(100), "it is the same on each run");
    assert_eq!(cost(300) - cost(200), cost(200) - cost(100), "and linear for a linear guest");
}

#[test]
fn endless_recursion_is_a_stack_overflow() {
    let r = run(&format!(
        "(func $f (param i32) (result i32) (i32.add (i32.const 1) (call $f (local.get 0)))) {}",
        on_post("(drop (call $f (i32.const 0)))")
    ));
    let mut exchange = r.worker.exchange(&r.plugin);
    exchange.request_headers(guests::POST, true);
    assert_eq!(exchange.finish().trapped.unwrap().cause, TrapCause::StackOverflow);
}

#[test]
fn memory_has_a_limit() {
    let settings = Settings { memory_limit: 4 << 16, ..Settings::default() };
    let r = run_with(
        &on_post(
            "(call $say (memory.grow (i32.const 1))) (call $say (i32.sub (i32.const 0) (memory.grow (i32.const 9))))",
        ),
        settings,
    );
    r.worker.exchange(&r.plugin).request_headers(guests::POST, true);
    assert_eq!(r.said(), ["2", "1"], "the first grows from 2 pages, the second fails");
    assert_eq!(r.worker.memory_bytes(), 3 << 16);
}

#[test]
fn hostile_pointers_get_a_status() {
    let r = run(r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (call $say (call $log (i32.const 2) (i32.const -1) (i32.const 1)))
      (call $say (call $log (i32.const 2) (i32.const 0) (i32.const -1)))
      (call $say (call $log (i32.const 2) (i32.const -1) (i32.const -1)))
      (call $say (call $time (i32.const -4)))
      (call $say (call $get_header (i32.const 0) @:path@ (i32.const -4) (i32.const 4)))
      (call $say (call $get_header (i32.const 0) @:path@ (i32.const 0) (i32.const 131070)))
      (call $say (call $set_shared @k@ (i32.const 131071) (i32.const 2) (i32.const 0)))
      (call $say (call $get_buffer (i32.const 0) (i32.const -1) (i32.const -1) (i32.const 0) (i32.const 4)))
      (i32.const 0))"#);
    r.worker.exchange(&r.plugin).request_headers(GET, true);
    assert_eq!(r.said(), ["6", "6", "6", "6", "6", "6", "6", "2"]);
    assert_eq!(r.host.shared("k"), None);
}

#[test]
fn a_hostile_allocator_gets_a_status_or_a_trap() {
    let guest = |allocator: &str| {
        format!(
            r#"(module
        (import "env" "proxy_get_header_map_pairs" (func $pairs (param i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (global $status (export "status") (mut i32) (i32.const 0))
        (func (export "proxy_abi_version_0_2_1"))
        (func (export "malloc") (param i32) (result i32) {allocator})
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (call $pairs (i32.const 0) (i32.const 0) (i32.const 4))))"#
        )
    };
    // The status is the action: 0 lets the request pass, InvalidMemoryAccess does not.
    let cases = [
        ("(i32.const 1024)", true),
        ("(i32.const 0)", false),
        ("(i32.const -8)", false),
        // Calls the host again: InternalFailure inside, and the address 10 is good enough.
        ("(call $pairs (i32.const 0) (i32.const 0) (i32.const 4))", true),
    ];
    for (allocator, passes) in cases {
        let module = Module::load(wat::parse_str(guest(allocator)).unwrap()).unwrap();
        let worker = host_tests::Host::new(&module).worker().unwrap();
        let plugin = worker.configure("").unwrap();
        let mut exchange = worker.exchange(&plugin);
        exchange.request_headers(GET, true);
        let outcome = exchange.finish();
        assert_eq!(outcome.upstream.ended, passes, "{allocator}");
        assert_eq!(outcome.trapped, None, "{allocator}");
    }
}

const THREE_CALLS: &str = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (call $say (call $get_header (i32.const 0) @:path@ (i32.const 0) (i32.const 4)))
  (call $say (call $set_shared @k@ @v@ (i32.const 0)))
  (call $say (call $get_header (i32.const 0) @:method@ (i32.const 0) (i32.const 4)))
  (i32.const 0))"#;

#[test]
fn the_nth_call_fails_and_does_nothing() {
    // `$say` is a host call too: 1 get, 2 log, 3 set, 4 log, 5 get, 6 log.
    let r = run(THREE_CALLS);
    r.host.fail_nth_call(3, Status::InternalFailure);
    r.get("");
    assert_eq!(r.said(), ["0", "A", "0"]);
    assert_eq!(r.host.shared("k"), None);
    assert_eq!(r.host.faults_hit(), 1);
    assert_eq!(r.host.call_count(), 6);
}

#[test]
fn calls_can_fail_by_name() {
    let r = run(THREE_CALLS);
    r.host.fail_nth_call_of("proxy_get_header_map_value", 2, Status::NotFound);
    r.get("");
    r.host.clear_faults();
    r.host.fail_every_call_of("proxy_get_header_map_value", Status::Unimplemented);
    r.get("");
    assert_eq!(r.said(), ["0", "0", "1", "C", "0", "C"]);
    assert_eq!(r.host.faults_hit(), 2);
    assert_eq!(r.host.calls().get("proxy_get_header_map_value"), Some(&4));
}

/// The way to try a filter against every single fault: count the calls of a clean run, then fail each.
#[test]
fn each_call_of_a_run_can_fail_in_turn() {
    let clean = run(THREE_CALLS);
    clean.get("");
    let count = clean.host.call_count();
    for n in 1..=count {
        let r = run(THREE_CALLS);
        r.host.fail_nth_call(n, Status::BadArgument);
        let outcome = r.get("body");
        assert_eq!(r.host.faults_hit(), 1, "call {n}");
        assert_eq!(outcome.downstream.text(), "body", "call {n}");
    }
    let r = run(THREE_CALLS);
    r.host.fail_nth_call(count + 1, Status::BadArgument);
    r.get("body");
    assert_eq!(r.host.faults_hit(), 0);
}

#[test]
fn every_error_status_reaches_the_guest() {
    for status in Status::ERRORS {
        let r = run(THREE_CALLS);
        r.host.fail_nth_call_of("proxy_set_shared_data", 1, status);
        r.get("");
        let digit = char::from_digit(status.code().cast_unsigned(), 16).unwrap();
        assert_eq!(r.said()[1], digit.to_ascii_uppercase().to_string());
    }
}

#[test]
fn modules_that_cannot_run_are_refused_with_the_reason() {
    let wasi = load_error(
        r#"(module (import "wasi_snapshot_preview1" "fd_write" (func)) (import "env" "nope" (func)))"#,
    );
    assert_eq!(
        wasi.to_string(),
        "the module imports what this host does not have: `wasi_snapshot_preview1.fd_write`, \
         `env.nope`; only the `env` functions of proxy-wasm 0.2.1 are offered"
    );
    assert_eq!(load_error("(module)"), LoadError::MissingExport("memory"));
    let no_allocator = r#"(module (memory (export "memory") 1))"#;
    assert_eq!(load_error(no_allocator), LoadError::MissingExport("malloc"));
    let no_marker = r#"(module (memory (export "memory") 1)
        (func (export "malloc") (param i32) (result i32) (i32.const 8)))"#;
    assert_eq!(load_error(no_marker), LoadError::NoAbiMarker);
    let wrong = r#"(module (import "env" "proxy_done" (func (param i64))) (memory (export "memory") 1)
        (func (export "malloc") (param i32) (result i32) (i32.const 8)) (func (export "proxy_abi_version_0_2_1")))"#;
    assert!(matches!(load_error(wrong), LoadError::Signature(_)));
    assert!(matches!(Module::load("no/such/file.wasm"), Err(LoadError::Read { .. })));
    assert!(matches!(Module::load(&b"text"[..]), Err(LoadError::Compile(_))));
}

#[test]
fn initialize_may_only_log() {
    let settings = Settings::default();
    let module = guests::load(
        r#"(func (export "_initialize") (drop (call $define_metric (i32.const 0) @m@ (i32.const 0))))"#,
    );
    let trapped = host_tests::Host::with(&module, settings).worker().unwrap_err();
    assert_eq!(trapped.cause, TrapCause::Host);
    let module =
        guests::load(r#"(func (export "_initialize") (drop (call $log (i32.const 2) @hi@)))"#);
    assert!(host_tests::Host::new(&module).worker().is_ok());
}
